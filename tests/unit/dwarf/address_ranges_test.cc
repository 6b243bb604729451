#include "postmortem/dwarf/address_ranges.h"

#include <gtest/gtest.h>

#include <vector>

namespace inquest::dwarf {
namespace {

// DWARF 5, 6.1.2, in the 32-bit format: a header of 12 bytes, 4 to the first multiple of 16, pairs of address and size.
class AddressRangesTest : public testing::Test {
 protected:
  void add(uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  void add_set(uint32_t unit, const std::vector<AddressRange>& pairs) {
    add(12 + 16 * pairs.size(), 4);
    add(2, 2);
    add(unit, 4);
    add(8, 1);
    add(0, 1);
    add(0, 4);
    for (const AddressRange& pair : pairs) {
      add(pair.low, 8);
      add(pair.high, 8);  // the size
    }
  }

  std::vector<std::byte> bytes_;
};

TEST_F(AddressRangesTest, SetsAreReadOneAfterTheOther) {
  add_set(0x40, {{0x1000, 0x20}, {0, 0x30}, {0x2000, 0}, {0x3000, 1}, {0, 0}});
  add_set(0x80, {{0, 0}});
  add_set(0xc0, {{0x1020, 0x10}, {UINT64_MAX - 1, 5}, {0, 0}});
  auto units = read_address_ranges(bytes_);
  ASSERT_EQ(units.size(), 3U);
  EXPECT_EQ(units[0].unit, 0x40U);
  ASSERT_EQ(units[0].ranges.size(), 2U);
  EXPECT_EQ(units[0].ranges[0].low, 0x1000U);
  EXPECT_EQ(units[0].ranges[0].high, 0x1020U);
  EXPECT_EQ(units[0].ranges[1].high, 0x3001U);
  EXPECT_TRUE(units[1].ranges.empty());
  ASSERT_EQ(units[2].ranges.size(), 1U);
  EXPECT_EQ(units[2].ranges[0].low, 0x1020U);
}

TEST_F(AddressRangesTest, EndsAtDamage) {
  add_set(0x40, {{0x1000, 0x20}, {0, 0}});
  size_t sound = bytes_.size();
  for (size_t cut = 0; cut < sound; ++cut)
    EXPECT_LE(read_address_ranges(elf::Bytes(bytes_).first(cut)).size(), 1U) << cut;
  add(0xffffffff, 4);  // the 64-bit format, longer than there is
  add(UINT64_MAX, 8);
  EXPECT_EQ(read_address_ranges(bytes_).size(), 1U);
  bytes_.resize(sound);
  add(0, 4);  // a set of no bytes leads nowhere
  add_set(0x80, {{0x2000, 0x20}});
  EXPECT_EQ(read_address_ranges(bytes_).size(), 1U);
}

}  // namespace
}  // namespace inquest::dwarf
