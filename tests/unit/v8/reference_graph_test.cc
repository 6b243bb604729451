#include "v8/graph/reference_graph.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/v8_page_builder.h"
#include "v8/graph/heap_search.h"
#include "v8/graph/index_file.h"
#include "v8/heap/liveness.h"

namespace inquest::v8 {
namespace {

using inquest::testing::OpenHeap;
using inquest::testing::smi;
using inquest::testing::V8Builder;
using inquest::testing::weak;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
namespace type = inquest::testing::type;

class GraphTest : public ::testing::Test {
 protected:
  uint64_t node(std::vector<uint64_t> references = {smi(0)}) { return v8.fixed_array(std::move(references)); }

  void build() {
    open = v8.open_indexed();
    auto built = ReferenceGraph::build(*open.heap, nullptr);
    ASSERT_TRUE(built.ok());
    graph = std::move(built).value();
  }
  /// Tagged addresses of what refers to an object; of weak references with the bit that makes them odd.
  std::vector<uint64_t> holders(uint64_t word) {
    std::vector<uint64_t> found;
    auto number = graph->numbers().number_of(word - 1);
    if (!number) return found;
    for (uint32_t edge : graph->holders(*number)) {
      uint64_t address = graph->numbers().address_of(edge & ~ReferenceGraph::kWeak);
      found.push_back((edge & ReferenceGraph::kWeak) != 0 ? weak(address + 1) : address + 1);
    }
    return found;
  }

  V8Builder v8;
  OpenHeap open;
  std::unique_ptr<ReferenceGraph> graph;
};

TEST_F(GraphTest, NumbersLeadToAddressesAndBack) {
  std::vector<uint64_t> objects;
  for (int i = 0; i < 3000; ++i) objects.push_back(i % 3 == 0 ? v8.heap_number(i) : node({smi(i), smi(i)}));
  build();
  uint32_t count = static_cast<uint32_t>(graph->numbers().count());
  EXPECT_GE(count, 3000u);
  uint64_t before = 0;
  for (uint32_t number = 0; number < count; ++number) {
    uint64_t address = graph->numbers().address_of(number);
    EXPECT_GT(address, before);
    EXPECT_EQ(graph->numbers().number_of(address), number);
    before = address;
  }
  EXPECT_EQ(graph->numbers().address_of(count), 0u);
  EXPECT_FALSE(graph->numbers().number_of(objects[0] - 1 + 8)) << "no object starts there";
}

TEST_F(GraphTest, KnowsEveryHolderAndWhetherItIsWeak) {
  uint64_t target = node(), lonely = node();
  uint64_t twice = node({target, smi(1), target}), once = node({target});
  uint64_t weakly = v8.fixed_array({weak(target)}, "weak_fixed_array_map");
  build();
  EXPECT_THAT(holders(target), UnorderedElementsAre(twice, twice, once, weak(weakly)));
  EXPECT_THAT(holders(lonely), IsEmpty());
}

TEST_F(GraphTest, WeakObjectsHoldWeakly) {
  uint64_t key = node(), value = node(), target = node();
  uint64_t table = v8.ephemeron_table({key, value});
  uint64_t ref = v8.object(v8.new_map({.type = type::kJSWeakRef, .size = 32}), {target});
  build();
  EXPECT_THAT(holders(key), ElementsAre(weak(table)));
  EXPECT_THAT(holders(value), ElementsAre(weak(table)));
  EXPECT_THAT(holders(target), ElementsAre(weak(ref)));
}

TEST_F(GraphTest, NumbersAndTextsHoldNothing) {
  uint64_t target = node();
  uint64_t number = v8.heap_number(0);
  v8.put(number - 1 + 8, target);
  build();
  EXPECT_THAT(holders(target), IsEmpty());
}

TEST_F(GraphTest, ForwardIsTheOtherWayRound) {
  uint64_t a = node(), b = node({a}), c = node({a, b});
  build();
  EdgeLists forward = graph->forward();
  uint32_t number = *graph->numbers().number_of(c - 1);
  std::vector<uint64_t> targets;
  for (uint32_t i = forward.first[number]; i < forward.first[number + 1]; ++i)
    targets.push_back(graph->numbers().address_of(forward.edges[i]) + 1);
  EXPECT_THAT(targets, UnorderedElementsAre(a, b));
  EXPECT_EQ(forward.edges.size(), graph->edge_count());
}

TEST_F(GraphTest, StopsWhenToldTo) {
  open = v8.open_indexed();
  EXPECT_FALSE(ReferenceGraph::build(*open.heap, [](uint64_t, uint64_t) { return false; }).ok());
}

TEST_F(GraphTest, RefusesListsOfAnotherHeap) {
  node();
  build();
  std::vector<uint32_t> first(graph->numbers().count() + 1), edges;
  EXPECT_NE(ReferenceGraph::adopt(*open.heap, first, edges, nullptr), nullptr);
  first.pop_back();
  EXPECT_EQ(ReferenceGraph::adopt(*open.heap, first, edges, nullptr), nullptr);
}

class SearchTest : public GraphTest {
 protected:
  SearchTest() {
    key = v8.string("user", "internalized_string_map");
    map = v8.new_map({.type = type::kJSObject,
                      .size = 32,
                      .inobject_start = 3,
                      .bit_field2 = inquest::testing::kNewTargetIsBase,
                      .bit_field3 = inquest::testing::own_descriptors(1),
                      .constructor = v8.function("Session"),
                      .descriptors = v8.descriptors({key})});
  }
  References search(ReferenceQuery query) {
    open = v8.open_indexed();
    std::vector<uint64_t> roots;
    mark_live_objects(*open.heap, nullptr, &roots);
    auto built = ReferenceGraph::build(*open.heap, nullptr);
    HeapSearch search(*open.heap, std::move(built).value(), roots);
    auto found = search.references(query);
    if (found.ok()) return std::move(found).value();
    References none;
    none.remarks.push_back(found.error().line());
    return none;
  }
  References who(uint64_t word, Reachability which = Reachability::kAll) {
    return search({.by = ReferenceQuery::By::kValue, .word = word, .which = which});
  }
  using By = ReferenceQuery::By;

