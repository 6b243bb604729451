#include "postmortem/model/earlier_target.h"

#include <gmock/gmock.h>

#include "tests/support/fake_target.h"

namespace inquest {
namespace {

/// A stack that has grown and changed since, and other memory behind it.
class LaterMemory : public MemoryReader {
 public:
  LaterMemory() : stack_(0x1000, std::byte{'l'}), heap_(0x1000, std::byte{'h'}) {
    regions_.resize(2);
    regions_[0].start = Address(0x10000);
    regions_[1].start = Address(0x11000);
    for (MemoryRegion& region : regions_) region.size = region.available = 0x1000;
  }
  std::span<const std::byte> view(Address address, uint64_t limit) const override {
    for (size_t i = 0; i < 2; ++i) {
      uint64_t inside = address - regions_[i].start;
      std::span<const std::byte> bytes(i == 0 ? stack_ : heap_);
      if (inside < bytes.size()) return bytes.subspan(inside, std::min<uint64_t>(limit, bytes.size() - inside));
    }
    return {};
  }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  std::vector<std::byte> stack_, heap_;
  std::vector<MemoryRegion> regions_;
};

class CoreTarget : public testing::FakeTarget {
 public:
  const MemoryReader& memory() const override { return memory_; }

 private:
  LaterMemory memory_;
};

class EarlierTargetTest : public ::testing::Test {
 protected:
  char at(uint64_t address) const {
    auto byte = target_.memory().read_value<char>(Address(address));
    return byte.value_or('-');
  }
  CoreTarget core_;
  EarlierTarget target_{core_};
  std::vector<std::byte> copy_ = std::vector<std::byte>(0x100, std::byte{'e'});
  StackPiece piece_[1] = {{Address(0x10800), copy_}};
};

TEST_F(EarlierTargetTest, ShowsTheCoreUntilAStackIsShown) {
  EXPECT_EQ(at(0x10800), 'l');
  EXPECT_EQ(at(0x11000), 'h');
  ASSERT_NE(earlier_stack(target_.memory()), nullptr);
  EXPECT_EQ(earlier_stack(target_.memory())->age(), UINT64_MAX);
  EXPECT_FALSE(earlier_stack(target_.memory())->moment());
  EXPECT_EQ(earlier_stack(core_.memory()), nullptr);
}

TEST_F(EarlierTargetTest, LaysTheCopyOverTheStackAndHidesTheRest) {
  target_.show(piece_, {.monotonic = 42, .is_whole = false});
  EXPECT_EQ(at(0x107ff), '-');
  EXPECT_EQ(at(0x10800), 'e');
  EXPECT_EQ(at(0x108ff), 'e');
  EXPECT_EQ(at(0x10900), '-');
  EXPECT_EQ(at(0x11000), 'h');
  EXPECT_EQ(earlier_stack(target_.memory())->moment(), 42u);
  EXPECT_EQ(target_.memory().view(Address(0x10880), 0x1000).size(), 0x80u);
}

TEST_F(EarlierTargetTest, WhatLiesAboveAWholeStackIsTheCores) {
  target_.show(piece_, {.monotonic = {}, .is_whole = true});
  EXPECT_EQ(at(0x107ff), '-');
  EXPECT_EQ(at(0x10900), 'l');
}

TEST_F(EarlierTargetTest, TheStackOfAThreadThatHasEndedCanBeRead) {
  StackPiece gone[] = {{Address(0x80000), copy_}};
  target_.show(gone, {.monotonic = {}, .is_whole = false});
  EXPECT_EQ(at(0x80010), 'e');
  EXPECT_EQ(at(0x80100), '-');
  EXPECT_EQ(at(0x10800), 'l');
}

}  // namespace
}  // namespace inquest
