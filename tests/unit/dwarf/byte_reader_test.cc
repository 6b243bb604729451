#include "postmortem/dwarf/byte_reader.h"

#include <gtest/gtest.h>

#include <vector>

#include "postmortem/dwarf/interval_map.h"

namespace inquest::dwarf {
namespace {

Bytes view(const std::vector<uint8_t>& bytes) { return std::as_bytes(std::span(bytes)); }

TEST(ByteReader, Leb128) {
  std::vector<uint8_t> bytes = {0x7f, 0x80, 0x01, 0xe5, 0x8e, 0x26, 0x80, 0x7f, 0x7e};  // DWARF 5, 7.6: examples
  ByteReader reader(view(bytes));
  EXPECT_EQ(reader.uleb(), 127u);
  EXPECT_EQ(reader.uleb(), 128u);
  EXPECT_EQ(reader.uleb(), 624485u);
  EXPECT_EQ(reader.sleb(), -128);
  EXPECT_EQ(reader.sleb(), -2);
  EXPECT_TRUE(reader.ok() && reader.at_end());
}

TEST(ByteReader, RefusesMoreThan64BitsAndReadsPastTheEnd) {
  std::vector<uint8_t> big(9, 0xff);
  big.push_back(0x02);
  ByteReader reader(view(big));
  reader.uleb();
  EXPECT_FALSE(reader.ok());
  std::vector<uint8_t> endless(4, 0x80), three = {1, 2, 3};
  ByteReader cut(view(endless));
  cut.uleb();
  EXPECT_FALSE(cut.ok());
  ByteReader small(view(three));
  EXPECT_EQ(small.u32(), 0u);
  EXPECT_FALSE(small.ok());
  EXPECT_FALSE(ByteReader(view(three), 4).ok());
}

TEST(IntervalMap, InnermostWins) {
  IntervalMap<int> map;
  map.add(10, 100, 1);
  map.add(20, 50, 2);
  map.add(20, 30, 3);
  map.add(60, 60, 4);
  map.build();
  auto at = [&](uint64_t address) { return map.find(address) ? *map.find(address) : 0; };
  EXPECT_EQ(at(9), 0);
  EXPECT_EQ(at(10), 1);
  EXPECT_EQ(at(20), 3);
  EXPECT_EQ(at(30), 2);
  EXPECT_EQ(at(50), 1);
  EXPECT_EQ(at(60), 1);
  EXPECT_EQ(at(100), 0);
}

}  // namespace
}  // namespace inquest::dwarf
