#include "v8/heap/last_collection.h"

#include <gmock/gmock.h>

#include <array>
#include <bit>
#include <cstring>

namespace inquest::v8 {
namespace {

constexpr uint64_t kHeap = 0x10000, kTracer = 0x20000;
constexpr size_t kTime = 100, kFull = 400;  // words: last_gc_time_ in the heap, the end of mark-compact in the tracer

class TracerMemory : public MemoryReader {
 public:
  TracerMemory() {
    for (size_t i = 0; i < 2; ++i) {
      MemoryRegion region;
      region.start = Address(i == 0 ? kHeap : kTracer);
      region.size = region.available = sizeof words_[0];
      regions_.push_back(region);
    }
    heap(kTime + 1) = kTracer;
    tracer(0) = kHeap;
  }
  uint64_t& heap(size_t word) { return words_[0][word]; }
  uint64_t& tracer(size_t word) { return words_[1][word]; }

  std::span<const std::byte> view(Address address, uint64_t limit) const override {
    for (size_t i = 0; i < 2; ++i) {
      auto bytes = std::as_bytes(std::span(words_[i]));
      uint64_t inside = address - regions_[i].start;
      if (inside < bytes.size()) return bytes.subspan(inside, std::min<uint64_t>(limit, bytes.size() - inside));
    }
    return {};
  }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  std::array<std::array<uint64_t, 1024>, 2> words_ = {};
  std::vector<MemoryRegion> regions_;
};

std::optional<LastCollections> found_in(const TracerMemory& memory, Address heap = Address(kHeap)) {
  std::optional<size_t> word;
  auto found = find_last_collections(memory, heap, word);
  EXPECT_EQ(word.has_value(), found && found->any != 0);
  if (word) {
    EXPECT_EQ(*word, kTime);
    auto again = find_last_collections(memory, heap, word);
    EXPECT_TRUE(again && again->any == found->any && again->full == found->full);
  }
  return found;
}

uint64_t number(double value) { return std::bit_cast<uint64_t>(value); }

TEST(LastCollections, InMilliseconds) {
  TracerMemory memory;
  memory.heap(kTime) = number(5000.25);
  memory.tracer(3) = number(4990);
  memory.tracer(4) = number(5000.5);
  memory.tracer(kFull - 3) = number(120);
  memory.tracer(kFull - 2) = number(6.5);
  memory.tracer(kFull - 1) = number(0.95);
  memory.tracer(kFull) = number(3000.5);
  auto found = found_in(memory);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->any, 5'000'501'000u);
  EXPECT_EQ(found->full, 3'000'501'000u);
}

TEST(LastCollections, InMicroseconds) {
  TracerMemory memory;
  memory.heap(kTime) = number(5000.25);
  memory.tracer(5) = 4'990'000;
  memory.tracer(6) = 5'000'200;
  memory.tracer(kFull - 1) = number(1);
  memory.tracer(kFull) = 100'000;
  auto found = found_in(memory);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->any, 5'000'251'000u);
  EXPECT_EQ(found->full, 100'001'000u);
}

TEST(LastCollections, OldObjectsAreNotTrustedWhereTheLastFullOneIsNotFound) {
  TracerMemory memory;
  memory.heap(kTime) = number(5000.25);
  memory.tracer(3) = number(4990);
  memory.tracer(4) = number(5000);
  auto found = found_in(memory);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->full, found->any);
}

TEST(LastCollections, NoneYet) {
  TracerMemory memory;
  memory.tracer(3) = memory.tracer(4) = number(100);
  EXPECT_FALSE(found_in(memory));
  memory.tracer(kFull - 1) = number(1);
  auto found = found_in(memory);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->any, 0u);
  EXPECT_EQ(found->full, 0u);
}

TEST(LastCollections, NothingIsSaidWhileOneRuns) {
  TracerMemory memory;
  memory.heap(kTime) = number(5000.25);
  memory.tracer(3) = number(6000);
  memory.tracer(kFull - 1) = number(1);
  EXPECT_FALSE(found_in(memory));
}

TEST(LastCollections, NothingIsSaidWithoutATracer) {
  TracerMemory memory;
  memory.heap(kTime) = number(5000.25);
  memory.tracer(0) = kHeap + 8;
  EXPECT_FALSE(found_in(memory));
  EXPECT_FALSE(found_in(memory, Address(0x500000)));
}

}  // namespace
}  // namespace inquest::v8
