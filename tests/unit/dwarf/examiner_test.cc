#include "postmortem/dwarf/examiner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "postmortem/dwarf/live_process.h"
#include "postmortem/dwarf/section_prefix.h"
#include "postmortem/dwarf/split_units.h"
#include "tests/support/elf_builder.h"

namespace inquest::dwarf {
namespace {

using test::ImageBuilder;
using test::raw;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

elf::Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string deflated(const std::string& text) {
  std::string packed(compressBound(text.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
  packed.resize(size);
  return packed;
}

TEST(SectionPrefix, UnpacksZlibAndTellsDamage) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i);
  Elf64_Chdr header{ELFCOMPRESS_ZLIB, 0, text.size(), 1};
  std::string image =
      ImageBuilder().section(".debug_str", raw(header) + deflated(text), SHT_PROGBITS, SHF_COMPRESSED).build();
  auto file = elf::ElfImage::from_bytes(bytes_of(image));
  SectionPrefix whole = debug_section(*file, "debug_str");
  EXPECT_EQ(whole.compression(), "zlib");
  EXPECT_EQ(whole.size(), text.size());
  EXPECT_EQ(elf::c_string(whole.up_to(10), 0), text.substr(0, 10));
  EXPECT_EQ(elf::c_string(whole.up_to(text.size()), 0), text);
  EXPECT_EQ(whole.failure(), "");

  std::string damaged = raw(header) + deflated(text).substr(0, 1000);
  std::string cut = ImageBuilder().section(".debug_str", damaged, SHT_PROGBITS, SHF_COMPRESSED).build();
  SectionPrefix part = debug_section(*elf::ElfImage::from_bytes(bytes_of(cut)), "debug_str");
  EXPECT_LT(part.up_to(text.size()).size(), text.size());
  EXPECT_THAT(part.failure(), HasSubstr("damaged"));
}

TEST(SectionPrefix, ASizeThatIsALieAllocatesNothing) {
  Elf64_Chdr header{ELFCOMPRESS_ZLIB, 0, UINT64_MAX, 1};
  std::string image =
      ImageBuilder().section(".debug_str", raw(header) + deflated("text"), SHT_PROGBITS, SHF_COMPRESSED).build();
  SectionPrefix section = debug_section(*elf::ElfImage::from_bytes(bytes_of(image)), "debug_str");
  EXPECT_EQ(section.up_to(UINT64_MAX).size(), 4u);
}

/// One unit of DWARF 4 with a DW_AT_producer and, when `typed`, an abbreviation of a structure type.
ImageBuilder one_unit(bool typed) {
  std::string abbreviations = std::string("\x01\x11\x00\x25\x08\x00\x00", 7);
  if (typed) abbreviations += std::string("\x02\x13\x00\x00\x00", 5);
  abbreviations += '\0';
  std::string unit = raw(uint16_t{4}) + raw(uint32_t{0}) + '\x08' + '\x01' + "GNU C++17 12.2.0 -O2 -g" + '\0';
  return ImageBuilder()
      .section(".debug_info", raw(static_cast<uint32_t>(unit.size())) + unit)
      .section(".debug_abbrev", abbreviations);
}

TEST(UnitReader, ReadsTheFirstDie) {
  std::string bytes = one_unit(true).build();
  auto image = elf::ElfImage::from_bytes(bytes_of(bytes));
  UnitSurvey survey = UnitReader(*image, nullptr, false).survey();
  ASSERT_EQ(survey.units.size(), 1u);
  EXPECT_EQ(survey.units[0].version, 4);
  EXPECT_EQ(survey.units[0].producer, "GNU C++17 12.2.0 -O2 -g");
  EXPECT_TRUE(survey.units[0].describes_types);
  EXPECT_TRUE(survey.failure.empty());
}

TEST(UnitReader, ADamagedUnitEndsTheSurveyWithAReason) {
  std::string bytes = ImageBuilder().section(".debug_info", "\xf0\xf0\xf0\xf0\x04").build();
  auto image = elf::ElfImage::from_bytes(bytes_of(bytes));
  UnitSurvey survey = UnitReader(*image, nullptr, false).survey();
  EXPECT_TRUE(survey.units.empty());
  EXPECT_THAT(survey.failure, HasSubstr("damaged"));
}

TEST(Examiner, TellsTypesFromLines) {
  test::TemporaryFolder folder;
  Examiner examiner({.sysroot = folder.path(), .debug_dirs = {}});
  auto full = examiner.examine_file(folder.write("full", one_unit(true).build()));
  auto lines = examiner.examine_file(folder.write("lines", one_unit(false).build()));
  ASSERT_TRUE(full && lines);
  EXPECT_EQ(full->status, DebugInfoReport::Status::kFull);
  EXPECT_EQ(lines->status, DebugInfoReport::Status::kLineTables);
  EXPECT_EQ(full->dwarf_version, 4);
}

TEST(Examiner, NamesThePackageOfTheSysroot) {
  test::TemporaryFolder folder;
  folder.write("var/lib/dpkg/info/libsmall1:amd64.list", "/.\n/lib/x86_64-linux-gnu/libsmall.so.1\n");
  std::string library = folder.write("usr/lib/x86_64-linux-gnu/libsmall.so.1", ImageBuilder().build());
  Examiner examiner({.sysroot = folder.path(), .debug_dirs = {}});
  auto report = examiner.examine_file(library);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, DebugInfoReport::Status::kNone);
  EXPECT_EQ(report->fix, "apt install libsmall1-dbgsym (from the debian-debug archive)");
}

TEST(Examiner, WhatIsNoProgramIsOneLine) {
  test::TemporaryFolder folder;
  Examiner examiner({.sysroot = {}, .debug_dirs = {}});
  auto line = [&](const std::string& path) { return examiner.examine_file(path).error().line(); };
  EXPECT_THAT(line(folder.write("empty", "")), HasSubstr("is empty"));
  EXPECT_THAT(line(folder.write("text", "some text that is long enough")), HasSubstr("not an ELF file"));
  std::string narrow = ImageBuilder().build();
  narrow[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(line(folder.write("narrow", narrow)), HasSubstr("32-bit"));
  std::string foreign = ImageBuilder().build();
  foreign[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_AARCH64);
  EXPECT_THAT(line(folder.write("foreign", foreign)), HasSubstr("another machine (number 183)"));
  EXPECT_THAT(line(folder.write("core", test::CoreBuilder().thread(1).build())), HasSubstr("--core"));
}

TEST(Producer, FlagsBecomeFacts) {
  EXPECT_THAT(facts_from_producer("GNU C++17 12.2.0 -g -O2"), ElementsAre("optimised: -O2", "frame pointers omitted"));
  EXPECT_THAT(facts_from_producer("GNU C17 12.2.0 -g"), ElementsAre("not optimised: -O0", "frame pointers kept"));
  EXPECT_THAT(facts_from_producer("GNU C17 12.2.0 -O2 -O0 -g -fno-omit-frame-pointer"),
              ElementsAre("not optimised: -O0", "frame pointers kept"));
  EXPECT_THAT(facts_from_producer("Debian clang version 19.1.7"), ElementsAre());
}

TEST(Maps, LinesAreParsed) {
  auto lines = parse_maps(
      "55d583643000-55d583644000 r--p 00001000 08:01 13 /opt/a b.so.6 (deleted)\n"
      "7ffc1000-7ffc3000 rwxp 00000000 00:00 0 \n"
      "rubbish\n"
      "7fd7e55ce000-7fd7e55d0000 r-xp 00000000 00:00 0                          [vdso]\n"
      "1000-2000 r--p 00000000 08:01 13 /x\\012y\n");
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].start, 0x55d583643000u);
  EXPECT_EQ(lines[0].offset, 0x1000u);
  EXPECT_EQ(lines[0].path, "/opt/a b.so.6");
  EXPECT_TRUE(lines[0].deleted);
  EXPECT_TRUE(lines[1].executable);
  EXPECT_EQ(lines[1].path, "");
  EXPECT_EQ(lines[2].path, "[vdso]");
  EXPECT_EQ(lines[3].path, "/x\ny");
}

TEST(PackageIndex, RowsAreFoundAndLiesAreNot) {
  // Version 2, two columns (INFO, ABBREV), one unit, two slots.
  std::string header = raw(uint32_t{2}) + raw(uint32_t{2}) + raw(uint32_t{1}) + raw(uint32_t{2});
  std::string slots = raw(uint64_t{0}) + raw(uint64_t{0x1234}) + raw(uint32_t{0}) + raw(uint32_t{1});
  std::string table = raw(uint32_t{1}) + raw(uint32_t{3}) + raw(uint32_t{0x40}) + raw(uint32_t{0x80});
  auto rows = parse_package_index(bytes_of(header + slots + table));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.at(0x1234).info, 0x40u);
  EXPECT_EQ(rows.at(0x1234).bases.abbreviations, 0x80u);
  std::string many = raw(uint32_t{2}) + raw(uint32_t{2}) + raw(uint32_t{1}) + raw(UINT32_MAX);
  EXPECT_TRUE(parse_package_index(bytes_of(many + slots + table)).empty());
}

}  // namespace
}  // namespace inquest::dwarf
