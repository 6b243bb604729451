#include "v8/heap/census.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/v8_page_builder.h"
#include "v8/heap/liveness.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakePage;
using inquest::testing::OpenHeap;
using inquest::testing::smi;
using inquest::testing::V8Builder;
namespace type = inquest::testing::type;

class CensusTest : public ::testing::Test {
 protected:
  explicit CensusTest(uint32_t isolates = 1) : v8(V8Builder::kInChunk, isolates) {
    session = v8.new_map(
        {.size = 32, .bit_field2 = inquest::testing::kNewTargetIsBase, .constructor = v8.function("Session")});
  }
  uint64_t new_session(uint64_t properties = 0, uint64_t elements = 0) {
    return v8.object(session, {smi(1)}, properties, elements);
  }
  uint64_t properties(int32_t length) { return store("property_array_map", length); }
  uint64_t store(const char* map, int32_t length) {
    return v8.fixed_array(std::vector<uint64_t>(static_cast<size_t>(length), smi(0)), map);
  }

  CensusRow count(std::string_view type, Reachability which = Reachability::kAll, uint32_t isolate = 0) {
    take(which, false);
    for (const CensusRow& row : census.rows) {
      if (row.type == type && row.isolate == isolate) return row;
    }
    return {};
  }
  void take(Reachability which, bool by_shape) {
    open = v8.open_indexed();
    mark_live_objects(*open.heap, nullptr);
    census = take_census(*open.heap, {which, by_shape}, nullptr);
    uint64_t objects = 0, size = 0, self_size = 0;
    for (const CensusRow& row : census.rows) {
      objects += row.count;
      size += row.size;
      self_size += row.self_size;
    }
    EXPECT_EQ(census.count, objects);
    EXPECT_EQ(census.size, size);
    EXPECT_EQ(census.self_size, self_size);
    EXPECT_EQ(census.size, census.self_size) << "stores move from their own row to that of their owner";
  }

  V8Builder v8;
  uint64_t session = 0;
  OpenHeap open;
  Census census;
};

TEST_F(CensusTest, CountsByConstructorName) {
  uint64_t first = new_session();
  new_session();
  new_session();
  CensusRow row = count("Session");
  EXPECT_EQ(row.count, 3u);
  EXPECT_EQ(row.self_size, 3 * 32u);
  EXPECT_EQ(row.size, 3 * 32u);
  EXPECT_EQ(row.sample, Address(first)) << "the lowest";
}

TEST_F(CensusTest, SizeIncludesWhatOnlyTheObjectOwns) {
  new_session(properties(3), store("fixed_array_map", 10));
  CensusRow row = count("Session");
  EXPECT_EQ(row.self_size, 32u);
  EXPECT_EQ(row.size, 32u + (16 + 24) + (16 + 80));
}

TEST_F(CensusTest, ADictionaryBelongsToItsObject) {
  uint64_t dictionary = v8.dictionary({v8.string("key"), smi(1)});
  v8.object(v8.new_map({.bit_field2 = inquest::testing::kNewTargetIsBase,
                        .bit_field3 = inquest::testing::kDictionaryMap,
                        .constructor = v8.function("Table")}),
            {}, dictionary);
  EXPECT_EQ(count("Table").size, 24u + 16 + 8 * (5 + 3));
}

TEST_F(CensusTest, SharedStoresBelongToNoObject) {
  new_session(v8.root("empty_property_array"), store("fixed_cow_array_map", 10));
  EXPECT_EQ(count("Session").size, 32u) << "copy on write";
  new_session(smi(1234), v8.root("empty_fixed_array"));
  EXPECT_EQ(count("Session").size, 2 * 32u) << "a hash in place of properties, empty elements";
  new_session(v8.string("text"), v8.heap_number(1));
  EXPECT_EQ(count("Session").size, 3 * 32u) << "no backing store";
}

TEST_F(CensusTest, DamagedStoresAreWorthNothing) {
  uint64_t array = store("fixed_array_map", 10);
  v8.put(array - 1 + 8, smi(0x7fffffff));
  new_session(0, array);
  new_session(0x123456789001, v8.old().chunk + 1);
  EXPECT_EQ(count("Session").size, 2 * 32u);
}

TEST_F(CensusTest, LiveDeadAndAll) {
  for (int i = 0; i < 5; ++i) {
    uint64_t object = new_session();
    if (i < 2) v8.keep(object);
  }
  EXPECT_EQ(count("Session", Reachability::kLive).count, 2u);
  uint64_t live = census.count;
  EXPECT_EQ(count("Session", Reachability::kDead).count, 3u);
  uint64_t dead = census.count;
  EXPECT_EQ(count("Session", Reachability::kAll).count, 5u);
  EXPECT_EQ(census.count, live + dead);
}

TEST_F(CensusTest, ReadOnlyObjectsAreLive) {
  count("Session", Reachability::kDead);
  uint64_t dead = census.count;
  v8.add(v8.read_only(), {v8.root("heap_number_map"), 0});
  EXPECT_EQ(count("(Number)", Reachability::kLive).count, 1u);
  EXPECT_EQ(count("(Number)", Reachability::kDead).count, 0u);
  EXPECT_EQ(census.count, dead);
}

TEST_F(CensusTest, FillersAndFreeSpaceDoNotCount) {
  count("");
  uint64_t before = census.count;
  v8.add({v8.root("one_pointer_filler_map")});
  v8.add({v8.root("free_space_map"), smi(32), 0, 0});
  count("");
  EXPECT_EQ(census.count, before);
}

