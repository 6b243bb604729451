#include "v8/heap/malloc_chunks.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>

namespace inquest::v8 {
namespace {

constexpr uint64_t kPrevInUse = 1;
constexpr uint64_t kIsMmapped = 2;
constexpr uint64_t kNonMainArena = 4;
constexpr uint64_t kFlags = 7;
constexpr uint64_t kHeader = 16;  ///< prev_size and size; prev_size belongs to the chunk before while that is in use
constexpr uint64_t kSmallestChunk = 0x20;
constexpr uint64_t kFirstChunkWithin = 0x1000;  ///< heap_info and malloc_state precede it in arenas of threads
constexpr size_t kFewestChunks = 8;             ///< fewer are no proof that this is a heap

/// tcache_perthread_struct: 64 counts, then 64 heads of lists of free blocks.
struct CacheLayout {
  uint64_t chunk_size;
  uint64_t entries;  ///< offset of the heads from the start of the struct
};
constexpr CacheLayout kCaches[] = {{0x290, 0x80}, {0x250, 0x40}};  // 2.30 and later; 2.26 to 2.29
constexpr size_t kBins = 64;

struct Chunk {
  uint64_t start = 0;  ///< of its header
  uint64_t size = 0;
};

class HeapWalk {
 public:
  HeapWalk(const MemoryReader& memory, const MemoryRegion& region)
      : start_(region.start.value()), bytes_(memory.view(region.start, region.available)), memory_(memory) {}

  /// Appends the free chunks of this region, if it is one of malloc's heaps.
  void find(std::vector<DataExtent>& freed) {
    auto first = first_chunk();
    if (!first) return;
    auto key = cache_key();
    std::vector<Chunk> free;
    size_t chunks = 0;
    uint64_t at = *first;
    const uint64_t end = bytes_.size();
    while (at + kHeader <= end) {
      uint64_t size_word = word(at + 8);
      uint64_t size = size_word & ~kFlags;
      bool sound = size >= kSmallestChunk && size % 16 == 0 && size <= end - at && !(size_word & kIsMmapped) &&
                   (size_word & kNonMainArena) == arena_flag_;
      if (!sound) break;
      ++chunks;
      uint64_t next = at + size;
      if (next == end) {  // the top of the heap, from which nothing has been handed out
        free.push_back({at, size});
        break;
      }
      if (next + kHeader > end) break;
      bool in_bin = !(word(next + 8) & kPrevInUse);
      if (in_bin && word(next) != size) break;
      bool in_cache = key && word(at + kHeader + 8) == *key;
      if (in_bin || in_cache) free.push_back({at, size});
      at = next;
    }
    if (chunks < kFewestChunks) return;
    for (const Chunk& chunk : free) freed.push_back({Address(start_ + chunk.start + kHeader), chunk.size - kHeader});
  }

 private:
  uint64_t word(uint64_t offset) const {
    uint64_t value = 0;
    if (offset + 8 <= bytes_.size()) std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  std::optional<uint64_t> first_chunk() {
    for (uint64_t at = 0; at + kHeader <= std::min<uint64_t>(bytes_.size(), kFirstChunkWithin); at += 16) {
      uint64_t size = word(at + 8);
      for (const CacheLayout& cache : kCaches) {
        if ((size & ~(kPrevInUse | kNonMainArena)) != cache.chunk_size || !(size & kPrevInUse)) continue;
        cache_ = at + kHeader;
        layout_ = &cache;
        arena_flag_ = size & kNonMainArena;
        return at;
      }
    }
    return std::nullopt;
  }

  /// The word that marks blocks in a thread's cache: what the heads of this cache's lists agree on.
  std::optional<uint64_t> cache_key() const {
    std::map<uint64_t, size_t> votes;
    for (size_t bin = 0; bin < kBins; ++bin) {
      uint64_t head = word(cache_ + layout_->entries + 8 * bin);
      if (head == 0 || head % 16 != 0) continue;
      if (auto key = memory_.read_u64(Address(head) + 8)) ++votes[*key];
    }
    for (const auto& [key, count] : votes) {
      if (key != 0 && count >= 2 && votes.size() == 1) return key;
    }
    return std::nullopt;
  }

  const uint64_t start_;
  std::span<const std::byte> bytes_;
  const MemoryReader& memory_;
  uint64_t cache_ = 0;
  const CacheLayout* layout_ = nullptr;
  uint64_t arena_flag_ = 0;
};

}  // namespace

std::vector<DataExtent> freed_memory(const Target& target) {
  std::vector<DataExtent> freed;
  for (const MemoryRegion& region : target.memory().regions()) {
    if (!region.writable || !region.path.empty() || region.available < kFirstChunkWithin) continue;
    HeapWalk(target.memory(), region).find(freed);
  }
  return freed;
}

}  // namespace inquest::v8
