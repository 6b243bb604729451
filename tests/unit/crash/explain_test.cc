// Whole explanations of deaths in functions written byte by byte (Intel SDM volume 2).
#include "postmortem/crash/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/code_process.h"

namespace inquest::crash {
namespace {

using ::testing::AllOf;
using testing::CodeProcess;
using testing::FakeMemory;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kHead = CodeProcess::kData;
constexpr int kSegv = 11, kNotMapped = 1;

std::vector<int> operator+(std::vector<int> left, const std::vector<int>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

const std::vector<int> kLoadHeadToRax = std::vector<int>{0x48, 0x8b, 0x04, 0x25} + CodeProcess::number(kHead);
const std::vector<int> kLoadHeadToRdi = std::vector<int>{0x48, 0x8b, 0x3c, 0x25} + CodeProcess::number(kHead);
const std::vector<int> kHeadAddressToRdi = std::vector<int>{0x48, 0x8d, 0x3c, 0x25} + CodeProcess::number(kHead);
const std::vector<int> kReadThroughRdi = {0x48, 0x8b, 0x07, 0xc3};  // mov (%rdi),%rax; ret
constexpr int kCall = 0xe8, kJump = 0xe9, kReturn = 0xc3;

std::vector<int> to(int opcode, uint64_t target, uint64_t end) {
  return std::vector<int>{opcode} + CodeProcess::number(target - end);
}

class ExplainTest : public ::testing::Test {
 protected:
  Explanation explain_null(uint64_t pc, uint64_t address, const std::vector<uint64_t>& callers = {}) {
    process_.set(Registers::kRip, pc);
    process_.died(kSegv, kNotMapped, address);
    return crash::explain(process_.process, process_.debug_info, process_.thread(), process_.stack(callers));
  }

  CodeProcess process_;
};

TEST_F(ExplainTest, NamesTheGlobalOfANullPointer) {
  process_.variable("head", kHead, 0);
  uint64_t reader = process_.function("reader", kLoadHeadToRax + std::vector<int>{0x48, 0x8b, 0x40, 0x08, kReturn});
  Explanation found = explain_null(reader + 8, 8);
  EXPECT_EQ(found.cause, "SIGSEGV: read of 8 bytes at 0x8: null pointer plus 8");
  EXPECT_EQ(found.detail, "rax, null, was loaded from the global head, in reader");
  EXPECT_EQ(found.kind, "null");
  EXPECT_EQ(found.access, Access::kRead);
  EXPECT_FALSE(found.incomplete);
}

TEST_F(ExplainTest, SaysWhenTheGlobalHoldsAnotherValueByNow) {
  process_.variable("head", kHead, 0x7ffc00000100);
  uint64_t reader = process_.function("reader", kLoadHeadToRax + std::vector<int>{0x48, 0x8b, 0x40, 0x08, kReturn});
  EXPECT_THAT(explain_null(reader + 8, 8).detail, HasSubstr("the global head (which holds another value by now)"));
}

TEST_F(ExplainTest, FollowsAnArgumentToItsCaller) {
  process_.variable("head", kHead, 0);
  uint64_t callee = process_.function("callee", kReadThroughRdi);
  uint64_t caller = callee + 32;
  ASSERT_EQ(process_.function("caller", kLoadHeadToRdi + to(kCall, callee, caller + 13) + std::vector<int>{kReturn}),
            caller);
  EXPECT_EQ(explain_null(callee, 0, {caller + 13}).detail,
            "rdi, null, is argument 1 of callee; passed by caller, where it was loaded from the global head");
}

TEST_F(ExplainTest, FollowsAnArgumentThroughAJump) {
  process_.variable("head", kHead, 0);
  uint64_t callee = process_.function("callee", kReadThroughRdi);
  uint64_t middle = callee + 32;
  ASSERT_EQ(process_.function("middle", kLoadHeadToRdi + to(kJump, callee, middle + 13)), middle);
  uint64_t outer = middle + 32;
  ASSERT_EQ(process_.function("outer", to(kCall, middle, outer + 5) + std::vector<int>{kReturn}), outer);
  EXPECT_EQ(explain_null(callee, 0, {outer + 5}).detail,
            "rdi, null, is argument 1 of callee; passed by middle, where it was loaded from the global head");
}

TEST_F(ExplainTest, DoesNotChooseBetweenTwoJumps) {
  process_.variable("head", kHead, 0);
  uint64_t callee = process_.function("callee", kReadThroughRdi);
  uint64_t middle = callee + 32;
  // je to one jump, else the other
  ASSERT_EQ(process_.function("middle", std::vector<int>{0x74, 0x0d} + kLoadHeadToRdi + to(kJump, callee, middle + 15) +
                                            to(kJump, callee, middle + 20)),
            middle);
  uint64_t outer = middle + 48;
  ASSERT_EQ(process_.function("outer", kLoadHeadToRdi + to(kCall, middle, outer + 13) + std::vector<int>{kReturn}),
            outer);
  EXPECT_EQ(explain_null(callee, 0, {outer + 13}).detail, "rdi, null, is argument 1 of callee");
}

TEST_F(ExplainTest, DoesNotBelieveACallThatWentElsewhere) {
  process_.variable("head", kHead, 0);
  uint64_t callee = process_.function("callee", kReadThroughRdi);
  uint64_t other = process_.function("other", {kReturn});
  uint64_t pointer = kHead + 0x100;
  process_.variable("", pointer, other);
  // mov head,%rdi; call *pointer
  uint64_t caller = process_.function("caller", kLoadHeadToRdi + std::vector<int>{0xff, 0x14, 0x25} +
                                                    CodeProcess::number(pointer) + std::vector<int>{kReturn});
  EXPECT_EQ(explain_null(callee, 0, {caller + 15}).detail, "rdi, null, is argument 1 of callee");
  process_.variable("", pointer, callee);
  EXPECT_THAT(explain_null(callee, 0, {caller + 15}).detail,
              HasSubstr("passed by caller, where it was loaded from the global head"));
}

// again: mov (%rdi),%rax; mov 8(%rdi),%rdi; jmp again
const std::vector<int> kWalk = {0x48, 0x8b, 0x07, 0x48, 0x8b, 0x7f, 0x08, 0xeb, 0xf7};

TEST_F(ExplainTest, TellsAListsEndFromItsStart) {
  uint64_t walk = process_.function("walk", kWalk);
  EXPECT_EQ(
      explain_null(walk, 0).detail,
      "rdi, null, was loaded from the field at offset 8 of what it pointed to in the round before, or is argument 1 "
      "of walk");
}

TEST_F(ExplainTest, DropsAStartThatWasNotNull) {
  process_.variable("head", kHead, 0);
  uint64_t walk = process_.function("walk", kWalk);
  uint64_t caller = walk + 32;
  ASSERT_EQ(process_.function("caller", kHeadAddressToRdi + to(kCall, walk, caller + 13) + std::vector<int>{kReturn}),
            caller);
  EXPECT_EQ(
      explain_null(walk, 0, {caller + 13}).detail,
      "rdi, null, was loaded from the field at offset 8 of what it pointed to in the round before (at first argument 1 "
      "of walk), in walk");
}

TEST_F(ExplainTest, AddsTwoRegisters) {
  process_.set(Registers::kRsi, 0x10);
  process_.set(Registers::kRax, 0x7f0000000010);
  // lea (%rdi,%rsi),%rax; mov (%rax),%rax
  uint64_t adder = process_.function("adder", {0x48, 0x8d, 0x04, 0x37, 0x48, 0x8b, 0x00, kReturn});
  Explanation found = explain_null(adder + 4, 0x7f0000000010);
  EXPECT_THAT(found.cause, HasSubstr("read of 8 bytes at 0x7f0000000010: nothing is mapped there"));
  EXPECT_THAT(found.detail, HasSubstr("is argument 1 of adder plus argument 2 of adder"));
}

TEST_F(ExplainTest, RefusesToExplainCodeThatIsNotThere) {
  process_.function("reader", kReadThroughRdi);
  process_.process.memory_.cut(CodeProcess::kCode, 0);
  Explanation found = explain_null(CodeProcess::kCode, 0x10);
  EXPECT_TRUE(found.incomplete);
  EXPECT_THAT(found.cause, AllOf(HasSubstr("0x10"), HasSubstr("null")));
  EXPECT_THAT(found.detail, HasSubstr("cannot be read"));
}

TEST_F(ExplainTest, AdmitsThatTheRegistersDoNotFit) {
  process_.set(Registers::kRdi, kHead);
  uint64_t reader = process_.function("reader", kReadThroughRdi);
  Explanation found = explain_null(reader, 0x123456789);
  EXPECT_TRUE(found.incomplete);
  EXPECT_THAT(found.detail, Not(HasSubstr("loaded")));
}

// What the kernel leaves below the stack pointer when a handler has returned (struct rt_sigframe): ucontext and
// siginfo.
TEST_F(ExplainTest, FindsTheSenderOfASignalThatItsHandlerRaisedAnew) {
  using R = Registers;
  constexpr R::Index kSaved[] = {R::kR8,  R::kR9,  R::kR10, R::kR11, R::kR12, R::kR13, R::kR14, R::kR15, R::kRdi,
                                 R::kRsi, R::kRbp, R::kRbx, R::kRdx, R::kRax, R::kRcx, R::kRsp, R::kRip};
  constexpr uint64_t kContext = CodeProcess::kSp - 0x600;
  FakeMemory& memory = process_.process.memory_;
  constexpr int kSentByKill = 0, kSentByTgkill = -6;
  uint64_t worker = process_.function("worker", {0x31, 0xc0, kReturn});  // xor %eax,%eax: nothing here can fault
  process_.set(R::kRip, worker);
  process_.set(R::kR12, 0x1234);
  for (size_t i = 0; i < std::size(kSaved); ++i)
    memory.put(kContext + 40 + 8 * i, process_.thread().registers.gpr[kSaved[i]]);
  memory.put(kContext + 304, kSegv);
  memory.put(kContext + 304 + 8, kSentByKill);
  memory.put(kContext + 304 + 16, 4711);
  process_.died(kSegv, kSentByTgkill, std::nullopt);
  process_.process.facts_.pid = 77;
  process_.process.facts_.sender_pid = 77;
  auto explain = [&] {
    return crash::explain(process_.process, process_.debug_info, process_.thread(), process_.stack({}));
  };
  EXPECT_EQ(explain().cause, "SIGSEGV: from outside the program's code: sent by process 4711 of user 0");
  EXPECT_THAT(explain().remarks, ::testing::Contains("A handler ran for this signal and raised SIGSEGV anew."));
  process_.set(R::kR12, 0x1235);  // now it was another moment
  EXPECT_THAT(explain().cause, HasSubstr("the process sent it to itself"));
}

TEST(HostileCodeTest, AnyBytesAreExplainedSomehow) {
  std::mt19937_64 random(1);
  size_t explained = 0;
  for (int round = 0; round < 300; ++round) {
    CodeProcess process;
    std::vector<int> bytes(400);
    for (int& byte : bytes) byte = static_cast<int>(random() % 256);
    uint64_t function = process.function("noise", bytes);
    for (size_t i = 0; i < Registers::kCount; ++i)
      process.thread().registers.gpr[i] = random() % 3 ? random() : CodeProcess::kData + random() % 0x1000;
    process.set(Registers::kRip, function + random() % bytes.size());
    if (round % 2) process.set(Registers::kRsp, CodeProcess::kSp);
    constexpr int kSignals[] = {4, 5, 6, 7, 8, 11};
    process.died(kSignals[round % 6], static_cast<int>(random() % 4), random());
    Explanation found =
        explain(process.process, process.debug_info, process.thread(), process.stack({function + 7, function + 300}));
    EXPECT_FALSE(found.cause.empty());
    EXPECT_FALSE(found.kind.empty());
    explained += !found.incomplete;
  }
  EXPECT_GT(explained, 0u);
}

}  // namespace
}  // namespace inquest::crash
