// Every form of an attribute (DWARF 5, 7.5.5 and 7.5.6; earlier versions where they differ; GNU's forerunners), in the
// 32-bit and the 64-bit format. What each stands for is written down from the standard.
#include <gtest/gtest.h>

#include "tests/support/dwarf_builder.h"

namespace inquest::dwarf {
namespace {

using namespace inquest::test;
using Flavour = DebugSections::Flavour;

constexpr uint64_t kBig = 0x8877665544332211;

struct FormCase {
  unsigned form;
  std::string bytes;
  uint64_t value;          ///< what it decodes to
  bool has_data = false;   ///< a block or a string: `value` is its length
  std::string block = {};  ///< what the data begins with
  int64_t implicit = 0;
};

std::string name_of(const FormCase& form, const UnitShape& shape) {
  char out[96];
  std::snprintf(out, sizeof out, "form %#x, version %u, offsets of %u bytes, addresses of %u", form.form, shape.version,
                shape.offset_size, shape.address_size);
  return out;
}

/// Reads one attribute of that form between two others, by reading and by skipping.
void check(const FormCase& wanted, const UnitShape& shape) {
  SCOPED_TRACE(name_of(wanted, shape));
  DwarfSections sections;
  sections[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, true,
                                           {{DW_AT_decl_line, DW_FORM_data1},
                                            {DW_AT_const_value, wanted.form, wanted.implicit},
                                            {DW_AT_decl_file, DW_FORM_data2}}) +
                              abbreviation(2, DW_TAG_variable, false, {{DW_AT_decl_line, DW_FORM_data1}}) + u8(0);
  sections[".debug_info"] = test::unit(shape, u8(1) + u8(0x5a) + wanted.bytes + u16(0xa55a) + u8(2) + u8(0x77) + u8(0));
  DwarfImage image(sections);
  ASSERT_EQ(image.file().units().size(), 1u);
  Die die = image.unit().die();
  ASSERT_TRUE(die);
  EXPECT_EQ(die.number(DW_AT_decl_line), 0x5au);
  auto found = die.attribute(DW_AT_const_value);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value, wanted.value);
  EXPECT_EQ(found->data != nullptr, wanted.has_data);
  if (wanted.has_data && found->data) {
    Bytes data(found->data, wanted.block.size());
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(data.data()), data.size()), wanted.block);
  }
  EXPECT_EQ(die.number(DW_AT_decl_file), 0xa55au) << "what follows";
  Die child = die.first_child();
  ASSERT_TRUE(child) << "skipped over";
  EXPECT_EQ(child.number(DW_AT_decl_line), 0x77u);
  EXPECT_FALSE(child.next_sibling());
}

std::vector<FormCase> forms_of_2(const UnitShape& shape) {
  unsigned offset = shape.offset_size, address = shape.address_size;
  uint64_t of_address = address == 8 ? kBig : kBig & 0xffffffff, of_offset = offset == 8 ? kBig : kBig & 0xffffffff;
  unsigned reference = shape.version == 2 ? address : offset;  // DWARF 2, 7.5.4: ref_addr had the size of an address
  uint64_t of_reference = reference == 8 ? kBig : kBig & 0xffffffff;
  return {
      {DW_FORM_addr, sized(kBig, address), of_address},
      {DW_FORM_block1, u8(3) + "abc", 3, true, "abc"},
      {DW_FORM_block2, u16(300) + std::string(300, 'b'), 300, true, std::string(300, 'b')},
      {DW_FORM_block4, u32(2) + "xy", 2, true, "xy"},
      {DW_FORM_block, uleb(200) + std::string(200, 'u'), 200, true, std::string(200, 'u')},
      {DW_FORM_data1, u8(0xfe), 0xfe},
      {DW_FORM_data2, u16(0xfedc), 0xfedc},
      {DW_FORM_data4, u32(0xfedcba98), 0xfedcba98},
      {DW_FORM_data8, u64(kBig), kBig},
      {DW_FORM_string, text("name"), 4, true, "name"},
      {DW_FORM_string, text(""), 0, true, ""},
      {DW_FORM_flag, u8(1), 1},
      {DW_FORM_flag, u8(0), 0},
      {DW_FORM_sdata, sleb(-2), static_cast<uint64_t>(-2)},
      {DW_FORM_sdata, sleb(INT64_MIN), uint64_t{1} << 63},
      {DW_FORM_sdata, sleb(64), 64},
      {DW_FORM_udata, uleb(UINT64_MAX), UINT64_MAX},
      {DW_FORM_udata, uleb(127), 127},
      {DW_FORM_udata, std::string("\x81\x80\x80\x00", 4), 1},  // padded, as linkers relax
      {DW_FORM_strp, sized(kBig, offset), of_offset},
      {DW_FORM_ref_addr, sized(kBig, reference), of_reference},
      {DW_FORM_ref1, u8(0x80), 0x80},
      {DW_FORM_ref2, u16(0x8001), 0x8001},
      {DW_FORM_ref4, u32(0x80000001), 0x80000001},
      {DW_FORM_ref8, u64(kBig), kBig},
      {DW_FORM_ref_udata, uleb(1000), 1000},
      {DW_FORM_indirect, uleb(DW_FORM_data2) + u16(7), 7},
      {DW_FORM_indirect, uleb(DW_FORM_indirect) + uleb(DW_FORM_udata) + uleb(300), 300},
      {DW_FORM_indirect, uleb(DW_FORM_string) + text("far"), 3, true, "far"},
      {DW_FORM_indirect, uleb(DW_FORM_block1) + u8(1) + "q", 1, true, "q"},
  };
}

