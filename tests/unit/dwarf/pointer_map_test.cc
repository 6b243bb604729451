#include "postmortem/dwarf/pointer_map.h"

#include <gtest/gtest.h>

#include <vector>

#include "postmortem/dwarf/interval_map.h"

namespace inquest::dwarf {
namespace {

TEST(PointerMap, KeepsWhatWasPutInWhileItGrows) {
  std::vector<int> values(10'000);
  PointerMap<int> map;
  EXPECT_EQ(map.find(1), nullptr);
  // Neighbours, and keys that differ in high bits only.
  auto key = [](size_t i) { return i % 2 ? i + 1 : uint64_t{i + 1} << 40; };
  for (size_t i = 0; i < values.size(); ++i) {
    const int*& place = map[key(i)];
    EXPECT_EQ(place, nullptr);
    place = &values[i];
  }
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(map.find(key(i)), &values[i]);
    EXPECT_EQ(map[key(i)], &values[i]);
  }
  EXPECT_EQ(map.find(values.size() + 2), nullptr);
}

TEST(IntervalMap, GapsLieBetweenTwoRanges) {
  IntervalMap<int> map;
  map.add(0x10, 0x20, 1);
  map.add(0x28, 0x30, 2);
  map.add(0x30, 0x40, 3);
  map.build();
  using Gap = std::pair<uint64_t, uint64_t>;
  EXPECT_EQ(map.gap_at(0x20), Gap(0x20, 0x28));
  EXPECT_EQ(map.gap_at(0x27), Gap(0x20, 0x28));
  for (uint64_t address : {0x0, 0xf, 0x10, 0x1f, 0x28, 0x30, 0x3f, 0x40, 0x1000})
    EXPECT_FALSE(map.gap_at(address)) << address;
}

}  // namespace
}  // namespace inquest::dwarf
