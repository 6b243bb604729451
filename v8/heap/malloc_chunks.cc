#include "v8/heap/malloc_chunks.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "v8/layout/layout.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kPrevInUse = 1;
constexpr uint64_t kIsMmapped = 2;
constexpr uint64_t kNonMainArena = 4;
constexpr uint64_t kFlags = 7;
constexpr uint64_t kHeader = 16;  ///< prev_size and size; prev_size belongs to the chunk before while that is in use
constexpr uint64_t kSmallestChunk = 0x20;
constexpr uint64_t kFirstChunkWithin = 0x1000;  ///< heap_info and malloc_state precede it in arenas of threads
constexpr uint64_t kFencepost = 0x10;
constexpr uint64_t kPage = 0x1000;
constexpr size_t kFewestChunks = 8;  ///< fewer are no proof that this is a heap
constexpr uint64_t kSmallestSegment = 0x400;
constexpr uint64_t kLargestNode = 0x80;
constexpr uint64_t kLowestObject = 0x10000;  ///< smaller odd numbers are counts, not addresses
constexpr size_t kFewestBelowTop = 2;        ///< where the known top is reached exactly

/// tcache_perthread_struct: 64 counts, then 64 heads of lists of free blocks.
struct CacheLayout {
  uint64_t chunk_size;
  uint64_t entries;  ///< offset of the heads from the start of the struct
};
constexpr CacheLayout kCaches[] = {{0x290, 0x80}, {0x250, 0x40}};  // 2.30 and later; 2.26 to 2.29
constexpr size_t kBins = 64;

/// malloc_state::top: behind the mutex, two words of flags and ten fast bins.
constexpr uint64_t kTopInArena = 0x60;
/// Behind heap_info and malloc_state, which together take 0x890 (2.26) to 0x8d0 bytes (2.36); a little to either side.
constexpr struct { uint64_t from, to; } kFirstInArena = {0x840, 0x940};
/// heap_info in front of the arena of a thread: 0x20 bytes, 0x30 since 2.35.
constexpr uint64_t kHeapInfo[] = {0x30, 0x20};

class HeapWalk {
 public:
  HeapWalk(const MemoryReader& memory, const MemoryRegion& region)
      : start_(region.start.value()), bytes_(memory.view(region.start, region.available)), memory_(memory) {}

  /// The word that marks blocks in a thread's cache: what the heads of the lists of this region's cache agree on.
  std::optional<uint64_t> cache_key() const {
    auto cache = cache_chunk();
    if (!cache) return std::nullopt;
    std::map<uint64_t, size_t> votes;
    for (size_t bin = 0; bin < kBins; ++bin) {
      uint64_t head = word(cache->at + kHeader + cache->layout->entries + 8 * bin);
      if (head == 0 || head % 16 != 0) continue;
      if (auto key = memory_.read_u64(Address(head) + 8)) ++votes[*key];
    }
    if (votes.size() != 1 || votes.begin()->first == 0 || votes.begin()->second < 2) return std::nullopt;
    return votes.begin()->first;
  }

  /// Appends the free chunks of this region, if it is one of malloc's heaps.
  void find(std::optional<uint64_t> key, std::vector<DataExtent>& freed) const {
    if (auto top = thread_arena_top()) {
      // Where the first chunk lies depends on the version. The right one leads to the top by the most steps: the last
      // fields of malloc_state (its sizes) may look like the header of a chunk that swallows the first ones.
      Walk best;
      for (uint64_t first = kFirstInArena.from; first <= kFirstInArena.to; first += 16) {
        Walk walk = walk_from(first, key, *top);
        if (walk.reached_end && walk.chunks > best.chunks) best = std::move(walk);
      }
      if (best.chunks >= kFewestBelowTop) freed.insert(freed.end(), best.free.begin(), best.free.end());
      return;
    }
    auto cache = cache_chunk();
    Walk walk = walk_from(cache ? cache->at : 0, key, bytes_.size());
    if (walk.chunks >= kFewestChunks) freed.insert(freed.end(), walk.free.begin(), walk.free.end());
  }

 private:
  struct CacheChunk {
    uint64_t at;
    const CacheLayout* layout;
  };
  struct Walk {
    std::vector<DataExtent> free;
    size_t chunks = 0;
    bool reached_end = false;
  };

