#include "postmortem/elf/core_file.h"

#include <gmock/gmock.h>

#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using test::CoreBuilder;
using testing::HasSubstr;

class CoreFileTest : public testing::Test {
 protected:
  Result<std::unique_ptr<CoreFile>> parse(const std::string& bytes) {
    return CoreFile::parse(MappedFile::open(folder_.write("core", bytes), nullptr), "core");
  }
  std::string error_of(const std::string& bytes) {
    auto core = parse(bytes);
    return core ? "no error" : core.error().line();
  }
  static std::string text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

  test::TemporaryFolder folder_;
};

TEST_F(CoreFileTest, GivesTheBytesOfASegment) {
  auto core = parse(CoreBuilder().memory(0x5000, "hello").build());
  ASSERT_TRUE(core) << core.error().line();
  EXPECT_EQ(text((*core)->memory(0x5000, 100)), "hello");
  EXPECT_EQ(text((*core)->memory(0x5001, 2)), "el");
  EXPECT_TRUE((*core)->memory(0x5005, 1).empty());
  EXPECT_TRUE((*core)->memory(0x4fff, 1).empty());
  EXPECT_EQ((*core)->missing_bytes(), 0u);
}

TEST_F(CoreFileTest, SortsSegmentsAndCutsOverlaps) {
  auto core = parse(CoreBuilder().memory(0x3000, "cc").memory(0x1000, "aaaa").memory(0x1002, "bbbb").build());
  ASSERT_TRUE(core);
  const auto& segments = (*core)->segments();
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[1].start, 0x1004u);
  EXPECT_EQ(text((*core)->memory(0x1004, 9)), "bb");
  EXPECT_EQ(segments[2].start, 0x3000u);
}

TEST_F(CoreFileTest, DropsASegmentInsideAnother) {
  auto core = parse(CoreBuilder().memory(0x1000, "aaaaaaaa").memory(0x1002, "bb").build());
  ASSERT_TRUE(core);
  EXPECT_EQ((*core)->segments().size(), 1u);
}

TEST_F(CoreFileTest, CutsASegmentThatWrapsAroundTheAddressSpace) {
  Elf64_Phdr lie{};
  lie.p_type = PT_LOAD;
  lie.p_vaddr = UINT64_MAX - 10;
  lie.p_memsz = UINT64_MAX;
  lie.p_filesz = UINT64_MAX;
  lie.p_offset = 64;
  auto core = parse(CoreBuilder().raw_segment(lie).build());
  ASSERT_TRUE(core);
  EXPECT_EQ((*core)->segments()[0].size, 10u);
  EXPECT_EQ((*core)->memory(UINT64_MAX - 10, 100).size(), 10u);
}

TEST_F(CoreFileTest, KeepsWhatATruncatedFileHolds) {
  std::string bytes = CoreBuilder().memory(0x1000, std::string(8192, 'x')).memory(0x9000, "lost").build();
  auto core = parse(bytes.substr(0, bytes.size() - 4096 - 100));
  ASSERT_TRUE(core);
  EXPECT_EQ((*core)->memory(0x1000, 9000).size(), 8092u);
  EXPECT_EQ((*core)->segments()[0].dumped, 8192u);
  EXPECT_TRUE((*core)->memory(0x9000, 4).empty());
  EXPECT_EQ((*core)->missing_bytes(), 100u + 4u);
}

TEST_F(CoreFileTest, FollowsExtendedNumbering) {
  auto core = parse(CoreBuilder().memory(0x1000, "a").memory(0x2000, "b").extended_numbering().build());
  ASSERT_TRUE(core) << core.error().line();
  EXPECT_EQ((*core)->segments().size(), 2u);
}

TEST_F(CoreFileTest, FindsTheHolesOfASparseFile) {
  std::string bytes = CoreBuilder().memory(0x100000, std::string(1 << 20, 'x')).build();
  std::string path = folder_.write("sparse", bytes);
  std::filesystem::resize_file(path, bytes.size() + (8 << 20));
  auto core = CoreFile::parse(MappedFile::open(path, nullptr), "sparse");
  ASSERT_TRUE(core);
  const auto& extents = (*core)->data_extents();
  ASSERT_FALSE(extents.empty());
  EXPECT_EQ(extents.front().begin, 0u);
  EXPECT_GE(extents.back().end, bytes.size());
  for (size_t i = 1; i < extents.size(); ++i) EXPECT_GT(extents[i].begin, extents[i - 1].end);
}

TEST_F(CoreFileTest, SaysWhyAFileIsNoCore) {
  EXPECT_THAT(error_of(""), HasSubstr("core is empty"));
  EXPECT_THAT(error_of("#!/bin/sh\n"), HasSubstr("not an ELF file"));
  EXPECT_THAT(error_of(test::ImageBuilder(ET_EXEC).build()), HasSubstr("is a program or library, not a core file"));
  EXPECT_THAT(error_of(test::ImageBuilder(ET_REL).build()), HasSubstr("object file"));
  EXPECT_THAT(error_of(test::ImageBuilder(77).build()), HasSubstr("unknown type"));
}

TEST_F(CoreFileTest, SaysWhichOtherMachineACoreIsFrom) {
  std::string bytes = CoreBuilder().memory(0x1000, "a").build();
  std::string narrow = bytes, arm = bytes, odd = bytes, big = bytes;
  narrow[EI_CLASS] = ELFCLASS32;
  arm[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_AARCH64);
  odd[offsetof(Elf64_Ehdr, e_machine)] = 99;
  big[EI_DATA] = ELFDATA2MSB;
  EXPECT_THAT(error_of(narrow), HasSubstr("32-bit"));
  EXPECT_THAT(error_of(arm), HasSubstr("another architecture (arm64)"));
  EXPECT_THAT(error_of(odd), HasSubstr("ELF machine 99"));
  EXPECT_THAT(error_of(big), HasSubstr("big-endian"));
}

TEST_F(CoreFileTest, SaysWhereATruncatedHeaderEnds) {
  std::string bytes = CoreBuilder().memory(0x1000, "a").build();
  EXPECT_THAT(error_of(bytes.substr(0, 10)), HasSubstr("ends within its ELF header: 10 bytes"));
  EXPECT_THAT(error_of(bytes.substr(0, 40)), HasSubstr("ends within its ELF header: 40 bytes"));
  EXPECT_THAT(error_of(bytes.substr(0, 64)), HasSubstr("program headers"));
  EXPECT_THAT(error_of(CoreBuilder().thread(1).build()), HasSubstr("holds no memory"));
}

}  // namespace
}  // namespace inquest::elf