std::vector<FormCase> forms_of_4(const UnitShape& shape) {
  uint64_t of_offset = shape.offset_size == 8 ? kBig : kBig & 0xffffffff;
  return {
      {DW_FORM_sec_offset, sized(kBig, shape.offset_size), of_offset},
      {DW_FORM_exprloc, uleb(2) + "\x91\x10", 2, true, "\x91\x10"},
      {DW_FORM_flag_present, "", 1},
      {DW_FORM_ref_sig8, u64(kBig), kBig},
      // GNU's, before DWARF 5 had them (gcc.gnu.org/wiki/DebugFission; dwz)
      {DW_FORM_GNU_addr_index, uleb(300), 300},
      {DW_FORM_GNU_str_index, uleb(301), 301},
      {DW_FORM_GNU_ref_alt, sized(kBig, shape.offset_size), of_offset},
      {DW_FORM_GNU_strp_alt, sized(kBig, shape.offset_size), of_offset},
  };
}

std::vector<FormCase> forms_of_5(const UnitShape& shape) {
  uint64_t of_offset = shape.offset_size == 8 ? kBig : kBig & 0xffffffff;
  return {
      {DW_FORM_strx, uleb(400), 400},
      {DW_FORM_strx1, u8(0xf1), 0xf1},
      {DW_FORM_strx2, u16(0xf102), 0xf102},
      {DW_FORM_strx3, u24(0xf10203), 0xf10203},
      {DW_FORM_strx4, u32(0xf1020304), 0xf1020304},
      {DW_FORM_addrx, uleb(401), 401},
      {DW_FORM_addrx1, u8(0xe1), 0xe1},
      {DW_FORM_addrx2, u16(0xe102), 0xe102},
      {DW_FORM_addrx3, u24(0xe10203), 0xe10203},
      {DW_FORM_addrx4, u32(0xe1020304), 0xe1020304},
      {DW_FORM_ref_sup4, u32(0x80000002), 0x80000002},
      {DW_FORM_ref_sup8, u64(kBig), kBig},
      {DW_FORM_strp_sup, sized(kBig, shape.offset_size), of_offset},
      {DW_FORM_line_strp, sized(kBig, shape.offset_size), of_offset},
      {DW_FORM_data16, std::string("0123456789abcdef"), 16, true, "0123456789abcdef"},
      {DW_FORM_implicit_const, "", static_cast<uint64_t>(-5), false, "", -5},
      {DW_FORM_loclistx, uleb(402), 402},
      {DW_FORM_rnglistx, uleb(403), 403},
  };
}

TEST(Forms, AreReadAndSkippedAsTheStandardSizesThem) {
  for (unsigned version : {2u, 3u, 4u, 5u}) {
    for (unsigned offset_size : {4u, 8u}) {
      for (unsigned address_size : {4u, 8u}) {
        UnitShape shape{.version = version, .offset_size = offset_size, .address_size = address_size};
        for (const FormCase& form : forms_of_2(shape)) check(form, shape);
        if (version >= 4)
          for (const FormCase& form : forms_of_4(shape)) check(form, shape);
        if (version >= 5)
          for (const FormCase& form : forms_of_5(shape)) check(form, shape);
      }
    }
  }
}

