// Operands, function bounds, the evaluator and places, each alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "postmortem/code/instruction.h"
#include "postmortem/crash/evaluator.h"
#include "postmortem/crash/function_bounds.h"
#include "postmortem/crash/place.h"
#include "tests/support/code_process.h"

namespace inquest::crash {
namespace {

using testing::CodeProcess;
using ::testing::HasSubstr;

std::optional<Instruction> decode(const std::vector<int>& values, uint64_t address = 0x1000) {
  static const Disassembler disassembler;
  std::vector<std::byte> bytes;
  for (int value : values) bytes.push_back(static_cast<std::byte>(value));
  return disassembler.decode(bytes, Address(address));
}

TEST(InstructionTest, KnowsWhatAnOperandIsUsedFor) {
  auto load = decode({0x48, 0x8b, 0x40, 0x08});  // mov 8(%rax),%rax
  ASSERT_TRUE(load && load->operands.size() == 2);
  EXPECT_EQ(load->operands[1].access, Access::kRead);
  EXPECT_EQ(load->operands[1].base, Registers::kRax);
  EXPECT_EQ(load->operands[1].displacement, 8);
  EXPECT_EQ(load->operands[1].size, 8u);
  auto store = decode({0x48, 0x89, 0x43, 0xf8});  // mov %rax,-8(%rbx)
  ASSERT_TRUE(store && store->operands.size() == 2);
  EXPECT_EQ(store->operands[0].access, Access::kWrite);
  EXPECT_EQ(store->operands[0].displacement, -8);
  auto both = decode({0x01, 0x07});  // add %eax,(%rdi)
  ASSERT_TRUE(both && both->operands.size() == 2);
  EXPECT_EQ(both->operands[0].access, Access::kReadWrite);
  EXPECT_EQ(both->operands[0].size, 4u);
  auto compared = decode({0x48, 0x39, 0x07});  // cmp %rax,(%rdi)
  ASSERT_TRUE(compared);
  EXPECT_EQ(compared->operands[0].access, Access::kRead);
}

TEST(InstructionTest, KnowsAddressesWithoutABase) {
  auto relative = decode({0x48, 0x8b, 0x05, 0x10, 0, 0, 0});  // mov 0x10(%rip),%rax
  ASSERT_TRUE(relative);
  EXPECT_TRUE(relative->operands[1].pc_relative && relative->operands[1].is_absolute());
  EXPECT_EQ(relative->operands[1].displacement, 0x1017);
  auto canary = decode({0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0});  // mov %fs:0x28,%rax
  ASSERT_TRUE(canary);
  EXPECT_EQ(canary->operands[1].segment, Operand::Segment::kFs);
  EXPECT_FALSE(canary->operands[1].is_absolute());
  auto call = decode({0xe8, 0xfb, 0xff, 0xff, 0xff});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->flow, Flow::kCall);
  EXPECT_EQ(call->target, Address(0x1000));
}

TEST(InstructionTest, StaysWithinItsBytes) {
  EXPECT_FALSE(decode({}));
  EXPECT_FALSE(decode({0x48, 0x8b}));
  EXPECT_FALSE(decode({0x06}));  // no instruction in 64-bit mode
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<int> bytes(random() % 16);
    for (int& byte : bytes) byte = static_cast<int>(random() % 256);
    if (auto found = decode(bytes, random())) {
      ASSERT_GT(found->size, 0u);
      ASSERT_LE(found->size, bytes.size());
    }
  }
}

class FunctionBoundsTest : public ::testing::Test {
 protected:
  std::optional<CodeRange> range(uint64_t address) {
    return frame_entry_range(process_.process.memory_, process_.process.modules_[0], Address(address));
  }
  CodeProcess process_;
};

TEST_F(FunctionBoundsTest, FindsTheFunctionOfAnAddress) {
  uint64_t first = process_.function("first", std::vector<int>(10, 0x90));
  uint64_t second = process_.function("second", std::vector<int>(20, 0x90));
  auto found = range(second + 19);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->start, Address(second));
  EXPECT_EQ(found->end, Address(second + 20));
  EXPECT_TRUE(range(first));
  EXPECT_FALSE(range(first + 10));  // between the two
  EXPECT_FALSE(range(first - 1));
  EXPECT_FALSE(range(second + 20));
}

