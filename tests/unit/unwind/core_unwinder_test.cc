#include "postmortem/unwind/core_unwinder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "postmortem/unwind/way_out.h"
#include "tests/support/fake_process.h"

namespace inquest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uint64_t kCode = 0x7f0000000000;   // made at run time: of no module
constexpr uint64_t kStack = 0x7ffe00000000;  // 64 KiB
constexpr uint64_t kOtherStack = 0x7ffd00000000;
constexpr uint64_t kStackSize = 0x10000;

/// Code that nothing describes, and stacks.
class CoreUnwinderTest : public ::testing::Test {
 protected:
  CoreUnwinderTest() {
    process_.memory_.map(kCode, 0x4000).executable = true;
    process_.memory_.map(kStack, kStackSize);
    process_.memory_.map(kOtherStack, kStackSize);
    thread_.tid = 1;
  }

  /// A function at `offset` of the code: push %rbp; mov %rsp,%rbp; ...; call *%rax. Returns the address behind the
  /// call.
  uint64_t function_with_frame_pointer(uint64_t offset) {
    static constexpr uint8_t kBytes[] = {0x55, 0x48, 0x89, 0xe5, 0x90, 0x90, 0xff, 0xd0, 0x90};
    process_.memory_.put_bytes(kCode + offset, kBytes, sizeof kBytes);
    return kCode + offset + 8;
  }
  void at(uint64_t pc, uint64_t sp, uint64_t fp) {
    thread_.registers.gpr[Registers::kRip] = pc;
    thread_.registers.gpr[Registers::kRsp] = sp;
    thread_.registers.gpr[Registers::kRbp] = fp;
  }
  void put_frame(uint64_t fp, uint64_t next_fp, uint64_t return_address) {
    process_.memory_.put(fp, next_fp);
    process_.memory_.put(fp + 8, return_address);
  }
  Stack unwind(const UnwindOptions& options = {}) { return unwind::make_unwinder(process_)->unwind(thread_, options); }
  static std::vector<uint64_t> pcs(const Stack& stack) {
    std::vector<uint64_t> result;
    for (const Frame& frame : stack.frames) result.push_back(frame.pc.value());
    return result;
  }

  testing::FakeProcess process_;
  Thread thread_;
};

TEST_F(CoreUnwinderTest, FollowsFramePointers) {
  uint64_t first = function_with_frame_pointer(0), second = function_with_frame_pointer(0x100);
  at(first, kStack + 0x100, kStack + 0x120);
  put_frame(kStack + 0x120, kStack + 0x200, second);
  put_frame(kStack + 0x200, 0, first);
  Stack stack = unwind();
  EXPECT_THAT(pcs(stack), ElementsAre(first, second, first));
  EXPECT_EQ(stack.frames[1].found_by, FoundBy::kFramePointer);
  EXPECT_EQ(stack.frames[0].cfa, Address(kStack + 0x130));
  EXPECT_EQ(stack.frames[1].registers.values.gpr[Registers::kRsp], kStack + 0x130);
  EXPECT_EQ(stack.frames[1].registers.values.gpr[Registers::kRbp], kStack + 0x200);
  EXPECT_FALSE(stack.frames[1].registers.knows(Registers::kRax));
  EXPECT_FALSE(stack.complete);
  EXPECT_THAT(stack.stop_reason, HasSubstr("no call frame information"));
}

TEST_F(CoreUnwinderTest, AFrameThatTheStackHadNoRoomForHasAFramePointerInIt) {
  uint64_t first = function_with_frame_pointer(0), second = function_with_frame_pointer(0x100);
  at(first, kOtherStack - 0x30, kOtherStack + 0x20);
  put_frame(kOtherStack + 0x20, kOtherStack + 0x200, second);
  put_frame(kOtherStack + 0x200, 0, first);
  EXPECT_THAT(pcs(unwind()), ElementsAre(first, second, first));
}

TEST_F(CoreUnwinderTest, FramePointersThatLeadInACircleEnd) {
  uint64_t first = function_with_frame_pointer(0);
  at(first, kStack + 0x100, kStack + 0x120);
  put_frame(kStack + 0x120, kStack + 0x200, first);
  put_frame(kStack + 0x200, kStack + 0x120, first);
  EXPECT_THAT(unwind().frames, SizeIs(2));
}

