#include "v8/frames/safepoint_table.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace inquest::v8 {
namespace {

using enum SafepointLayout;

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

TEST(Safepoints, RowsOfWords) {
  auto table = bytes({3, 0, 0, 0, 1,    0,    0,    0,                             // three rows, bitmaps of a byte
                      7, 1, 0, 0, 5,    0,    0,    0x10, 0x20, 1,    0,    0,     // flags above the index
                      9, 1, 0, 0, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff,  // no index
                      9, 2, 0, 0, 6,    0,    0,    0,    0x30, 2,    0,    0,    0, 0, 0});
  auto found = find_safepoint(table, kWords, 0x107);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->deopt_index, 5u);
  found = find_safepoint(table, kWords, 0x109);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->deopt_index);
  found = find_safepoint(table, kWords, 0x230);
  ASSERT_TRUE(found) << "a trampoline";
  EXPECT_EQ(found->pc, 0x209u);
  EXPECT_EQ(found->deopt_index, 6u);
  EXPECT_FALSE(find_safepoint(table, kWords, 0x108));
}

// Configuration 0x4a1: deopt data, no register indexes, pc of 2 bytes, deopt index of 1, bitmaps of 1.
TEST(Safepoints, PackedRows) {
  auto older = bytes({2, 0, 0, 0, 0xa1, 4, 0, 0, 7, 1, 9, 0x31, 2, 9, 1, 0, 0, 0, 0, 0});
  auto found = find_safepoint(older, kPacked, 0x107);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->deopt_index, 8u);
  EXPECT_EQ(find_safepoint(older, kPacked, 0x230)->pc, 0x107u) << "a trampoline";
  ASSERT_TRUE(find_safepoint(older, kPacked, 0x109));
  EXPECT_FALSE(find_safepoint(older, kPacked, 0x109)->deopt_index);
  auto newer = bytes({8, 0, 0, 0, 1, 0, 0, 0, 0xa1, 4, 0, 0, 7, 1, 9, 0, 0, 0});
  EXPECT_EQ(find_safepoint(newer, kPackedWithSlots, 0x107)->deopt_index, 8u);
}

TEST(Safepoints, MaglevWithAndWithoutStackSlots) {
  auto older = bytes({2, 0, 0, 0, 0xa1, 0, 0, 0, 2,    0,    0, 0, 1, 0, 0, 0,  //
                      7, 1, 9, 0, 0,    0, 8, 1, 0x0a, 0x97, 2, 0});
  EXPECT_EQ(find_safepoint(older, kMaglev, 0x107)->deopt_index, 8u);
  EXPECT_EQ(find_safepoint(older, kMaglev, 0x108)->deopt_index, 9u);
  EXPECT_FALSE(find_safepoint(older, kMaglev, 0x109));
  auto newer = bytes({8, 0, 0, 0, 1, 0, 0, 0, 0xa1, 0, 0, 0, 2, 0, 0, 0, 7, 1, 9, 0, 0, 0});
  EXPECT_EQ(find_safepoint(newer, kMaglevWithSlots, 0x107)->deopt_index, 8u);
}

TEST(Safepoints, DamagedTables) {
  for (SafepointLayout layout : {kWords, kPacked, kPackedWithSlots, kMaglev, kMaglevWithSlots}) {
    EXPECT_FALSE(find_safepoint({}, layout, 1));
    EXPECT_FALSE(
        find_safepoint(bytes({1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}), layout, 1));
    EXPECT_FALSE(find_safepoint(bytes({0xff, 0xff, 0xff, 0xff, 0xa1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}), layout, 1));
  }
  auto descending = bytes({2, 0, 0, 0, 0xa1, 0, 0, 0, 8, 1, 9, 0, 0, 7, 1, 9, 0, 0});
  EXPECT_FALSE(find_safepoint(descending, kPacked, 0x107));
}

}  // namespace
}  // namespace inquest::v8
