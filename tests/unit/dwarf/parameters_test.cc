// Where parameters are (DWARF 5, 2.6.1; registers by System V ABI, figure 3.36), in a frame that a test makes up.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>

#include "postmortem/dwarf/dwarf_debug_info.h"
#include "tests/support/dwarf_builder.h"
#include "tests/support/fake_process.h"

namespace inquest::dwarf {
namespace {

using namespace inquest::test;

constexpr uint64_t kStart = 0x1000, kSize = 0x100, kStack = 0x7000;
constexpr unsigned kXmm0 = 17, kXmm15 = 32;

std::string block(const std::string& expression) { return uleb(expression.size()) + expression; }
std::string in_register(unsigned number) {
  return block(number < 32 ? u8(DW_OP_reg0 + number) : u8(DW_OP_regx) + uleb(number));
}

/// A function of float, double, long and struct-like parameters.
class ParametersTest : public ::testing::Test {
 protected:
  ParametersTest() {
    memory_.map(kStack, 0x1000);
    frame_.pc = Address(kStart + 4);
    frame_.exact_pc = true;
    frame_.cfa = Address(kStack + 0x100);
    frame_.registers.set(Registers::kRdi, 42);
  }

  /// A parameter with an expression.
  void add(const std::string& name, char type, const std::string& location) {
    parameters_ += u8(3) + text(name) + u32(offset_of(type)) + location;
  }
  /// A parameter whose location list is at `offset` of .debug_loclists.
  void add_list(const std::string& name, char type, uint64_t offset) {
    parameters_ += u8(4) + text(name) + u32(offset_of(type)) + u32(offset);
  }

  std::vector<Variable> values() {
    sections_[".debug_abbrev"] =
        abbreviation(1, DW_TAG_compile_unit, true, {{DW_AT_low_pc, DW_FORM_addr}, {DW_AT_high_pc, DW_FORM_data4}}) +
        abbreviation(2, DW_TAG_subprogram, true,
                     {{DW_AT_name, DW_FORM_string},
                      {DW_AT_low_pc, DW_FORM_addr},
                      {DW_AT_high_pc, DW_FORM_data4},
                      {DW_AT_frame_base, DW_FORM_exprloc}}) +
        abbreviation(3, DW_TAG_formal_parameter, false,
                     {{DW_AT_name, DW_FORM_string}, {DW_AT_type, DW_FORM_ref4}, {DW_AT_location, DW_FORM_exprloc}}) +
        abbreviation(4, DW_TAG_formal_parameter, false,
                     {{DW_AT_name, DW_FORM_string}, {DW_AT_type, DW_FORM_ref4}, {DW_AT_location, DW_FORM_sec_offset}}) +
        abbreviation(
            5, DW_TAG_base_type, false,
            {{DW_AT_name, DW_FORM_string}, {DW_AT_encoding, DW_FORM_data1}, {DW_AT_byte_size, DW_FORM_data1}}) +
        u8(0);
    std::string place = u64(kStart) + u32(kSize);
    sections_[".debug_info"] = test::unit({}, u8(1) + place + types_ + u8(2) + text("function") + place +
                                                  block(u8(DW_OP_call_frame_cfa)) + parameters_ + u8(0) + u8(0));
    image_.emplace(sections_);
    DebugFiles files;
    files.image = files.debug = image_->image();
    info_ = std::make_unique<DwarfDebugInfo>(files, nullptr, std::vector<std::string>());
    uint64_t address = kStart + 4;
    CodeLocations found = info_->locate({&address, 1});
    if (found.of(0).empty()) return {};
    return info_->arguments(address, found.of(0).front(), {.memory = memory_, .frame = frame_});
  }
  std::string value(const std::string& name) {
    for (const Variable& variable : values())
      if (variable.name == name) return variable.value;
    return "no such parameter";
  }
  void set_xmm(unsigned index, const void* bytes, size_t size) {
    std::memcpy(vectors_.xmm[index].data(), bytes, size);
    frame_.vectors = &vectors_;
  }

  inquest::testing::FakeMemory memory_;
  Frame frame_;
  VectorRegisters vectors_;
  DwarfSections sections_;

