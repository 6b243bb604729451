#include "v8/heap/roots.h"

#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakeBinary;
using inquest::testing::V8Builder;
namespace type = inquest::testing::type;

std::vector<std::string> many_names(size_t count) {
  std::vector<std::string> names = {"free_space_map", "fixed_array_map"};
  while (names.size() < count) names.push_back("root_" + std::to_string(names.size()));
  return names;
}

TEST(RootNames, AreReadThroughTheSymbol) {
  FakeBinary binary;
  binary.root_names(many_names(200));
  RootNames names = RootNames::load(binary.process, binary.module());
  EXPECT_EQ(names.names(), many_names(200));
  EXPECT_EQ(names.source(), "symbol");
  EXPECT_EQ(names.index_of("fixed_array_map"), 1u);
  EXPECT_EQ(names.index_of("root_199"), 199u);
  EXPECT_EQ(names.index_of("fixed_array"), std::nullopt);
}

TEST(RootNames, AreFoundInTheDataOfAStrippedBinary) {
  FakeBinary binary;
  binary.root_names(many_names(400), false);
  RootNames names = RootNames::load(binary.process, binary.module());
  EXPECT_EQ(names.names(), many_names(400));
  EXPECT_EQ(names.source(), "data search");
}

TEST(RootNames, AFewPointersToTextsAreNoTable) {
  FakeBinary binary;
  binary.root_names(many_names(50), false);
  RootNames names = RootNames::load(binary.process, binary.module());
  EXPECT_EQ(names.size(), 0u);
  EXPECT_EQ(names.source(), "");
}

class FindRoots : public ::testing::Test {
 protected:
  std::optional<Roots> find(uint32_t isolate = 0) {
    Constants constants = Constants::load(v8.binary.process, v8.binary.module());
    Layout layout = Layout::resolve(constants, V8Builder::kInChunk);
    std::vector<Page> pages = find_pages(v8.binary.process, layout.table.page);
    for (Page& page : pages) attach_data(v8.binary.process, page);
    RootNames names = RootNames::load(v8.binary.process, v8.binary.module());
    return find_roots(v8.binary.process, PageTable(pages), layout, names, type::kMap,
                      Address(v8.heap_address(isolate)));
  }
  /// Overwrites the root maps of the isolate until `left` are left.
  void spoil(size_t left) {
    RootNames names = RootNames::load(v8.binary.process, v8.binary.module());
    size_t seen = 0;
    for (size_t i = 0; i < names.size(); ++i) {
      if (!names.names()[i].ends_with("_map") || ++seen <= left) continue;
      v8.put(v8.isolate(0) + V8Builder::kRootsOffset + 8 * i, 0xabcd);
    }
  }
  V8Builder v8;
};

TEST_F(FindRoots, FindsTheTable) {
  auto roots = find();
  ASSERT_TRUE(roots);
  EXPECT_EQ(roots->table, Address(v8.isolate(0) + V8Builder::kRootsOffset));
  EXPECT_EQ(roots->maps_found, roots->maps_expected);
  EXPECT_GT(roots->maps_expected, 20u);
  RootNames names = RootNames::load(v8.binary.process, v8.binary.module());
  ASSERT_EQ(roots->values.size(), names.size());
  for (const char* name : {"meta_map", "fixed_array_map", "undefined_value", "constructor_string"}) {
    EXPECT_EQ(roots->values[*names.index_of(name)], v8.root(name)) << name;
  }
}

TEST_F(FindRoots, AFewSpoiledEntriesDoNotMatter) {
  size_t all = find()->maps_found;
  spoil(all - 3);
  auto roots = find();
  ASSERT_TRUE(roots);
  EXPECT_EQ(roots->table, Address(v8.isolate(0) + V8Builder::kRootsOffset));
  EXPECT_EQ(roots->maps_found, all - 3);
}

TEST_F(FindRoots, RefusesATableOfGarbage) {
  spoil(10);
  EXPECT_EQ(find(), std::nullopt);
}

