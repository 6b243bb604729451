#include "postmortem/crash/malloc_place.h"

#include <gtest/gtest.h>

#include "tests/support/fake_process.h"

namespace inquest::crash {
namespace {

constexpr uint64_t kHeap = 0x10000000;

class MallocPlaceTest : public ::testing::Test {
 protected:
  MallocPlaceTest() {
    MemoryRegion& region = process.memory_.map(kHeap, 0x2000);
    region.readable = region.writable = true;
    chunk(0, 0x290);
    chunk(0x290, 0x50);
    chunk(0x2e0, 0x20);
    chunk(0x300, 0x1d00);  // the top
  }
  void chunk(uint64_t at, uint64_t size, uint64_t flags = 1) { process.memory_.put(kHeap + at + 8, size | flags); }
  std::optional<MallocPlace> find(uint64_t at) { return find_in_malloc(process, Address(kHeap + at)); }

  testing::FakeProcess process;
};

TEST_F(MallocPlaceTest, FollowsTheMainHeap) {
  auto place = find(0x2a8);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->kind, MallocPlace::Kind::kMain);
  EXPECT_EQ(place->block, Address(kHeap + 0x2a0));
  EXPECT_EQ(place->block_size, 0x48u);
  EXPECT_EQ(place->free, false);
  EXPECT_EQ(find(0x2e7)->block, Address(kHeap + 0x2a0)) << "the last word lies in the next header";
  EXPECT_TRUE(find(0x2e8)->block.is_null()) << "a size";
  EXPECT_EQ(find(0x2f0)->block, Address(kHeap + 0x2f0));
  EXPECT_EQ(find(0x1000)->free, true) << "the top";
}

TEST_F(MallocPlaceTest, KnowsFreeBlocks) {
  chunk(0x2e0, 0x20, 0);
  EXPECT_EQ(find(0x2a0)->free, true);
}

TEST_F(MallocPlaceTest, StopsAtDamage) {
  chunk(0x290, 0);
  auto place = find(0x2f0);
  ASSERT_TRUE(place) << "still malloc's";
  EXPECT_TRUE(place->block.is_null());
  chunk(0x290, 0xfffffffffffff0);
  EXPECT_TRUE(find(0x2f0)->block.is_null());
}

TEST_F(MallocPlaceTest, KnowsMappedBlocks) {
  MemoryRegion& region = process.memory_.map(0x7f0000000000, 0x5000);
  region.readable = region.writable = true;
  process.memory_.put<uint64_t>(0x7f0000000008, 0x2000 | 2);
  process.memory_.put<uint64_t>(0x7f0000002008, 0x3000 | 2);
  auto place = find_in_malloc(process, Address(0x7f0000003000));
  ASSERT_TRUE(place);
  EXPECT_EQ(place->kind, MallocPlace::Kind::kMapped);
  EXPECT_EQ(place->block, Address(0x7f0000002010));
  process.memory_.put<uint64_t>(0x7f0000002008, 0x3000 | 1);
  EXPECT_FALSE(find_in_malloc(process, Address(0x7f0000003000)));
}

TEST_F(MallocPlaceTest, LeavesOtherMemoryAlone) {
  MemoryRegion& region = process.memory_.map(0x20000000, 0x2000);
  region.readable = region.writable = true;
  EXPECT_FALSE(find_in_malloc(process, Address(0x20000100)));
  EXPECT_FALSE(find_in_malloc(process, Address(0x30000000)));
}

}  // namespace
}  // namespace inquest::crash
