// Many short texts kept for as long as they all are, one behind the other.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace inquest::dwarf {

/// Not thread-safe.
class TextArena {
 public:
  /// A copy that lives as long as the arena.
  std::string_view keep(std::string_view text) {
    if (text.size() > left_) {
      size_t size = std::max(text.size(), kBlock);
      blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
      next_ = blocks_.back().get();
      left_ = size;
    }
    if (text.empty()) return {};
    std::memcpy(next_, text.data(), text.size());
    std::string_view kept(next_, text.size());
    next_ += text.size();
    left_ -= text.size();
    return kept;
  }

 private:
  static constexpr size_t kBlock = 16 * 1024;

  std::vector<std::unique_ptr<char[]>> blocks_;
  char* next_ = nullptr;
  size_t left_ = 0;  ///< of the last block
};

}  // namespace inquest::dwarf