TEST_F(FindRoots, RefusesZerosAndUnreadableHeaps) {
  spoil(0);
  EXPECT_EQ(find(), std::nullopt);
  v8.memory().cut(v8.isolate(0), 0x80);
  EXPECT_EQ(find(), std::nullopt);
}

TEST_F(FindRoots, PointersToOtherObjectsAreNoMaps) {
  uint64_t string = v8.string("not a map");
  for (size_t i = 0; i < 200; ++i) v8.put(v8.isolate(0) + V8Builder::kRootsOffset + 8 * i, string);
  EXPECT_EQ(find(), std::nullopt);
}

TEST_F(FindRoots, TheWholeTableLiesBeforeTheHeap) {
  V8Builder other;
  for (size_t i = 0; i < 200; ++i) {
    uint64_t from = other.isolate(0) + V8Builder::kRootsOffset + 8 * i;
    other.put(other.heap_address(0) + 8 * i, other.word(from));
    other.put(from, 0);
  }
  v8 = std::move(other);
  EXPECT_EQ(find(), std::nullopt);
}

TEST_F(FindRoots, TheMapTypeIsGuessedFromAMapThatIsItsOwn) {
  Layout layout;
  std::vector<Page> pages = find_pages(v8.binary.process, layout_table_for(V8Builder::kInChunk).page);
  for (Page& page : pages) attach_data(v8.binary.process, page);
  EXPECT_EQ(guess_map_type(PageTable(pages), layout), type::kMap);
  v8.put(v8.root("meta_map") - 1, v8.root("fixed_array_map"));
  EXPECT_EQ(guess_map_type(PageTable(pages), layout), std::nullopt);
}

TEST(HeapOpen, SaysWhatIsMissing) {
  V8Builder no_names;
  no_names.binary.symbols->remove("_ZN2v88internal10RootsTable11root_names_E");
  auto heap = Heap::open(no_names.binary.process, no_names.binary.module());
  ASSERT_FALSE(heap.ok());
  EXPECT_THAT(heap.error().what, ::testing::HasSubstr("names of V8's roots"));

  V8Builder no_roots;
  for (size_t i = 0; i < 200; ++i) no_roots.put(no_roots.isolate(0) + V8Builder::kRootsOffset + 8 * i, 0);
  heap = Heap::open(no_roots.binary.process, no_roots.binary.module());
  ASSERT_FALSE(heap.ok());
  EXPECT_THAT(heap.error().what, ::testing::HasSubstr("no isolate"));

  FakeBinary no_pages;
  heap = Heap::open(no_pages.process, no_pages.module());
  ASSERT_FALSE(heap.ok());
  EXPECT_THAT(heap.error().what, ::testing::HasSubstr("no page"));
}

TEST(HeapOpen, FindsThePageLayoutByTryingWhenTheVersionMisleads) {
  for (V8Version built : {V8Builder::kInChunk, V8Builder::kSeparate}) {
    V8Builder v8(built);
    for (int i = 0; i < 4; ++i) v8.add_page(Space::kOld);
    V8Version told = built == V8Builder::kSeparate ? V8Builder::kInChunk : V8Builder::kSeparate;
    v8.binary.version(told);
    auto heap = v8.open();
    EXPECT_EQ(heap->layout().table.page, layout_table_for(built).page) << built.major;
    EXPECT_EQ(heap->pages().pages().size(), 6u) << built.major;
  }
}

TEST(HeapOpen, IsolatesAreToldApartAndThePagesKnowTheirs) {
  V8Builder v8(V8Builder::kInChunk, 2);
  auto& second = v8.add_page(Space::kOld, {.isolate = 1});
  auto heap = v8.open();
  ASSERT_EQ(heap->isolates().size(), 2u);
  EXPECT_EQ(heap->isolates()[1].heap, Address(v8.heap_address(1)));
  EXPECT_EQ(heap->pages().page_of(second.chunk)->isolate, 1u);
  EXPECT_EQ(heap->pages().page_of(v8.old().chunk)->isolate, 0u);
}

}  // namespace
}  // namespace inquest::v8
