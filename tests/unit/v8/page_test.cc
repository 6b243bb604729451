#include "v8/heap/page.h"

#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"
#include "v8/heap/page_table.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakePage;
using inquest::testing::FakeProcess;
using inquest::testing::V8Builder;

/// Each test runs with headers inside the chunk and with metadata of their own.
class FindPages : public ::testing::TestWithParam<V8Version> {
 protected:
  FindPages() : v8(GetParam()), layout(layout_table_for(GetParam()).page) {}

  std::vector<Page> find() { return find_pages(v8.binary.process, layout); }
  bool found(const FakePage& page) {
    for (const Page& one : find()) {
      if (one.chunk == Address(page.chunk)) return true;
    }
    return false;
  }
  /// Whether the page is still accepted after `value` has been written into one field of its header.
  bool accepted_with(FakePage& page, uint16_t field, uint64_t value) {
    uint64_t at = (field == layout.flags && layout.separate_metadata ? page.chunk : page.header) + field;
    uint64_t before = v8.word(at);
    v8.put(at, value);
    bool answer = found(page);
    v8.put(at, before);
    return answer;
  }

  V8Builder v8;
  PageHeaderLayout layout;
};
INSTANTIATE_TEST_SUITE_P(Layouts, FindPages, ::testing::Values(V8Builder::kInChunk, V8Builder::kSeparate),
                         [](const auto& tested) { return tested.param.major < 13 ? "InChunk" : "SeparateMetadata"; });

TEST_P(FindPages, ReadsGoodHeaders) {
  FakePage& page = v8.add_page(Space::kOld, {.flags = 0x42});
  std::vector<Page> pages = find();
  ASSERT_EQ(pages.size(), 3u) << "read-only, old, old";
  const Page& last = pages.back();
  EXPECT_EQ(last.chunk, Address(page.chunk));
  EXPECT_EQ(last.header, Address(page.header));
  EXPECT_EQ(last.size, page.spec.size);
  EXPECT_EQ(last.flags, 0x42u);
  EXPECT_EQ(last.heap, Address(v8.heap_address(0)));
  EXPECT_EQ(last.owner, Address(v8.space_object(Space::kOld, 0)));
  EXPECT_EQ(last.area_start, Address(page.area_start));
  EXPECT_EQ(last.area_end, Address(page.area_end));
}

TEST_P(FindPages, RefusesFieldsThatMakeNoSense) {
  FakePage& page = v8.add_page(Space::kOld);
  ASSERT_TRUE(found(page));
  EXPECT_FALSE(accepted_with(page, layout.area_start, page.area_start + 4)) << "odd area start";
  EXPECT_FALSE(accepted_with(page, layout.area_start, page.chunk)) << "area over the header";
  EXPECT_FALSE(accepted_with(page, layout.area_start, page.chunk - 8)) << "area before the page";
  EXPECT_FALSE(accepted_with(page, layout.area_start, page.chunk + 0x10000)) << "header of 64 KiB";
  EXPECT_FALSE(accepted_with(page, layout.area_end, page.area_end - 4)) << "odd area end";
  EXPECT_FALSE(accepted_with(page, layout.area_end, page.area_start)) << "empty area";
  EXPECT_FALSE(accepted_with(page, layout.area_end, page.chunk)) << "area end before its start";
  EXPECT_FALSE(accepted_with(page, layout.area_end, page.area_end + 8)) << "area beyond the page";
  EXPECT_FALSE(accepted_with(page, layout.size, 0)) << "no size";
  EXPECT_FALSE(accepted_with(page, layout.size, page.spec.size + 8)) << "not a multiple of a memory page";
  EXPECT_FALSE(accepted_with(page, layout.size, 1ull << 40)) << "a terabyte";
  EXPECT_FALSE(accepted_with(page, layout.size, ~0xfffull)) << "nearly 2^64";
  EXPECT_FALSE(accepted_with(page, layout.flags, 1ull << 40)) << "flags that no version has";
  EXPECT_FALSE(accepted_with(page, layout.heap, v8.heap_address(0) + 4)) << "odd heap";
  EXPECT_FALSE(accepted_with(page, layout.heap, 0x123456789000)) << "unreadable heap";
  EXPECT_FALSE(accepted_with(page, layout.owner, 0x123456789000)) << "unreadable owner";
  EXPECT_TRUE(accepted_with(page, layout.heap, 0)) << "read-only pages have none";
  EXPECT_TRUE(accepted_with(page, layout.owner, 0)) << "read-only pages have none";
  EXPECT_TRUE(found(page)) << "all fields are as they were";
}

