// Line number programs (DWARF 5, 6.2; 2 to 4 where they differ). The rows that are wanted follow from the definitions
// of the opcodes in 6.2.5, computed by hand beside each program.
#include "postmortem/dwarf/line_table.h"

#include <gtest/gtest.h>

#include "tests/support/dwarf_builder.h"

namespace inquest::dwarf {
namespace {

using namespace inquest::test;

struct Program {
  unsigned version = 4, offset_size = 4, address_size = 8;
  unsigned min_instruction = 1, max_operations = 1;
  int line_base = -5;
  unsigned line_range = 14, opcode_base = 13;
  std::string lengths = std::string("\0\1\1\1\1\0\0\0\1\0\0\1", 12);  ///< of standard opcodes (6.2.4)
  std::string tables = {};                                            ///< default: one file, a.c
  std::string operations = {};
};

std::string one_file(unsigned version) {
  if (version < 5) return u8(0) + text("a.c") + uleb(0) + uleb(0) + uleb(0) + u8(0);
  std::string path = u8(1) + uleb(DW_LNCT_path) + uleb(DW_FORM_string);
  return path + uleb(1) + text("/src") + u8(2) + uleb(DW_LNCT_path) + uleb(DW_FORM_string) +
         uleb(DW_LNCT_directory_index) + uleb(DW_FORM_udata) + uleb(2) + text("a.c") + uleb(0) + text("a.c") + uleb(0);
}

std::string bytes_of(const Program& program) {
  std::string fields = u8(program.min_instruction) + (program.version >= 4 ? u8(program.max_operations) : "") + u8(1) +
                       u8(static_cast<uint64_t>(program.line_base)) + u8(program.line_range) + u8(program.opcode_base) +
                       program.lengths.substr(0, program.opcode_base - 1) +
                       (program.tables.empty() ? one_file(program.version) : program.tables);
  std::string head = u16(program.version) + (program.version >= 5 ? u8(program.address_size) + u8(0) : "");
  return with_length(program.offset_size,
                     head + sized(fields.size(), program.offset_size) + fields + program.operations);
}

/// A unit whose line table is the program.
DwarfSections sections_of(const Program& program) {
  DwarfSections sections;
  unsigned form = program.version >= 4 ? DW_FORM_sec_offset : program.offset_size == 8 ? DW_FORM_data8 : DW_FORM_data4;
  sections[".debug_abbrev"] =
      abbreviation(1, DW_TAG_compile_unit, false, {{DW_AT_stmt_list, form}, {DW_AT_comp_dir, DW_FORM_string}}) + u8(0);
  sections[".debug_info"] = test::unit({.version = program.version, .offset_size = program.offset_size},
                                       u8(1) + sized(0, program.offset_size) + text("/src"));
  sections[".debug_line"] = bytes_of(program);
  return sections;
}

/// "file:line:column" of each address; "-" where there is no row.
std::vector<std::string> rows(const Program& program, const std::vector<uint64_t>& addresses) {
  DwarfImage image(sections_of(program));
  LineTable table(image.unit());
  std::vector<std::string> result;
  for (const LineRow& row : table.find(addresses))
    result.push_back(
        row.known ? std::to_string(row.file) + ":" + std::to_string(row.line) + ":" + std::to_string(row.column) : "-");
  return result;
}

using Rows = std::vector<std::string>;

std::string extended(unsigned opcode, const std::string& operands = {}) {
  return u8(0) + uleb(1 + operands.size()) + u8(opcode) + operands;
}
std::string set_address(uint64_t address, unsigned size = 8) {
  return extended(DW_LNE_set_address, sized(address, size));
}
const std::string kEnd = extended(DW_LNE_end_sequence);
std::string advance_pc(uint64_t by) { return u8(DW_LNS_advance_pc) + uleb(by); }
std::string advance_line(int64_t by) { return u8(DW_LNS_advance_line) + sleb(by); }
const std::string kCopy = u8(DW_LNS_copy);

/// 6.2.5.1: what a special opcode does, solved for the opcode.
std::string special(int line, unsigned operations, const Program& program = {}) {
  return u8(static_cast<uint64_t>(line - program.line_base) + program.line_range * operations + program.opcode_base);
}

TEST(LineTable, StandardOpcodesOfEveryVersion) {
  for (unsigned version : {2u, 3u, 4u, 5u}) {
    for (unsigned offset_size : {4u, 8u}) {
      if (version == 2 && offset_size == 8) continue;  // the 64-bit format came with DWARF 3
      SCOPED_TRACE(version);
      Program program{.version = version, .offset_size = offset_size};
      program.operations = set_address(0x1000) + advance_line(9) + kCopy +                              // 1000: line 10
                           u8(DW_LNS_set_column) + uleb(7) + special(2, 4) +                            // 1004: line 12
                           u8(DW_LNS_set_file) + uleb(2) + u8(DW_LNS_negate_stmt) + advance_pc(0x10) +  //
                           advance_line(-11) + kCopy +                                                  // 1014: line 1
                           u8(DW_LNS_set_basic_block) + u8(DW_LNS_fixed_advance_pc) + u16(0x300) +      //
                           special(0, 0) +                                                              // 1314: line 1
                           u8(DW_LNS_const_add_pc) + special(1, 0) +  // 17 = (255 - 13) / 14 further: 1325, line 2
                           advance_pc(1) + kEnd;
      EXPECT_EQ(rows(program, {0xfff, 0x1000, 0x1003, 0x1004, 0x1013, 0x1014, 0x1313, 0x1314, 0x1324, 0x1325, 0x1326}),
                (Rows{"-", "1:10:0", "1:10:0", "1:12:7", "1:12:7", "2:1:7", "2:1:7", "2:1:7", "2:1:7", "2:2:7", "-"}));
    }
  }
}

TEST(LineTable, OpcodesOfVersion3MarkProloguesAndSkipTheirOperands) {
  Program program;
  program.operations = set_address(0x1000) + u8(DW_LNS_set_prologue_end) + u8(DW_LNS_set_epilogue_begin) +
                       u8(DW_LNS_set_isa) + uleb(1000) + kCopy + advance_pc(4) + kEnd;
  EXPECT_EQ(rows(program, {0x1000, 0x1003, 0x1004}), (Rows{"1:1:0", "1:1:0", "-"}));
}

// 6.2.5.2: DW_LNS_advance_pc and DW_LNS_const_add_pc count instructions, DW_LNS_fixed_advance_pc bytes.
TEST(LineTable, InstructionsOfSeveralBytes) {
  Program program{.min_instruction = 4};
  program.operations = set_address(0x1000) + kCopy + special(1, 2) +  // 1008: line 2
                       advance_pc(3) + kCopy +                        // 1014
                       u8(DW_LNS_const_add_pc) + special(1, 0) +      // 1014 + 17 * 4 = 1058: line 3
                       u8(DW_LNS_fixed_advance_pc) + u16(2) + kEnd;   // 105a
  EXPECT_EQ(rows(program, {0x1007, 0x1008, 0x1014, 0x1057, 0x1058, 0x1059, 0x105a}),
            (Rows{"1:1:0", "1:2:0", "1:2:0", "1:2:0", "1:3:0", "1:3:0", "-"}));
}

// 6.2.5.1: address += min_instruction * ((op_index + operations) / max_operations), op_index the rest.
TEST(LineTable, BundlesOfSeveralOperations) {
  Program program{.version = 5, .min_instruction = 16, .max_operations = 3};
  program.operations = set_address(0x1000) + kCopy +    // 1000.0: line 1
                       special(1, 1) +                  // 1000.1: line 2, the last of that address
                       special(1, 1) +                  // 1000.2: line 3
                       special(1, 1) +                  // 1010.0: line 4
                       advance_pc(5) + special(1, 0) +  // 1010 + 16 * (5 / 3): 1020.2, line 5
                       u8(DW_LNS_const_add_pc) +        // 17 operations: (2 + 17) / 3 = 6 bundles: 1080.1
                       special(1, 0) +                  // line 6
                       u8(DW_LNS_fixed_advance_pc) + u16(0x10) + special(1, 2) +  // 1090.0, then .2: line 7
                       special(1, 1) + advance_pc(3) + kEnd;                      // 10a0.0: line 8; end at 10b0
  EXPECT_EQ(rows(program, {0x1000, 0x100f, 0x1010, 0x1020, 0x107f, 0x1080, 0x1090, 0x10a0, 0x10af, 0x10b0}),
            (Rows{"1:3:0", "1:3:0", "1:4:0", "1:5:0", "1:5:0", "1:6:0", "1:7:0", "1:8:0", "1:8:0", "-"}));
}

TEST(LineTable, ExtendedOpcodes) {
  Program program;
  program.operations = set_address(0x1000, 4) + extended(DW_LNE_set_discriminator, uleb(300)) + kCopy +
                       extended(0x42, "anything at all") + extended(DW_LNE_hi_user, "") +  // unknown: skipped by length
                       extended(DW_LNE_define_file, text("late.c") + uleb(0) + uleb(0) + uleb(0)) +
                       u8(DW_LNS_set_file) + uleb(2) + special(5, 1) + advance_pc(1) + kEnd;
  DwarfImage image(sections_of(program));
  LineTable table(image.unit());
  std::vector<uint64_t> addresses = {0x1000, 0x1001};
  auto found = table.find(addresses);
  EXPECT_EQ(found[0].line, 1u);
  EXPECT_EQ(found[1].line, 6u);
  EXPECT_EQ(table.path(found[0].file), "/src/a.c");
  EXPECT_EQ(table.path(found[1].file), "/src/late.c");
}

TEST(LineTable, OpcodesThatLaterVersionsAddAreSkippedByTheirLengths) {
  Program program{.opcode_base = 16, .lengths = std::string("\0\1\1\1\1\0\0\0\1\0\0\1\0\2\3", 15)};
  program.operations = set_address(0x1000) + u8(13) + u8(14) + uleb(200) + uleb(1) + u8(15) + uleb(1) + uleb(500) +
                       uleb(3) + special(1, 0, program) + advance_pc(1) + kEnd;
  EXPECT_EQ(rows(program, {0x1000}), (Rows{"1:2:0"}));
}

// Version 2 had nine standard opcodes; what comes from opcode_base on is special.
TEST(LineTable, FewerStandardOpcodes) {
  Program program{.version = 2, .opcode_base = 10};
  program.operations = set_address(0x1000) + advance_line(19) + u8(10) + special(3, 1, program) + advance_pc(1) + kEnd;
  EXPECT_EQ(rows(program, {0x1000, 0x1001}), (Rows{"1:15:0", "1:18:0"})) << "opcode 10 is special here: line - 5";
}

TEST(LineTable, LaterRowsOfOneAddressCountAndSequencesStandInAnyOrder) {
  Program program;
  program.operations = set_address(0x2000) + kCopy + special(3, 0) + advance_pc(8) + kEnd +  // 2000: line 1, then 4
                       set_address(0x1000) + advance_line(99) + kCopy + advance_pc(8) + kEnd;
  EXPECT_EQ(rows(program, {0x1000, 0x1007, 0x1008, 0x1fff, 0x2000, 0x2007, 0x2008}),
            (Rows{"1:100:0", "1:100:0", "-", "-", "1:4:0", "1:4:0", "-"}));
}

TEST(LineTable, RowsOutOfOrderAreSortedAndDeadSequencesLeftOut) {
  Program program;
  program.operations = set_address(0x1010) + kCopy + set_address(0x1000) + advance_line(1) + kCopy +
                       set_address(0x1020) + kEnd +                                            // assembly may go back
                       set_address(0) + advance_line(5) + kCopy + advance_pc(0x3000) + kEnd +  // GNU ld's tombstone
                       set_address(UINT64_MAX) + kCopy + kEnd;                                 // lld's
  EXPECT_EQ(rows(program, {0x10, 0x1000, 0x100f, 0x1010, 0x101f, 0x1020}),
            (Rows{"-", "1:2:0", "1:2:0", "1:1:0", "1:1:0", "-"}));
}

TEST(LineTable, ASequenceWithoutEndTellsNothing) {
  Program program;
  program.operations = set_address(0x1000) + kCopy + advance_pc(4);
  EXPECT_EQ(rows(program, {0x1000}), (Rows{"-"}));
  program.operations = set_address(0x1000) + kCopy + u8(0) + uleb(1000) + u8(DW_LNE_end_sequence);
  EXPECT_EQ(rows(program, {0x1000}), (Rows{"-"})) << "a length beyond the end";
  program.line_range = 0;
  program.operations = set_address(0x1000) + kCopy + kEnd;
  EXPECT_EQ(rows(program, {0x1000}), (Rows{"-"})) << "a division by zero";
}

/// `count` sequences of 0x20 bytes, 0x100 apart from 0x10000 on; the one with number n has line n + 1 and then n + 2 at
/// its byte 8. As g++ writes them: file and column of the first row stand before its address.
std::string many_sequences(uint64_t count) {
  std::string operations;
  for (uint64_t i = 0; i < count; ++i)
    operations += u8(DW_LNS_set_file) + uleb(1) + u8(DW_LNS_set_column) + uleb(i % 200) +
                  set_address(0x10000 + i * 0x100) + advance_line(static_cast<int64_t>(i)) + kCopy + special(1, 8) +
                  advance_pc(0x18) + kEnd;
  return operations;
}

// Few addresses have only the sequences around them run, many have all; the answers are the same.
TEST(LineTable, FewAddressesOfALongProgramAreAnsweredAsManyAre) {
  constexpr uint64_t kCount = 4000;
  Program program{.operations = many_sequences(kCount)};
  std::vector<uint64_t> all;
  for (uint64_t i = 0; i < kCount; ++i)
    for (uint64_t byte : {0, 7, 8, 31, 32}) all.push_back(0x10000 + i * 0x100 + byte);
  Rows of_all = rows(program, all);
  EXPECT_EQ(of_all[5 * 1234 + 2], "1:1236:34");
  EXPECT_EQ(of_all[5 * 1234 + 4], "-");
  for (size_t i : {0, 4, 5 * 1234 + 1, 5 * 1234 + 2, 5 * 1234 + 4, 5 * 3999 + 3})
    EXPECT_EQ(rows(program, {all[i], all.back()}), (Rows{of_all[i], of_all.back()})) << i;
  for (size_t i : {0, 5 * 1234 + 1, 5 * 1234 + 2, 5 * 3999 + 3})
    EXPECT_EQ(rows(program, {all[i]}), (Rows{of_all[i]})) << i;
}

// An address that is set within a sequence, functions that the linker merged, the bytes of an end as operands, and a
// file that a sequence defines for the one behind it.
TEST(LineTable, FewAddressesOfUnusualSequences) {
  Program program;
  program.operations =
      set_address(0x10) + advance_line(6) + kCopy + special(1, 8) + extended(0x42, kEnd + kCopy) + set_address(0x40) +
      special(1, 0) + advance_pc(0x20) + kEnd + set_address(0x1000) + advance_line(10) + kCopy + advance_pc(0x100) +
      kEnd + set_address(0x1000) + advance_line(20) + kCopy + advance_pc(0x80) + kEnd + set_address(0x3000) +
      extended(DW_LNE_define_file, text("b.c") + uleb(0) + uleb(0) + uleb(0)) + kCopy + advance_pc(1) + kEnd +
      set_address(0x4000) + u8(DW_LNS_set_file) + uleb(2) + kCopy + advance_pc(1) + kEnd + many_sequences(1000);
  EXPECT_EQ(rows(program, {0x10}), (Rows{"1:7:0"}));
  EXPECT_EQ(rows(program, {0x40}), (Rows{"1:9:0"}));
  EXPECT_EQ(rows(program, {0x1000, 0x1090}), (Rows{"1:21:0", "1:11:0"})) << "the sequence that ends first counts";
  DwarfImage image(sections_of(program));
  LineTable table(image.unit());
  std::vector<uint64_t> in_defined = {0x4000};
  EXPECT_EQ(table.path(table.find(in_defined)[0].file), "/src/b.c");
}

TEST(LineTable, FilesOfVersions2To4CountFromOne) {
  Program program;
  program.tables = text("inc") + text("/usr/include") + u8(0) +  // directories 1 and 2; 0 is DW_AT_comp_dir
                   text("a.c") + uleb(0) + uleb(5) + uleb(6) + text("a.h") + uleb(1) + uleb(0) + uleb(0) +
                   text("stdio.h") + uleb(2) + uleb(0) + uleb(0) + text("/abs.h") + uleb(1) + uleb(0) + uleb(0) +
                   text("lost.h") + uleb(9) + uleb(0) + uleb(0) + u8(0);
  DwarfImage image(sections_of(program));
  LineTable table(image.unit());
  EXPECT_EQ(table.path(0), "");
  EXPECT_EQ(table.path(1), "/src/a.c");
  EXPECT_EQ(table.path(2), "/src/inc/a.h");
  EXPECT_EQ(table.path(3), "/usr/include/stdio.h");
  EXPECT_EQ(table.path(4), "/abs.h");
  EXPECT_EQ(table.path(5), "/src/lost.h") << "a directory that does not exist";
  EXPECT_EQ(table.path(6), "");
}

// 6.2.4.1: any form that fits; unknown kinds of content are skipped by their form.
TEST(LineTable, FilesOfVersion5HaveColumnsOfAnyForm) {
  Program program{.version = 5};
  std::string directories = u8(1) + uleb(DW_LNCT_path) + uleb(DW_FORM_line_strp) + uleb(2) + u32(0) + u32(5);
  std::string columns = u8(5) + uleb(DW_LNCT_MD5) + uleb(DW_FORM_data16) + uleb(DW_LNCT_path) + uleb(DW_FORM_strp) +
                        uleb(DW_LNCT_directory_index) + uleb(DW_FORM_data1) + uleb(DW_LNCT_timestamp) +
                        uleb(DW_FORM_block) + uleb(0x2001) + uleb(DW_FORM_udata);
  auto entry = [](uint64_t name, uint64_t directory) {
    return std::string(16, '\5') + u32(name) + u8(directory) + uleb(3) + "abc" + uleb(300);
  };
  program.tables = directories + columns + uleb(3) + entry(0, 0) + entry(4, 1) + entry(0, 9);
  program.operations = set_address(0x1000) + u8(DW_LNS_set_file) + uleb(1) + kCopy + advance_pc(1) + kEnd;
  DwarfSections sections = sections_of(program);
  sections[".debug_line_str"] = text("/src") + text("inc");
  sections[".debug_str"] = text("a.c") + text("a.h");
  DwarfImage image(sections);
  LineTable table(image.unit());
  EXPECT_EQ(table.path(0), "/src/a.c") << "files count from 0, directory 0 is the compilation directory";
  EXPECT_EQ(table.path(1), "/src/inc/a.h");
  EXPECT_EQ(table.path(2), "/src/a.c") << "a directory that does not exist";
  EXPECT_EQ(table.path(3), "");
  std::vector<uint64_t> addresses = {0x1000};
  EXPECT_TRUE(table.find(addresses)[0].known) << "the program begins where the header ends";
}

TEST(LineTable, HeadersThatLie) {
  Program program;
  program.operations = set_address(0x1000) + kCopy + advance_pc(4) + kEnd;
  for (size_t size = 0; size < bytes_of(program).size(); ++size) {
    DwarfSections sections = sections_of(program);
    sections[".debug_line"].resize(size);
    DwarfImage image(sections);
    LineTable table(image.unit());
    std::vector<uint64_t> addresses = {0x1000};
    EXPECT_FALSE(table.find(addresses)[0].known) << "cut after " << size << " bytes: no end of the sequence";
  }
  Program five{.version = 5};
  five.tables = u8(1) + uleb(DW_LNCT_path) + uleb(DW_FORM_flag_present) + uleb(UINT64_MAX) + u8(0) + uleb(0);
  five.operations = program.operations;
  EXPECT_EQ(rows(five, {0x1000}), (Rows{"-"})) << "files that take no bytes";
}

}  // namespace
}  // namespace inquest::dwarf