  uint64_t word(uint64_t offset) const {
    uint64_t value = 0;
    if (offset + 8 <= bytes_.size()) std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  /// A block asked for in multiples of 16 bytes has a word more than that, which keeps what was there before. In small
  /// blocks (nodes of lists and tables) a lone tagged word in that place is taken for such: V8 has its references in
  /// arrays and larger structs, and one in a node would stand beside others.
  bool has_stale_slack(uint64_t at, uint64_t size) const {
    if (size > kLargestNode || !is_heap_object(word(at + size))) return false;
    for (uint64_t field = at + kHeader; field < at + size; field += 8) {
      if (is_heap_object(word(field)) && word(field) >= kLowestObject) return false;
    }
    return true;
  }

  /// A Segment of a Zone (V8 src/zone/zone-segment.h: zone, next, size), in which the parser and the compilers keep
  /// their own structures. What they refer to on the heap they hold by handles; the rest is left over from other uses.
  bool is_zone_segment(uint64_t at, uint64_t size) const {
    uint64_t zone = word(at + kHeader), next = word(at + kHeader + 8), told = word(at + kHeader + 16);
    if (size < kSmallestSegment || told > size - 8 || size - told > 8 + 16) return false;
    auto points = [this](uint64_t value) { return value % 8 == 0 && memory_.read_u64(Address(value)).has_value(); };
    return zone != 0 && points(zone) && (next == 0 || points(next));
  }

  /// The first chunk of the main arena is the cache of the main thread.
  std::optional<CacheChunk> cache_chunk() const {
    for (uint64_t at = 0; at + kHeader <= std::min<uint64_t>(bytes_.size(), kFirstChunkWithin); at += 16) {
      uint64_t size = word(at + 8);
      for (const CacheLayout& cache : kCaches) {
        if ((size & ~(kPrevInUse | kNonMainArena)) == cache.chunk_size && (size & kPrevInUse))
          return CacheChunk{at, &cache};
      }
    }
    return std::nullopt;
  }

  /// Offset of the top chunk when this region begins with a heap_info and the arena it points to.
  std::optional<uint64_t> thread_arena_top() const {
    uint64_t arena = word(0) - start_;
    if (std::find(std::begin(kHeapInfo), std::end(kHeapInfo), arena) == std::end(kHeapInfo)) return std::nullopt;
    uint64_t top = word(arena + kTopInArena) - start_;
    return top < bytes_.size() && top % 16 == 0 ? std::optional(top) : std::nullopt;
  }

  /// Chunk after chunk from `at` to the top chunk at `end`, or to a top chunk that ends there.
  Walk walk_from(uint64_t at, std::optional<uint64_t> key, uint64_t end) const {
    Walk walk;
    while (at + kHeader <= bytes_.size()) {
      uint64_t size_word = word(at + 8);
      uint64_t size = size_word & ~kFlags;
      if (size == kFencepost && at > 0) {
        // The main arena goes on elsewhere when something blocks its way; what it has left ends with two such headers,
        // and memory mapped right behind begins on a page of its own.
        at = (at + 2 * kFencepost + kPage - 1) & ~(kPage - 1);
        continue;
      }
      bool top = at == end || at + size == bytes_.size();
      if (top) {  // nothing has been handed out from it
        walk.free.push_back({Address(start_ + at + kHeader), bytes_.size() - at - kHeader});
        walk.reached_end = true;
        break;
      }
      bool sound =
          size >= kSmallestChunk && size % 16 == 0 && at + size + kHeader <= bytes_.size() && !(size_word & kIsMmapped);
      if (!sound) break;
      uint64_t next = at + size;
      bool in_bin = !(word(next + 8) & kPrevInUse);
      if (in_bin && word(next) != size) break;
      ++walk.chunks;
      bool in_cache = key && word(at + kHeader + 8) == *key;
      if (in_bin || in_cache) {
        walk.free.push_back({Address(start_ + at + kHeader), size - kHeader});
      } else if (has_stale_slack(at, size)) {
        walk.free.push_back({Address(start_ + at + size), 8});
      } else if (is_zone_segment(at, size)) {
        walk.free.push_back({Address(start_ + at + kHeader), size - kHeader});
      }
      at = next;
    }
    return walk;
  }

  const uint64_t start_;
  std::span<const std::byte> bytes_;
  const MemoryReader& memory_;
};

/// Anonymous memory that may be a heap of malloc.
template <class Visit>
void for_each_heap(const Target& target, Visit&& visit) {
  for (const MemoryRegion& region : target.memory().regions()) {
    if (!region.writable || !region.path.empty() || region.available < kFirstChunkWithin) continue;
    visit(HeapWalk(target.memory(), region));
  }
}

}  // namespace

std::vector<DataExtent> freed_memory(const Target& target) {
  std::optional<uint64_t> key;  // one for the process since 2.34
  for_each_heap(target, [&](const HeapWalk& heap) {
    if (!key) key = heap.cache_key();
  });
  std::vector<DataExtent> freed;
  for_each_heap(target, [&](const HeapWalk& heap) { heap.find(key, freed); });
  return freed;
}

}  // namespace inquest::v8
