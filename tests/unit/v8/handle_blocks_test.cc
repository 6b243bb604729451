#include "v8/heap/handle_blocks.h"

#include <gtest/gtest.h>

#include "tests/support/fake_process.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kIsolate = 0x10000000;
constexpr uint64_t kMalloc = 0x20000000;
constexpr uint64_t kBlockBytes = 1022 * 8;
constexpr uint64_t kImplementer = kMalloc + 0x100;
constexpr uint64_t kList = kMalloc + 0x400;
constexpr uint64_t kFull = kMalloc + 0x4010;
constexpr uint64_t kCurrent = kMalloc + 0x8010;
constexpr uint64_t kSpare = kMalloc + 0xc010;
constexpr uint64_t kObject = 0x3000000001;

/// Two blocks in use, the second up to its third handle, and a spare one.
class HandleBlocks : public ::testing::Test {
 protected:
  HandleBlocks() {
    memory_.map(kIsolate, kIsolateStructBytes).writable = true;
    memory_.map(kMalloc, 0x10000).writable = true;
    memory_.put(kIsolate + 0x230, kCurrent + 3 * 8);
    memory_.put(kIsolate + 0x238, kCurrent + kBlockBytes);
    memory_.put(kIsolate + 0x4000, kImplementer);
    memory_.put(kImplementer + 0x10, kList);
    memory_.put(kImplementer + 0x40, kSpare);
    memory_.put(kList, kFull);
    memory_.put(kList + 8, kCurrent);
    for (uint64_t block : {kFull, kCurrent, kSpare}) {
      memory_.put(block - 8, uint64_t{0x2001});
      for (uint64_t at = 0; at < kBlockBytes; at += 8) memory_.put(block + at, kObject + 16 * at);
    }
  }
  bool is_closed(uint64_t address) const {
    for (const DataExtent& extent : closed_handles(memory_, Address(kIsolate))) {
      if (Address(address) - extent.start < extent.size) return true;
    }
    return false;
  }
  inquest::testing::FakeMemory memory_;
};

TEST_F(HandleBlocks, WhatIsBelowNextIsOpen) {
  EXPECT_FALSE(is_closed(kCurrent));
  EXPECT_FALSE(is_closed(kCurrent + 2 * 8));
  EXPECT_TRUE(is_closed(kCurrent + 3 * 8));
  EXPECT_TRUE(is_closed(kCurrent + kBlockBytes - 8));
}

TEST_F(HandleBlocks, BlocksBeforeTheCurrentOneAreFull) {
  EXPECT_FALSE(is_closed(kFull));
  EXPECT_FALSE(is_closed(kFull + kBlockBytes - 8));
}

TEST_F(HandleBlocks, TheSpareBlockIsClosed) {
  EXPECT_TRUE(is_closed(kSpare));
  EXPECT_TRUE(is_closed(kSpare + kBlockBytes - 8));
}

TEST_F(HandleBlocks, ASpareOfAnotherSizeIsNoBlock) {
  memory_.put(kSpare - 8, uint64_t{0x3001});
  EXPECT_FALSE(is_closed(kSpare));
  EXPECT_TRUE(is_closed(kCurrent + 3 * 8));
}

TEST_F(HandleBlocks, WithoutTheListNothingIsClosed) {
  memory_.put(kList + 8, uint64_t{0});
  EXPECT_FALSE(is_closed(kCurrent + 3 * 8));
}

TEST_F(HandleBlocks, WhatHoldsNoHandlesIsNoBlock) {
  memory_.put(kCurrent + 8, uint64_t{0x12345678});  // neither Smi nor tagged pointer
  EXPECT_FALSE(is_closed(kCurrent + 3 * 8));
}

class BackgroundHandles : public HandleBlocks {
 protected:
  size_t closed() const {
    DataExtent all{Address(kMalloc), 0x10000};
    auto found = closed_background_handles(memory_, std::span(&all, 1));
    return found.size() == 1 && found[0].start == Address(kCurrent + 3 * 8) ? found[0].size : 0;
  }
  void put_vector(uint64_t at) {
    memory_.put(at, kList);
    memory_.put(at + 8, kList + 16);
    memory_.put(at + 16, kList + 64);
  }
  void put_scope(uint64_t at) {
    memory_.put(at, kCurrent + 3 * 8);
    memory_.put(at + 8, kCurrent + kBlockBytes);
  }
};

TEST_F(BackgroundHandles, PersistentHandlesAreOpenBelowNext) {
  put_vector(kMalloc + 0x800);
  put_scope(kMalloc + 0x818);
  EXPECT_EQ(closed(), kBlockBytes - 3 * 8);
}

TEST_F(BackgroundHandles, SoAreLocalHandles) {
  put_scope(kMalloc + 0x800);
  put_vector(kMalloc + 0x818);
  EXPECT_EQ(closed(), kBlockBytes - 3 * 8);
}

TEST_F(BackgroundHandles, TheLimitMustEndTheLastBlock) {
  put_vector(kMalloc + 0x800);
  put_scope(kMalloc + 0x818);
  memory_.put(kList + 8, kSpare);
  EXPECT_EQ(closed(), 0u);
}

TEST_F(HandleBlocks, UnreadableIsolate) {
  EXPECT_TRUE(closed_handles(memory_, Address(0x666000)).empty());
  EXPECT_TRUE(closed_handles(memory_, Address(UINT64_MAX - 7)).empty());
}

}  // namespace
}  // namespace inquest::v8
