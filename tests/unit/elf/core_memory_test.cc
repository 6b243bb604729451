#include "postmortem/elf/core_memory.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using test::CoreBuilder;
using test::ImageBuilder;

/// A core with everything that its memory needs to live.
class CoreMemoryTest : public testing::Test {
 protected:
  void open(const std::string& bytes) {
    auto core = CoreFile::parse(MappedFile::open(folder_.write("core", bytes), nullptr), "core");
    ASSERT_TRUE(core) << core.error().line();
    core_ = std::move(*core);
    notes_ = parse_notes(core_->notes());
    auto map = find_modules(*core_, notes_, FileResolver("", {}, folder_.path() / "core"), "");
    ASSERT_TRUE(map) << map.error().line();
    map_ = std::move(*map);
    memory_ = std::make_unique<CoreMemory>(*core_, notes_, map_);
  }
  std::string text(uint64_t address, uint64_t limit = 100) const {
    auto bytes = memory_->view(Address(address), limit);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  FaultCause cause(uint64_t address) const { return memory_->fault_at(Address(address), 1).cause; }

  test::TemporaryFolder folder_;
  std::unique_ptr<CoreFile> core_;
  CoreNotes notes_;
  ModuleMap map_;
  std::unique_ptr<CoreMemory> memory_;
};

TEST_F(CoreMemoryTest, TellsUnmappedFromNotDumpedFromTruncated) {
  std::string core =
      CoreBuilder().memory(0x10000, "data", PF_R | PF_W, 0x1000).memory(0x20000, std::string(4096, 'x')).build();
  open(core.substr(0, core.size() - 96));
  EXPECT_EQ(text(0x10000), "data");
  EXPECT_EQ(text(0x10004), "");
  EXPECT_EQ(cause(0x10004), FaultCause::kNotInDump);
  EXPECT_EQ(cause(0x20000 + 4000), FaultCause::kTruncated);
  EXPECT_EQ(text(0x20000 + 3999), "x");
  EXPECT_EQ(cause(0x30000), FaultCause::kUnmapped);
  EXPECT_EQ(text(0x30000), "");
  EXPECT_EQ(text(UINT64_MAX), "");
}

TEST_F(CoreMemoryTest, SpansNeighbouringMappingsInOneView) {
  open(CoreBuilder().memory(0x10000, std::string(4096, 'a')).memory(0x11000, std::string(4096, 'b')).build());
  EXPECT_EQ(memory_->view(Address(0x10000), 1 << 20).size(), 8192u);
  EXPECT_EQ(text(0x10fff, 2), "ab");
  EXPECT_EQ(memory_->regions().size(), 2u);
}

TEST_F(CoreMemoryTest, FindsPiecesSmallerThanAChunk) {
  CoreBuilder builder;
  for (uint64_t i = 0; i < 300; ++i)
    builder.memory(0x100000 + i * 0x2000, std::string(1, static_cast<char>('a' + i % 26)));
  open(builder.build());
  for (uint64_t i = 0; i < 300; ++i) {
    EXPECT_EQ(text(0x100000 + i * 0x2000), std::string(1, static_cast<char>('a' + i % 26)));
    EXPECT_EQ(text(0x100000 + i * 0x2000 + 1), "");
  }
}

/// A program whose header page was dumped and whose text was not, as the kernel does it.
class FileBackedTest : public CoreMemoryTest {
 protected:
  static constexpr uint64_t kStart = 0x555500000000;
  FileBackedTest() {
    image_.build_id("build-one").load(0x1000, "TEXT" + std::string(4092, 't')).load(0x2000, "DATA", PF_R | PF_W, 0x800);
  }
  CoreBuilder core(const std::string& path, const std::string& page) {
    CoreBuilder builder;
    builder.memory(kStart, page, PF_R).memory(kStart + 0x1000, "", PF_R | PF_X, 0x1000);
    builder.memory(kStart + 0x2000, "data", PF_R | PF_W, 0x1000);
    for (uint64_t page_number : {0, 1, 2})
      builder.file(kStart + page_number * 0x1000, kStart + (page_number + 1) * 0x1000, page_number * 0x1000, path);
    return builder.auxv(AT_PHDR, kStart + 64);
  }
  ImageBuilder image_;
};

TEST_F(FileBackedTest, TakesTheTextFromTheFileAndTheDataFromTheCore) {
  std::string file = image_.build();
  open(core(folder_.write("prog", file), file.substr(0, 4096)).build());
  EXPECT_EQ(text(kStart + 0x1000, 4), "TEXT");
  EXPECT_EQ(text(kStart + 0x2000, 4), "data") << "what was dumped wins";
  const MemoryRegion* region = memory_->region_of(Address(kStart + 0x1000));
  ASSERT_NE(region, nullptr);
  EXPECT_TRUE(region->from_file);
  EXPECT_TRUE(region->executable);
  EXPECT_EQ(region->available, 0x1000u);
  EXPECT_EQ(region->file_offset, 0x1000u);
  ASSERT_EQ(map_.modules.size(), 1u);
  EXPECT_TRUE(map_.modules[0].is_executable);
  EXPECT_EQ(map_.modules[0].bias, kStart);
  EXPECT_EQ(map_.modules[0].build_id, to_hex(std::as_bytes(std::span("build-one", 9))));
}

TEST_F(FileBackedTest, ShowsZerosBetweenTheEndOfTheFileAndTheEndOfItsLastPage) {
  std::string file = image_.build();
  std::string path = folder_.write("prog", file);
  open(CoreBuilder()
           .memory(kStart, file.substr(0, 4096), PF_R)
           .memory(kStart + 0x2000, "", PF_R, 0x3000)
           .file(kStart, kStart + 0x1000, 0, path)
           .file(kStart + 0x2000, kStart + 0x5000, 0x2000, path)
           .build());
  uint64_t in_page = file.size() - 0x2000;
  ASSERT_LT(in_page, 0x1000u);
  EXPECT_EQ(text(kStart + 0x2000 + in_page, 1), std::string(1, '\0'));
  EXPECT_EQ(text(kStart + 0x3000), "") << "beyond the file's last page the process would have died by SIGBUS";
}

TEST_F(FileBackedTest, RefusesAnotherBuild) {
  std::string page = image_.build().substr(0, 4096);
  image_.build_id("build-two");
  open(core(folder_.write("prog", image_.build()), page).build());
  EXPECT_EQ(text(kStart + 0x1000), "");
  EXPECT_EQ(cause(kStart + 0x1000), FaultCause::kFileMismatch);
  EXPECT_EQ(map_.modules[0].missing, FaultCause::kFileMismatch);
  EXPECT_EQ(map_.modules[0].file, "");
}

TEST_F(FileBackedTest, SaysWhenTheFileIsMissing) {
  open(core("/nonexistent/prog", image_.build().substr(0, 4096)).build());
  EXPECT_EQ(cause(kStart + 0x1000), FaultCause::kFileMissing);
  EXPECT_EQ(map_.modules[0].missing, FaultCause::kFileMissing);
  EXPECT_EQ(map_.modules[0].bias, kStart) << "the program headers in the core are enough";
}

TEST_F(FileBackedTest, ResolvesARemappedCopyByFileOffset) {
  std::string file = image_.build();
  std::string path = folder_.write("prog", file);
  constexpr uint64_t kCopy = 0x7f0000000000;
  open(core(path, file.substr(0, 4096))
           .memory(kCopy, "", PF_R | PF_X, 0x1000)
           .file(kCopy, kCopy + 0x1000, 0x1000, path)
           .build());
  EXPECT_EQ(text(kCopy, 4), "TEXT");
  ASSERT_EQ(map_.modules.size(), 2u);
  EXPECT_FALSE(map_.modules[0].is_copy);
  EXPECT_EQ(map_.modules[0].end, Address(kStart + 0x3000));
  EXPECT_TRUE(map_.modules[1].is_copy);
  EXPECT_EQ(map_.modules[1].link_time(Address(kCopy)), 0x1000u);
  EXPECT_EQ(map_.modules[1].symbols, map_.modules[0].symbols);
}

/// Moves the segments at `vaddr` and behind it on by `bytes` in the file, as a linker does that leaves gaps.
std::string with_gap(std::string page, uint64_t vaddr, uint64_t bytes) {
  Elf64_Ehdr header;
  std::memcpy(&header, page.data(), sizeof header);
  for (uint16_t i = 0; i < header.e_phnum; ++i) {
    char* at = page.data() + header.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment;
    std::memcpy(&segment, at, sizeof segment);
    if (segment.p_type != PT_LOAD || segment.p_vaddr < vaddr) continue;
    segment.p_offset += bytes;
    std::memcpy(at, &segment, sizeof segment);
  }
  return page;
}

TEST_F(FileBackedTest, TakesTheTextFromAFileThatWasStrippedToAnotherLayout) {
  constexpr uint64_t kGap = 0x3000, kCopy = kStart + 0x100000;
  std::string file = image_.build();
  std::string path = folder_.write("program", file);
  CoreBuilder builder;
  builder.memory(kStart, with_gap(file.substr(0, 4096), 0x1000, kGap), PF_R);
  builder.memory(kStart + 0x1000, "", PF_R | PF_X, 0x1000).memory(kStart + 0x2000, "data", PF_R | PF_W, 0x1000);
  builder.memory(kCopy, "", PF_R | PF_X, 0x1000);
  builder.file(kStart, kStart + 0x1000, 0, path).file(kStart + 0x1000, kStart + 0x2000, 0x1000 + kGap, path);
  builder.file(kStart + 0x2000, kStart + 0x3000, 0x2000 + kGap, path).file(kCopy, kCopy + 0x1000, 0x1000 + kGap, path);
  open(builder.auxv(AT_PHDR, kStart + 64).build());
  EXPECT_EQ(text(kStart + 0x1000, 6), "TEXTtt");
  EXPECT_EQ(text(kStart + 0x2000, 4), "data");
  EXPECT_EQ(text(kCopy, 6), "TEXTtt");
  ASSERT_EQ(map_.modules.size(), 2u) << "the program and the copy of its text";
  EXPECT_EQ(map_.modules[0].bias, kStart);
  EXPECT_EQ(map_.modules[1].bias, kCopy - 0x1000);
}

TEST_F(FileBackedTest, ReadsMappingsThatHaveNoSegment) {
  std::string file = image_.build();  // gdb's gcore writes no PT_LOAD for text
  std::string path = folder_.write("prog", file);
  open(CoreBuilder()
           .memory(kStart, file.substr(0, 4096), PF_R)
           .file(kStart, kStart + 0x1000, 0, path)
           .file(kStart + 0x1000, kStart + 0x2000, 0x1000, path)
           .build());
  EXPECT_EQ(text(kStart + 0x1000, 4), "TEXT");
  EXPECT_TRUE(memory_->region_of(Address(kStart + 0x1000))->executable);
}

TEST_F(FileBackedTest, TakesATruncatedHeaderPageFromTheFile) {
  std::string file = image_.build();
  std::string path = folder_.write("prog", file);
  std::string core = CoreBuilder()
                         .memory(0x1000, "x")
                         .memory(kStart, file.substr(0, 4096), PF_R, 0x2000)
                         .file(kStart, kStart + 0x2000, 0, path)
                         .build();
  open(core.substr(0, core.size() - 4096));
  EXPECT_EQ(text(kStart, 4), ELFMAG);
  EXPECT_EQ(text(kStart + 0x1000, 4), "TEXT");
}

TEST_F(FileBackedTest, NeverTakesWritableDataOfATruncatedCoreFromTheFile) {
  std::string file = image_.build();
  std::string path = folder_.write("prog", file);
  std::string core = CoreBuilder()
                         .memory(0x1000, "x")
                         .memory(kStart, std::string(4096, 'd'))
                         .file(kStart, kStart + 0x1000, 0x2000, path)
                         .build();
  open(core.substr(0, core.size() - 4096));
  EXPECT_EQ(text(kStart), "");
  EXPECT_EQ(cause(kStart), FaultCause::kTruncated);
}

TEST_F(CoreMemoryTest, DoesNotTakeDataFilesForModules) {
  std::string path = folder_.write("locale-archive", "just data");
  open(CoreBuilder().memory(0x10000, "", PF_R, 0x1000).file(0x10000, 0x11000, 0, path).build());
  EXPECT_TRUE(map_.modules.empty());
  EXPECT_EQ(cause(0x10000), FaultCause::kNotInDump);
}

TEST_F(CoreMemoryTest, GivesExtentsWithinTheRangeAsked) {
  open(CoreBuilder().memory(0x10000, std::string(4096, 'a')).memory(0x20000, std::string(4096, 'b')).build());
  auto all = memory_->data_extents(Address(0), UINT64_MAX);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].start, Address(0x20000));
  auto part = memory_->data_extents(Address(0x10ff0), 0x10);
  ASSERT_EQ(part.size(), 1u);
  EXPECT_EQ(part[0].start, Address(0x10ff0));
  EXPECT_EQ(part[0].size, 0x10u);
  EXPECT_TRUE(memory_->data_extents(Address(0x11000), 0x100).empty());
}

TEST_F(CoreMemoryTest, SurvivesSegmentsThatShareTheirBytes) {
  // 200 segments of 1 TB each over the same few bytes: the chunk table must not be proportional to them.
  CoreBuilder builder;
  for (uint64_t i = 0; i < 200; ++i) {
    Elf64_Phdr lie{};
    lie.p_type = PT_LOAD;
    lie.p_vaddr = i << 40;
    lie.p_memsz = lie.p_filesz = uint64_t{1} << 40;
    lie.p_offset = 64;
    builder.raw_segment(lie);
  }
  open(builder.memory(uint64_t{1} << 50, "end").build());
  EXPECT_EQ(text(uint64_t{1} << 50), "end");
  EXPECT_FALSE(text(uint64_t{5} << 40).empty());
}

}  // namespace
}  // namespace inquest::elf