TEST(Forms, UnknownOnesAndRunsOverTheEndGiveNothing) {
  auto attribute = [](unsigned form, const std::string& bytes) {
    DwarfSections sections;
    sections[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, false, {{DW_AT_name, form}}) + u8(0);
    sections[".debug_info"] = test::unit({}, u8(1) + bytes);
    return DwarfImage(sections).unit().die().attribute(DW_AT_name).has_value();
  };
  EXPECT_FALSE(attribute(0x7f, "abcdefgh")) << "no such form";
  EXPECT_FALSE(attribute(DW_FORM_data8, "1234567"));
  EXPECT_FALSE(attribute(DW_FORM_string, "no end"));
  EXPECT_FALSE(attribute(DW_FORM_block1, u8(4) + "abc"));
  EXPECT_FALSE(attribute(DW_FORM_block, uleb(UINT64_MAX) + "abc"));
  EXPECT_FALSE(attribute(DW_FORM_udata, std::string(12, '\xff'))) << "more than 64 bits";
  EXPECT_FALSE(attribute(DW_FORM_indirect, std::string(20, DW_FORM_indirect) + u8(DW_FORM_data1) + u8(1)))
      << "an endless chain";
  EXPECT_FALSE(attribute(DW_FORM_indirect, uleb(DW_FORM_implicit_const) + u8(1))) << "its value stands nowhere";
}

/// A unit whose only DIE has DW_AT_name in one form.
std::string name_by(unsigned form, const std::string& bytes, DwarfSections sections, UnitShape shape = {},
                    const DwarfImage* alternate = nullptr, uint64_t base = 0, Flavour flavour = Flavour::kPlain) {
  std::string dwo = flavour == Flavour::kSplit ? ".dwo" : "";
  std::vector<AttributeShape> attributes = {{DW_AT_name, form}};
  if (base != 0) attributes.push_back({DW_AT_str_offsets_base, DW_FORM_sec_offset});
  sections[".debug_abbrev" + dwo] = abbreviation(1, DW_TAG_compile_unit, false, attributes) + u8(0);
  sections[".debug_info" + dwo] = test::unit(shape, u8(1) + bytes + (base != 0 ? sized(base, shape.offset_size) : ""));
  DwarfImage image(sections, flavour, alternate);
  return std::string(image.unit().die().text(DW_AT_name));
}

TEST(Strings, AreWhereTheirFormsSay) {
  DwarfSections sections;
  sections[".debug_str"] = text("zero") + text("five");
  sections[".debug_line_str"] = text("line") + text("more");
  EXPECT_EQ(name_by(DW_FORM_string, text("here"), sections), "here");
  EXPECT_EQ(name_by(DW_FORM_strp, u32(5), sections), "five");
  EXPECT_EQ(name_by(DW_FORM_strp, u64(5), sections, {.offset_size = 8}), "five");
  EXPECT_EQ(name_by(DW_FORM_line_strp, u32(5), sections), "more");
  EXPECT_EQ(name_by(DW_FORM_strp, u32(7), sections), "ve") << "strings may share their ends";
  EXPECT_EQ(name_by(DW_FORM_strp, u32(700), sections), "") << "beyond the end";

  DwarfImage alternate({{".debug_str", text("other") + text("file")}});
  EXPECT_EQ(name_by(DW_FORM_strp_sup, u32(6), sections, {}, &alternate), "file");
  EXPECT_EQ(name_by(DW_FORM_GNU_strp_alt, u32(6), sections, {.version = 4}, &alternate), "file");
  EXPECT_EQ(name_by(DW_FORM_GNU_strp_alt, u32(6), sections, {.version = 4}), "") << "the file is missing";
}

