#include "postmortem/dwarf/debug_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/elf_builder.h"

namespace inquest::dwarf {
namespace {

using test::ImageBuilder;
using test::TemporaryFolder;
using ::testing::HasSubstr;
using Source = DebugInfoReport::Source;

elf::Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::shared_ptr<const elf::ElfImage> image_at(const std::string& path) {
  return elf::ElfImage::from_file(elf::MappedFile::open(path, nullptr));
}

/// "name\0", padded to 4, then the CRC.
std::string debuglink(const std::string& name, uint32_t crc) {
  std::string section = name + '\0';
  section.resize(elf::round_up(section.size(), 4), '\0');
  return section + test::raw(crc);
}

const std::string kIdA(20, '\xaa');
const std::string kIdB(20, '\xbb');
const std::string kHexA = [] {
  std::string hex;
  for (int i = 0; i < 20; ++i) hex += "aa";
  return hex;
}();

std::string outcome_of(const DebugFiles& files, const std::string& path) {
  for (const auto& attempt : files.attempts)
    if (attempt.path == path) return attempt.outcome;
  return "not tried";
}

TEST(Debuglink, CrcIsTheOneOfTheStandardCheckValue) {
  EXPECT_EQ(debuglink_crc(bytes_of("123456789")), 0xcbf43926u) << "the check value of CRC-32/ISO-HDLC";
}

TEST(Debuglink, NameAndCrcAreReadAndDamageIsNot) {
  auto link = parse_debuglink(bytes_of(debuglink("t.debug", 0x12345678)));
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "t.debug");
  EXPECT_EQ(link->crc, 0x12345678u);
  EXPECT_FALSE(parse_debuglink(bytes_of(""))) << "empty";
  EXPECT_FALSE(parse_debuglink(bytes_of("t.debug"))) << "no end of the name";
  EXPECT_FALSE(parse_debuglink(bytes_of(debuglink("t.debug", 1).substr(0, 10)))) << "cut within the CRC";
  EXPECT_FALSE(parse_debuglink(bytes_of(debuglink("../../etc/shadow", 1)))) << "leads out of the folder";
}

TEST(AlternateLink, NameAndBuildIdAreRead) {
  auto link = parse_altlink(bytes_of("/x/alt" + std::string(1, '\0') + kIdA));
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "/x/alt");
  EXPECT_EQ(link->build_id, kHexA);
  EXPECT_FALSE(parse_altlink(bytes_of("/x/alt")));
  EXPECT_FALSE(parse_altlink(bytes_of(std::string("/x/alt\0", 7)))) << "no build-id";
}

TEST(AlternateLink, DebugSupIsRead) {
  std::string section = std::string("\x05\0\0", 3) + "sup" + '\0' + '\x14' + kIdA;
  auto link = parse_debug_sup(bytes_of(section));
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "sup");
  EXPECT_EQ(link->build_id, kHexA);
  section.pop_back();
  EXPECT_FALSE(parse_debug_sup(bytes_of(section))) << "checksum cut short";
}

class DebugFilesTest : public ::testing::Test {
 protected:
  DebugFiles find(const std::string& program) {
    return DebugFileFinder({.sysroot = {}, .debug_dirs = {folder.path() / "debug"}}).find(image_at(program));
  }
  /// A file with debug information and this build-id.
  static std::string debug_image(const std::string& id) {
    return ImageBuilder().build_id(id).section(".debug_info", "units").build();
  }
  std::string by_id(const std::string& ending) const {
    return (folder.path() / "debug/.build-id/aa" / (kHexA.substr(2) + ending)).string();
  }

  TemporaryFolder folder;
};

TEST_F(DebugFilesTest, EmbeddedComesFirst) {
  std::string program = folder.write("t", debug_image(kIdA));
  folder.write("debug/.build-id/aa/" + kHexA.substr(2) + ".debug", debug_image(kIdA));
  DebugFiles files = find(program);
  EXPECT_EQ(files.source, Source::kEmbedded);
  EXPECT_EQ(files.debug, files.image);
}

TEST_F(DebugFilesTest, BuildIdIsTakenAndAnotherOneRefused) {
  std::string program = folder.write("t", ImageBuilder().build_id(kIdA).build());
  std::string file = folder.write("debug/.build-id/aa/" + kHexA.substr(2) + ".debug", debug_image(kIdB));
  DebugFiles refused = find(program);
  EXPECT_FALSE(refused.debug);
  EXPECT_THAT(outcome_of(refused, by_id(".debug")), HasSubstr("another build (build-id bbbb"));
  folder.write("debug/.build-id/aa/" + kHexA.substr(2) + ".debug", debug_image(kIdA));
  DebugFiles taken = find(program);
  EXPECT_EQ(taken.source, Source::kBuildId);
  EXPECT_EQ(outcome_of(taken, by_id(".debug")), "taken");
}

