#include "v8/heap/walker.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakePage;
using inquest::testing::smi;
using inquest::testing::V8Builder;
namespace type = inquest::testing::type;
using ::testing::ElementsAre;

class Walk : public ::testing::Test {
 protected:
  explicit Walk(Space space = Space::kOld, inquest::testing::PageSpec spec = {}) : page(v8.add_page(space, spec)) {}

  /// Appends an array of `length` Smis and returns its untagged address.
  uint64_t array(int32_t length, FakePage* where = nullptr) {
    std::vector<uint64_t> words = {v8.root("fixed_array_map"), smi(length)};
    for (int32_t i = 0; i < length; ++i) words.push_back(smi(i + 1));
    return v8.add(where ? *where : page, words) - 1;
  }
  uint64_t garbage(size_t words) { return v8.add(page, std::vector<uint64_t>(words, 0xfefefefefefefefd)) - 1; }

  /// Addresses of the objects met, by one walk over `page`.
  std::vector<uint64_t> walk(const std::vector<LinearArea>& areas = {}) {
    heap = v8.open();
    MapCache maps = heap->new_map_cache();
    Walker walker = heap->new_walker(maps);
    const Page& real = *heap->pages().page_of(page.chunk);
    std::vector<uint64_t> met;
    stats = {};
    last_size = 0;
    walker.walk(real, areas, stats, [&](uint64_t address, const MapInfo&, uint64_t size, const std::byte* bytes) {
      EXPECT_GE(address, real.area_start.value());
      EXPECT_LE(address + size, real.area_end.value());
      EXPECT_EQ(bytes, real.data + (address - real.area_start.value()));
      met.push_back(address);
      last_size = size;
    });
    if (!real.large) {
      EXPECT_EQ(stats.bytes + stats.unused + stats.not_parsed, real.area_size()) << "every byte once";
    }
    EXPECT_EQ(stats.objects, met.size());
    return met;
  }
  uint64_t tail() const { return page.area_end - page.top; }

  V8Builder v8;
  FakePage& page;
  std::unique_ptr<Heap> heap;
  WalkStats stats;
  uint64_t last_size = 0;
};

TEST_F(Walk, MeetsEachObjectOnceAndCountsTheZeroTail) {
  uint64_t a = array(3), filler = v8.add(page, {v8.root("one_pointer_filler_map")}) - 1, b = array(0);
  uint64_t number = v8.add(page, {v8.root("heap_number_map"), 0x400921fb54442d18}) - 1;
  EXPECT_THAT(walk(), ElementsAre(a, filler, b, number));
  EXPECT_EQ(stats.bytes, page.top - page.area_start);
  EXPECT_EQ(stats.unused, tail());
  EXPECT_EQ(stats.not_parsed, 0u);
  EXPECT_EQ(stats.bad_regions, 0u);
}

TEST_F(Walk, AnEmptyPageIsUnused) {
  EXPECT_THAT(walk(), ElementsAre());
  EXPECT_EQ(stats.unused, page.area_end - page.area_start);
}

TEST_F(Walk, AnAllocationAreaIsSkippedExactlyAtItsTop) {
  uint64_t a = array(3), top = garbage(9), limit = page.top, b = array(1);
  EXPECT_THAT(walk({{top, limit}}), ElementsAre(a, b));
  EXPECT_EQ(stats.unused, limit - top + tail());
  EXPECT_EQ(stats.not_parsed, 0u);

  EXPECT_THAT(walk(), ElementsAre(a, b)) << "without it the same bytes are bad";
  EXPECT_EQ(stats.not_parsed, limit - top);
  EXPECT_EQ(stats.bad_regions, 1u);
}

TEST_F(Walk, StaleObjectsInsideAnAllocationAreaDoNotCount) {
  uint64_t a = array(3), top = array(4);
  array(2);
  uint64_t limit = page.top, b = array(1);
  EXPECT_THAT(walk({{top, limit}}), ElementsAre(a, b));
  EXPECT_EQ(stats.unused, limit - top + tail());
}

TEST_F(Walk, AnAllocationAreaMayReachTheEndOfThePage) {
  uint64_t a = array(3), top = garbage(9);
  EXPECT_THAT(walk({{top, page.area_end}}), ElementsAre(a));
  EXPECT_EQ(stats.unused, page.area_end - top);
}