TEST_F(CoreUnwinderTest, AWordThatIsBehindNoCallIsNoReturnAddress) {
  uint64_t first = function_with_frame_pointer(0);
  at(first, kStack + 0x100, kStack + 0x120);
  put_frame(kStack + 0x120, kStack + 0x200, first - 3);
  EXPECT_THAT(unwind().frames, SizeIs(1));
  put_frame(kStack + 0x120, kStack + 0x200, kStack + 8);  // no code
  EXPECT_THAT(unwind().frames, SizeIs(1));
}

TEST_F(CoreUnwinderTest, CallOfNullReturnsToTheWordAtTheStackPointer) {
  uint64_t first = function_with_frame_pointer(0);
  at(0, kStack + 0x100, kStack + 0x120);
  process_.memory_.put(kStack + 0x100, first);
  put_frame(kStack + 0x120, 0, first);
  Stack stack = unwind();
  EXPECT_THAT(pcs(stack), ElementsAre(0, first, first));
  EXPECT_EQ(stack.frames[1].registers.values.gpr[Registers::kRsp], kStack + 0x108);
}

TEST_F(CoreUnwinderTest, AtTheEntryAndTheReturnTheCallerIsAtTheStackPointer) {
  uint64_t first = function_with_frame_pointer(0), second = function_with_frame_pointer(0x100);
  at(kCode, kStack + 0x100, kStack + 0x120);  // before push
  process_.memory_.put(kStack + 0x100, second);
  put_frame(kStack + 0x120, 0, first);
  EXPECT_THAT(pcs(unwind()), ElementsAre(kCode, second, first));
  at(kCode + 1, kStack + 0xf8, kStack + 0x120);  // before mov
  process_.memory_.put(kStack + 0xf8, kStack + 0x120);
  EXPECT_THAT(pcs(unwind()), ElementsAre(kCode + 1, second, first));
  process_.memory_.put<uint8_t>(kCode + 0x20, 0xc3);
  at(kCode + 0x20, kStack + 0x100, kStack + 0x120);  // before ret
  EXPECT_THAT(pcs(unwind()), ElementsAre(kCode + 0x20, second, first));
}

/// What the kernel writes for a handler (rt_sigframe behind the return address), and a trampoline without description.
/// Code without frame pointers that nothing describes: what it pops until its end tells where the return address is.
TEST_F(CoreUnwinderTest, FollowsTheCodeToItsEnd) {
  uint64_t caller = function_with_frame_pointer(0x2000);
  // behind a call: test %eax,%eax; jns 1f; nop; 1: pop %rbx; mov %r12,%rdi; pop %rbp; add $16,%rsp; pop %r12; ret
  static constexpr uint8_t kBytes[] = {0xff, 0xd0, 0x85, 0xc0, 0x79, 0x01, 0x90, 0x5b, 0x4c, 0x89,
                                       0xe7, 0x5d, 0x48, 0x83, 0xc4, 0x10, 0x41, 0x5c, 0xc3};
  process_.memory_.put_bytes(kCode, kBytes, sizeof kBytes);
  at(kCode + 2, kStack + 0x100, 0x1234);
  uint64_t words[] = {0xb, kStack + 0x300, 1, caller, 0x12, caller};  // the first one is left over
  for (size_t i = 0; i < std::size(words); ++i) process_.memory_.put(kStack + 0x100 + 8 * i, words[i]);
  put_frame(kStack + 0x300, 0, caller);
  Stack stack = unwind();
  ASSERT_THAT(pcs(stack), ElementsAre(kCode + 2, caller, caller));
  const FrameRegisters& registers = stack.frames[1].registers;
  EXPECT_EQ(stack.frames[0].cfa, Address(kStack + 0x130));
  EXPECT_EQ(registers.values.gpr[Registers::kRbx], 0xbu);
  EXPECT_EQ(registers.values.gpr[Registers::kR12], 0x12u);
  EXPECT_EQ(stack.frames[1].found_by, FoundBy::kScan);
  EXPECT_EQ(stack.frames[2].found_by, FoundBy::kFramePointer);
}

