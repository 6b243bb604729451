#include "v8/heap/array_buffer_memory.h"

#include <cstring>

#include "v8/heap/parallel.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kSmallest = 64;         ///< shorter ones hide too little to be worth a mistake
constexpr uint64_t kLargest = 1ull << 40;  ///< kMaxByteLength of 64-bit builds is below this
constexpr uint64_t kSlack = 0x1000;        ///< a block is at most rounded up to a page (blocks of their own mapping)
constexpr uint64_t kChunkHeader = 8;

/// Whether a struct that malloc gave out begins at `address`. A BackingStore takes 40 to 72 bytes; free() writes over
/// its first words, so what is found here has not been left over from a buffer of the past.
bool is_own_block(const MemoryReader& memory, uint64_t address) {
  auto size_word = memory.read_u64(Address(address - kChunkHeader));
  uint64_t size = size_word ? *size_word & ~7ull : 0;
  return address % 16 == 0 && size >= 0x30 && size <= 0x60;
}

/// Whether malloc gave out a block of `bytes` at `start`.
bool is_block_of(const MemoryReader& memory, uint64_t start, uint64_t bytes) {
  auto size_word = memory.read_u64(Address(start - kChunkHeader));
  if (!size_word) return false;
  uint64_t usable = (*size_word & ~7ull) - kChunkHeader;
  bool mapped_alone = (*size_word & 2) != 0;
  return usable >= bytes && usable - bytes <= (mapped_alone ? kSlack : 32);
}

}  // namespace

std::vector<DataExtent> array_buffer_memory(const MemoryReader& memory, std::span<const DataExtent> native) {
  size_t workers = worker_count();
  std::vector<std::vector<DataExtent>> found(workers);
  parallel_for(native.size(), workers, [&](size_t worker, size_t piece) {
    auto bytes = memory.view(native[piece].start, native[piece].size);
    uint64_t words[3];
    for (size_t at = 0; at + sizeof words <= bytes.size(); at += 8) {
      std::memcpy(words, bytes.data() + at, sizeof words);
      auto [start, length, capacity] = words;
      bool plausible = length == capacity && length >= kSmallest && length <= kLargest && start % 16 == 0 && start != 0;
      if (!plausible || !is_own_block(memory, native[piece].start.value() + at)) continue;
      if (is_block_of(memory, start, length)) found[worker].push_back({Address(start), (length + 7) & ~7ull});
    }
  });
  std::vector<DataExtent> all;
  for (const auto& part : found) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace inquest::v8
