// Range lists (DWARF 5, 2.17.3 and 7.25; DWARF 4, 2.17.3) and location lists (DWARF 5, 2.6.2 and 7.7.3; DWARF 4, 2.6.2;
// GNU's split DWARF 4), every kind of entry. What is wanted follows from the definitions there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postmortem/dwarf/location_lists.h"
#include "tests/support/dwarf_builder.h"

namespace inquest::dwarf {
namespace {

using namespace inquest::test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kBase = 0x10000;
constexpr uint64_t kTableHeader = 12;  // of .debug_rnglists, .debug_loclists in the 32-bit format; 8 of .debug_addr

struct Range {
  uint64_t low, high;
  bool operator==(const Range&) const = default;
};
void PrintTo(const Range& range, std::ostream* out) { *out << std::hex << range.low << "-" << range.high; }

/// .debug_addr with 0x1000, 0x2000, ... 0x8000.
std::string addresses(unsigned size) {
  std::string table;
  for (uint64_t i = 1; i <= 8; ++i) table += sized(0x1000 * i, size);
  return with_length(4, u16(5) + u8(size) + u8(0) + table);
}

/// A unit with DW_AT_low_pc (kBase), DW_AT_ranges or DW_AT_location in `form`, and the bases of its tables.
DwarfSections sections_with(unsigned attribute, unsigned form, const std::string& bytes, unsigned version,
                            unsigned address_size = 8) {
  DwarfSections sections;
  sections[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, false,
                                           {{DW_AT_low_pc, DW_FORM_addr},
                                            {attribute, form},
                                            {DW_AT_addr_base, DW_FORM_sec_offset},
                                            {DW_AT_rnglists_base, DW_FORM_sec_offset},
                                            {DW_AT_loclists_base, DW_FORM_sec_offset}}) +
                              u8(0);
  sections[".debug_info"] =
      test::unit({.version = version, .address_size = address_size},
                 u8(1) + sized(kBase, address_size) + bytes + u32(8) + u32(kTableHeader) + u32(kTableHeader));
  sections[".debug_addr"] = addresses(address_size);
  return sections;
}

std::vector<Range> ranges_of(const DwarfSections& sections) {
  DwarfImage image(sections);
  std::vector<Range> result;
  for (const AddressRange& range : image.unit().die().ranges()) result.push_back({range.low, range.high});
  return result;
}

std::vector<Range> old_ranges(const std::string& list, unsigned address_size = 8) {
  auto sections = sections_with(DW_AT_ranges, DW_FORM_sec_offset, u32(4), 4, address_size);
  sections[".debug_ranges"] = "pad." + list;
  return ranges_of(sections);
}

TEST(RangeLists, OfVersions2To4ArePairsFromABase) {
  for (unsigned size : {4u, 8u}) {
    auto pair = [size](uint64_t low, uint64_t high) { return sized(low, size) + sized(high, size); };
    uint64_t select = size == 8 ? UINT64_MAX : UINT32_MAX;
    EXPECT_THAT(old_ranges(pair(0x10, 0x20) + pair(0x30, 0x38) + pair(0, 0) + pair(1, 2), size),
                ElementsAre(Range{kBase + 0x10, kBase + 0x20}, Range{kBase + 0x30, kBase + 0x38}));
    EXPECT_THAT(old_ranges(pair(select, 0x5000) + pair(0, 8) + pair(select, 0) + pair(0x700, 0x710) + pair(0, 0), size),
                ElementsAre(Range{0x5000, 0x5008}, Range{0x700, 0x710}));
    EXPECT_THAT(old_ranges(pair(0x10, 0x10) + pair(0x20, 0x18) + pair(0x30, 0x31) + pair(0, 0), size),
                ElementsAre(Range{kBase + 0x30, kBase + 0x31}))
        << "empty ones say nothing";
    EXPECT_THAT(old_ranges(pair(select, 0) + pair(0, 0x100) + pair(0x40, 0x50) + pair(0, 0), size),
                ElementsAre(Range{0x40, 0x50}))
        << "what begins at 0 was removed by the linker";
    EXPECT_THAT(old_ranges(pair(0x10, 0x20), size), ElementsAre(Range{kBase + 0x10, kBase + 0x20})) << "no end";
  }
}

std::vector<Range> new_ranges(const std::string& list, unsigned address_size = 8) {
  auto sections = sections_with(DW_AT_ranges, DW_FORM_sec_offset, u32(kTableHeader), 5, address_size);
  sections[".debug_rnglists"] = with_length(4, u16(5) + u8(address_size) + u8(0) + u32(0) + list);
  return ranges_of(sections);
}

TEST(RangeLists, OfVersion5HaveEightKindsOfEntries) {
  for (unsigned size : {4u, 8u}) {
    std::string end = u8(DW_RLE_end_of_list);
    EXPECT_THAT(new_ranges(u8(DW_RLE_offset_pair) + uleb(0x80) + uleb(0x100) + end, size),
                ElementsAre(Range{kBase + 0x80, kBase + 0x100}));
    EXPECT_THAT(
        new_ranges(u8(DW_RLE_base_address) + sized(0x7000, size) + u8(DW_RLE_offset_pair) + uleb(0) + uleb(4) + end,
                   size),
        ElementsAre(Range{0x7000, 0x7004}));
    EXPECT_THAT(
        new_ranges(u8(DW_RLE_base_addressx) + uleb(2) + u8(DW_RLE_offset_pair) + uleb(1) + uleb(200) + end, size),
        ElementsAre(Range{0x3001, 0x30c8}));
    EXPECT_THAT(new_ranges(u8(DW_RLE_startx_endx) + uleb(0) + uleb(1) + end, size), ElementsAre(Range{0x1000, 0x2000}));
    EXPECT_THAT(new_ranges(u8(DW_RLE_startx_length) + uleb(7) + uleb(300) + end, size),
                ElementsAre(Range{0x8000, 0x812c}));
    EXPECT_THAT(new_ranges(u8(DW_RLE_start_end) + sized(0x123, size) + sized(0x456, size) + end, size),
                ElementsAre(Range{0x123, 0x456}));
    EXPECT_THAT(new_ranges(u8(DW_RLE_start_length) + sized(0x9000, size) + uleb(0x1000) + end, size),
                ElementsAre(Range{0x9000, 0xa000}));
    EXPECT_THAT(new_ranges(u8(DW_RLE_start_end) + sized(5, size) + sized(6, size) + end + u8(DW_RLE_start_end) +
                               sized(7, size) + sized(8, size),
                           size),
                ElementsAre(Range{5, 6}))
        << "the end";
  }
}

TEST(RangeLists, WhatCannotBeReadEndsThem) {
  std::string good = u8(DW_RLE_start_end) + u64(5) + u64(6);
  EXPECT_THAT(new_ranges(good + u8(0x33) + good), ElementsAre(Range{5, 6})) << "an unknown kind";
  EXPECT_THAT(new_ranges(good + u8(DW_RLE_startx_length) + uleb(100) + uleb(1) + good), ElementsAre(Range{5, 6}))
      << "an address that is not in the table";
  EXPECT_THAT(new_ranges(good + u8(DW_RLE_start_end) + u64(7) + u32(0)), ElementsAre(Range{5, 6})) << "cut";
  EXPECT_THAT(new_ranges(u8(DW_RLE_base_address) + u64(UINT64_MAX) + u8(DW_RLE_offset_pair) + uleb(4) + uleb(8) + good),
              ElementsAre(Range{5, 6}))
      << "lld's tombstone as base: all of it was removed";
}

// 7.28: DW_FORM_rnglistx counts the offsets behind the header; they count from the base.
TEST(RangeLists, ByIndexGoThroughTheOffsetsOfTheTable) {
  for (unsigned offset_size : {4u, 8u}) {
    DwarfSections sections;
    sections[".debug_abbrev"] =
        abbreviation(1, DW_TAG_compile_unit, false,
                     {{DW_AT_ranges, DW_FORM_rnglistx}, {DW_AT_rnglists_base, DW_FORM_sec_offset}}) +
        u8(0);
    uint64_t header = offset_size == 8 ? 20 : 12;
    std::string table = sized(2 * offset_size, offset_size) + sized(2 * offset_size + 18, offset_size);
    std::string first = u8(DW_RLE_start_end) + u64(1) + u64(2) + u8(0),
                second = u8(DW_RLE_start_end) + u64(3) + u64(4) + u8(0);
    sections[".debug_rnglists"] = with_length(offset_size, u16(5) + u8(8) + u8(0) + u32(2) + table + first + second);
    sections[".debug_info"] = test::unit({.offset_size = offset_size}, u8(1) + uleb(1) + sized(header, offset_size));
    EXPECT_THAT(ranges_of(sections), ElementsAre(Range{3, 4}));
    sections[".debug_info"] =
        test::unit({.offset_size = offset_size}, u8(1) + uleb(100000) + sized(header, offset_size));
    EXPECT_THAT(ranges_of(sections), IsEmpty());
  }
}

TEST(Ranges, WithoutAListAreLowAndHighPc) {
  auto ranges = [](unsigned form, const std::string& high, unsigned version) {
    DwarfSections sections;
    sections[".debug_abbrev"] =
        abbreviation(1, DW_TAG_compile_unit, false, {{DW_AT_low_pc, DW_FORM_addr}, {DW_AT_high_pc, form}}) + u8(0);
    sections[".debug_info"] = test::unit({.version = version}, u8(1) + u64(0x1000) + high);
    return ranges_of(sections);
  };
  EXPECT_THAT(ranges(DW_FORM_addr, u64(0x1040), 3), ElementsAre(Range{0x1000, 0x1040})) << "an address";
  EXPECT_THAT(ranges(DW_FORM_data4, u32(0x40), 4), ElementsAre(Range{0x1000, 0x1040})) << "from version 4 on: the size";
  EXPECT_THAT(ranges(DW_FORM_udata, uleb(0x40), 5), ElementsAre(Range{0x1000, 0x1040}));
  EXPECT_THAT(ranges(DW_FORM_addr, u64(0x1000), 3), IsEmpty());
}

// Location lists: the expression is one byte, the name of the answer.

std::string located(const DwarfSections& sections, uint64_t address) {
  DwarfImage image(sections);
  auto attribute = image.unit().die().attribute(DW_AT_location);
  if (!attribute) return "no attribute";
  uint64_t entries = 1000;
  auto found = location_at(image.unit(), *attribute, address, entries);
  return found ? std::string(reinterpret_cast<const char*>(found->data()), found->size()) : "none";
}

TEST(Locations, AreExpressionsInBlocksOfAnyForm) {
  for (auto [form, bytes] : {std::pair(DW_FORM_exprloc, uleb(2) + "ab"), std::pair(DW_FORM_block, uleb(2) + "ab"),
                             std::pair(DW_FORM_block1, u8(2) + "ab"), std::pair(DW_FORM_block2, u16(2) + "ab"),
                             std::pair(DW_FORM_block4, u32(2) + "ab")})
    EXPECT_EQ(located(sections_with(DW_AT_location, static_cast<unsigned>(form), bytes, 4), 77), "ab");
}

TEST(LocationLists, OfVersions2To4ArePairsFromABase) {
  for (unsigned version : {2u, 3u, 4u}) {
    for (unsigned size : {4u, 8u}) {
      auto entry = [size](uint64_t low, uint64_t high, const std::string& expression) {
        return sized(low, size) + sized(high, size) + u16(expression.size()) + expression;
      };
      unsigned form = version == 4 ? DW_FORM_sec_offset : DW_FORM_data4;
      auto sections = sections_with(DW_AT_location, form, u32(4), version, size);
      uint64_t select = size == 8 ? UINT64_MAX : UINT32_MAX;
      sections[".debug_loc"] = "pad." + entry(0x10, 0x20, "A") + entry(0x20, 0x30, "BB") + sized(select, size) +
                               sized(0x5000, size) + entry(0, 4, "C") + sized(0, 2 * size) + entry(0x40, 0x50, "D");
      EXPECT_EQ(located(sections, kBase + 0x0f), "none");
      EXPECT_EQ(located(sections, kBase + 0x10), "A");
      EXPECT_EQ(located(sections, kBase + 0x20), "BB") << "the end of a range is not in it";
      EXPECT_EQ(located(sections, 0x5003), "C");
      EXPECT_EQ(located(sections, 0x5004), "none");
      EXPECT_EQ(located(sections, 0x5040), "none") << "behind the end of the list";
    }
  }
}

std::string in_new_list(const std::string& list, uint64_t address, unsigned size = 8) {
  auto sections = sections_with(DW_AT_location, DW_FORM_sec_offset, u32(kTableHeader), 5, size);
  sections[".debug_loclists"] = with_length(4, u16(5) + u8(size) + u8(0) + u32(0) + list);
  return located(sections, address);
}

TEST(LocationLists, OfVersion5HaveTenKindsOfEntries) {
  std::string end = u8(DW_LLE_end_of_list), expression = uleb(1) + "X";
  for (unsigned size : {4u, 8u}) {
    std::string pair = u8(DW_LLE_offset_pair) + uleb(0x80) + uleb(0x100) + expression + end;
    EXPECT_EQ(in_new_list(pair, kBase + 0x7f, size), "none");
    EXPECT_EQ(in_new_list(pair, kBase + 0x80, size), "X");
    EXPECT_EQ(in_new_list(pair, kBase + 0x100, size), "none");
    EXPECT_EQ(in_new_list(u8(DW_LLE_base_address) + sized(0x7000, size) + pair, 0x7080, size), "X");
    EXPECT_EQ(in_new_list(u8(DW_LLE_base_addressx) + uleb(4) + pair, 0x5080, size), "X");
    EXPECT_EQ(in_new_list(u8(DW_LLE_startx_endx) + uleb(0) + uleb(1) + expression + end, 0x1fff, size), "X");
    EXPECT_EQ(in_new_list(u8(DW_LLE_startx_endx) + uleb(0) + uleb(1) + expression + end, 0x2000, size), "none");
    EXPECT_EQ(in_new_list(u8(DW_LLE_startx_length) + uleb(1) + uleb(0x10) + expression + end, 0x200f, size), "X");
    EXPECT_EQ(in_new_list(u8(DW_LLE_start_end) + sized(5, size) + sized(9, size) + expression + end, 8, size), "X");
    EXPECT_EQ(in_new_list(u8(DW_LLE_start_length) + sized(5, size) + uleb(4) + expression + end, 9, size), "none");
    EXPECT_EQ(in_new_list(u8(DW_LLE_start_length) + sized(5, size) + uleb(4) + expression + end, 8, size), "X");
    std::string with_default = u8(DW_LLE_default_location) + uleb(1) + "D" + u8(DW_LLE_start_end) + sized(5, size) +
                               sized(9, size) + expression + end;
    EXPECT_EQ(in_new_list(with_default, 5, size), "X");
    EXPECT_EQ(in_new_list(with_default, 50, size), "D") << "where no other entry holds (2.6.2)";
    // GNU's location views number places within one address: 9 is followed by two numbers and says nothing of its own.
    EXPECT_EQ(in_new_list(u8(9) + uleb(1) + uleb(2) + pair, kBase + 0x80, size), "X");
    EXPECT_EQ(in_new_list(u8(0x44) + pair, kBase + 0x80, size), "none") << "an unknown kind";
  }
}

TEST(LocationLists, ByIndexGoThroughTheOffsetsOfTheTable) {
  auto sections = sections_with(DW_AT_location, DW_FORM_loclistx, uleb(1), 5);
  std::string first = u8(DW_LLE_start_end) + u64(1) + u64(9) + uleb(1) + "A" + u8(0);
  std::string second = u8(DW_LLE_start_end) + u64(1) + u64(9) + uleb(1) + "B" + u8(0);
  sections[".debug_loclists"] =
      with_length(4, u16(5) + u8(8) + u8(0) + u32(2) + u32(8) + u32(8 + first.size()) + first + second);
  EXPECT_EQ(located(sections, 5), "B");
}

// gcc.gnu.org/wiki/DebugFission, "Location lists": kinds 1 to 4, addresses by index, sizes and offsets of four bytes.
TEST(LocationLists, OfSplitVersion4) {
  DwarfSections program;
  program[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, false,
                                          {{DW_AT_low_pc, DW_FORM_addr}, {DW_AT_GNU_addr_base, DW_FORM_sec_offset}}) +
                             u8(0);
  program[".debug_info"] = test::unit({.version = 4}, u8(1) + u64(kBase) + u32(8));
  program[".debug_addr"] = addresses(8);
  DwarfImage skeleton(program);
  DwarfSections sections;
  sections[".debug_abbrev.dwo"] =
      abbreviation(1, DW_TAG_compile_unit, false, {{DW_AT_location, DW_FORM_sec_offset}}) + u8(0);
  sections[".debug_info.dwo"] = test::unit({.version = 4}, u8(1) + u32(4));
  auto entry = [](const std::string& head, const std::string& expression) {
    return head + u16(expression.size()) + expression;
  };
  sections[".debug_loc.dwo"] = "pad." + entry(u8(2) + uleb(0) + uleb(1), "A") +
                               entry(u8(3) + uleb(1) + u32(0x10), "B") + entry(u8(4) + u32(0x20) + u32(0x30), "C") +
                               u8(1) + uleb(4) + entry(u8(4) + u32(1) + u32(2), "D") + u8(0);
  DwarfImage split(sections, DebugSections::Flavour::kSplit);
  split.unit().attach(&skeleton.unit(), {});
  auto at = [&](uint64_t address) {
    uint64_t entries = 1000;
    auto found = location_at(split.unit(), *split.unit().die().attribute(DW_AT_location), address, entries);
    return found ? std::string(reinterpret_cast<const char*>(found->data()), found->size()) : "none";
  };
  EXPECT_EQ(at(0x1000), "A") << "DW_LLE_GNU_start_end_entry: from address 0 to address 1";
  EXPECT_EQ(at(0x200f), "B") << "DW_LLE_GNU_start_length_entry";
  EXPECT_EQ(at(0x2010), "none");
  EXPECT_EQ(at(kBase + 0x20), "C") << "DW_LLE_GNU_offset_pair_entry, from DW_AT_low_pc of the skeleton";
  EXPECT_EQ(at(0x5001), "D") << "DW_LLE_GNU_base_address_selection_entry";
}

TEST(LocationLists, EndWhenTheirEntriesAreUsedUp) {
  auto sections = sections_with(DW_AT_location, DW_FORM_sec_offset, u32(kTableHeader), 5);
  std::string entry = u8(DW_LLE_offset_pair) + uleb(0) + uleb(0) + uleb(0);
  std::string many;
  for (int i = 0; i < 5000; ++i) many += entry;
  sections[".debug_loclists"] = with_length(4, u16(5) + u8(8) + u8(0) + u32(0) + many);
  DwarfImage image(sections);
  uint64_t entries = 100;
  EXPECT_FALSE(location_at(image.unit(), *image.unit().die().attribute(DW_AT_location), kBase, entries));
  EXPECT_EQ(entries, 0u);
}

}  // namespace
}  // namespace inquest::dwarf