TEST_P(FindPages, PagesThatWereReleasedHoldLeftovers) {
  FakePage& kept = v8.add_page(Space::kOldLarge, {.size = 0x100000});
  FakePage& released = v8.add_page(Space::kOldLarge, {.size = 0x100000});
  FakePage& young = v8.add_page(Space::kNewLarge, {.size = 0x80000, .flags = kFromPage});
  for (const FakePage* page : {&released, &young}) v8.put(page->header + layout.owner, 0);
  auto heap = v8.open();
  auto page_at = [&](const FakePage& page) { return *heap->pages().page_of(page.area_start); };
  EXPECT_FALSE(page_at(kept).stale);
  EXPECT_TRUE(page_at(released).stale);
  EXPECT_EQ(page_at(released).space, Space::kOldLarge);
  EXPECT_TRUE(page_at(young).stale);
  EXPECT_FALSE(page_at(young).from_space) << "nothing was moved away from it";
  EXPECT_EQ(page_at(young).space, Space::kNewLarge);
}

TEST(ReleasedPages, AreKnownByTheirFlagWhereTheyKeepTheirOwner) {
  constexpr uint64_t kPreFreed = 0x2000;
  V8Builder v8(V8Version{7, 8});
  FakePage& page = v8.add_page(Space::kOldLarge, {.size = 0x100000, .flags = kPreFreed});
  EXPECT_TRUE(v8.open()->pages().page_of(page.area_start)->stale);
}

TEST_P(FindPages, LooksAtAlignedPlacesOfAnonymousMemoryOnly) {
  FakePage good = v8.add_page(Space::kOld);
  auto copy_header = [&](uint64_t chunk, const char* path) {
    auto& region = v8.memory().map(chunk, 0x40000);
    region.path = path;
    for (uint64_t at = 0; at < V8Builder::kAreaOffset; at += 8) v8.put(chunk + at, v8.word(good.chunk + at));
    if (layout.separate_metadata) return;
    v8.put(chunk + layout.area_start, chunk + V8Builder::kAreaOffset);
    v8.put(chunk + layout.area_end, chunk + 0x40000);
  };
  size_t before = find().size();
  copy_header(0x7000000000 + 0x1000, "");
  copy_header(0x7100000000, "/usr/lib/file.so");
  EXPECT_EQ(find().size(), before);
  if (layout.separate_metadata) return;  // there the area tells that the copy is none
  copy_header(0x7200000000, "");
  EXPECT_EQ(find().size(), before + 1);
}

TEST_P(FindPages, WhatLiesInsideALargePageIsNoHeader) {
  FakePage& large = v8.add_page(Space::kOldLarge, {.size = 0x100000});
  FakePage inner = large;
  inner.chunk += 0x80000;
  for (uint64_t at = 0; at < V8Builder::kAreaOffset; at += 8) v8.put(inner.chunk + at, v8.word(large.chunk + at));
  if (!layout.separate_metadata) {
    v8.put(inner.chunk + layout.size, 0x40000);
    v8.put(inner.chunk + layout.area_start, inner.chunk + V8Builder::kAreaOffset);
    v8.put(inner.chunk + layout.area_end, inner.chunk + 0x40000);
  }
  EXPECT_FALSE(found(inner));
  if (layout.separate_metadata) return;
  v8.put(large.header + layout.size, 0);  // no longer a page, so that nothing hides the inner one
  EXPECT_TRUE(found(inner));
}

TEST_P(FindPages, AHeaderThatTheDumpHasNotWholeIsNone) {
  FakePage& page = v8.add_page(Space::kOld);
  v8.memory().cut(page.chunk, page.area_start - page.chunk);
  EXPECT_TRUE(found(page));
  for (uint64_t available : {uint64_t{layout.owner}, uint64_t{layout.owner} + 7}) {
    if (layout.separate_metadata) available = 8;  // half of flags and pointer
    v8.memory().cut(page.chunk, available);
    EXPECT_FALSE(found(page)) << available;
  }
}

TEST(FindPagesOfAllVersions, NoFieldIsReadBeyondTheDump) {
  for (const LayoutTable& row : layout_tables()) {
    if (row.page.separate_metadata) continue;
    V8Builder v8({row.major, row.minor});
    FakePage& page = v8.add_page(Space::kOld);
    size_t all = find_pages(v8.binary.process, row.page).size();
    v8.memory().cut(page.chunk, row.page.owner + 7);
    EXPECT_EQ(find_pages(v8.binary.process, row.page).size(), all - 1) << row.major << "." << row.minor;
  }
}

TEST_P(FindPages, MetadataPointersAreChecked) {
  if (!layout.separate_metadata) return;
  FakePage& page = v8.add_page(Space::kOld);
  for (uint64_t pointer : {uint64_t{0}, page.header + 4, uint64_t{0x123456789000}}) {
    v8.put(page.chunk + 8, pointer);
    EXPECT_FALSE(found(page)) << pointer;
  }
  v8.put(page.chunk + 8, page.header);
  EXPECT_TRUE(found(page));
}

