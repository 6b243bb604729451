#include "postmortem/dwarf/section_cache.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/elf_builder.h"

namespace inquest::dwarf {
namespace {

namespace fs = std::filesystem;
using elf::Bytes;
using elf::MappedFile;

constexpr size_t kSize = 1 << 20;
constexpr size_t kHeader = 100;  // before the stream

std::string text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

class SectionCache : public ::testing::Test {
 protected:
  SectionCache() {
    setenv("XDG_CACHE_HOME", (folder_.path() / "cache").c_str(), 1);
    for (size_t i = 0; i < kSize; ++i) text_ += static_cast<char>('a' + i * i % 23);
  }
  ~SectionCache() override { unsetenv("XDG_CACHE_HOME"); }

  /// A file with the section as a zlib stream.
  std::shared_ptr<const MappedFile> file_with(const std::string& text, const std::string& name) {
    uLongf size = compressBound(text.size());
    std::string packed(size, 0);
    compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size());
    return MappedFile::open(folder_.write(name, std::string(kHeader, 'h') + packed.substr(0, size)), nullptr);
  }
  static Bytes stream_of(const MappedFile& file) { return file.bytes().subspan(kHeader); }
  std::vector<fs::path> kept() const {
    std::vector<fs::path> all;
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "cache" / "inquest" / "sections", failure))
      all.push_back(entry.path());
    return all;
  }

  test::TemporaryFolder folder_;
  std::string text_;
};

TEST_F(SectionCache, GivesWhatWasKept) {
  auto file = file_with(text_, "a");
  EXPECT_EQ(kept_section(*file, stream_of(*file), kSize), nullptr);
  keep_section(*file, stream_of(*file), std::as_bytes(std::span(text_)));
  auto found = kept_section(*file, stream_of(*file), kSize);
  if (found == nullptr) GTEST_SKIP() << "no unnamed files on this file system";
  EXPECT_EQ(text_of(found->bytes()), text_);
  EXPECT_EQ(kept().size(), 1u);
  EXPECT_EQ(kept_section(*file, stream_of(*file), kSize - 1), nullptr) << "of another size";
}

TEST_F(SectionCache, AnotherFileOfTheSameNameIsAnotherSection) {
  auto file = file_with(text_, "a");
  keep_section(*file, stream_of(*file), std::as_bytes(std::span(text_)));
  std::string other = text_;
  std::swap(other[0], other[1]);
  fs::remove(folder_.path() / "a");
  auto replaced = file_with(other, "a");
  EXPECT_EQ(kept_section(*replaced, stream_of(*replaced), kSize), nullptr);
}

TEST_F(SectionCache, DamageIsNoticedAndMended) {
  auto file = file_with(text_, "a");
  keep_section(*file, stream_of(*file), std::as_bytes(std::span(text_)));
  if (kept().empty()) GTEST_SKIP() << "no unnamed files on this file system";
  std::fstream(kept().front(), std::ios::in | std::ios::out).seekp(5000).put('!');
  EXPECT_EQ(kept_section(*file, stream_of(*file), kSize), nullptr);
  keep_section(*file, stream_of(*file), std::as_bytes(std::span(text_)));
  EXPECT_NE(kept_section(*file, stream_of(*file), kSize), nullptr);
  fs::resize_file(kept().front(), kSize / 2);
  EXPECT_EQ(kept_section(*file, stream_of(*file), kSize), nullptr) << "cut short";
}

TEST_F(SectionCache, WhatWasNotUsedForLongIsRemoved) {
  auto file = file_with(text_, "a"), other = file_with(text_, "b");
  keep_section(*file, stream_of(*file), std::as_bytes(std::span(text_)));
  if (kept().empty()) GTEST_SKIP() << "no unnamed files on this file system";
  fs::last_write_time(kept().front(), fs::file_time_type::clock::now() - std::chrono::hours(24 * 15));
  keep_section(*other, stream_of(*other), std::as_bytes(std::span(text_)));
  EXPECT_EQ(kept().size(), 1u);
  EXPECT_NE(kept_section(*other, stream_of(*other), kSize), nullptr);
}

TEST_F(SectionCache, SmallSectionsAndFoldersThatCannotBeMadeAreNoTrouble) {
  auto file = file_with("short", "a");
  keep_section(*file, stream_of(*file), std::as_bytes(std::span("short", 5)));
  EXPECT_TRUE(kept().empty());
  auto large = file_with(text_, "b");
  setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
  keep_section(*large, stream_of(*large), std::as_bytes(std::span(text_)));
  EXPECT_EQ(kept_section(*large, stream_of(*large), kSize), nullptr);
}

}  // namespace
}  // namespace inquest::dwarf