TEST_F(CoreUnwinderTest, TheEndMayBeAnotherFunctionAndNotBehindWhatNeverReturns) {
  uint64_t caller = function_with_frame_pointer(0x2000);
  // behind a call: je 1f; call abort; (the next function:) push %rbx; pop %rbx; ret; 1: pop %rbx; jmp 0x100
  static constexpr uint8_t kBytes[] = {0xff, 0xd0, 0x74, 0x08, 0xe8, 0xf6, 0x00, 0x00, 0x00,
                                       0x53, 0x5b, 0xc3, 0x5b, 0xe9, 0xee, 0x00, 0x00, 0x00};
  static constexpr uint8_t kOther[] = {0x55, 0x53, 0x5b, 0x5d, 0xc3};  // push %rbp; push %rbx; pop %rbx; pop %rbp; ret
  process_.memory_.put_bytes(kCode, kBytes, sizeof kBytes);
  process_.memory_.put_bytes(kCode + 0x100, kOther, sizeof kOther);
  at(kCode + 2, kStack + 0x100, 0x1234);
  process_.memory_.put(kStack + 0x100, kStack);
  process_.memory_.put(kStack + 0x108, caller);
  Stack stack = unwind();
  EXPECT_THAT(pcs(stack), ElementsAre(kCode + 2, caller));
  EXPECT_EQ(stack.frames[0].cfa, Address(kStack + 0x110));
  process_.memory_.put(kStack + 0x108, kStack);
  EXPECT_THAT(unwind().frames, SizeIs(1));
}

TEST_F(CoreUnwinderTest, LeavesASignalHandlerForTheInterruptedStack) {
  uint64_t handler = function_with_frame_pointer(0), interrupted = function_with_frame_pointer(0x100);
  uint64_t trampoline = kCode + 0x200;
  static constexpr uint8_t kCall[] = {0xff, 0xd0};  // so that the frame pointer step may go there
  process_.memory_.put_bytes(trampoline - 2, kCall, sizeof kCall);
  // The handler runs on a stack above the interrupted one.
  at(handler, kStack + 0x100, kStack + 0x120);
  put_frame(kStack + 0x120, 0, trampoline);
  uint64_t context = kStack + 0x130, registers = context + 40;
  process_.memory_.put(registers + 8 * 10, kOtherStack + 0x120);  // rbp
  process_.memory_.put(registers + 8 * 15, kOtherStack + 0x100);  // rsp
  process_.memory_.put(registers + 8 * 16, interrupted - 2);      // rip
  process_.memory_.put<uint64_t>(registers + 8 * 17, 0x10246);    // flags
  process_.memory_.put<uint16_t>(registers + 8 * 18, 0x33);       // cs
  process_.memory_.put<uint16_t>(registers + 8 * 18 + 6, 0x2b);   // ss
  put_frame(kOtherStack + 0x120, 0, handler);
  Stack stack = unwind();
  ASSERT_THAT(pcs(stack), ElementsAre(handler, trampoline, interrupted - 2, handler));
  EXPECT_TRUE(stack.frames[1].signal_trampoline);
  EXPECT_TRUE(stack.frames[2].exact_pc);
  EXPECT_TRUE(stack.frames[2].registers.knows(Registers::kRax));
  EXPECT_EQ(stack.frames[2].lookup_pc(), Address(interrupted - 2));
  EXPECT_FALSE(stack.frames[3].exact_pc);
}

TEST_F(CoreUnwinderTest, StopsAfterAsManyFramesAsAskedFor) {
  uint64_t first = function_with_frame_pointer(0);
  at(first, kStack, kStack + 0x10);
  for (uint64_t i = 1; i < 100; ++i) put_frame(kStack + i * 0x10, kStack + (i + 1) * 0x10, first);
  EXPECT_THAT(unwind().frames, SizeIs(100));
  Stack stack = unwind({.max_frames = 10});
  EXPECT_THAT(stack.frames, SizeIs(10));
  EXPECT_TRUE(stack.limited);
}

TEST_F(CoreUnwinderTest, AThreadThatHasJustBegunIsWhole) {
  static constexpr uint8_t kBytes[] = {0x0f, 0x05, 0x48, 0x85, 0xc0};  // syscall; test %rax,%rax
  process_.memory_.put_bytes(kCode, kBytes, sizeof kBytes);
  at(kCode + 2, kStack + 0x100, 0);
  thread_.registers.gpr[Registers::kRcx] = kCode + 2;
  Stack stack = unwind();
  EXPECT_THAT(pcs(stack), ElementsAre(kCode + 2));
  EXPECT_TRUE(stack.complete);
  thread_.registers.gpr[Registers::kRax] = 17;  // its parent
  EXPECT_FALSE(unwind().complete);
}