TEST_F(DebugFilesTest, DebuglinkNeedsTheCrcAndWhereBothHaveOneTheBuildId) {
  auto program_for = [this](uint32_t crc) {
    return folder.write("t",
                        ImageBuilder().build_id(kIdA).section(".gnu_debuglink", debuglink("t.debug", crc)).build());
  };
  std::string good = debug_image(kIdA), other = debug_image(kIdB);
  uint32_t crc = debuglink_crc(bytes_of(good));
  std::string path = folder.write("t.debug", good);
  EXPECT_EQ(find(program_for(crc)).source, Source::kDebuglink);
  EXPECT_THAT(outcome_of(find(program_for(crc + 1)), path), HasSubstr("CRC"));
  folder.write("t.debug", other);
  DebugFiles wrong_id = find(program_for(debuglink_crc(bytes_of(other))));
  EXPECT_FALSE(wrong_id.debug);
  EXPECT_THAT(outcome_of(wrong_id, path), HasSubstr("another build"));
}

TEST_F(DebugFilesTest, DebuglinkIsLookedForInAllPlaces) {
  std::string good = debug_image(kIdA);
  std::string program = folder.write(
      "bin/t", ImageBuilder().section(".gnu_debuglink", debuglink("t.debug", debuglink_crc(bytes_of(good)))).build());
  const std::string places[] = {"bin/t.debug", "bin/.debug/t.debug", "debug" + (folder.path() / "bin/t.debug").string(),
                                "debug/t.debug"};
  for (const std::string& place : places) {
    std::string file = folder.write(place, good);
    DebugFiles files = find(program);
    ASSERT_TRUE(files.debug) << place;
    EXPECT_EQ(files.debug->file()->path(), file);
    std::filesystem::remove(file);
    EXPECT_EQ(outcome_of(find(program), file), "not there");
  }
}

TEST_F(DebugFilesTest, ALinkToTheProgramItselfIsNotFollowed) {
  std::string program = folder.write("t", ImageBuilder().section(".gnu_debuglink", debuglink("t", 1)).build());
  EXPECT_EQ(outcome_of(find(program), program), "no debug information in it");
  DebugFiles files = find(program);
  ASSERT_GE(files.attempts.size(), 2u);
  EXPECT_EQ(files.attempts[1].outcome, "is the file itself");
}

TEST_F(DebugFilesTest, WithoutBuildIdACopyProvesNothing) {
  std::string program = folder.write("t", ImageBuilder().build());
  std::string copy = folder.write("debug/t", debug_image(""));
  DebugFiles files = find(program);
  EXPECT_FALSE(files.debug);
  EXPECT_THAT(outcome_of(files, copy), HasSubstr("nothing proves"));
}

TEST_F(DebugFilesTest, OfAMissingModuleTheDebugFileIsFound) {
  folder.write("debug/.build-id/aa/" + kHexA.substr(2) + ".debug", debug_image(kIdA));
  Module module;
  module.path = "/gone/t";
  module.build_id = kHexA;
  module.tried = {"/gone/t: not found"};
  DebugFiles files = DebugFileFinder({.sysroot = {}, .debug_dirs = {folder.path() / "debug"}}).find(module);
  EXPECT_TRUE(files.debug);
  EXPECT_FALSE(files.image);
  EXPECT_EQ(files.attempts.front().path, "/gone/t");
  EXPECT_EQ(files.attempts.front().outcome, "not found");
}

TEST_F(DebugFilesTest, AlternateFileIsComparedByBuildId) {
  std::string alt = (folder.path() / "alt").string();
  std::string program = folder.write(
      "t", ImageBuilder().section(".debug_info", "units").section(".gnu_debugaltlink", alt + '\0' + kIdA).build());
  EXPECT_EQ(find(program).missing_alternate, alt);
  folder.write("alt", debug_image(kIdB));
  EXPECT_THAT(outcome_of(find(program), alt), HasSubstr("another build of the dwz file"));
  folder.write("alt", debug_image(kIdA));
  EXPECT_TRUE(find(program).alternate);
}

TEST_F(DebugFilesTest, DamagedPackedSymbolsAreRefused) {
  std::string program = folder.write("t", ImageBuilder()
                                              .section(".gnu_debugdata",
                                                       "\xfd"
                                                       "7zXZ")
                                              .build());
  DebugFiles files = find(program);
  EXPECT_FALSE(files.symbols);
  ASSERT_EQ(files.refused.size(), 1u);
  EXPECT_THAT(files.refused[0], HasSubstr("LZMA"));
}

}  // namespace
}  // namespace inquest::dwarf
