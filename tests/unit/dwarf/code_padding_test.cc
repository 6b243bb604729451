// The instructions are those that GNU as and LLVM put between functions (.p2align), as objdump -d shows them.
#include "postmortem/dwarf/code_padding.h"

#include <gtest/gtest.h>

#include <vector>

namespace inquest::dwarf {
namespace {

bool is_padding(const std::vector<uint8_t>& code) { return dwarf::is_padding(std::as_bytes(std::span(code))); }

TEST(CodePadding, NopsOfEveryLength) {
  const std::vector<std::vector<uint8_t>> nops = {
      {0x90},
      {0x66, 0x90},
      {0x0f, 0x1f, 0x00},
      {0x0f, 0x1f, 0x40, 0x00},
      {0x0f, 0x1f, 0x44, 0x00, 0x00},
      {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
      {0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00},
      {0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
      {0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
      {0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
      {0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00},
      {0xcc},
  };
  std::vector<uint8_t> all;
  for (const auto& nop : nops) {
    EXPECT_TRUE(is_padding(nop)) << nop.size();
    std::vector<uint8_t> cut(nop.begin(), nop.end() - 1);
    EXPECT_EQ(is_padding(cut), false) << nop.size();
    all.insert(all.end(), nop.begin(), nop.end());
  }
  EXPECT_TRUE(is_padding(all));
}

TEST(CodePadding, WhatDoesSomethingIsNone) {
  EXPECT_FALSE(is_padding({}));
  EXPECT_FALSE(is_padding({0xc3})) << "ret";
  EXPECT_FALSE(is_padding({0x90, 0xf3, 0xc3})) << "nop; repz ret";
  EXPECT_FALSE(is_padding({0x66})) << "a prefix alone";
  EXPECT_FALSE(is_padding({0x0f, 0x1e, 0xfa})) << "no nopl";
  EXPECT_FALSE(is_padding({0x00, 0x00}));
}

}  // namespace
}  // namespace inquest::dwarf
