// Reading a few bytes here and there of a large file that is mapped.
#pragma once

#include <cstddef>
#include <span>

namespace inquest {

/// As long as it lives the kernel reads single pages of `bytes` from the disk, and not what lies around them in the
/// hope that it will be wanted too (madvise(2), MADV_RANDOM). A hint: nothing else depends on it, and it does nothing
/// where `bytes` are no mapping of a file.
class ScatteredReads {
 public:
  explicit ScatteredReads(std::span<const std::byte> bytes);
  ~ScatteredReads();
  ScatteredReads(const ScatteredReads&) = delete;
  ScatteredReads& operator=(const ScatteredReads&) = delete;

 private:
  void* begin_ = nullptr;
  size_t size_ = 0;
};

}  // namespace inquest
