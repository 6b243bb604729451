// From offsets or addresses of DIEs to what is known about them: an open table, for there may be half a million, and
// nodes of a hash map for each took a twentieth of finding names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace inquest::dwarf {

/// Keys are not 0. Values are pointers; null is the same as not being there.
template <class Value>
class PointerMap {
 public:
  /// The place of the value for `key`, which may be filled in. Valid until the next call.
  const Value*& operator[](uint64_t key) {
    if (2 * (used_ + 1) > entries_.size()) grow();
    Entry& entry = *place_of(key);
    if (entry.key == 0) {
      entry.key = key;
      ++used_;
    }
    return entry.value;
  }
  /// Null when there is none.
  const Value* find(uint64_t key) const {
    if (entries_.empty()) return nullptr;
    return const_cast<PointerMap*>(this)->place_of(key)->value;
  }

 private:
  struct Entry {
    uint64_t key = 0;
    const Value* value = nullptr;
  };
  static constexpr size_t kFirstSize = 16;

  Entry* place_of(uint64_t key) {
    size_t mask = entries_.size() - 1;
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    size_t at = static_cast<size_t>(hash >> 32) & mask;
    while (entries_[at].key != 0 && entries_[at].key != key) at = (at + 1) & mask;
    return &entries_[at];
  }
  void grow() {
    std::vector<Entry> old(entries_.empty() ? kFirstSize : 2 * entries_.size());
    std::swap(old, entries_);
    for (const Entry& entry : old)
      if (entry.key != 0) *place_of(entry.key) = entry;
  }

  std::vector<Entry> entries_;  ///< a power of 2 of them, at most half of them used
  size_t used_ = 0;
};

}  // namespace inquest::dwarf