TEST_F(FunctionBoundsTest, RefusesDamagedTables) {
  uint64_t start = process_.function("one", std::vector<int>(10, 0x90));
  auto& memory = process_.process.memory_;
  constexpr uint64_t kTable = CodeProcess::kTable, kFde = kTable + 0x800;
  memory.put<uint32_t>(kFde + 12, 0x7fffffff);  // larger than any function
  EXPECT_FALSE(range(start));
  memory.put<uint32_t>(kFde + 12, 10);
  ASSERT_TRUE(range(start));
  memory.put<int32_t>(kFde + 8, 5);  // the FDE of another function
  EXPECT_FALSE(range(start));
  memory.put<uint32_t>(kTable + 8, 0xffffffff);  // more entries than there is memory
  EXPECT_FALSE(range(start));
  memory.put<uint32_t>(kTable, 0x3b031b02);  // another version
  EXPECT_FALSE(range(start));
  memory.put<uint16_t>(CodeProcess::kStart + 56, 0xffff);  // as many program headers
  EXPECT_FALSE(range(start));
  memory.put<uint64_t>(CodeProcess::kStart + 32, UINT64_MAX - 8);
  EXPECT_FALSE(range(start));
}

TEST_F(FunctionBoundsTest, AnyTableEnds) {
  process_.function("one", std::vector<int>(10, 0x90));
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    for (uint64_t at = 8; at < 0x840; at += 4)
      process_.process.memory_.put(CodeProcess::kTable + at, static_cast<uint32_t>(random()));
    uint64_t asked = CodeProcess::kCode + random() % 0x2000;
    auto found = range(asked);
    EXPECT_TRUE(!found || found->contains(Address(asked)));
  }
}

class EvaluatorTest : public ::testing::Test {
 protected:
  std::optional<uint64_t> call(const std::vector<int>& bytes, uint64_t argument = 0) {
    uint64_t function = process_.function("", bytes);
    return evaluate_call(process_.process.memory_, disassembler_, Address(function), argument, kThreadBase);
  }
  static constexpr uint64_t kThreadBase = CodeProcess::kStack + 0x100;
  CodeProcess process_;
  Disassembler disassembler_;
};

TEST_F(EvaluatorTest, RunsAccessors) {
  process_.variable("", CodeProcess::kData + 8, 42);
  EXPECT_EQ(call({0x48, 0x8b, 0x47, 0x08, 0xc3}, CodeProcess::kData), 42u);  // mov 8(%rdi),%rax; ret
  EXPECT_EQ(call({0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0x7d, 0xf8, 0x48, 0x8b, 0x45, 0xf8, 0x5d, 0xc3}, 5),
            5u);  // by g++ -O0
}

// sub $24,%rsp; mov %fs:40,%rax; mov %rax,8(%rsp); xor %eax,%eax; mov 8(%rsp),%rax; sub %fs:40,%rax; jne fail;
// mov $7,%eax; add $24,%rsp; ret; fail: ud2
const std::vector<int> kProtected = {0x48, 0x83, 0xec, 0x18, 0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0,    0,
                                     0,    0x48, 0x89, 0x44, 0x24, 0x08, 0x31, 0xc0, 0x48, 0x8b, 0x44, 0x24,
                                     0x08, 0x64, 0x48, 0x2b, 0x04, 0x25, 0x28, 0,    0,    0,    0x75, 0x0a,
                                     0xb8, 0x07, 0,    0,    0,    0x48, 0x83, 0xc4, 0x18, 0xc3, 0x0f, 0x0b};

TEST_F(EvaluatorTest, PassesTheStackProtector) {
  process_.process.memory_.put<uint64_t>(kThreadBase + 40, 0x1234567890abcd00);
  EXPECT_EQ(call(kProtected), 7u);
}

