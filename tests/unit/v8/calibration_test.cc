#include "v8/heap/calibration.h"

#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::smi;
using inquest::testing::V8Builder;

/// A free space of `words` words that gives its size as `said`, and an object behind it.
void add_free_space(V8Builder& v8, uint64_t words, int32_t said) {
  std::vector<uint64_t> space(words, 0xabab);
  space[0] = v8.root("free_space_map");
  space[1] = smi(said);
  v8.add(space);
  v8.heap_number(1);
}

TEST(Calibration, FreeSpaceInBytesOrWordsIsSettledByWhatFollowsIt) {
  // On either side of the version that changed it: the heap wins over the version.
  for (V8Version version : {V8Builder::kInChunk, V8Builder::kSeparate, V8Version{13, 6, 233, 10}}) {
    V8Builder bytes(version), words(version);
    for (int i = 0; i < 10; ++i) {
      add_free_space(bytes, 30, 30 * 8);
      add_free_space(words, 30, 30);
    }
    EXPECT_EQ(bytes.open()->calibration().free_space_unit, 1u) << version.text();
    EXPECT_EQ(words.open()->calibration().free_space_unit, 8u) << version.text();
    EXPECT_THAT(words.open()->provenance().free_space_unit, ::testing::HasSubstr("0 : 10"));
  }
}

TEST(Calibration, WithoutVotesTheVersionDecides) {
  EXPECT_EQ(V8Builder(V8Version{13, 6, 233, 10}).open()->calibration().free_space_unit, 1u);
  EXPECT_EQ(V8Builder(V8Version{13, 6, 233, 17}).open()->calibration().free_space_unit, 8u);
}

TEST(Calibration, AMajorityIsEnough) {
  V8Builder v8;
  for (int i = 0; i < 5; ++i) add_free_space(v8, 30, 30);
  for (int i = 0; i < 2; ++i) add_free_space(v8, 30, 30 * 8);
  EXPECT_EQ(v8.open()->calibration().free_space_unit, 8u);
}

TEST(Calibration, WhatHasMovedAwayIsNoArgumentAgainstASize) {
  // Behind each free space of 24 bytes lay an object whose new address is there instead; 24 words on an object begins.
  V8Builder v8;
  uint64_t moved = v8.heap_number(1) - 1;
  for (int i = 0; i < 5; ++i) {
    std::vector<uint64_t> words(24, 0xabab);
    words[0] = v8.root("free_space_map");
    words[1] = smi(24);
    words[3] = moved;
    v8.add(words);
    v8.heap_number(2);
  }
  auto heap = v8.open();
  EXPECT_EQ(heap->calibration().free_space_unit, 1u);
  EXPECT_THAT(heap->provenance().free_space_unit, ::testing::HasSubstr("0 : 0"));
}

TEST(Calibration, DamagedFreeSpaceHasNoVote) {
  V8Builder v8;
  add_free_space(v8, 30, 30);
  for (int32_t said : {0, -240, 0x7fffffff, 23}) add_free_space(v8, 30, said);
  EXPECT_THAT(v8.open()->provenance().free_space_unit, ::testing::HasSubstr("0 : 1"));
}

TEST(Calibration, FeedbackVectorsTellTheirHeader) {
  for (auto [length_at, header] : {std::pair<uint16_t, uint16_t>{8, 56}, {32, 48}, {24, 40}}) {
    V8Builder v8;
    for (uint32_t slots = 1; slots < 6; ++slots) {
      std::vector<uint64_t> words(header / 8 + slots, 0xabab);
      words[0] = v8.root("feedback_vector_map");
      words[length_at / 8] = slots;
      v8.add(words);
      v8.heap_number(1);
    }
    auto heap = v8.open();
    EXPECT_EQ(heap->calibration().feedback_vector_length, length_at) << header;
    EXPECT_EQ(heap->calibration().feedback_vector_header, header);
  }
}

TEST(Calibration, WithoutFeedbackVectorsTheTableIsUsed) {
  for (const LayoutTable& row : layout_tables()) {
    if (row.page_size != 0x40000) continue;
    auto heap = V8Builder(V8Version{row.major, row.minor}).open();
    EXPECT_EQ(heap->calibration().feedback_vector_length, row.feedback_vector_length) << row.major << "." << row.minor;
    EXPECT_EQ(heap->calibration().feedback_vector_header, row.feedback_vector_header) << row.major << "." << row.minor;
  }
}

TEST(Calibration, MapsTellWhereTheirDescriptorsLie) {
  V8Builder v8;
  EXPECT_EQ(v8.open()->layout().map.descriptors, 40);
  for (const char* map : {"fixed_array_map", "string_map", "cell_map"})
    v8.put(v8.root(map) - 1 + 48, v8.descriptors({}));
  EXPECT_EQ(v8.open()->layout().map.descriptors, 48);
}

}  // namespace
}  // namespace inquest::v8