  uint64_t key = 0, map = 0;
};

TEST_F(SearchTest, PropertiesAreNamed) {
  uint64_t target = node(), session = v8.object(map, {target});
  References found = who(target);
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0].holder, Address(session));
  EXPECT_EQ(found.rows[0].type, "Session");
  EXPECT_EQ(found.rows[0].edge.name, "user");
  EXPECT_EQ(found.rows[0].edge.kind, EdgeKind::kProperty);
}

TEST_F(SearchTest, ElementsBelongToTheObjectNotToItsStore) {
  uint64_t target = node(), store = node({smi(7), target}), array = v8.object(map, {smi(0)}, 0, store);
  References found = who(target);
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0].holder, Address(array));
  EXPECT_EQ(found.rows[0].store, Address(store));
  EXPECT_EQ(found.rows[0].edge.kind, EdgeKind::kElement);
  EXPECT_EQ(found.rows[0].edge.index, 1u);
  found = search({.by = By::kValue, .word = target, .which = Reachability::kAll, .internal = true});
  EXPECT_EQ(found.rows.size(), 2u) << "and the store";
}

TEST_F(SearchTest, DictionariesAndPropertyArraysBelongToTheirObject) {
  uint64_t target = node(), name = v8.string("slow", "internalized_string_map");
  uint64_t slow_map = v8.new_map({.size = 24, .bit_field3 = inquest::testing::kDictionaryMap});
  uint64_t slow = v8.object(slow_map, {}, v8.dictionary({name, target}));
  uint64_t array = v8.fixed_array({target}, "property_array_map");
  uint64_t small_map = v8.new_map(
      {.size = 24, .bit_field3 = inquest::testing::own_descriptors(1), .descriptors = v8.descriptors({key})});
  uint64_t small = v8.object(small_map, {}, array);
  References found = who(target);
  ASSERT_EQ(found.rows.size(), 2u);
  EXPECT_EQ(found.rows[0].holder, Address(slow));
  EXPECT_EQ(found.rows[0].edge.name, "slow");
  EXPECT_EQ(found.rows[1].holder, Address(small));
  EXPECT_EQ(found.rows[1].edge.name, "user");
}

TEST_F(SearchTest, GarbageIsTold) {
  uint64_t target = node(), kept = node({target});
  node({target});
  v8.keep(kept);
  EXPECT_EQ(who(target, Reachability::kLive).rows.size(), 1u);
  EXPECT_EQ(who(target, Reachability::kDead).rows.size(), 1u);
  References all = who(target);
  ASSERT_EQ(all.rows.size(), 2u);
  EXPECT_TRUE(all.rows[0].root);
  EXPECT_FALSE(all.rows[1].root);
}

TEST_F(SearchTest, WhatIsNoObjectIsSaid) {
  uint64_t target = node();
  for (uint64_t word : {target + 8, uint64_t{1}, uint64_t{0x123456789}, smi(5)}) {
    References found = who(word);
    EXPECT_THAT(found.rows, IsEmpty());
    EXPECT_THAT(found.remarks, ElementsAre(HasSubstr("no object")));
  }
}

