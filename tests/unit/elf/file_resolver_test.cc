#include "postmortem/elf/file_resolver.h"

#include <gmock/gmock.h>

#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using test::ImageBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class FileResolverTest : public testing::Test {
 protected:
  static std::string image(const std::string& build_id) { return ImageBuilder().build_id(build_id).build(); }
  /// What the core says about a file with these bytes.
  CoreIdentity identity(const std::string& bytes) {
    first_page_ = bytes.substr(0, 4096);
    CoreIdentity result;
    result.first_page = std::as_bytes(std::span(first_page_));
    result.headers = parse_headers(result.first_page);
    result.build_id = find_build_id(
        *result.headers, [&](uint64_t offset, uint64_t size) { return slice(result.first_page, offset, size); });
    return result;
  }
  std::string core() const { return folder_.path() / "cores" / "core"; }

  test::TemporaryFolder folder_;
  std::string first_page_;
};

TEST_F(FileResolverTest, TakesTheFileItself) {
  std::string path = folder_.write("lib.so", image("one"));
  auto choice = FileResolver("", {}, core()).resolve(path, identity(image("one")));
  ASSERT_NE(choice.image, nullptr);
  EXPECT_EQ(choice.proof, FileProof::kBuildId);
  EXPECT_EQ(choice.image->file()->path(), path);
}

TEST_F(FileResolverTest, LooksBelowTheSysrootFirst) {
  folder_.write("root/usr/lib/lib.so", image("one"));
  auto choice = FileResolver(folder_.path() / "root/", {}, core()).resolve("/usr/lib/lib.so", identity(image("one")));
  ASSERT_NE(choice.image, nullptr);
  EXPECT_EQ(choice.image->file()->path(), folder_.path() / "root/usr/lib/lib.so");
}

TEST_F(FileResolverTest, WithASysrootTrustsThisMachinesFileOnlyByItsBuildId) {
  std::string path = folder_.write("lib.so", image("one"));
  FileResolver resolver("/nonexistent", {}, core());
  EXPECT_NE(resolver.resolve(path, identity(image("one"))).image, nullptr);
  auto unproven = resolver.resolve(path, CoreIdentity{});
  EXPECT_EQ(unproven.image, nullptr);
  EXPECT_EQ(unproven.missing, FaultCause::kFileMissing);
  EXPECT_THAT(unproven.tried[1], HasSubstr("outside the sysroot"));
}

TEST_F(FileResolverTest, LooksBesideTheCore) {
  folder_.write("cores/lib.so", image("one"));
  auto choice = FileResolver("", {}, core()).resolve("/gone/lib.so", identity(image("one")));
  ASSERT_NE(choice.image, nullptr);
  EXPECT_THAT(choice.tried, ElementsAre("/gone/lib.so: not found"));
}

TEST_F(FileResolverTest, LooksInDebugFoldersByBuildId) {
  folder_.write("debug/.build-id/6f/6e65", image("one"));  // "one" in hex
  auto choice = FileResolver("", {folder_.path() / "debug"}, core()).resolve("/gone/lib.so", identity(image("one")));
  EXPECT_NE(choice.image, nullptr);
}

TEST_F(FileResolverTest, GoesOnAfterAnotherBuildAndSaysBothIds) {
  std::string path = folder_.write("lib.so", image("two"));
  auto refused = FileResolver("", {}, core()).resolve(path, identity(image("one")));
  EXPECT_EQ(refused.image, nullptr);
  EXPECT_EQ(refused.missing, FaultCause::kFileMismatch);
  EXPECT_THAT(refused.tried[0], HasSubstr("its build-id is 74776f, the core's is 6f6e65"));
  folder_.write("cores/lib.so", image("one"));
  EXPECT_NE(FileResolver("", {}, core()).resolve(path, identity(image("one"))).image, nullptr);
}

TEST_F(FileResolverTest, RefusesAFileWithoutBuildIdWhereTheCoreHasOne) {
  std::string path = folder_.write("lib.so", ImageBuilder().build());
  auto choice = FileResolver("", {}, core()).resolve(path, identity(image("one")));
  EXPECT_THAT(choice.tried[0], HasSubstr("its build-id is absent"));
}

TEST_F(FileResolverTest, ComparesHeadersWhereThereIsNoBuildId) {
  std::string path = folder_.write("lib.so", ImageBuilder().entry(0x1234).build());
  FileResolver resolver("", {}, core());
  EXPECT_EQ(resolver.resolve(path, identity(ImageBuilder().entry(0x1234).build())).proof, FileProof::kHeaders);
  auto other = resolver.resolve(path, identity(ImageBuilder().entry(0x9999).build()));
  EXPECT_EQ(other.image, nullptr);
  EXPECT_THAT(other.tried[0], HasSubstr("ELF headers differ"));
}

TEST_F(FileResolverTest, AcceptsUnprovenWhenTheCoreHoldsNothingToCompare) {
  std::string path = folder_.write("lib.so", image("one"));
  auto choice = FileResolver("", {}, core()).resolve(path, CoreIdentity{});
  ASSERT_NE(choice.image, nullptr);
  EXPECT_EQ(choice.proof, FileProof::kNone);
}

TEST_F(FileResolverTest, SaysWhyAPathWasRefused) {
  std::filesystem::create_directories(folder_.path() / "dir");
  std::string text = folder_.write("text", "no ELF");
  FileResolver resolver("", {}, core());
  EXPECT_THAT(resolver.resolve(folder_.path() / "dir", CoreIdentity{}).tried[0], HasSubstr("is a directory"));
  auto choice = resolver.resolve(text, CoreIdentity{});
  EXPECT_TRUE(choice.not_elf);
  EXPECT_THAT(choice.tried[0], HasSubstr("not an x86-64 ELF file"));
}

}  // namespace
}  // namespace inquest::elf
