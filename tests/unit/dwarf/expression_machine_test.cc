#include "postmortem/elf/expression_machine.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace inquest::elf {
namespace {

class NoMemory : public MemoryReader {
 public:
  std::span<const std::byte> view(Address, uint64_t) const override { return {}; }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  std::vector<MemoryRegion> regions_;
};

struct Outcome {
  std::optional<uint64_t> top;
  ExpressionMachine::Failure failure;
};

Outcome run(std::initializer_list<int> bytes) {
  std::vector<std::byte> expression;
  for (int byte : bytes) expression.push_back(static_cast<std::byte>(byte));
  NoMemory memory;
  FrameRegisters registers;
  registers.set(Registers::kRbp, 0x1000);
  ExpressionMachine machine(expression, registers, memory);
  bool ok = machine.run();
  return {ok ? machine.top() : std::nullopt, machine.failure()};
}

using Failure = ExpressionMachine::Failure;

TEST(ExpressionMachine, ComputesAsTheStandardSays) {
  EXPECT_EQ(run({0x76, 0x70}).top, 0xff0u);                       // DW_OP_breg6 -16
  EXPECT_EQ(run({0x35, 0x33, 0x1c}).top, 2u);                     // lit5 lit3 minus
  EXPECT_EQ(run({0x09, 0xf8, 0x32, 0x1b}).top, uint64_t{0} - 4);  // const1s -8, lit2, div (signed)
  EXPECT_EQ(run({0x31, 0x28, 1, 0, 0x00, 0x37}).top, 7u);         // lit1 bra over a byte that is no operation
  EXPECT_EQ(run({0x31, 0x32, 0x33, 0x17, 0x22}).top, 3u);         // DWARF 5, 2.5.1.3: rot makes it 3 1 2
}

TEST(ExpressionMachine, TellsWhyThereIsNoValue) {
  EXPECT_EQ(run({0x75, 0}).failure, Failure::kRegister);        // rdi is not known
  EXPECT_EQ(run({0x92, 17, 0}).failure, Failure::kNoRegister);  // xmm0
  EXPECT_EQ(run({0x30, 0x06}).failure, Failure::kMemory);       // lit0 deref
}

TEST(ExpressionMachine, SurvivesHostileBytes) {
  EXPECT_EQ(run({0x22}).failure, Failure::kDamaged);                          // plus on an empty stack
  EXPECT_EQ(run({0x2f, 0xfd, 0xff}).failure, Failure::kDamaged);              // skip to itself, for ever
  EXPECT_EQ(run({0x2f, 0x00, 0x80}).failure, Failure::kDamaged);              // skip to before the start
  EXPECT_EQ(run({0x31, 0x12, 0x2f, 0xfc, 0xff}).failure, Failure::kDamaged);  // a dup per round
  EXPECT_EQ(run({0x31, 0x30, 0x1b}).failure, Failure::kDamaged);              // division by zero
  EXPECT_EQ(run({0x0e, 1, 2}).failure, Failure::kDamaged);                    // cut in an operand
  EXPECT_EQ(run({0xff}).failure, Failure::kDamaged);
}

}  // namespace
}  // namespace inquest::elf