TEST_F(CensusTest, InternalKindsHaveTheirNames) {
  v8.string("text");
  v8.heap_number(1);
  v8.symbol("s");
  v8.add({v8.root("bigint_map"), 0});
  EXPECT_GT(count("(String)").count, 0u);
  EXPECT_EQ(count("(Number)").count, 1u);
  EXPECT_EQ(count("(BigInt)").count, 1u);
  EXPECT_EQ(count("(Symbol)").count, 2u) << "with Symbol.toStringTag";
  EXPECT_GT(count("system / Map").count, 30u);
}

TEST_F(CensusTest, StalePagesDoNotCount) {
  FakePage& from = v8.add_page(Space::kNew, {.flags = kFromPage});
  v8.add(from, {session, smi(0), smi(0), smi(0)});
  new_session();
  EXPECT_EQ(count("Session").count, 1u);
}

TEST_F(CensusTest, ByShapeObjectsOfOneNameAreToldApart) {
  uint64_t constructor = v8.function("Point");
  auto map_with = [&](const std::vector<std::string>& names) {
    std::vector<uint64_t> keys;
    for (const std::string& name : names) keys.push_back(v8.string(name, "internalized_string_map"));
    auto count = static_cast<uint32_t>(keys.size());
    return v8.new_map({.size = 24 + 8 * count,
                       .bit_field2 = inquest::testing::kNewTargetIsBase,
                       .bit_field3 = inquest::testing::own_descriptors(count),
                       .constructor = constructor,
                       .descriptors = v8.descriptors(keys)});
  };
  uint64_t flat = map_with({"x", "y"}), deep = map_with({"x", "y", "z"});
  for (int i = 0; i < 3; ++i) v8.object(flat, {smi(1), smi(2)});
  v8.object(flat, {smi(1), smi(2)}, 0, store("fixed_array_map", 5));
  v8.object(deep, {smi(1), smi(2), smi(3)});
  take(Reachability::kAll, true);
  std::vector<std::string> rows;
  for (const CensusRow& row : census.rows) {
    if (row.type != "Point") continue;
    std::string text = std::to_string(row.count) + ":";
    for (const std::string& name : row.property_names) text += name;
    rows.push_back(text + ":" + std::to_string(row.elements));
    EXPECT_EQ(row.properties, row.property_names.size());
  }
  EXPECT_THAT(rows, ::testing::UnorderedElementsAre("3:xy:0", "1:xy:5", "1:xyz:0"));
}

TEST_F(CensusTest, InstancesAreTheSameObjectsByAddress) {
  std::vector<uint64_t> objects = {new_session(), new_session(properties(4)), new_session()};
  v8.keep(objects[2]);
  CensusRow row = count("Session");
  std::vector<Instance> all = find_instances(*open.heap, "Session", Reachability::kAll);
  ASSERT_EQ(all.size(), objects.size());
  uint64_t size = 0, self_size = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].address, Address(objects[i]));
    size += all[i].size;
    self_size += all[i].self_size;
  }
  EXPECT_EQ(size, row.size);
  EXPECT_EQ(self_size, row.self_size);
  EXPECT_EQ(find_instances(*open.heap, "Session", Reachability::kLive).size(), 1u);
  EXPECT_EQ(find_instances(*open.heap, "Session", Reachability::kDead).size(), 2u);
  EXPECT_EQ(find_instances(*open.heap, "Sess", Reachability::kAll).size(), 0u);
}

TEST_F(CensusTest, IndexingWhileCountingGivesTheSame) {
  new_session();
  count("Session");
  auto heap = v8.open();
  ObjectIndex index(heap->mutable_pages());
  HeapTotals totals(heap->isolates().size());
  Census other = take_census(*heap, {Reachability::kAll, false}, nullptr, &totals);
  EXPECT_EQ(other.count, census.count);
  EXPECT_EQ(totals.sum().objects, open.totals.sum().objects);
  EXPECT_EQ(totals.sum().bytes, open.totals.sum().bytes);
  const Page* page = heap->pages().page_of(session - 1);
  EXPECT_TRUE(ObjectIndex::is_start(*page, session - 1));
  EXPECT_FALSE(ObjectIndex::is_start(*page, session - 1 + 8));
}

class TwoIsolates : public CensusTest {
 protected:
  TwoIsolates() : CensusTest(2), other(v8.add_page(Space::kOld, {.isolate = 1})) {}
  FakePage& other;
};

TEST_F(TwoIsolates, AreCountedApart) {
  new_session();
  for (int i = 0; i < 3; ++i) v8.add(other, {session, smi(0), smi(0), smi(0)});
  EXPECT_EQ(count("Session", Reachability::kAll, 0).count, 1u);
  EXPECT_EQ(count("Session", Reachability::kAll, 1).count, 3u);
  std::vector<Instance> all = find_instances(*open.heap, "Session", Reachability::kAll);
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const Instance& i) { return i.isolate == 1; }), 3);
}

TEST_F(TwoIsolates, HaveTotalsOfTheirOwn) {
  take(Reachability::kAll, false);
  auto before = open.totals.isolates;
  v8.add(other, {session, smi(0), smi(0), smi(0)});
  take(Reachability::kAll, false);
  constexpr auto kOld = static_cast<size_t>(Space::kOld);
  EXPECT_EQ(open.totals.isolates[1][kOld].objects, before[1][kOld].objects + 1);
  EXPECT_EQ(open.totals.isolates[1][kOld].bytes, before[1][kOld].bytes + 32);
  EXPECT_EQ(open.totals.isolates[0][kOld].bytes, before[0][kOld].bytes);
}

}  // namespace
}  // namespace inquest::v8