TEST_F(CoreUnwinderTest, AThreadWithoutRegistersIsNoDamage) {
  Stack stack = unwind();
  EXPECT_THAT(pcs(stack), ElementsAre(0));
  EXPECT_THAT(stack.stop_reason, HasSubstr("all its registers are zero"));
  at(0, kStack + 0x100, 0);  // a call of a null pointer is another matter
  EXPECT_THAT(unwind().stop_reason, ::testing::Not(HasSubstr("zero")));
}

TEST_F(CoreUnwinderTest, SaysWhenTheStackIsDamagedOrGone) {
  at(0x4141414141414141, 0x4141414141414141, 0x4141414141414141);
  Stack stack = unwind();
  EXPECT_THAT(stack.frames, SizeIs(1));
  EXPECT_FALSE(stack.complete);
  EXPECT_THAT(stack.stop_reason, HasSubstr("0x4141414141414141 in no module"));
}

/// Steps from each frame in its code to one word further up.
/// Code of a module, in which the target of a call that never returns is looked for from the function's entry.
class WayInTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kText = 0x7f1000000000;
};

TEST_F(WayInTest, TheEntryLeadsToTheCallThatNeverReturns) {
  testing::FakeMemory memory;
  memory.map(kText, 0x1000).executable = true;
  // push %rbx; push %r12; sub $0x20,%rsp; test %eax,%eax; je 1f; ret; 1: xor %ebx,%ebx; call abort
  static constexpr uint8_t kBytes[] = {0x53, 0x41, 0x54, 0x48, 0x83, 0xec, 0x20, 0x85, 0xc0, 0x74,
                                       0x01, 0xc3, 0x31, 0xdb, 0xe8, 0x00, 0x01, 0x00, 0x00};
  memory.put_bytes(kText, kBytes, sizeof kBytes);
  unwind::WaysOut ways;
  Address pc(kText + sizeof kBytes);
  auto way = ways.from(Address(kText), pc, memory);
  ASSERT_TRUE(way);
  EXPECT_EQ(way->return_address, 0x30);
  EXPECT_EQ(way->pushed[Registers::kRbx], 0x28);
  EXPECT_EQ(way->pushed[Registers::kR12], 0x20);
  EXPECT_EQ(way->changed, 1U << Registers::kRbx);
  EXPECT_FALSE(ways.from(Address(kText + 12), Address(kText + 3), memory));
  EXPECT_TRUE(ways.of(pc, memory).empty());
}

class OneWordStepper : public FrameStepper {
 public:
  bool owns(const Frame& frame) const override { return frame.pc - Address(kCode) < 0x4000; }
  std::optional<FrameRegisters> caller(const Frame& frame) const override {
    FrameRegisters registers;
    registers.set(Registers::kRip, frame.pc.value() + 16);
    registers.set(Registers::kRsp, frame.registers.values.gpr[Registers::kRsp] + (sinks_ ? 0 : 8));
    registers.set(Registers::kRbp, 0);
    return registers;
  }
  bool sinks_ = false;
};

TEST_F(CoreUnwinderTest, AsksTheStepperFirst) {
  OneWordStepper stepper;
  at(kCode + 0x3fd8, kStack, 0);
  Stack stack = unwind({.stepper = &stepper});
  EXPECT_THAT(pcs(stack), ElementsAre(kCode + 0x3fd8, kCode + 0x3fe8, kCode + 0x3ff8, kCode + 0x4008));
  EXPECT_EQ(stack.frames[1].found_by, FoundBy::kV8);
  EXPECT_EQ(stack.frames[1].cfa, Address(kStack + 16));
}

TEST_F(CoreUnwinderTest, AStepperThatDoesNotMoveUpEndsTheStack) {
  OneWordStepper stepper;
  stepper.sinks_ = true;
  at(kCode, kStack, 0);
  Stack stack = unwind({.stepper = &stepper});
  EXPECT_THAT(stack.frames, SizeIs(1));
  EXPECT_THAT(stack.stop_reason, HasSubstr("damaged"));
}

}  // namespace
}  // namespace inquest
