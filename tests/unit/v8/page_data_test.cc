#include <gmock/gmock.h>

#include <array>

#include "tests/support/v8_page_builder.h"
#include "v8/heap/page.h"
#include "v8/heap/page_table.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakeProcess;

constexpr uint64_t kChunk = 0x3f00000000;
constexpr uint64_t kArea = kChunk + 0x200;

Page page_of_size(uint64_t size) {
  Page page;
  page.chunk = Address(kChunk);
  page.size = size;
  page.area_start = Address(kArea);
  page.area_end = Address(kChunk + size);
  return page;
}

uint64_t word_at(const Page& page, uint64_t offset) {
  uint64_t word;
  std::memcpy(&word, page.data + offset, sizeof word);
  return word;
}

/// Maps [start, start + size) and writes the address of each word into it.
void map_numbered(FakeProcess& process, uint64_t start, uint64_t size) {
  process.memory_.map(start, size);
  for (uint64_t at = start; at + 8 <= start + size; at += 8) process.memory_.put(at, at);
}

TEST(AttachData, WholePagesAreNotCopied) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x40000);
  Page page = page_of_size(0x40000);
  attach_data(process, page);
  EXPECT_EQ(page.data, process.memory_.view(Address(kArea), 8).data());
  EXPECT_EQ(page.copy, nullptr);
  EXPECT_EQ(page.missing, 0u);
}

TEST(AttachData, PiecesArePutTogether) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x1000);
  map_numbered(process, kChunk + 0x1000, 0x3f000);
  Page page = page_of_size(0x40000);
  attach_data(process, page);
  EXPECT_EQ(page.missing, 0u);
  EXPECT_EQ(page.area_end, Address(kChunk + 0x40000));
  for (uint64_t at = 0; at < page.area_size(); at += 8) ASSERT_EQ(word_at(page, at), kArea + at);
}

TEST(AttachData, HolesReadAsZeroAndAreCounted) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x2000);
  map_numbered(process, kChunk + 0x5000, 0x1000);
  map_numbered(process, kChunk + 0x10000, 0x30000);
  Page page = page_of_size(0x40000);
  attach_data(process, page);
  EXPECT_EQ(page.missing, 0x3000u + 0xa000u);
  EXPECT_EQ(page.area_end, Address(kChunk + 0x40000));
  EXPECT_EQ(word_at(page, 0x2000 - 0x200 - 8), kChunk + 0x2000 - 8);
  EXPECT_EQ(word_at(page, 0x2000 - 0x200), 0u);
  EXPECT_EQ(word_at(page, 0x5000 - 0x200), kChunk + 0x5000);
  EXPECT_EQ(word_at(page, 0x6000 - 0x200), 0u);
  EXPECT_EQ(word_at(page, 0x10000 - 0x200), kChunk + 0x10000);
}

TEST(AttachData, ATruncatedTailReadsAsZero) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x40000);
  process.memory_.cut(kChunk, 0x12345);
  Page page = page_of_size(0x40000);
  attach_data(process, page);
  EXPECT_EQ(page.missing, 0x40000u - 0x12345u);
  EXPECT_EQ(page.area_size(), 0x40000u - 0x200u);
  EXPECT_EQ(word_at(page, 0x12340 - 0x200 - 8), kChunk + 0x12340 - 8);
  EXPECT_EQ(word_at(page, 0x12348 - 0x200), 0u);
  EXPECT_EQ(word_at(page, page.area_size() - 8), 0u);
}

TEST(AttachData, OfALargePageWithoutItsEndThatEndIsCutOff) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x3000);
  map_numbered(process, kChunk + 0x4000, 0x1000);
  constexpr uint64_t kSize = 0x200000;
  Page page = page_of_size(kSize);
  attach_data(process, page);
  EXPECT_GE(page.area_end, Address(kChunk + 0x5000));
  EXPECT_LT(page.area_end, Address(kChunk + kSize));
  EXPECT_EQ(word_at(page, 0x4ff8 - 0x200), kChunk + 0x4ff8);
  EXPECT_EQ(page.missing, kSize - 0x5000 + 0x1000) << "the early hole is missing as well";
}

TEST(AttachData, WhatIsMissingAtTheEndOfAMiddlingPageIsCountedWhole) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x1000);
  Page page = page_of_size(0xf0000);
  attach_data(process, page);
  EXPECT_EQ(page.missing, 0xf0000u - 0x1000u);
}

TEST(AttachData, AbsurdSizesAreNotAllocated) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x1000);
  Page page = page_of_size(1ull << 36);
  attach_data(process, page);
  ASSERT_NE(page.copy, nullptr);
  EXPECT_LT(page.copy->capacity(), 0x100000u);
  EXPECT_LE(page.area_size(), page.copy->size());
  EXPECT_EQ(page.missing, (1ull << 36) - 0x1000);
}

TEST(AttachData, APageWithoutAnyBytesIsSafeToAsk) {
  FakeProcess process;
  Page page = page_of_size(1ull << 36);
  attach_data(process, page);
  page.large = true;
  PageTable table(std::vector<Page>{page});
  EXPECT_EQ(table.word(kArea), std::nullopt);
  EXPECT_EQ(table.object_bytes(kArea, 0, 8), nullptr);
}

TEST(PageTable, WordsAndBytesStayInsideTheArea) {
  FakeProcess process;
  map_numbered(process, kChunk, 0x40000);
  Page page = page_of_size(0x40000);
  attach_data(process, page);
  PageTable table(std::vector<Page>{page});
  const uint64_t end = kChunk + 0x40000;
  EXPECT_EQ(table.word(kArea), kArea);
  EXPECT_EQ(table.word(end - 8), end - 8);
  for (uint64_t address : {kChunk, kArea - 1, end - 7, end}) EXPECT_EQ(table.word(address), std::nullopt) << address;
  EXPECT_EQ(table.bytes(kArea, 8), page.data);
  EXPECT_EQ(table.bytes(kArea, end - kArea), page.data);
  EXPECT_EQ(table.bytes(kArea, end - kArea + 1), nullptr);
  EXPECT_EQ(table.bytes(kArea + 8, UINT64_MAX - 4), nullptr);
  EXPECT_EQ(table.object_bytes(kArea, 16, 8), page.data + 16);
  EXPECT_EQ(table.object_bytes(kArea, end - kArea - 8, 8), page.data + (end - kArea - 8));
  EXPECT_EQ(table.object_bytes(kArea, end - kArea - 7, 8), nullptr);
  EXPECT_EQ(table.object_bytes(kArea, UINT64_MAX - 7, 8), nullptr);
  EXPECT_EQ(table.object_bytes(kChunk, 0x200, 8), nullptr) << "no object starts in the header";
}

}  // namespace
}  // namespace inquest::v8