// DWARF 5, 7.26: a header of 8 bytes (16 in the 64-bit format), then offsets; DW_AT_str_offsets_base leads behind it.
TEST(Strings, ByIndexGoThroughTheTableOfTheUnit) {
  DwarfSections sections;
  sections[".debug_str"] = text("zero") + text("five");
  sections[".debug_str_offsets"] = with_length(4, u16(5) + u16(0) + u32(0) + u32(5));
  for (auto [form, bytes] :
       {std::pair(DW_FORM_strx, uleb(1)), std::pair(DW_FORM_strx1, u8(1)), std::pair(DW_FORM_strx2, u16(1)),
        std::pair(DW_FORM_strx3, u24(1)), std::pair(DW_FORM_strx4, u32(1))})
    EXPECT_EQ(name_by(static_cast<unsigned>(form), bytes, sections, {}, nullptr, 8), "five");
  EXPECT_EQ(name_by(DW_FORM_strx1, u8(2), sections, {}, nullptr, 8), "") << "beyond the table";
  sections[".debug_str_offsets"] = with_length(8, u16(5) + u16(0) + u64(0) + u64(5));
  EXPECT_EQ(name_by(DW_FORM_strx1, u8(1), sections, {.offset_size = 8}, nullptr, 16), "five");

  // The half of split DWARF in a .dwo has no base: its one table begins behind the header, in GNU's version 4 without
  // one.
  DwarfSections split;
  split[".debug_str.dwo"] = text("zero") + text("five");
  split[".debug_str_offsets.dwo"] = with_length(4, u16(5) + u16(0) + u32(0) + u32(5));
  EXPECT_EQ(
      name_by(DW_FORM_strx1, u8(1), split, {.type = DW_UT_split_compile, .more = u64(1)}, nullptr, 0, Flavour::kSplit),
      "five");
  split[".debug_str_offsets.dwo"] = u32(0) + u32(5);
  EXPECT_EQ(name_by(DW_FORM_GNU_str_index, uleb(1), split, {.version = 4}, nullptr, 0, Flavour::kSplit), "five");
}

// DWARF 5, 7.27: a header of 8 bytes (16), then addresses; DW_AT_addr_base leads behind it.
TEST(Addresses, ByIndexGoThroughTheTableOfTheUnit) {
  for (unsigned size : {4u, 8u}) {
    DwarfSections sections;
    sections[".debug_addr"] = with_length(4, u16(5) + u8(size) + u8(0) + sized(0x1000, size) + sized(0x2000, size));
    for (auto [form, bytes] : {std::pair(DW_FORM_addrx, uleb(1)), std::pair(DW_FORM_addrx1, u8(1)),
                               std::pair(DW_FORM_addrx2, u16(1)), std::pair(DW_FORM_addrx3, u24(1)),
                               std::pair(DW_FORM_addrx4, u32(1)), std::pair(DW_FORM_GNU_addr_index, uleb(1))}) {
      sections[".debug_abbrev"] =
          abbreviation(1, DW_TAG_compile_unit, false,
                       {{DW_AT_low_pc, static_cast<unsigned>(form)}, {DW_AT_addr_base, DW_FORM_sec_offset}}) +
          u8(0);
      sections[".debug_info"] = test::unit({.address_size = size}, u8(1) + bytes + u32(8));
      DwarfImage image(sections);
      EXPECT_EQ(image.unit().die().address(DW_AT_low_pc), 0x2000u) << "form " << form;
      EXPECT_EQ(image.unit().indexed_address(0), 0x1000u);
      EXPECT_EQ(image.unit().indexed_address(2), std::nullopt) << "beyond the table";
      EXPECT_EQ(image.unit().indexed_address(UINT64_MAX), std::nullopt);
    }
  }
}

/// A unit with a DIE that refers to another, and that one's name.
std::string referred(unsigned form, const std::string& bytes, const UnitShape& shape,
                     const DwarfImage* alternate = nullptr) {
  DwarfSections sections;
  sections[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, true, {{DW_AT_type, form}}) +
                              abbreviation(2, DW_TAG_base_type, false, {{DW_AT_name, DW_FORM_string}}) + u8(0);
  sections[".debug_info"] = test::unit(shape, u8(1) + bytes + u8(2) + text("target") + u8(0));
  DwarfImage image(sections, Flavour::kPlain, alternate);
  Die target = image.unit().die().reference(DW_AT_type);
  return target ? std::string(target.text(DW_AT_name)) : "nothing";
}