TEST_F(SearchTest, NumbersAreFoundWhereverTheyAreStored) {
  uint64_t boxed = v8.object(map, {v8.heap_number(2.5)}), small = v8.object(map, {smi(77)});
  uint64_t half = std::bit_cast<uint64_t>(2.5);
  uint64_t doubles = v8.object(map, {smi(0)}, 0, v8.fixed_array({0, half}, "fixed_double_array_map"));
  References found = search({.by = By::kNumber, .number = 2.5, .which = Reachability::kAll});
  ASSERT_EQ(found.rows.size(), 2u);
  EXPECT_EQ(found.rows[0].holder, Address(boxed));
  EXPECT_EQ(found.rows[1].holder, Address(doubles));
  EXPECT_EQ(found.rows[1].edge.index, 1u);
  found = search({.by = By::kNumber, .number = 77, .which = Reachability::kAll});
  ASSERT_EQ(found.rows.size(), 1u) << "lengths and counters are no values";
  EXPECT_EQ(found.rows[0].holder, Address(small));
}

TEST_F(SearchTest, NamesFindTheirObjectsAndValues) {
  uint64_t value = node(), session = v8.object(map, {value});
  References found = search({.by = By::kName, .text = "user", .which = Reachability::kAll});
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0].holder, Address(session));
  EXPECT_EQ(found.rows[0].value, Address(value));
  EXPECT_THAT(search({.by = By::kName, .text = "use", .which = Reachability::kAll}).rows, IsEmpty());
}

TEST_F(SearchTest, StringsOfEveryKindAreFound) {
  std::vector<uint64_t> wanted = {v8.string("needle and more text"), v8.two_byte(u"nicht: needle and \x2713")};
  uint64_t first = v8.string("nee"), second = v8.string("dle");
  wanted.push_back(v8.cons(first, second, 6));
  v8.string("nothing of it");
  References found = search({.by = By::kSubstring, .text = "needle", .places = true, .which = Reachability::kAll});
  std::vector<uint64_t> words;
  for (const Reference& row : found.rows) words.push_back(row.value.value());
  EXPECT_THAT(words, ::testing::UnorderedElementsAreArray(wanted));
  EXPECT_EQ(found.total, 3u);
  found = search({.by = By::kRegex, .text = "^ne+dle( and more text)?$", .places = true, .which = Reachability::kAll});
  EXPECT_EQ(found.rows.size(), 2u);
  found = search({.by = By::kRegex, .text = "/NEEDLE.*\\u2713/i", .places = true, .which = Reachability::kAll});
  EXPECT_EQ(found.rows.size(), 1u);
  found = search({.by = By::kString, .text = "needle", .places = true, .which = Reachability::kAll});
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0].value, Address(wanted[2]));
}

TEST_F(SearchTest, BadRegularExpressionsAreUsageErrors) {
  References found = search({.by = By::kRegex, .text = "a(b", .places = true});
  EXPECT_THAT(found.remarks, ElementsAre(HasSubstr("regular expression")));
}

TEST_F(SearchTest, WhoRefersToAString) {
  uint64_t text = v8.string("admin"), session = v8.object(map, {text});
  References found = search({.by = By::kString, .text = "admin", .which = Reachability::kAll});
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0].holder, Address(session));
  EXPECT_EQ(found.rows[0].text, "admin");
}

TEST_F(SearchTest, LimitsSayHowManyMore) {
  uint64_t target = node();
  std::vector<uint64_t> arrays;
  for (int i = 0; i < 10; ++i) arrays.push_back(node({target}));
  References found = search({.by = By::kValue, .word = target, .which = Reachability::kAll, .skip = 2, .limit = 3});
  ASSERT_EQ(found.rows.size(), 3u);
  EXPECT_EQ(found.rows[0].holder, Address(arrays[2]));
  EXPECT_EQ(found.more, 5u);
}

class IndexFileTest : public GraphTest {
 protected:
  IndexFileTest() {
    char name[] = "/tmp/inquest-index-XXXXXX";
    folder_ = mkdtemp(name);
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
    v8.binary.process.facts_.core_path = "/cores/core";
    target_ = node();
    holder_ = node({target_});
  }
  ~IndexFileTest() override {
    unsetenv("XDG_CACHE_HOME");
    std::filesystem::remove_all(folder_);
  }
  std::optional<Error> save() {
    build();
    totals_ = open.totals.numbers();
    file_ = IndexFile::of(*open.heap);
    return file_->save({open.index->words(), graph->first(), graph->edges(), roots_, totals_, nullptr});
  }
  void change_byte(int64_t at) {
    std::fstream file(file_->path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at, at < 0 ? std::ios::end : std::ios::beg);
    auto place = file.tellg();
    char byte = static_cast<char>(file.get());
    file.seekp(place);
    file.put(static_cast<char>(byte ^ 1));
  }