TEST_F(Walk, AnAllocationAreaMayBeEmpty) {
  uint64_t a = array(3), b = array(1);
  EXPECT_THAT(walk({{b, b}}), ElementsAre(a, b));
  EXPECT_THAT(walk({{page.area_end, page.area_end}}), ElementsAre(a, b));
}

TEST_F(Walk, AnAllocationAreaWhoseLimitLeadsNowhereIsIgnored) {
  uint64_t a = array(3), b = array(5), c = array(1);
  EXPECT_THAT(walk({{b, b + 24}}), ElementsAre(a, b, c));
  EXPECT_EQ(stats.not_parsed, 0u);
  EXPECT_THAT(walk({{b, page.area_end + 8}}), ElementsAre(a, b, c));
  EXPECT_EQ(stats.not_parsed, 0u);
}

TEST_F(Walk, NoObjectReachesIntoAnAllocationArea) {
  uint64_t a = array(3), top = page.top, last = page.top;
  garbage(4);
  v8.put(a + 8, smi(5));  // the array says that it goes on behind top, to where nothing begins
  uint64_t b = array(1);
  EXPECT_THAT(walk({{top, last + 32}}), ElementsAre(b));
  EXPECT_EQ(stats.not_parsed, top - a);
}

TEST_F(Walk, AnObjectThatCrossesTheTopOfAnAreaAndLeadsOnProvesItNone) {
  uint64_t a = array(10), b = array(1);
  EXPECT_THAT(walk({{a + 32, a + 64}}), ElementsAre(a, b));
  EXPECT_EQ(stats.not_parsed, 0u);
}

TEST_F(Walk, ACorruptMapWordCostsThatObjectOnly) {
  uint64_t a = array(3), b = array(7), c = array(2);
  v8.put(b, 0x1234567);
  EXPECT_THAT(walk(), ElementsAre(a, c));
  EXPECT_EQ(stats.not_parsed, c - b);
  EXPECT_EQ(stats.bad_regions, 1u);
}

TEST_F(Walk, ResyncWantsTwoObjectsInARow) {
  uint64_t a = array(3), b = array(7), c = array(2);
  v8.put(b, 0x1234567);
  v8.put(b + 24, v8.root("fixed_array_map"));  // a word that is a map, followed by a length that leads nowhere
  v8.put(b + 32, smi(1));
  EXPECT_THAT(walk(), ElementsAre(a, c));
  EXPECT_EQ(stats.not_parsed, c - b);
}

TEST_F(Walk, GarbageUpToTheEndIsCountedToTheByte) {
  uint64_t a = array(3), bad = garbage((page.area_end - page.top) / 8);
  EXPECT_THAT(walk(), ElementsAre(a));
  EXPECT_EQ(stats.not_parsed, page.area_end - bad);
  EXPECT_EQ(stats.bad_regions, 1u);
}

TEST_F(Walk, ASizeBeyondTheAreaIsNotBelieved) {
  uint64_t a = array(3), b = array(4), c = array(1);
  for (int32_t length : {1 << 20, -1, 0x7fffffff}) {
    v8.put(b + 8, smi(length));
    EXPECT_THAT(walk(), ElementsAre(a, c)) << length;
    EXPECT_EQ(stats.not_parsed, c - b) << length;
  }
}

TEST_F(Walk, ASizeThatIsNoMultipleOfAWordIsNotBelieved) {
  uint64_t a = array(3), free = v8.add(page, {v8.root("free_space_map"), smi(20), 0xd1}) - 1, b = array(1);
  EXPECT_THAT(walk(), ElementsAre(a, b));
  EXPECT_EQ(stats.not_parsed, b - free);
}

TEST_F(Walk, FreeSpaceIsAnObject) {
  uint64_t free = v8.add(page, {v8.root("free_space_map"), smi(64), 1, 2, 3, 4, 5, 6}) - 1, a = array(1);
  EXPECT_THAT(walk(), ElementsAre(free, a));
}

