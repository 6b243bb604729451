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

TEST_F(EventLoopTest, TellsWhatStreamsSay) {
  binary.symbols->add("default_loop_struct", loop - testing::FakeBinary::kBias);
  put(kHeap + 0x200 + 88, uint32_t{8 | 0x4000 | 0x8000});
  put(kHeap + 0x200 + 96, uint64_t{4711});
  auto found = find();
  ASSERT_TRUE(found && found->handles.size() == 2);
  EXPECT_EQ(found->handles[1].readable, true);
  EXPECT_EQ(found->handles[1].writable, true);
  EXPECT_EQ(found->handles[1].write_queue_size, 4711u);
  EXPECT_FALSE(found->handles[1].listening);
  EXPECT_EQ(found->handles[0].readable, std::nullopt);

  put(kHeap + 0x200 + 224, uint64_t{0x400100});  // connection_cb
  put(kHeap + 0x200 + 16, uint32_t{7});          // a pipe
  put(kHeap + 0x200 + 256, kHeap + 0x1000);
  binary.process.memory_.put_bytes(kHeap + 0x1000, "/run/a.sock", 12);
  found = find();
  ASSERT_TRUE(found && found->handles.size() == 2);
  EXPECT_TRUE(found->handles[1].listening);
  EXPECT_EQ(found->handles[1].name, "/run/a.sock");
}

TEST_F(EventLoopTest, KnowsBothPlacesOfPolledPaths) {
  binary.symbols->add("default_loop_struct", loop - testing::FakeBinary::kBias);
  constexpr uint64_t kContext = kHeap + 0x2000;
  put(kHeap + 0x200 + 16, uint32_t{4});  // fs_poll
  put(kHeap + 0x200 + 96, kContext);
  put(kContext, kHeap + 0x200);
  binary.process.memory_.put_bytes(kContext + 792, "/etc/passwd", 12);
  EXPECT_EQ(find()->handles[1].file, "/etc/passwd");
  put(kContext + 792, uint64_t{0});  // no previous context
  binary.process.memory_.put_bytes(kContext + 800, "/etc/group", 11);
  EXPECT_EQ(find()->handles[1].file, "/etc/group");
  put(kContext, uint64_t{0});  // of another handle
  EXPECT_EQ(find()->handles[1].file, "");
}

TEST_F(EventLoopTest, CountsIdleTimeWhereLibuvKeepsIt) {
  binary.symbols->add("default_loop_struct", loop - testing::FakeBinary::kBias);
  constexpr uint64_t kFields = kHeap + 0x3000;
  put(loop + 40, kFields);
  EXPECT_EQ(find()->idle_ns, std::nullopt);  // not counted
  put(kFields, uint32_t{1});
  put(kFields + 8, uint64_t{4'900'000'000});
  put(kFields + 16, uint64_t{700'000'000});
  EXPECT_EQ(find()->idle_ns, 700'000'000u);
  EXPECT_EQ(find()->waiting_since_ns, 4'900'000'000u);
  // 1.45: turns of the loop, events, events that waited, reserved words; then the same two.
  put(kFields + 8, uint64_t{31});
  put(kFields + 16, uint64_t{9});
  put(kFields + 136, uint64_t{0});
  put(kFields + 144, uint64_t{800'000'000});
  EXPECT_EQ(find()->idle_ns, 800'000'000u);
  EXPECT_EQ(find()->waiting_since_ns, std::nullopt);
}

TEST_F(EventLoopTest, IsFoundOnAStack) {
  constexpr uint64_t kStack = 0x7f0000000000;
  MemoryRegion& region = binary.process.memory_.map(kStack, 0x2000);
  region.readable = region.writable = true;
  Thread thread;
  thread.registers.gpr[Registers::kRsp] = kStack + 0x104;
  EXPECT_FALSE(find_event_loop(binary.process, thread));
  put(kStack + 0x208, loop);  // a pointer to it
  auto found = find_event_loop(binary.process, thread);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, Address(loop));
  thread.registers.gpr[Registers::kRsp] = kStack + 0x400;  // below the stack pointer nothing counts
  EXPECT_FALSE(find_event_loop(binary.process, thread));
}

}  // namespace
}  // namespace inquest::v8
