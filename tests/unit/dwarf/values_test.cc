// Types (DWARF 5, chapter 5) and values of them, in gdb's spelling; and what hostile types cost.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "postmortem/dwarf/value_format.h"
#include "tests/support/dwarf_builder.h"
#include "tests/support/fake_process.h"

namespace inquest::dwarf {
namespace {

using namespace inquest::test;

/// A unit of types in the making; each function gives the offset of the DIE that it adds.
class TypeUnit {
 public:
  explicit TypeUnit(unsigned language = DW_LANG_C_plus_plus_14) : dies_(u8(kUnit) + u8(language)) {}

  uint64_t base(const std::string& name, unsigned encoding, unsigned size) {
    return add(u8(kBase) + text(name) + u8(encoding) + u8(size));
  }
  /// A pointer, a reference, const, ...; target 0 is void.
  uint64_t derived(unsigned tag, uint64_t target) { return add(target ? u8(tag) + u32(target) : uleb(tag | 0x80)); }
  uint64_t named(const std::string& name, uint64_t target) { return add(u8(kTypedef) + text(name) + u32(target)); }
  uint64_t enumeration(const std::string& name, unsigned size, uint64_t base, bool scoped,
                       const std::vector<std::pair<std::string, int64_t>>& values) {
    std::string die = u8(kEnumeration) + text(name) + u8(size) + u32(base) + u8(scoped);
    for (const auto& [one, value] : values) die += u8(kEnumerator) + text(one) + sleb(value);
    return add(die + u8(0));
  }
  uint64_t structure(const std::string& name, unsigned size) {
    return add(u8(kStructure) + text(name) + u8(size) + u8(0));
  }
  uint64_t array(uint64_t element, const std::vector<unsigned>& counts) {
    std::string die = u8(kArray) + u32(element);
    for (unsigned count : counts) die += u8(kSubrange) + u8(count);
    return add(die + u8(0));
  }
  uint64_t function(uint64_t result, const std::vector<uint64_t>& parameters, bool more = false) {
    std::string die = u8(kFunction) + u32(result);
    for (uint64_t parameter : parameters) die += u8(kParameter) + u32(parameter);
    return add(die + (more ? u8(kEllipsis) : "") + u8(0));
  }
  uint64_t member_pointer(uint64_t target, uint64_t owner) {
    return add(u8(kMemberPointer) + u32(target) + u32(owner));
  }
  uint64_t open_namespace(const std::string& name) { return add(u8(kNamespace) + text(name)); }
  void close() { dies_ += u8(0); }
  /// Where the next DIE will be.
  uint64_t next() const { return unit_header_size({}) + dies_.size(); }

  void finish() {
    DwarfSections sections;
    sections[".debug_abbrev"] =
        abbreviation(kUnit, DW_TAG_compile_unit, true, {{DW_AT_language, DW_FORM_data1}}) +
        abbreviation(
            kBase, DW_TAG_base_type, false,
            {{DW_AT_name, DW_FORM_string}, {DW_AT_encoding, DW_FORM_data1}, {DW_AT_byte_size, DW_FORM_data1}}) +
        abbreviation(kTypedef, DW_TAG_typedef, false, {{DW_AT_name, DW_FORM_string}, {DW_AT_type, DW_FORM_ref4}}) +
        abbreviation(kEnumeration, DW_TAG_enumeration_type, true,
                     {{DW_AT_name, DW_FORM_string},
                      {DW_AT_byte_size, DW_FORM_data1},
                      {DW_AT_type, DW_FORM_ref4},
                      {DW_AT_enum_class, DW_FORM_flag}}) +
        abbreviation(kEnumerator, DW_TAG_enumerator, false,
                     {{DW_AT_name, DW_FORM_string}, {DW_AT_const_value, DW_FORM_sdata}}) +
        abbreviation(kStructure, DW_TAG_structure_type, true,
                     {{DW_AT_name, DW_FORM_string}, {DW_AT_byte_size, DW_FORM_data1}}) +
        abbreviation(kArray, DW_TAG_array_type, true, {{DW_AT_type, DW_FORM_ref4}}) +
        abbreviation(kSubrange, DW_TAG_subrange_type, false, {{DW_AT_count, DW_FORM_data1}}) +
        abbreviation(kFunction, DW_TAG_subroutine_type, true,
                     {{DW_AT_type, DW_FORM_ref4}, {DW_AT_prototyped, DW_FORM_flag_present}}) +
        abbreviation(kParameter, DW_TAG_formal_parameter, false, {{DW_AT_type, DW_FORM_ref4}}) +
        abbreviation(kEllipsis, DW_TAG_unspecified_parameters, false, {}) +
        abbreviation(kMemberPointer, DW_TAG_ptr_to_member_type, false,
                     {{DW_AT_type, DW_FORM_ref4}, {DW_AT_containing_type, DW_FORM_ref4}}) +
        abbreviation(kNamespace, DW_TAG_namespace, true, {{DW_AT_name, DW_FORM_string}});
    for (unsigned tag : {DW_TAG_pointer_type, DW_TAG_reference_type, DW_TAG_rvalue_reference_type, DW_TAG_const_type,
                         DW_TAG_volatile_type, DW_TAG_restrict_type, DW_TAG_atomic_type})
      sections[".debug_abbrev"] += with_void(tag);
    sections[".debug_abbrev"] += u8(0);
    sections[".debug_info"] = test::unit({}, dies_ + u8(0));
    image_.emplace(sections);
  }