TEST_F(Walk, AMovedObjectIsPassedOverByTheSizeOfItsCopy) {
  FakePage& to = v8.add_page(Space::kOld);
  uint64_t copy = array(5, &to);
  uint64_t a = array(3), moved = array(5), b = array(1);
  v8.put(moved, copy);  // untagged
  EXPECT_THAT(walk(), ElementsAre(a, b));
  EXPECT_EQ(stats.forwarded, 1u);
  EXPECT_EQ(stats.not_parsed, 0u);
}

TEST_F(Walk, AForwardingAddressThatLeadsNowhereIsBad) {
  uint64_t a = array(3), moved = array(5), b = array(1);
  for (uint64_t target : {moved, b + 8, page.chunk + 8, page.area_end, uint64_t{0x7fff00000000}, b + 4}) {
    v8.put(moved, target);
    EXPECT_THAT(walk(), ElementsAre(a, b)) << std::hex << target;
    EXPECT_EQ(stats.forwarded, 0u);
    EXPECT_EQ(stats.not_parsed, b - moved);
  }
}

TEST_F(Walk, UnknownKindsEndAtTheNextMap) {
  uint64_t scope = v8.add(page, {v8.root("scope_info_map"), smi(3), smi(0), smi(2), smi(9)}) - 1, b = array(1);
  EXPECT_THAT(walk(), ElementsAre(scope, b));
}

TEST_F(Walk, UnknownKindsEndAtAnAllocationArea) {
  uint64_t scope = v8.add(page, {v8.root("scope_info_map"), smi(3), smi(1)}) - 1, top = garbage(6);
  uint64_t limit = page.top, b = array(1);
  EXPECT_THAT(walk({{top, limit}}), ElementsAre(scope, b));
  EXPECT_EQ(stats.unused, limit - top + tail());
}

TEST_F(Walk, UnknownKindsEndAtTheEndOfThePage) {
  uint64_t scope = v8.add(page, {v8.root("scope_info_map")}) - 1;
  garbage((page.area_end - page.top) / 8);
  EXPECT_THAT(walk(), ElementsAre(scope));
  EXPECT_EQ(last_size, page.area_end - scope);
}

class LargeWalk : public Walk {
 protected:
  LargeWalk() : Walk(Space::kOldLarge, {.size = 0x80000}) {}
};

TEST_F(LargeWalk, HasOneObject) {
  uint64_t a = array(100);
  array(3);  // what follows is not looked at
  EXPECT_THAT(walk(), ElementsAre(a));
  EXPECT_EQ(stats.bytes, 16u + 800u);
}

TEST_F(LargeWalk, ADamagedOneIsCountedAndNothingInItIsTakenForAnObject) {
  uint64_t a = array(100);
  array(3);
  v8.put(a, 0x1234567);
  EXPECT_THAT(walk(), ElementsAre());
  EXPECT_EQ(stats.bad_regions, 1u);
}

TEST_F(LargeWalk, AnEmptyOneHasNoObjectFurtherIn) {
  page.top += 0x8000;
  array(3);
  EXPECT_THAT(walk(), ElementsAre()) << "the index has room for an object at the start only";
}

/// Words of all kinds in any order: nothing is met outside the page, no byte counts twice.
TEST_F(Walk, RandomWords) {
  std::mt19937_64 random(20);
  std::vector<uint64_t> interesting = {
      0,         smi(0), smi(1), smi(5), smi(64), smi(-1), 1, v8.old().area_start, page.area_start, page.area_end - 8,
      UINT64_MAX};
  for (const char* map :
       {"fixed_array_map", "free_space_map", "one_pointer_filler_map", "scope_info_map", "byte_array_map",
        "descriptor_array_map", "feedback_vector_map", "string_map", "meta_map", "property_array_map"}) {
    interesting.push_back(v8.root(map));
  }
  for (int round = 0; round < 20; ++round) {
    for (uint64_t at = page.area_start; at < page.area_end; at += 8) {
      uint64_t word = random();
      v8.put(at, word % 8 ? interesting[word / 8 % interesting.size()] : random());
    }
    uint64_t top = page.area_start + random() % 0x1000 * 8;
    std::vector<uint64_t> met = walk({{top, top + random() % 0x1000 * 8}});
    EXPECT_TRUE(std::is_sorted(met.begin(), met.end()));
    for (uint64_t address : met) ASSERT_EQ(address % 8, 0u);
  }
}

}  // namespace
}  // namespace inquest::v8
