#include "v8/frames/deopt_points.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace inquest::v8 {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

// Configuration 0xa1: deopt data, no register indexes, pc of 2 bytes, deopt index of 1.
TEST(MaglevSafepoints, HeaderWithAndWithoutStackSlots) {
  auto older = bytes({2, 0, 0, 0, 0xa1, 0, 0, 0, 2,    0,    0, 0, 1, 0, 0, 0,  //
                      7, 1, 9, 0, 0,    0, 8, 1, 0x0a, 0x97, 2, 0});
  EXPECT_EQ(maglev_deopt_index(older, 0x107), 8u);
  EXPECT_EQ(maglev_deopt_index(older, 0x108), 9u);
  EXPECT_FALSE(maglev_deopt_index(older, 0x109));
  auto newer = bytes({8, 0, 0, 0, 1, 0, 0, 0, 0xa1, 0, 0, 0, 2, 0, 0, 0, 7, 1, 9, 0, 0, 0});
  EXPECT_EQ(maglev_deopt_index(newer, 0x107), 8u);
}

TEST(MaglevSafepoints, DamagedTables) {
  EXPECT_FALSE(maglev_deopt_index({}, 1));
  EXPECT_FALSE(maglev_deopt_index(bytes({9, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}), 1));
  EXPECT_FALSE(maglev_deopt_index(bytes({9, 0, 0, 0, 0xa1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}), 1));
}

TEST(Translations, TheOutermostFrame) {
  // BEGIN 14, distance 0, two frames (signed), two of JavaScript, frame of kind 1: offset 18, literal 1; then one that
  // repeats it (47: repeat).
  auto table = bytes({14, 0, 4, 4, 1, 36, 2, 0, 4, 38, 4, 14, 11, 2, 2, 47, 9});
  auto frame = outermost_frame(table, 0);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->frames, 2);
  EXPECT_EQ(frame->bytecode_offset, 18);
  EXPECT_EQ(frame->function, 1);
  frame = outermost_frame(table, 11);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->frames, 1);
  EXPECT_EQ(frame->bytecode_offset, 18);
  EXPECT_FALSE(outermost_frame(table, 17));
  EXPECT_FALSE(outermost_frame(bytes({14, 0, 2, 2, 47, 9}), 0));
  EXPECT_FALSE(outermost_frame(bytes({14, 9, 2, 2, 47, 9}), 0));
}

}  // namespace
}  // namespace inquest::v8
