#include "ncurses_probes/attach/usdt_notes.h"

#include <gtest/gtest.h>

namespace inquest::probes {
namespace {

inquest_operand parsed(std::string_view word) {
  auto operand = parse_operand(word);
  EXPECT_TRUE(operand.has_value()) << word;
  return operand.value_or(inquest_operand{});
}

TEST(UsdtNotes, Registers) {
  inquest_operand wide = parsed("8@%rdi"), narrow = parsed("-4@%r12d"), byte = parsed("1@%dl"), bare = parsed("%rsi");
  EXPECT_EQ(wide.kind, INQUEST_REGISTER);
  EXPECT_EQ(wide.base, INQUEST_DI);
  EXPECT_EQ(wide.size, 8);
  EXPECT_FALSE(wide.is_signed);
  EXPECT_EQ(narrow.base, INQUEST_R12);
  EXPECT_EQ(narrow.size, 4);
  EXPECT_TRUE(narrow.is_signed);
  EXPECT_EQ(byte.base, INQUEST_DX);
  EXPECT_EQ(byte.size, 1);
  EXPECT_EQ(bare.base, INQUEST_SI);
}

TEST(UsdtNotes, ConstantsAndMemory) {
  inquest_operand constant = parsed("-4@$-17"), stack = parsed("-8@-80(%rbx)"), plain = parsed("4@(%rax)");
  inquest_operand indexed = parsed("8@0x10(%rbx,%r9,4)");
  EXPECT_EQ(constant.kind, INQUEST_CONSTANT);
  EXPECT_EQ(constant.value, -17);
  EXPECT_EQ(stack.kind, INQUEST_MEMORY);
  EXPECT_EQ(stack.base, INQUEST_BX);
  EXPECT_EQ(stack.value, -80);
  EXPECT_EQ(stack.scale, 0);
  EXPECT_EQ(plain.value, 0);
  EXPECT_EQ(indexed.value, 16);
  EXPECT_EQ(indexed.index, INQUEST_R9);
  EXPECT_EQ(indexed.scale, 4);
}

TEST(UsdtNotes, WhatCannotBeRead) {
  for (const char* word : {"", "@", "8@", "8f@%xmm0", "8@%xmm0", "1@%ah", "3@%rax", "8@symbol(%rip)", "8@4(%rip)",
                           "8@(%rax", "8@(%rax,%rbx,3)", "8@$", "8@4(%rax)x", "99999999999999999999@%rax"})
    EXPECT_FALSE(parse_operand(word).has_value()) << word;
  // The rest keep their numbers, so the list ends before it.
  EXPECT_EQ(parse_operands("8@%rdi 8@%xmm0 8@%rsi").size(), 1u);
  EXPECT_EQ(parse_operands("8@%rdi -4@%esi  1@$1 8@%r8 8@%r9 8@%r10 8@%r11 8@%r12").size(),
            size_t{INQUEST_MAX_OPERANDS});
}

}  // namespace
}  // namespace inquest::probes
