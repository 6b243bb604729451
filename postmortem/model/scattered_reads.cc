#include "postmortem/model/scattered_reads.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace inquest {

ScatteredReads::ScatteredReads(std::span<const std::byte> bytes) {
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  uintptr_t first = (begin + page - 1) & -page, end = (begin + bytes.size()) & -page;
  if (first >= end) return;
  begin_ = reinterpret_cast<void*>(first);
  size_ = end - first;
  if (madvise(begin_, size_, MADV_RANDOM) != 0) size_ = 0;
}

ScatteredReads::~ScatteredReads() {
  if (size_ != 0) (void)madvise(begin_, size_, MADV_NORMAL);
}

}  // namespace inquest