 private:
  uint64_t offset_of(char type) const {
    return unit_header_size({}) + 13 + types_.find(std::string(1, type) + '\0') - 1;
  }

  const std::string types_ = u8(5) + text("f") + u8(DW_ATE_float) + u8(4) + u8(5) + text("d") + u8(DW_ATE_float) +
                             u8(8) + u8(5) + text("l") + u8(DW_ATE_signed) + u8(8) + u8(5) + text("w") +
                             u8(DW_ATE_unsigned) + u8(16);
  std::string parameters_;
  std::optional<DwarfImage> image_;
  std::unique_ptr<DwarfDebugInfo> info_;
};

TEST_F(ParametersTest, InMemoryAndGeneralRegisters) {
  memory_.put(kStack + 0xf0, int64_t{-7});
  add("frame", 'l', block(u8(DW_OP_fbreg) + sleb(-16)));
  add("rdi", 'l', in_register(5));
  add("rsi", 'l', in_register(4));
  add("computed", 'l', block(u8(DW_OP_breg5) + sleb(8) + u8(DW_OP_stack_value)));
  add("gone", 'l', block(""));
  add("nowhere", 'l', block(u8(DW_OP_addr) + u64(0x10)));
  EXPECT_EQ(value("frame"), "-7");
  EXPECT_EQ(value("rdi"), "42");
  EXPECT_EQ(value("rsi"), "<optimized out>") << "a register that is not known here";
  EXPECT_EQ(value("computed"), "50");
  EXPECT_EQ(value("gone"), "<optimized out>");
  EXPECT_EQ(value("nowhere"), "<error reading variable: Cannot access memory at address 0x10>");
}

TEST_F(ParametersTest, InVectorRegistersOfTheFirstFrame) {
  float single = 1.5f;
  double real = -2.5, last = 1e100;
  set_xmm(0, &single, sizeof single);
  set_xmm(1, &real, sizeof real);
  set_xmm(15, &last, sizeof last);
  add("single", 'f', in_register(kXmm0));
  add("real", 'd', in_register(kXmm0 + 1));
  add("last", 'd', in_register(kXmm15));
  add("beyond", 'd', in_register(kXmm15 + 1));
  EXPECT_EQ(value("single"), "1.5");
  EXPECT_EQ(value("real"), "-2.5");
  EXPECT_EQ(value("last"), "1e+100");
  EXPECT_EQ(value("beyond"), "<unavailable>") << "st(0)";
  frame_.vectors = nullptr;
  EXPECT_EQ(value("single"), "<unavailable>") << "a caller: nothing preserves them";
}

TEST_F(ParametersTest, InPieces) {
  uint64_t low = 5;
  set_xmm(2, &low, sizeof low);
  frame_.registers.set(Registers::kRax, 1);
  add("both", 'w',
      block(u8(DW_OP_reg0 + kXmm0 + 2) + u8(DW_OP_piece) + uleb(8) + u8(DW_OP_reg0) + u8(DW_OP_piece) + uleb(8)));
  add("half", 'w', block(u8(DW_OP_reg0) + u8(DW_OP_piece) + uleb(8) + u8(DW_OP_piece) + uleb(8)));
  EXPECT_EQ(value("both"), "18446744073709551621") << "2^64 + 5";
  EXPECT_EQ(value("half"), "<optimized out>") << "a piece without a location (2.6.1.2)";
}

TEST_F(ParametersTest, EndlessLocationListsDoNotHideTheOthers) {
  std::string entry = u8(DW_LLE_start_length) + u64(0x9000) + uleb(1) + uleb(0), list;
  for (int i = 0; i < 50'000; ++i) list += entry;
  sections_[".debug_loclists"] = with_length(4, u16(5) + u8(8) + u8(0) + u32(0) + list);
  add("rdi", 'l', in_register(5));
  for (int i = 0; i < 200; ++i) add_list("p" + std::to_string(i), 'l', 12);
  auto all = values();
  ASSERT_EQ(all.size(), 201u);
  EXPECT_EQ(all[0].value, "42");
  EXPECT_EQ(all[1].value, "<optimized out>") << "the list was read to its end";
  EXPECT_EQ(all[200].value, "<error reading variable: its location cannot be understood>") << "that one was not";
}

}  // namespace
}  // namespace inquest::dwarf
