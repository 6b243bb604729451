#include "v8/heap/linear_areas.h"

#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakePage;
using inquest::testing::V8Builder;

/// The areas of one page as text: "none" or "top+size", relative to the page's area.
std::string areas_of(const Heap& heap, const FakePage& page) {
  std::string text;
  for (const LinearArea& area : heap.areas_of(*heap.pages().page_of(page.chunk))) {
    text += std::to_string(area.top - page.area_start) + "+" + std::to_string(area.limit - area.top);
  }
  return text.empty() ? "none" : text;
}

class LinearAreas : public ::testing::Test {
 protected:
  explicit LinearAreas(V8Version version = V8Builder::kInChunk, Space space = Space::kOld)
      : v8(version), page(v8.add_page(space)), at(page.area_start) {}
  std::string found() { return areas_of(*v8.open(), page); }
  void put_pair(uint64_t where, uint64_t top, uint64_t limit) {
    v8.put(where, top);
    v8.put(where + 8, limit);
  }
  uint64_t space() { return v8.space_object(page.space, 0); }

  V8Builder v8;
  FakePage& page;
  uint64_t at;
};

TEST_F(LinearAreas, OfAPairInTheIsolate) {
  EXPECT_EQ(found(), "none");
  put_pair(v8.heap_address(0) + 0x100, at + 64, at + 256);
  EXPECT_EQ(found(), "64+192");
}

TEST_F(LinearAreas, OfATripleItIsTopToLimitNotStartToTop) {
  v8.add_area(at + 16, at + 64, at + 256);
  EXPECT_EQ(found(), "64+192");
}

TEST_F(LinearAreas, OfTwoThatBeginAlikeTheLimitWasLoweredInTheShorter) {
  v8.add_area(at + 16, at + 64, at + 128);
  v8.add_area(at + 16, at + 64, at + 256);
  EXPECT_EQ(found(), "64+192");
}

TEST_F(LinearAreas, OfAPairInTheSpaceObject) {
  put_pair(space() + 0x100, at + 64, at + 256);
  EXPECT_EQ(found(), "64+192");
}

TEST_F(LinearAreas, NotOfOtherNativeMemory) {
  put_pair(v8.allocate(16), at + 64, at + 256);
  EXPECT_EQ(found(), "none");
}

TEST_F(LinearAreas, InASpaceObjectAtTheStartOfAMapping) {
  constexpr uint64_t kSpace = 0x50000000;
  v8.memory().map(kSpace, 0x2000);
  v8.put(kSpace, v8.word(space()));
  v8.put(page.header + layout_table_for(V8Builder::kInChunk).page.owner, kSpace);
  put_pair(kSpace + 0x100, at + 64, at + 256);
  EXPECT_EQ(found(), "64+192");
}

/// Code space of 13.x, whose spaces have allocators of their own.
class Allocators : public LinearAreas {
 protected:
  Allocators() : LinearAreas(V8Builder::kSeparate, Space::kCode) {}
};

TEST_F(Allocators, OnePointerAwayFromTheSpaceObject) {
  uint64_t allocator = v8.allocate(0x100);
  v8.put(allocator + 0x20, at + 16);
  put_pair(allocator + 0x28, at + 64, at + 256);
  EXPECT_EQ(found(), "none");
  v8.put(space() + 0x80, allocator);
  EXPECT_EQ(found(), "64+192");
}

TEST_F(LinearAreas, MayBeEmptyAtTheEndOfThePage) {
  v8.add_area(at, page.area_end, page.area_end);
  EXPECT_EQ(found(), std::to_string(page.area_end - at) + "+0");
}

TEST_F(LinearAreas, WhatDoesNotFitIsNone) {
  v8.put(v8.heap_address(0) + 0x100, at + 256);
  v8.put(v8.heap_address(0) + 0x108, at + 64);
  EXPECT_EQ(found(), "none") << "limit before top";
  v8.put(v8.heap_address(0) + 0x108, page.area_end + 8);
  EXPECT_EQ(found(), "none") << "beyond the page";
  v8.put(v8.heap_address(0) + 0x100, page.chunk + 8);
  v8.put(v8.heap_address(0) + 0x108, at + 64);
  EXPECT_EQ(found(), "none") << "top in the header";
  v8.put(v8.heap_address(0) + 0x100, at + 4);
  EXPECT_EQ(found(), "none") << "odd top";
  v8.put(v8.heap_address(0) + 0x100, at);
  v8.put(v8.heap_address(0) + 0x108, page.area_end);
  EXPECT_EQ(found(), "none") << "the whole area is a description of the page";
}