  std::string name(uint64_t type) { return types_.name(die(type)); }
  const TypeInfo& info(uint64_t type) { return types_.of(die(type)); }
  std::string format(uint64_t type, const std::string& bytes) {
    return format_value({types_, memory, symbol_}, info(type), std::as_bytes(std::span(bytes)));
  }

  inquest::testing::FakeMemory memory;

 private:
  enum : unsigned {
    kUnit = 0x50,
    kBase,
    kTypedef,
    kEnumeration,
    kEnumerator,
    kStructure,
    kArray,
    kSubrange,
    kFunction,
    kParameter,
    kEllipsis,
    kMemberPointer,
    kNamespace
  };
  /// The code is the tag, 0x80 more (in two bytes of LEB128) without a type.
  static std::string with_void(unsigned tag) {
    return abbreviation(tag, tag, false, {{DW_AT_type, DW_FORM_ref4}}) + abbreviation(tag | 0x80, tag, false, {});
  }
  uint64_t add(const std::string& die) {
    uint64_t offset = next();
    dies_ += die;
    return offset;
  }
  Die die(uint64_t offset) const { return offset ? image_->unit().die_at(offset) : Die(); }

  std::string dies_;
  std::optional<DwarfImage> image_;
  Types types_;
  std::function<std::string(uint64_t)> symbol_ = [](uint64_t address) {
    return address == 0x5000 ? "<symbol>" : std::string();
  };
};

TEST(Values, Integers) {
  TypeUnit unit;
  uint64_t i1 = unit.base("signed char", DW_ATE_signed, 1), i4 = unit.base("int", DW_ATE_signed, 4);
  uint64_t u2 = unit.base("unsigned short", DW_ATE_unsigned, 2), i8 = unit.base("long", DW_ATE_signed, 8);
  uint64_t i16 = unit.base("__int128", DW_ATE_signed, 16), u16_ = unit.base("unsigned __int128", DW_ATE_unsigned, 16);
  uint64_t ours = unit.named("mine", unit.derived(DW_TAG_const_type, unit.derived(DW_TAG_volatile_type, i4)));
  unit.finish();
  EXPECT_EQ(unit.format(i1, "\xff"), "-1");
  EXPECT_EQ(unit.format(i4, u32(0x80000000)), "-2147483648");
  EXPECT_EQ(unit.format(u2, u16(0xffff)), "65535");
  EXPECT_EQ(unit.format(i8, u64(1)), "1");
  EXPECT_EQ(unit.format(i16, std::string(16, '\xff')), "-1");
  EXPECT_EQ(unit.format(u16_, std::string(16, '\xff')), "340282366920938463463374607431768211455") << "2^128 - 1";
  EXPECT_EQ(unit.format(ours, u32(42)), "42");
}

TEST(Values, CharactersBoolsAndFloats) {
  TypeUnit unit;
  uint64_t character = unit.base("char", DW_ATE_signed_char, 1),
           byte = unit.base("unsigned char", DW_ATE_unsigned_char, 1);
  uint64_t boolean = unit.base("bool", DW_ATE_boolean, 1), wide = unit.base("wchar_t", DW_ATE_signed, 4);
  uint64_t sixteen = unit.base("char16_t", DW_ATE_UTF, 2), single = unit.base("float", DW_ATE_float, 4);
  uint64_t real = unit.base("double", DW_ATE_float, 8), complex = unit.base("complex", DW_ATE_complex_float, 16);
  unit.finish();
  EXPECT_EQ(unit.format(character, "x"), "120 'x'");
  EXPECT_EQ(unit.format(character, "\xff"), "-1 '\\377'");
  EXPECT_EQ(unit.format(character, "\n"), "10 '\\n'");
  EXPECT_EQ(unit.format(character, "'"), "39 '\\''");
  EXPECT_EQ(unit.format(character, std::string(1, '\0')), "0 '\\000'");
  EXPECT_EQ(unit.format(byte, "\xc8"), "200 '\\310'");
  EXPECT_EQ(unit.format(boolean, "\1"), "true");
  EXPECT_EQ(unit.format(boolean, std::string(1, '\0')), "false");
  EXPECT_EQ(unit.format(boolean, "\5"), "5") << "what no bool can be is shown as it is";
  EXPECT_EQ(unit.format(wide, u32('w')), "119 L'w'");
  EXPECT_EQ(unit.format(sixteen, u16(0xe9)), "233 u'\xc3\xa9'");
  EXPECT_EQ(unit.format(single, u32(std::bit_cast<uint32_t>(1.5f))), "1.5");
  EXPECT_EQ(unit.format(real, u64(std::bit_cast<uint64_t>(0.1))), "0.10000000000000001");
  EXPECT_EQ(unit.format(real, u64(std::bit_cast<uint64_t>(-std::numeric_limits<double>::infinity()))), "-inf");
  EXPECT_EQ(unit.format(real, u64(0x7ff8000000000000)), "nan(0x8000000000000)");
  EXPECT_EQ(unit.format(complex, u64(std::bit_cast<uint64_t>(1.5)) + u64(std::bit_cast<uint64_t>(-2.0))), "1.5 + -2i");
}

TEST(Values, Enumerations) {
  TypeUnit unit;
  uint64_t integer = unit.base("int", DW_ATE_signed, 4), byte = unit.base("unsigned char", DW_ATE_unsigned_char, 1);
  uint64_t color = unit.enumeration("Color", 4, integer, false, {{"RED", 0}, {"GREEN", 3}, {"ODD", 5}});
  uint64_t mode = unit.enumeration("Mode", 1, byte, true, {{"On", 1}, {"Off", -1}});
  uint64_t flags = unit.enumeration("Flags", 4, integer, false, {{"A", 1}, {"B", 2}, {"HIGH", 0x70}});
  unit.open_namespace("ns");
  uint64_t inner = unit.enumeration("Inner", 4, integer, false, {{"ONE", 1}});
  unit.close();
  unit.finish();
  EXPECT_EQ(unit.format(color, u32(3)), "GREEN");
  EXPECT_EQ(unit.format(color, u32(4)), "4");
  EXPECT_EQ(unit.format(color, u32(0xfffffffe)), "-2");
  EXPECT_EQ(unit.format(mode, "\1"), "Mode::On");
  EXPECT_EQ(unit.format(mode, "\xff"), "Mode::Off") << "one byte of a value that is stored as -1";
  EXPECT_EQ(unit.format(flags, u32(3)), "(A | B)");
  EXPECT_EQ(unit.format(flags, u32(0x70 | 2)), "(B | HIGH)");
  EXPECT_EQ(unit.format(flags, u32(0x101)), "(A | unknown: 0x100)");
  EXPECT_EQ(unit.format(flags, u32(0)), "0");
  EXPECT_EQ(unit.format(inner, u32(1)), "ns::ONE");
}

TEST(Values, PointersWithWhatTheyLeadTo) {
  TypeUnit unit;
  uint64_t character = unit.base("char", DW_ATE_signed_char, 1), integer = unit.base("int", DW_ATE_signed, 4);
  uint64_t wide = unit.base("char32_t", DW_ATE_UTF, 4);
  uint64_t to_char = unit.derived(DW_TAG_pointer_type, unit.derived(DW_TAG_const_type, character));
  uint64_t to_int = unit.derived(DW_TAG_pointer_type, integer), to_void = unit.derived(DW_TAG_pointer_type, 0);
  uint64_t to_wide = unit.derived(DW_TAG_pointer_type, wide);
  uint64_t reference = unit.derived(DW_TAG_reference_type, integer);
  uint64_t to_reference = unit.derived(DW_TAG_reference_type, to_char);
  unit.finish();
  unit.memory.map(0x1000, 0x1000);
  auto put = [&](uint64_t address, const std::string& bytes) {
    unit.memory.put_bytes(address, bytes.data(), bytes.size());
  };
  put(0x1000, text("he said \"no\"\t\x01"
                   "1"));
  put(0x1100, text("ab" + std::string(12, 'x') + "cd"));
  put(0x1200, text(std::string(150, 'a') + std::string(100, 'b')));
  put(0x1300, u32('w') + u32(0x20ac) + u32(0));
  put(0x1400, u32(7));
  put(0x1500, u64(0x1000));
  put(0x1ffd, "end");
  EXPECT_EQ(unit.format(to_char, u64(0)), "0x0");
  EXPECT_EQ(unit.format(to_char, u64(0x1000)), R"(0x1000 "he said \"no\"\t\001\061")");
  EXPECT_EQ(unit.format(to_char, u64(0x1100)), R"(0x1100 "ab", 'x' <repeats 12 times>, "cd")");
  EXPECT_EQ(unit.format(to_char, u64(0x1200)), "0x1200 'a' <repeats 150 times>, 'b' <repeats 50 times>...");
  EXPECT_EQ(unit.format(to_char, u64(0x8)), "0x8 <error: Cannot access memory at address 0x8>");
  EXPECT_EQ(unit.format(to_char, u64(0x1ffd)), "0x1ffd \"end\"<error: Cannot access memory at address 0x2000>");
  EXPECT_EQ(unit.format(to_wide, u64(0x1300)), "0x1300 U\"w\xe2\x82\xac\"");
  EXPECT_EQ(unit.format(to_int, u64(0x1400)), "0x1400");
  EXPECT_EQ(unit.format(to_void, u64(0x5000)), "0x5000 <symbol>");
  EXPECT_EQ(unit.format(reference, u64(0x1400)), "@0x1400: 7");
  EXPECT_EQ(unit.format(reference, u64(0x8)), "@0x8: <error: Cannot access memory at address 0x8>");
  EXPECT_EQ(unit.format(to_reference, u64(0x1500)), R"(@0x1500: 0x1000 "he said \"no\"\t\001\061")");
}

TEST(Values, StructsAndArraysAreSummarised) {
  TypeUnit unit;
  uint64_t integer = unit.base("int", DW_ATE_signed, 4), structure = unit.structure("Pair", 8);
  uint64_t array = unit.array(integer, {2}), reference = unit.derived(DW_TAG_reference_type, structure);
  unit.finish();
  EXPECT_EQ(unit.format(structure, u64(0)), "...");
  EXPECT_EQ(unit.format(array, u64(0)), "...");
  EXPECT_EQ(unit.format(reference, u64(0x1000)), "...");
}

TEST(TypeNames, AreSpelledAsInCxx) {
  TypeUnit unit;
  uint64_t integer = unit.base("int", DW_ATE_signed, 4), character = unit.base("char", DW_ATE_signed_char, 1);
  uint64_t constant = unit.derived(DW_TAG_const_type, character);
  uint64_t text_type = unit.derived(DW_TAG_pointer_type, constant);
  uint64_t fixed_text = unit.derived(DW_TAG_const_type, text_type);
  uint64_t array = unit.array(integer, {2, 3}), to_array = unit.derived(DW_TAG_pointer_type, array);
  uint64_t function = unit.function(integer, {text_type, integer}, true);
  uint64_t to_function = unit.derived(DW_TAG_pointer_type, function);
  uint64_t array_of_functions = unit.array(to_function, {4});
  uint64_t reference = unit.derived(DW_TAG_rvalue_reference_type, integer);
  unit.open_namespace("ns");
  uint64_t structure = unit.structure("Widget<int>", 8);
  unit.close();
  uint64_t member = unit.member_pointer(integer, structure), method = unit.member_pointer(function, structure);
  uint64_t nothing = unit.derived(DW_TAG_const_type, 0), to_nothing = unit.derived(DW_TAG_pointer_type, nothing);
  unit.finish();
  EXPECT_EQ(unit.name(0), "void");
  EXPECT_EQ(unit.name(text_type), "const char *");
  EXPECT_EQ(unit.name(fixed_text), "const char * const");
  EXPECT_EQ(unit.name(array), "int [2][3]");
  EXPECT_EQ(unit.name(to_array), "int (*)[2][3]");
  EXPECT_EQ(unit.name(function), "int (const char *, int, ...)");
  EXPECT_EQ(unit.name(to_function), "int (*)(const char *, int, ...)");
  EXPECT_EQ(unit.name(array_of_functions), "int (*[4])(const char *, int, ...)");
  EXPECT_EQ(unit.name(reference), "int &&");
  EXPECT_EQ(unit.name(structure), "ns::Widget<int>");
  EXPECT_EQ(unit.name(member), "int ns::Widget<int>::*");
  EXPECT_EQ(unit.name(method), "int (ns::Widget<int>::*)(const char *, int, ...)");
  EXPECT_EQ(unit.name(to_nothing), "const void *");
  EXPECT_EQ(unit.info(member).size, 8u) << "Itanium C++ ABI 2.3: an offset";
  EXPECT_EQ(unit.info(method).size, 16u) << "a function and an adjustment";
}

TEST(HostileTypes, CirclesAndTowersEnd) {
  TypeUnit unit;
  uint64_t circle = unit.next();
  unit.derived(DW_TAG_const_type, circle);
  uint64_t loop = unit.named("loop", unit.next()), to_loop = unit.derived(DW_TAG_pointer_type, loop);
  // Each function takes two of the kind before: 2^40 types in the name of the last.
  uint64_t tower = unit.base("int", DW_ATE_signed, 4);
  for (int i = 0; i < 40; ++i) tower = unit.function(tower, {tower, tower});
  uint64_t itself = unit.next();
  unit.function(itself, {itself, itself, itself});
  unit.finish();
  EXPECT_EQ(unit.name(circle), "");
  EXPECT_EQ(unit.info(circle).kind, TypeInfo::Kind::kUnknown);
  EXPECT_EQ(unit.info(loop).kind, TypeInfo::Kind::kUnknown);
  EXPECT_EQ(unit.name(to_loop), "loop *");
  EXPECT_EQ(unit.name(tower), "");
  EXPECT_EQ(unit.name(itself), "");
}

TEST(HostileTypes, AChainOfBasesDoesNotEatTheStack) {
  TypeUnit unit;
  constexpr int kLinks = 100'000;
  constexpr uint64_t kEnumerationBytes = 9, kMemberPointerBytes = 9;
  // Each enumeration says that the next is its integer, each pointer that it points at the next.
  uint64_t first = unit.next();
  for (int i = 0; i < kLinks; ++i) unit.enumeration("", 0, unit.next() + kEnumerationBytes, false, {});
  uint64_t members = unit.next();
  for (int i = 0; i < kLinks; ++i) unit.member_pointer(unit.next() + kMemberPointerBytes, first);
  unit.finish();
  ASSERT_EQ(members - first, kLinks * kEnumerationBytes);
  EXPECT_EQ(unit.info(first).kind, TypeInfo::Kind::kEnum);
  EXPECT_EQ(unit.info(members).kind, TypeInfo::Kind::kMemberPointer);
  EXPECT_EQ(unit.name(members), "");
}

}  // namespace
}  // namespace inquest::dwarf
