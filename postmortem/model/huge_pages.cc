#include "postmortem/model/huge_pages.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace inquest {
namespace {

constexpr uintptr_t kHugePage = uintptr_t{2} << 20;

void advise(uintptr_t begin, uintptr_t end) {
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

/// Where malloc has a block now; 0: it has none.
uintptr_t place_of_block(size_t size) {
  void* volatile block = std::malloc(size);
  std::free(block);
  return reinterpret_cast<uintptr_t>(block);
}

}  // namespace

void take_memory_in_large_steps() {
#ifdef __GLIBC__
  // Where addresses are counted, steps that are not used count too.
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) return;
  constexpr int kStep = 64 << 20, kLargest = 32 << 20;  // mallopt(3): the limit of M_MMAP_THRESHOLD
  mallopt(M_TOP_PAD, kStep);
  mallopt(M_TRIM_THRESHOLD, 4 * kStep);
  mallopt(M_MMAP_THRESHOLD, kLargest);
  uintptr_t first = place_of_block(kHugePage);  // makes the first step
  uintptr_t end = reinterpret_cast<uintptr_t>(sbrk(0));
  if (first != 0 && first < end) advise((first + kHugePage - 1) / kHugePage * kHugePage, end / kHugePage * kHugePage);
#endif
}

// A thread has its memory from heaps of 64 MB that begin at multiples of it (glibc, malloc/arena.c, HEAP_MAX_SIZE).
void use_huge_pages_here() {
#ifdef __GLIBC__
  constexpr uintptr_t kHeap = uintptr_t{64} << 20;
  constexpr size_t kSmall = 64;
  uintptr_t block = place_of_block(kSmall);
  if (block != 0) advise(block / kHeap * kHeap, block / kHeap * kHeap + kHeap);
#endif
}

}  // namespace inquest
