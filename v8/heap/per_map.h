// A value for each hidden class, by its index in a MapCache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace inquest::v8 {

/// Grows by blocks, and only where it is written: each isolate uses maps of its own, so that in a process of hundreds
/// of isolates a table for each isolate and map would be nearly empty, and larger than the heaps.
template <class T>
class PerMap {
 public:
  /// The value for the map of this index; a fresh one the first time.
  T& operator[](uint32_t index) {
    size_t block = index / kBlock;
    if (block >= blocks_.size()) blocks_.resize(block + 1);
    if (!blocks_[block]) blocks_[block] = std::make_unique<Block>();
    return (*blocks_[block])[index % kBlock];
  }

  /// Calls `visit(index, value)` for all values of the blocks that were written, by index.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (size_t block = 0; block < blocks_.size(); ++block) {
      if (!blocks_[block]) continue;
      for (size_t i = 0; i < kBlock; ++i) visit(static_cast<uint32_t>(block * kBlock + i), (*blocks_[block])[i]);
    }
  }

 private:
  static constexpr size_t kBlock = 128;
  using Block = std::array<T, kBlock>;
  std::vector<std::unique_ptr<Block>> blocks_;
};

}  // namespace inquest::v8
