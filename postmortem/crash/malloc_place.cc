#include "postmortem/crash/malloc_place.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace inquest::crash {
namespace {

constexpr uint64_t kPrevInUse = 1, kIsMapped = 2, kNonMainArena = 4, kFlags = 7;
constexpr uint64_t kHeader = 16;  ///< prev_size, which belongs to the chunk before while that is in use, and size
constexpr uint64_t kSmallestChunk = 0x20;
constexpr uint64_t kHeapAlignment = 64ull << 20;                   ///< HEAP_MAX_SIZE of 64-bit programs
constexpr std::array<uint64_t, 2> kHeapInfo = {0x30, 0x20};        ///< sizeof(heap_info) since 2.35, and before
constexpr std::array<uint64_t, 2> kCacheChunks = {0x290, 0x250};   ///< tcache_perthread_struct since 2.30, and before
constexpr uint64_t kTopInArena = 0x60;                             ///< malloc_state::top
constexpr std::array<uint64_t, 2> kFirstInArena = {0x840, 0x940};  ///< first chunk of an arena: within, by version
constexpr uint64_t kMaxSteps = 20'000'000;                         ///< chunks followed; about 0.1 s

class Chunks {
 public:
  Chunks(const MemoryReader& memory, const MemoryRegion& region)
      : start_(region.start.value()), bytes_(memory.view(region.start, region.available)) {}

  uint64_t word(uint64_t address) const {
    uint64_t value = 0;
    if (address - start_ < bytes_.size() && bytes_.size() - (address - start_) >= 8)
      std::memcpy(&value, bytes_.data() + (address - start_), sizeof value);
    return value;
  }

  /// From the chunk at `at` to the one that holds `address`; false when that was not reached.
  bool follow(uint64_t at, uint64_t address, MallocPlace& place) const {
    for (uint64_t step = 0; step < kMaxSteps && at <= address; ++step) {
      uint64_t size = word(at + 8) & ~kFlags;
      if (size < kSmallestChunk || size % 16 != 0 || at - start_ + size > bytes_.size()) return false;
      // The last word of a chunk is the first of the next one's header.
      if (address < at + size + 8 && address >= at + kHeader) {
        place.block = Address(at + kHeader);
        place.block_size = size - 8;
        bool top = at - start_ + size == bytes_.size();
        place.free = top || (word(at + size + 8) & kPrevInUse) == 0;
        return true;
      }
      at += size;
    }
    return false;
  }

 private:
  uint64_t start_;
  std::span<const std::byte> bytes_;
};

bool is_heap_memory(const MemoryRegion& region) {
  return region.writable && region.path.empty() && region.available >= kHeader;
}

/// Whether `region` is where brk has grown to, as the C library remembers it.
bool ends_at_break(const Target& target, const MemoryRegion& region) {
  for (const Module& module : target.modules()) {
    auto symbol = module.symbols ? module.symbols->find("__curbrk") : std::nullopt;
    if (!symbol || symbol->is_tls) continue;
    auto end = target.memory().read_u64(module.runtime(symbol->value));
    if (end && *end != 0 && region.contains(Address(*end - 1))) return true;
  }
  return false;
}

bool begins_with_cache(const Chunks& chunks, uint64_t start) {
  uint64_t size = chunks.word(start + 8);
  return (size & kPrevInUse) != 0 && std::ranges::count(kCacheChunks, size & ~(kPrevInUse | kNonMainArena)) > 0;
}

std::optional<MallocPlace> in_arena(const MemoryReader& memory, Address address) {
  uint64_t base = address.value() & ~(kHeapAlignment - 1);
  const MemoryRegion* region = memory.region_of(Address(base));
  if (region == nullptr || !is_heap_memory(*region) || region->start.value() != base) return std::nullopt;
  Chunks chunks(memory, *region);
  // heap_info: arena, previous heap of it, bytes in use, bytes with access.
  uint64_t arena = chunks.word(base), previous = chunks.word(base + 8), size = chunks.word(base + 16);
  if (size == 0 || size > kHeapAlignment || address.value() - base >= size) return std::nullopt;
  MallocPlace place{.kind = MallocPlace::Kind::kArena};
  bool first_heap = previous == 0 && std::ranges::count(kHeapInfo, arena - base) > 0;
  if (!first_heap) {
    uint64_t arena_base = arena & ~(kHeapAlignment - 1);
    if (previous % kHeapAlignment != 0 || std::ranges::count(kHeapInfo, arena - arena_base) == 0) return std::nullopt;
    for (uint64_t info : kHeapInfo) {
      if (chunks.follow(base + info, address.value(), place)) break;
    }
    return place;
  }
  uint64_t top = chunks.word(arena + kTopInArena);
  for (uint64_t first = kFirstInArena[0]; first <= kFirstInArena[1]; first += 16) {
    MallocPlace at_top;
    if (!chunks.follow(base + first, top + kHeader, at_top) || at_top.block.value() != top + kHeader) continue;
    if (chunks.follow(base + first, address.value(), place)) break;
  }
  return place;
}

/// Blocks that were mapped on their own; the kernel joins those that lie side by side to one mapping.
std::optional<MallocPlace> mapped_block(const Chunks& chunks, const MemoryRegion& region, Address address) {
  uint64_t at = region.start.value();
  while (at < region.end().value()) {
    uint64_t word = chunks.word(at + 8), size = word & ~kFlags, before = chunks.word(at);
    bool sound = (word & kFlags) == kIsMapped && (size + before) % 0x1000 == 0 && size >= 0x1000 && before < 0x1000 &&
                 size <= region.end().value() - at;
    if (!sound) return std::nullopt;
    if (address.value() < at + size) {
      MallocPlace place{.kind = MallocPlace::Kind::kMapped};
      place.block = Address(at + kHeader);
      place.block_size = size - kHeader;
      place.free = false;
      return place;
    }
    at += size;
  }
  return std::nullopt;
}

}  // namespace

std::optional<MallocPlace> find_in_malloc(const Target& target, Address address) {
  const MemoryReader& memory = target.memory();
  const MemoryRegion* region = memory.region_of(address);
  if (region == nullptr || !is_heap_memory(*region)) return std::nullopt;
  Chunks chunks(memory, *region);
  uint64_t start = region->start.value();
  if (begins_with_cache(chunks, start) || ends_at_break(target, *region)) {
    MallocPlace place{.kind = MallocPlace::Kind::kMain};
    chunks.follow(start, address.value(), place);
    return place;
  }
  if (auto arena = in_arena(memory, address)) return arena;
  return mapped_block(chunks, *region, address);
}

}  // namespace inquest::crash