TEST(References, LeadToTheDieTheyName) {
  for (unsigned offset_size : {4u, 8u}) {
    UnitShape shape{.version = 4, .offset_size = offset_size};
    uint64_t head = unit_header_size(shape) + 1;  // the DIE that refers: its code and its reference
    EXPECT_EQ(referred(DW_FORM_ref1, u8(head + 1), shape), "target");
    EXPECT_EQ(referred(DW_FORM_ref2, u16(head + 2), shape), "target");
    EXPECT_EQ(referred(DW_FORM_ref4, u32(head + 4), shape), "target");
    EXPECT_EQ(referred(DW_FORM_ref8, u64(head + 8), shape), "target");
    EXPECT_EQ(referred(DW_FORM_ref_udata, uleb(head + 1), shape), "target");
    EXPECT_EQ(referred(DW_FORM_ref_addr, sized(head + offset_size, offset_size), shape), "target");
    EXPECT_EQ(referred(DW_FORM_ref4, u32(1), shape), "nothing") << "into the header";
    EXPECT_EQ(referred(DW_FORM_ref4, u32(0x7fffffff), shape), "nothing") << "out of the unit";
    EXPECT_EQ(referred(DW_FORM_ref8, u64(UINT64_MAX), shape), "nothing");
    EXPECT_EQ(referred(DW_FORM_ref_sig8, u64(42), shape), "nothing") << "no such type unit";
  }
}

TEST(References, LeadToOtherFilesAndTypeUnits) {
  UnitShape shape{.version = 5};
  DwarfSections other;
  other[".debug_abbrev"] = abbreviation(2, DW_TAG_base_type, false, {{DW_AT_name, DW_FORM_string}}) + u8(0);
  other[".debug_info"] = test::unit(shape, u8(2) + text("alternate"));
  DwarfImage alternate(other);
  uint64_t at = unit_header_size(shape);
  EXPECT_EQ(referred(DW_FORM_GNU_ref_alt, u32(at), shape, &alternate), "alternate");
  EXPECT_EQ(referred(DW_FORM_ref_sup4, u32(at), shape, &alternate), "alternate");
  EXPECT_EQ(referred(DW_FORM_ref_sup8, u64(at), shape, &alternate), "alternate");
  EXPECT_EQ(referred(DW_FORM_ref_sup4, u32(at), shape), "nothing") << "the file is missing";

  // DWARF 5, 7.5.1.3: signature and offset of the type end the header of a type unit.
  UnitShape types{.version = 5, .type = DW_UT_type, .more = u64(0x1234) + u32(24)};
  ASSERT_EQ(unit_header_size(types), 24u);
  DwarfSections sections;
  sections[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, false, {{DW_AT_type, DW_FORM_ref_sig8}}) +
                              abbreviation(2, DW_TAG_base_type, false, {{DW_AT_name, DW_FORM_string}}) + u8(0);
  sections[".debug_info"] = test::unit({}, u8(1) + u64(0x1234)) + test::unit(types, u8(2) + text("signed by"));
  DwarfImage five(sections);
  EXPECT_EQ(five.unit().die().reference(DW_AT_type).text(DW_AT_name), "signed by");

  // DWARF 4 has them in a section of their own (7.5.1.2): 11 bytes of header, then the same.
  DwarfSections old = sections;
  old[".debug_info"] = test::unit({.version = 4}, u8(1) + u64(0x1234));
  old[".debug_types"] = test::unit({.version = 4, .more = u64(0x1234) + u32(23)}, u8(2) + text("of four"));
  DwarfImage four(old);
  EXPECT_EQ(four.unit().die().reference(DW_AT_type).text(DW_AT_name), "of four");
}

TEST(Units, OfAllVersionsAndFormatsStandSideBySide) {
  DwarfSections sections;
  sections[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, false, {{DW_AT_name, DW_FORM_string}}) + u8(0);
  for (unsigned version : {2u, 3u, 4u, 5u})
    for (unsigned offset_size : {4u, 8u})
      sections[".debug_info"] +=
          test::unit({.version = version, .offset_size = offset_size}, u8(1) + text("v" + std::to_string(version)));
  sections[".debug_info"] += test::unit({.version = 6}, u8(1)) + test::unit({.version = 1}, u8(1)) +
                             test::unit({.address_size = 3}, u8(1)) + test::unit({}, u8(1) + text("last"));
  DwarfImage image(sections);
  std::vector<std::string> names;
  for (const auto& one : image.file().units()) names.emplace_back(one->root().name);
  EXPECT_EQ(names, (std::vector<std::string>{"v2", "v2", "v3", "v3", "v4", "v4", "v5", "v5", "last"}));
}

}  // namespace
}  // namespace inquest::dwarf
