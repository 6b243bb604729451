#include "v8/heap/malloc_chunks.h"

#include <gtest/gtest.h>

#include "tests/support/fake_process.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kHeap = 0x10000000;
constexpr uint64_t kHeapSize = 0x4000;
constexpr uint64_t kKey = 0x123456789abcdef1;
constexpr uint64_t kInUse = 1;      // PREV_INUSE
constexpr uint64_t kCache = 0x290;  // chunk of a tcache_perthread_struct

/// A main arena: the thread's cache first, then chunks one behind the other.
class Arena {
 public:
  Arena() {
    process_.memory_.map(kHeap, kHeapSize);
    chunk(kCache);
  }
  /// Appends a chunk and gives the address of its header.
  uint64_t chunk(uint64_t size, bool in_use = true) {
    uint64_t at = next_;
    process_.memory_.put(at + 8, size | (previous_in_use_ ? kInUse : 0));
    next_ += size;
    previous_in_use_ = in_use;
    if (!in_use) process_.memory_.put(next_, size);  // prev_size of the next one
    return at;
  }
  /// Some chunks in use, so that the walk has something to prove itself by.
  void fill() {
    for (int i = 0; i < 10; ++i) chunk(0x40);
  }
  /// Puts a chunk into a bin of the thread's cache.
  void cache(uint64_t chunk, int bin) {
    process_.memory_.put(kHeap + 16 + 0x80 + 8 * static_cast<uint64_t>(bin), chunk + 16);
    process_.memory_.put(chunk + 16 + 8, kKey);
  }
  std::vector<DataExtent> freed() {
    uint64_t top = kHeap + kHeapSize - next_;
    process_.memory_.put(next_ + 8, top | (previous_in_use_ ? kInUse : 0));
    return freed_memory(process_);
  }
  bool is_freed(uint64_t chunk) {
    for (const DataExtent& block : freed()) {
      if (Address(chunk + 16) - block.start < block.size) return true;
    }
    return false;
  }
  testing::FakeProcess process_;

 private:
  uint64_t next_ = kHeap;
  bool previous_in_use_ = true;
};

TEST(MallocChunks, AChunkInABinIsFree) {
  Arena arena;
  arena.fill();
  uint64_t free = arena.chunk(0x100, false);
  uint64_t used = arena.chunk(0x100);
  EXPECT_TRUE(arena.is_freed(free));
  EXPECT_FALSE(arena.is_freed(used));
}

TEST(MallocChunks, AChunkInAThreadsCacheIsFree) {
  Arena arena;
  arena.fill();
  uint64_t one = arena.chunk(0x40);
  uint64_t other = arena.chunk(0x60);
  uint64_t used = arena.chunk(0x60);
  arena.cache(one, 2);
  arena.cache(other, 4);
  EXPECT_TRUE(arena.is_freed(one));
  EXPECT_TRUE(arena.is_freed(other));
  EXPECT_FALSE(arena.is_freed(used));
}

TEST(MallocChunks, WhatLiesAboveTheTopIsFree) {
  Arena arena;
  arena.fill();
  uint64_t last = arena.chunk(0x100);
  EXPECT_TRUE(arena.is_freed(last + 0x100));
}

TEST(MallocChunks, ASizeThatIsNotRepeatedEndsTheWalk) {
  Arena arena;
  arena.fill();
  uint64_t free = arena.chunk(0x100, false);
  arena.process_.memory_.put(free + 0x100, uint64_t{0x110});
  EXPECT_FALSE(arena.is_freed(free));
}

TEST(MallocChunks, TheMainArenaMayGoOnInMappedMemory) {
  testing::FakeProcess process;
  process.memory_.map(kHeap, kHeapSize);
  uint64_t at = kHeap;
  auto chunk = [&](uint64_t size, bool previous_in_use) {
    process.memory_.put(at + 8, size | (previous_in_use ? kInUse : 0));
    at += size;
  };
  for (int i = 0; i < 10; ++i) chunk(0x40, true);
  uint64_t free = at;
  chunk(0x1000 - 10 * 0x40 - 0x20, true);
  process.memory_.put(at, at - free);
  chunk(0x10, false);  // two fenceposts end what the arena has left behind
  chunk(0x10, true);
  uint64_t second = at;
  chunk(0x100, true);
  uint64_t free_too = at;
  chunk(0x200, true);
  process.memory_.put(at, uint64_t{0x200});
  chunk(0x40, false);
  chunk(kHeap + kHeapSize - at, true);  // the top
  auto freed = freed_memory(process);
  auto is_free = [&](uint64_t address) {
    for (const DataExtent& block : freed) {
      if (Address(address) - block.start < block.size) return true;
    }
    return false;
  };
  EXPECT_TRUE(is_free(free + 16));
  EXPECT_FALSE(is_free(second + 16));
  EXPECT_TRUE(is_free(free_too + 16));
  EXPECT_TRUE(is_free(kHeap + kHeapSize - 8));
}

TEST(MallocChunks, ALoneReferenceInTheSlackOfANodeIsLeftOver) {
  Arena arena;
  arena.fill();
  uint64_t node = arena.chunk(0x30);
  uint64_t pair = arena.chunk(0x30);
  uint64_t large = arena.chunk(0x100);
  arena.chunk(0x40);
  for (uint64_t end : {node + 0x30, pair + 0x30, large + 0x100})
    arena.process_.memory_.put(end, uint64_t{0x3000000001});
  arena.process_.memory_.put(pair + 16, uint64_t{0x3000000101});
  EXPECT_TRUE(arena.is_freed(node + 0x20));
  EXPECT_FALSE(arena.is_freed(pair + 0x20));
  EXPECT_FALSE(arena.is_freed(large + 0xf0));
}

TEST(MallocChunks, ASegmentOfAZoneHoldsNoRoots) {
  Arena arena;
  arena.fill();
  uint64_t zone = arena.chunk(0x60);
  uint64_t segment = arena.chunk(0x810);
  uint64_t other = arena.chunk(0x810);
  arena.chunk(0x40);
  for (uint64_t chunk : {segment, other}) {
    arena.process_.memory_.put(chunk + 16, zone + 16);
    arena.process_.memory_.put(chunk + 32, chunk == segment ? uint64_t{0x808} : uint64_t{0x300});
  }
  EXPECT_TRUE(arena.is_freed(segment + 0x100));
  EXPECT_FALSE(arena.is_freed(other + 0x100));
}

TEST(MallocChunks, OtherMemoryIsInUse) {
  testing::FakeProcess process;
  process.memory_.map(kHeap, kHeapSize);
  for (uint64_t at = 0; at < kHeapSize; at += 8) process.memory_.put(kHeap + at, at * 0x9e3779b97f4a7c15u);
  EXPECT_TRUE(freed_memory(process).empty());
}

TEST(MallocChunks, AHandfulOfChunksIsNoProof) {
  Arena arena;
  arena.chunk(0x100, false);
  arena.chunk(0x40);
  EXPECT_TRUE(arena.freed().empty());
}

}  // namespace
}  // namespace inquest::v8
