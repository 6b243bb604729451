// The event loop and what else is read of Node.js, in memory that a test writes down.
#include <gtest/gtest.h>

#include "tests/support/fake_process.h"
#include "v8/node/event_loop.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kHeap = 0x20000000;

class EventLoopTest : public ::testing::Test {
 protected:
  EventLoopTest() {
    for (uint64_t size : {0x4000u}) {
      MemoryRegion& region = binary.process.memory_.map(kHeap, size);
      region.readable = region.writable = true;
    }
    loop = binary.allocate(1024);
    put(loop + 8, uint32_t{1});
    put(loop + 544, uint64_t{5000});
    link({kHeap, kHeap + 0x200});
    handle(kHeap, 13, 4 | 8);          // a timer, active and referenced
    put(kHeap + 128, uint64_t{5250});  // due in 250 ms
    put(kHeap + 136, uint64_t{1000});
    handle(kHeap + 0x200, 12, 8);  // a socket that is not active
    put(kHeap + 0x200 + 184, int32_t{17});
  }
  template <class T>
  void put(uint64_t address, T value) {
    binary.process.memory_.put(address, value);
  }
  void handle(uint64_t at, uint32_t type, uint32_t flags) {
    put(at + 8, loop);
    put(at + 16, type);
    put(at + 88, flags);
  }
  /// The ring: loop, the handles, loop.
  void link(const std::vector<uint64_t>& handles) {
    uint64_t before = loop + 16;
    for (uint64_t at : handles) {
      put(before, at + 32);
      before = at + 32;
    }
    put(before, loop + 16);
  }
  std::optional<EventLoop> find() { return find_event_loop(binary.process, binary.module()); }

  testing::FakeBinary binary;
  uint64_t loop = 0;
};

TEST_F(EventLoopTest, FollowsTheRing) {
  binary.symbols->add("default_loop_struct", loop - testing::FakeBinary::kBias);
  auto found = find();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, Address(loop));
  EXPECT_EQ(found->active_handles, 1u);
  EXPECT_TRUE(found->complete);
  ASSERT_EQ(found->handles.size(), 2u);
  EXPECT_EQ(found->handles[0].type, "timer");
  EXPECT_TRUE(found->handles[0].active);
  EXPECT_EQ(found->handles[0].fires_in, 250);
  EXPECT_EQ(found->handles[0].repeat, 1000u);
  EXPECT_EQ(found->handles[1].type, "tcp");
  EXPECT_FALSE(found->handles[1].active);
  EXPECT_TRUE(found->handles[1].referenced);
  EXPECT_EQ(found->handles[1].fd, 17);
}

TEST_F(EventLoopTest, IsFoundWithoutSymbols) {
  binary.process.memory_.map(0x500000, 0x1000);
  auto found = find();
  if (!binary.process.memory_.regions().front().writable) return;
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, Address(loop));
}

TEST_F(EventLoopTest, SurvivesDamage) {
  binary.symbols->add("default_loop_struct", loop - testing::FakeBinary::kBias);
  put(kHeap + 32, kHeap + 32);  // the ring never comes back
  auto found = find();
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->complete);
  put(kHeap + 32, uint64_t{0x123});
  found = find();
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->complete);
  put(loop + 16, uint64_t{0});
  EXPECT_FALSE(find());
}

}  // namespace
}  // namespace inquest::v8