TEST_F(EvaluatorTest, GivesUp) {
  EXPECT_FALSE(call({0xeb, 0xfe}));                          // for ever
  EXPECT_FALSE(call({0xe8, 0xfb, 0xff, 0xff, 0xff}));        // calls itself
  EXPECT_FALSE(call({0x48, 0x8b, 0x07, 0xc3}, 0));           // reads through null
  EXPECT_FALSE(call({0x74, 0x00, 0xc3}));                    // branches on what nobody compared
  EXPECT_FALSE(call({0x0f, 0x05, 0xc3}));                    // syscall
  EXPECT_FALSE(call({0x06}));                                // no instruction
  EXPECT_FALSE(call({0x48, 0x89, 0xfc, 0xc3}, UINT64_MAX));  // mov %rdi,%rsp: a stack at the end of all addresses
}

TEST_F(EvaluatorTest, AnyBytesEnd) {
  std::mt19937_64 random(1);
  uint64_t function = process_.function("", std::vector<int>(64, 0x90));
  for (int round = 0; round < 5000; ++round) {
    for (uint64_t i = 0; i < 64; ++i) process_.process.memory_.put(function + i, static_cast<uint8_t>(random()));
    evaluate_call(process_.process.memory_, disassembler_, Address(function), random(), random());
  }
}

TEST(PlaceTest, KnowsCanonicalAddresses) {
  EXPECT_TRUE(is_canonical(0));
  EXPECT_TRUE(is_canonical(0x7fffffffffff));
  EXPECT_FALSE(is_canonical(0x800000000000));
  EXPECT_FALSE(is_canonical(0xffff7fffffffffff));
  EXPECT_TRUE(is_canonical(0xffff800000000000));
}

TEST(PlaceTest, KnowsAnOverflowFromAWildPointer) {
  testing::FakeMemory memory;
  constexpr uint64_t kStart = 0x7ffd00000000, kSize = 8 << 20;
  memory.map(kStart, kSize, 0x1000);
  EXPECT_TRUE(is_stack_overflow(memory, Address(kStart + 8), Address(kStart - 8)));
  EXPECT_TRUE(is_stack_overflow(memory, Address(kStart - 0x100), Address(kStart - 0xf8)));
  EXPECT_FALSE(is_stack_overflow(memory, Address(kStart + kSize - 0x100), Address(kStart - 8)));  // much room is left
  EXPECT_FALSE(is_stack_overflow(memory, Address(kStart + 8), Address(kStart + 16)));             // on the stack
  EXPECT_FALSE(is_stack_overflow(memory, Address(0x1000), Address(0x800)));                       // rsp is elsewhere
  EXPECT_FALSE(is_stack_overflow(memory, Address(UINT64_MAX), Address(0)));
}

TEST(PlaceTest, SaysWhatLiesThere) {
  CodeProcess process;
  process.variable("head", CodeProcess::kData, 0);
  Names names(process.process, process.debug_info);
  auto place = [&](uint64_t address) { return describe_place(names, process.thread(), Address(address)); };
  EXPECT_EQ(place(CodeProcess::kData + 4), "head+4 in program (rw-)");
  EXPECT_EQ(place(CodeProcess::kSp), "the stack (rw-)");
  EXPECT_EQ(place(1ull << 63), "not a canonical address");
  EXPECT_THAT(place(CodeProcess::kData + 0x1010),
              HasSubstr("nothing is mapped there; 16 bytes past the end of program"));
  EXPECT_EQ(place(0x600000000000), "nothing is mapped there");
}

TEST(PlaceTest, KnowsTextFromAPointer) {
  EXPECT_THAT(pointer_look(0x6161616161616161), HasSubstr("\"aaaaaaaa\""));
  EXPECT_THAT(pointer_look(0xdeadbeefdeadbeef + 16), HasSubstr("0xdeadbeef"));
  EXPECT_EQ(pointer_look(0x7ffc00000000), "");
  EXPECT_EQ(pointer_look(0), "");
}

}  // namespace
}  // namespace inquest::crash
