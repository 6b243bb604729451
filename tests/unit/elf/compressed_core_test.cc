#include "postmortem/elf/compressed_core.h"

#include <gmock/gmock.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <fstream>
#include <sstream>

#include "postmortem/elf/core_target.h"
#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using testing::HasSubstr;

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

std::string lz4(const std::string& text) {
  std::string out(LZ4F_compressFrameBound(text.size(), nullptr), '\0');
  out.resize(LZ4F_compressFrame(out.data(), out.size(), text.data(), text.size(), nullptr));
  return out;
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// 5 MB of which half is zeros and the rest does not compress.
std::string sample_core() {
  std::string noise(2 << 20, '\0');
  uint64_t state = 1;
  for (char& c : noise) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    c = static_cast<char>(state >> 56);
  }
  return test::CoreBuilder().memory(0x100000, noise).memory(0x800000, std::string(3 << 20, '\0')).thread(7).build();
}

class CompressedCoreTest : public testing::Test {
 protected:
  CompressedCoreTest() { setenv("XDG_CACHE_HOME", (folder_.path() / "cache").c_str(), 1); }
  ~CompressedCoreTest() override { unsetenv("XDG_CACHE_HOME"); }

  Result<UnpackedCore> unpack(const std::string& bytes) {
    auto file = MappedFile::open(folder_.write("core.packed", bytes), nullptr);
    return unpack_core(*file, *detect_compression(file->bytes()), nullptr);
  }
  static std::string contents(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  size_t cached_files() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "cache/inquest/cores"))
      count += entry.is_regular_file();
    return count;
  }

  test::TemporaryFolder folder_;
  std::string core_ = sample_core();
};

TEST_F(CompressedCoreTest, UnpacksEveryFormatSparsely) {
  for (const std::string& packed : {zstd(core_), lz4(core_), gzip(core_)}) {
    auto unpacked = unpack(packed);
    ASSERT_TRUE(unpacked) << unpacked.error().line();
    EXPECT_EQ(contents(unpacked->path), core_);
    EXPECT_EQ(unpacked->note, "");
    struct stat status;
    ASSERT_EQ(stat(unpacked->path.c_str(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 3 << 20) << "zeros are holes";
    EXPECT_EQ(status.st_mode & 0777, 0600u) << "cores hold secrets";
  }
}

TEST_F(CompressedCoreTest, UnpacksOnceUntilTheFileChanges) {
  std::string packed = zstd(core_);
  auto first = unpack(packed),
       again = unpack_core(*MappedFile::open(folder_.path() / "core.packed", nullptr), Compression::kZstd, nullptr);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(first->path, again->path);
  auto changed = unpack(packed + zstd("x"));
  ASSERT_TRUE(changed);
  EXPECT_NE(first->path, changed->path);
}

TEST_F(CompressedCoreTest, ReadsConcatenatedStreams) {
  std::string head = core_.substr(0, 100000), tail = core_.substr(100000);
  for (const std::string& packed : {zstd(head) + zstd(tail), lz4(head) + lz4(tail), gzip(head) + gzip(tail)}) {
    auto unpacked = unpack(packed);
    ASSERT_TRUE(unpacked) << unpacked.error().line();
    EXPECT_EQ(contents(unpacked->path), core_);
  }
}

TEST_F(CompressedCoreTest, UsesWhatATruncatedStreamGives) {
  for (const std::string& whole : {zstd(core_), lz4(core_), gzip(core_)}) {
    auto unpacked = unpack(whole.substr(0, whole.size() / 2));
    ASSERT_TRUE(unpacked) << unpacked.error().line();
    EXPECT_TRUE(unpacked->temporary);
    EXPECT_THAT(unpacked->note, HasSubstr("end early"));
    std::string got = contents(unpacked->path);
    EXPECT_GT(got.size(), 100000u);
    EXPECT_EQ(got, core_.substr(0, got.size()));
    std::filesystem::remove(unpacked->path);
  }
}

TEST_F(CompressedCoreTest, UsesWhatComesBeforeDamage) {
  for (std::string packed : {zstd(core_), gzip(core_)}) {
    packed.replace(packed.size() / 2, 64, 64, '\xff');
    auto unpacked = unpack(packed);
    ASSERT_TRUE(unpacked) << unpacked.error().line();
    if (!unpacked->temporary) continue;  // the damage fell into stored bytes, which have no checksum
    EXPECT_THAT(unpacked->note, HasSubstr("could not be unpacked whole"));
    std::filesystem::remove(unpacked->path);
  }
}

TEST_F(CompressedCoreTest, RefusesAStreamWithoutAnElfHeader) {
  auto unpacked = unpack(zstd(core_).substr(0, 20));
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().line(), HasSubstr("the compressed data end early"));
  EXPECT_EQ(cached_files(), 0u);
}

TEST_F(CompressedCoreTest, OpensAsATargetUnderTheNameGiven) {
  std::string path = folder_.write("core.zst", zstd(core_));
  uint64_t seen = 0;
  auto target = open_core(
      {.core = path, .executable = {}, .sysroot = {}, .debug_dirs = {}, .progress = [&](uint64_t done, uint64_t) {
         seen = done;
       }});
  ASSERT_TRUE(target) << target.error().line();
  EXPECT_EQ((*target)->facts().core_path, path);
  EXPECT_EQ((*target)->facts().core_size, core_.size());
  EXPECT_EQ((*target)->threads().size(), 1u);
  EXPECT_GT(seen, 0u);
}

TEST_F(CompressedCoreTest, KeepsNothingOfADamagedStreamInTheCache) {
  std::string packed = zstd(core_);
  auto target = open_core({.core = folder_.write("core.zst", packed.substr(0, packed.size() / 2)),
                           .executable = {},
                           .sysroot = {},
                           .debug_dirs = {},
                           .progress = {}});
  ASSERT_TRUE(target) << target.error().line();
  EXPECT_THAT((*target)->notes().front(), HasSubstr("could not be unpacked whole"));
  EXPECT_EQ(cached_files(), 0u);
}

TEST_F(CompressedCoreTest, NamesFormatsItCannotRead) {
  auto xz = open_core({.core = folder_.write("core.xz", std::string("\xfd"
                                                                    "7zXZ\0rest",
                                                                    10)),
                       .executable = {},
                       .sysroot = {},
                       .debug_dirs = {},
                       .progress = {}});
  ASSERT_FALSE(xz);
  EXPECT_THAT(xz.error().line(), HasSubstr("compressed with xz"));
}

TEST_F(CompressedCoreTest, SaysWhenThereIsNowhereToUnpack) {
  unsetenv("XDG_CACHE_HOME");
  std::string home = getenv("HOME") ? getenv("HOME") : "";
  unsetenv("HOME");
  auto unpacked = unpack(zstd(core_));
  if (!home.empty()) setenv("HOME", home.c_str(), 1);
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().line(), HasSubstr("XDG_CACHE_HOME"));
}

TEST_F(CompressedCoreTest, SaysWhenTheCacheFolderCannotBeMade) {
  setenv("XDG_CACHE_HOME", folder_.write("a-file", "x").c_str(), 1);
  auto unpacked = unpack(zstd(core_));
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().line(), HasSubstr("cannot make the folder"));
}

}  // namespace
}  // namespace inquest::elf