class OldNewSpace : public LinearAreas {
 protected:
  OldNewSpace() : LinearAreas(V8Builder::kInChunk, Space::kNew) {}
};

TEST_F(OldNewSpace, ALoweredLimitNeedNotBeAligned) {
  v8.add_area(at + 16, at + 64, at + 250);
  EXPECT_EQ(found(), "64+" + std::to_string(page.area_end - at - 64)) << "new space has it up to the page's end";
}

TEST_F(LinearAreas, NotOfReadOnlyAndLargePages) {
  FakePage& large = v8.add_page(Space::kOldLarge, {.size = 0x80000});
  v8.add_area(large.area_start + 16, large.area_start + 64, large.area_start + 256);
  v8.add_area(v8.read_only().top, v8.read_only().top + 64, v8.read_only().top + 256);
  auto heap = v8.open();
  EXPECT_EQ(areas_of(*heap, large), "none");
  EXPECT_EQ(areas_of(*heap, v8.read_only()), "none");
}

/// Three pages of to-space in one list, allocation in the second. Both header kinds.
class NewSpace : public ::testing::TestWithParam<V8Version> {
 protected:
  NewSpace() : v8(GetParam()) {
    for (int i = 0; i < 3; ++i) pages.push_back(&v8.add_page(Space::kNew, {.flags = kToPage}));
    // In the list the last page comes before the others: addresses say nothing.
    std::swap(pages[0], pages[2]);
    for (size_t i = 0; i + 1 < pages.size(); ++i) {
      v8.put(pages[i]->header + V8Builder::kListNode, pages[i + 1]->header);
      v8.put(pages[i + 1]->header + V8Builder::kListNode + 8, pages[i]->header);
    }
  }
  bool stale(const Heap& heap, size_t i) { return heap.pages().page_of(pages[i]->chunk)->stale; }

  V8Builder v8;
  std::vector<FakePage*> pages;
};
INSTANTIATE_TEST_SUITE_P(Layouts, NewSpace, ::testing::Values(V8Builder::kInChunk, V8Builder::kSeparate),
                         [](const auto& tested) { return tested.param.major < 13 ? "InChunk" : "SeparateMetadata"; });

TEST_P(NewSpace, PagesBehindTheAllocationTopAreUnused) {
  v8.add_area(pages[1]->area_start, pages[1]->area_start + 64, pages[1]->area_start + 128);
  auto heap = v8.open();
  EXPECT_FALSE(stale(*heap, 0));
  EXPECT_FALSE(stale(*heap, 1));
  EXPECT_TRUE(stale(*heap, 2));
  EXPECT_EQ(areas_of(*heap, *pages[1]), "64+" + std::to_string(pages[1]->area_end - pages[1]->area_start - 64))
      << "to the end of the page, whatever the limit";
}

TEST_P(NewSpace, WithoutAnAllocationAreaAllPagesCount) {
  auto heap = v8.open();
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(stale(*heap, i));
}

TEST_P(NewSpace, AListThatRunsInACircleEnds) {
  v8.put(pages[2]->header + V8Builder::kListNode, pages[1]->header);
  v8.put(pages[1]->header + V8Builder::kListNode + 8, pages[2]->header);
  v8.add_area(pages[0]->area_start, pages[0]->area_start + 64, pages[0]->area_start + 128);
  auto heap = v8.open();
  EXPECT_FALSE(stale(*heap, 0));
}

TEST_P(NewSpace, AWholePageThatIsStillEmptyIsAnArea) {
  v8.add_area(pages[2]->area_start, pages[2]->area_start, pages[2]->area_end);
  EXPECT_EQ(areas_of(*v8.open(), *pages[2]), "0+" + std::to_string(pages[2]->area_end - pages[2]->area_start));
}

}  // namespace
}  // namespace inquest::v8