  std::string folder_;
  uint64_t target_ = 0, holder_ = 0;
  std::vector<uint64_t> roots_ = {0x1234}, totals_;
  std::optional<IndexFile> file_;
};

TEST_F(IndexFileTest, GivesBackWhatWasSaved) {
  ASSERT_FALSE(save());
  auto again = v8.open();
  auto file = IndexFile::of(*again);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->path(), file_->path());
  auto loaded = file->load();
  ASSERT_TRUE(loaded.ok() && loaded->has_value());
  IndexContents& contents = **loaded;
  ASSERT_EQ(contents.bits.size(), ObjectIndex::word_count(again->pages()));
  ObjectIndex index(again->mutable_pages(), contents.bits, contents.owner);
  graph = ReferenceGraph::adopt(*again, contents.first, contents.edges, contents.owner);
  ASSERT_TRUE(graph);
  EXPECT_THAT(holders(target_), ElementsAre(holder_));
  EXPECT_THAT(contents.roots, ElementsAre(0x1234));
  EXPECT_EQ(HeapTotals::from_numbers(contents.totals, 1)->numbers(), totals_);
  EXPECT_FALSE(HeapTotals::from_numbers(contents.totals, 2));
}

TEST_F(IndexFileTest, IsNotThereBeforeItIsSaved) {
  auto heap = v8.open();
  auto loaded = IndexFile::of(*heap)->load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_FALSE(loaded->has_value());
}

TEST_F(IndexFileTest, DamageIsFound) {
  ASSERT_FALSE(save());
  auto size = static_cast<int64_t>(std::filesystem::file_size(file_->path()));
  for (int64_t at :
       {int64_t{0}, int64_t{9}, int64_t{20}, int64_t{60}, int64_t{4096}, int64_t{-1}, size / 4096 * 4096}) {
    if (at == size) continue;
    change_byte(at);
    EXPECT_FALSE(file_->load().ok()) << "byte " << at;
    change_byte(at);
    EXPECT_TRUE(file_->load().ok()) << "byte " << at << " as it was";
  }
  std::filesystem::resize_file(file_->path(), static_cast<uintmax_t>(size - 1));
  EXPECT_FALSE(file_->load().ok());
  std::filesystem::resize_file(file_->path(), 10);
  EXPECT_FALSE(file_->load().ok());
}

TEST_F(IndexFileTest, AnotherCoreHasAnotherIndex) {
  ASSERT_FALSE(save());
  std::string first = file_->path();
  v8.binary.process.facts_.core_time += 1;
  EXPECT_NE(IndexFile::of(*open.heap)->path(), first) << "written at another time";
  v8.binary.process.facts_.core_time -= 1;
  EXPECT_EQ(IndexFile::of(*open.heap)->path(), first);
  v8.put(v8.old().area_start, v8.word(v8.old().area_start) ^ 8);
  EXPECT_NE(IndexFile::of(*v8.open())->path(), first) << "other objects";
}

TEST_F(IndexFileTest, ChangedCoreOfEqualSizeAndTimeHasAnotherIndex) {
  std::string core = folder_ + "/core";
  auto write = [&core](char byte) { std::ofstream(core, std::ios::binary) << std::string(100, byte); };
  write('a');
  auto time = std::filesystem::last_write_time(core);
  v8.binary.process.facts_.core_path = core;
  ASSERT_FALSE(save());
  EXPECT_EQ(IndexFile::of(*open.heap)->path(), file_->path());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // clocks of file systems are coarse
  write('b');
  std::filesystem::last_write_time(core, time);
  EXPECT_NE(IndexFile::of(*open.heap)->path(), file_->path());
}

TEST_F(IndexFileTest, PipeInItsPlaceIsAnError) {
  ASSERT_FALSE(save());
  std::filesystem::remove(file_->path());
  ASSERT_EQ(mkfifo(file_->path().c_str(), 0600), 0);
  EXPECT_FALSE(file_->load().ok());
}

TEST_F(IndexFileTest, NotBeingAbleToWriteIsAnError) {
  setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
  auto failed = save();
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->line(), HasSubstr("/proc/nowhere"));
}

TEST_F(IndexFileTest, LiveProcessesHaveNone) {
  v8.binary.process.facts_.core_path.clear();
  EXPECT_FALSE(IndexFile::of(*v8.open()));
}

}  // namespace
}  // namespace inquest::v8