class Classify : public ::testing::Test {
 protected:
  Page classify(const FakePage& page) {
    Layout layout;
    layout.version = V8Builder::kInChunk;
    layout.table = layout_table_for(layout.version);
    std::vector<Page> pages = find_pages(v8.binary.process, layout.table.page);
    classify_pages(v8.binary.process, v8.binary.module(), layout, pages);
    for (const Page& one : pages) {
      if (one.chunk == Address(page.chunk)) return one;
    }
    ADD_FAILURE() << "page not found";
    return {};
  }
  V8Builder v8;
};

TEST_F(Classify, ByTheOwnersVtable) {
  for (Space space : {Space::kNew, Space::kOld, Space::kCode, Space::kOldLarge, Space::kNewLarge}) {
    Page page = classify(v8.add_page(space));
    EXPECT_EQ(page.space, space) << space_name(space);
    EXPECT_EQ(page.large, space == Space::kOldLarge || space == Space::kNewLarge) << space_name(space);
  }
  EXPECT_EQ(classify(v8.read_only()).space, Space::kReadOnly);
}

TEST_F(Classify, ByTheOwnersIdWhereVtablesHaveNoSymbols) {
  v8.binary.symbols->remove("_ZTVN2v88internal9CodeSpaceE");
  FakePage& page = v8.add_page(Space::kCode);
  v8.put(v8.space_object(Space::kCode, 0) + 16, 2);
  EXPECT_EQ(classify(page).space, Space::kCode);
}

TEST_F(Classify, ByFlagsWhereNothingElseTells) {
  v8.binary.symbols->remove("_ZTVN2v88internal9SemiSpaceE");
  v8.put(v8.space_object(Space::kNew, 0) + 16, 0xdead);
  EXPECT_EQ(classify(v8.add_page(Space::kNew, {.flags = kToPage})).space, Space::kNew);
  EXPECT_EQ(classify(v8.add_page(Space::kNew)).space, Space::kOld);
}

TEST_F(Classify, AnythingBiggerThanARegularPageIsLarge) {
  EXPECT_FALSE(classify(v8.add_page(Space::kOld)).large);
  EXPECT_TRUE(classify(v8.add_page(Space::kOld, {.size = 0x80000})).large);
}

TEST_F(Classify, FromSpaceIsStale) {
  Page from = classify(v8.add_page(Space::kNew, {.flags = kFromPage}));
  EXPECT_TRUE(from.from_space);
  EXPECT_TRUE(from.stale);
  Page to = classify(v8.add_page(Space::kNew, {.flags = kToPage}));
  EXPECT_FALSE(to.from_space);
  EXPECT_FALSE(to.stale);
}

TEST(PageTable, FindsThePageOfEveryAddressAndOfNoOther) {
  std::vector<Page> pages(3);
  uint64_t sizes[] = {0x40000, 0x80000, 0x40000000};
  for (size_t i = 0; i < pages.size(); ++i) {
    pages[i].chunk = Address(0x100000000 * (i + 1));
    pages[i].size = sizes[i];
    pages[i].large = i == 2;
  }
  PageTable table(pages);
  const auto& all = table.pages();
  EXPECT_EQ(table.page_of(0x100000000), &all[0]);
  EXPECT_EQ(table.page_of(0x10003ffff), &all[0]);
  EXPECT_EQ(table.page_of(0x100040000), nullptr);
  EXPECT_EQ(table.page_of(0xffffffff), nullptr);
  EXPECT_EQ(table.page_of(0x20007ffff), &all[1]) << "second block of a 512 KiB page";
  EXPECT_EQ(table.page_of(0x200080000), nullptr);
  EXPECT_EQ(table.page_of(0x30003ffff), &all[2]);
  EXPECT_EQ(table.page_of(0x300040000), nullptr) << "no object starts there";
  EXPECT_EQ(table.page_of(0), nullptr);
  EXPECT_EQ(table.page_of(0x1000), nullptr);
  EXPECT_EQ(table.page_of(UINT64_MAX), nullptr);
}

TEST(PageTable, WithoutPagesThereIsNothing) {
  PageTable none, empty{std::vector<Page>()};
  for (uint64_t address : {uint64_t{0}, uint64_t{0x100000000}, UINT64_MAX}) {
    EXPECT_EQ(none.page_of(address), nullptr);
    EXPECT_EQ(empty.page_of(address), nullptr);
    EXPECT_EQ(empty.word(address), std::nullopt);
  }
}

}  // namespace
}  // namespace inquest::v8
