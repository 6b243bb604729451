#include "v8/heap/per_map.h"

#include <gtest/gtest.h>

#include <map>

namespace inquest::v8 {
namespace {

TEST(PerMapTest, KeepsWhatWasWrittenAndStartsFresh) {
  PerMap<uint64_t> values;
  values[7] += 3;
  values[7] += 4;
  values[800'000] = 5;
  EXPECT_EQ(values[7], 7u);
  EXPECT_EQ(values[8], 0u);
  EXPECT_EQ(values[800'000], 5u);
}

// 200 isolates with 4,000 maps each: what is kept grows with what each isolate has, not with all of them.
TEST(PerMapTest, HoldsOnlyTheBlocksThatWereWritten) {
  PerMap<uint64_t> values;
  values[300] = 1;
  values[1'000'000] = 2;
  std::map<uint32_t, uint64_t> seen;
  size_t visited = 0;
  uint32_t last = 0;
  values.for_each([&](uint32_t index, uint64_t value) {
    EXPECT_TRUE(visited == 0 || index > last);
    last = index;
    ++visited;
    if (value != 0) seen[index] = value;
  });
  EXPECT_EQ(seen, (std::map<uint32_t, uint64_t>{{300, 1}, {1'000'000, 2}}));
  EXPECT_LE(visited, 1000u);
}

}  // namespace
}  // namespace inquest::v8
