#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>

#include "postmortem/elf/core_target.h"
#include "postmortem/elf/open_errors.h"
#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using test::CoreBuilder;
using test::ImageBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class OpenCoreTest : public testing::Test {
 protected:
  static constexpr uint64_t kStart = 0x400000;

  Result<std::unique_ptr<Target>> open(const std::string& core, const std::string& executable = {}) {
    OpenOptions options;
    options.core = core;
    options.executable = executable;
    return open_core(options);
  }
  std::string error_of(const std::string& core, const std::string& executable = {}) {
    auto target = open(core, executable);
    return target ? "no error" : target.error().line();
  }
  static ImageBuilder program(const std::string& build_id) {
    ImageBuilder builder(ET_EXEC);
    builder.base(kStart).entry(kStart + 0x1000).load(kStart + 0x1000, "code").build_id(build_id);
    return builder.symbol("main", kStart + 0x1000, 4);
  }
  /// A core of `image`, mapped from `path`.
  static CoreBuilder core_of(const std::string& image, const std::string& path) {
    return CoreBuilder()
        .thread(9, SIGSEGV, kStart + 0x1001)
        .process(9, "prog", "prog --flag")
        .siginfo(SIGSEGV, SEGV_MAPERR, 0x10)
        .auxv(AT_PHDR, kStart + 64)
        .auxv(AT_ENTRY, kStart + 0x1000)
        .memory(kStart, image.substr(0, 4096), PF_R)
        .memory(kStart + 0x1000, "", PF_R | PF_X, 0x1000)
        .file(kStart, kStart + 0x1000, 0, path)
        .file(kStart + 0x1000, kStart + 0x2000, 0x1000, path);
  }
  std::string write_core(const CoreBuilder& builder) { return folder_.write("core", builder.build()); }

  test::TemporaryFolder folder_;
};

TEST_F(OpenCoreTest, FindsTheProgramByItself) {
  std::string image = program("one").build();
  auto target = open(write_core(core_of(image, folder_.write("prog", image))));
  ASSERT_TRUE(target) << target.error().line();
  const Module& module = (*target)->modules()[0];
  EXPECT_TRUE(module.is_executable);
  EXPECT_EQ(module.symbols->covering(module.link_time((*target)->threads()[0].registers.pc()))->name, "main");
  EXPECT_EQ((*target)->facts().fault_address, Address(0x10));
  EXPECT_EQ((*target)->facts().arguments, "prog --flag");
  EXPECT_THAT((*target)->notes(), IsEmpty());
}

TEST_F(OpenCoreTest, TakesTheExecutableGiven) {
  std::string image = program("one").build();
  auto target = open(write_core(core_of(image, "/gone/prog")), folder_.write("elsewhere/other-name", image));
  ASSERT_TRUE(target) << target.error().line();
  EXPECT_EQ((*target)->modules()[0].path, "/gone/prog");
  EXPECT_EQ((*target)->modules()[0].file, folder_.path() / "elsewhere/other-name");
}

TEST_F(OpenCoreTest, RefusesAWrongExecutableWithBothIds) {
  std::string core = write_core(core_of(program("one").build(), "/gone/prog"));
  EXPECT_THAT(error_of(core, folder_.write("two", program("two").build())),
              HasSubstr("its build-id is 74776f, the core's is 6f6e65"));
  EXPECT_THAT(error_of(core, folder_.write("text", "text")), HasSubstr("not an x86-64 ELF file"));
  EXPECT_THAT(error_of(core, "/nonexistent"), HasSubstr("cannot open the executable"));
}

TEST_F(OpenCoreTest, TellsAWrongExecutableByItsEntryPointWhenTheCoreHoldsNoPage) {
  std::string image = program("one").build();
  std::string path = folder_.write("prog", program("one").entry(kStart + 0x1004).build());
  auto target = open(write_core(CoreBuilder()
                                    .thread(9)
                                    .auxv(AT_PHDR, kStart + 64)
                                    .auxv(AT_ENTRY, kStart + 0x1000)
                                    .memory(kStart, "", PF_R, 0x1000)
                                    .file(kStart, kStart + 0x1000, 0, path)));
  ASSERT_TRUE(target);
  EXPECT_EQ((*target)->modules()[0].missing, FaultCause::kFileMismatch);
  EXPECT_THAT((*target)->notes(), ElementsAre(HasSubstr("entry point differs")));
}

TEST_F(OpenCoreTest, SaysInOneNoteWhichFilesAreMissing) {
  CoreBuilder builder = core_of(program("one").build(), "/gone/prog");
  auto one = open(write_core(builder));
  ASSERT_TRUE(one);
  EXPECT_THAT((*one)->notes(), ElementsAre(HasSubstr("/gone/prog: file not found (tried /gone/prog: not found;")));
  for (int i = 0; i < 30; ++i) {
    uint64_t start = 0x7f0000000000 + static_cast<uint64_t>(i) * 0x10000;
    std::string path = "/gone/lib" + std::to_string(i) + ".so";
    builder.memory(start, ImageBuilder().build_id("x").build().substr(0, 4096), PF_R)
        .file(start, start + 0x1000, 0, path);
  }
  auto many = open(write_core(builder));
  ASSERT_TRUE(many);
  EXPECT_THAT((*many)->notes(), ElementsAre(testing::AllOf(HasSubstr("31 programs and libraries were not found"),
                                                           HasSubstr("and 19 more"))));
}

TEST_F(OpenCoreTest, SaysWhichFilesAreUnverified) {
  std::string image = program("one").build();
  std::string path = folder_.write("prog", image);
  auto target = open(write_core(CoreBuilder()
                                    .thread(9)
                                    .auxv(AT_PHDR, kStart + 64)
                                    .memory(kStart, "", PF_R, 0x1000)
                                    .file(kStart, kStart + 0x1000, 0, path)));
  ASSERT_TRUE(target);
  EXPECT_THAT((*target)->notes(), ElementsAre(HasSubstr("One file could not be checked against the core")));
}

TEST_F(OpenCoreTest, SaysHowMuchOfATruncatedCoreIsMissing) {
  std::string bytes = CoreBuilder().thread(1).file(1, 2, 0, "/dev/zero").memory(0x1000, std::string(4096, 'x')).build();
  auto target = open(folder_.write("core", std::string_view(bytes).substr(0, bytes.size() - 96)));
  ASSERT_TRUE(target);
  EXPECT_THAT((*target)->notes(),
              ElementsAre(HasSubstr("The core file is truncated: 96 of " + std::to_string(bytes.size()) +
                                    " bytes are missing; 1 of 1 memory mappings")));
  EXPECT_EQ((*target)->facts().truncated_bytes, 96u);
}

TEST_F(OpenCoreTest, SaysWhichNotesAreAbsent) {
  auto target = open(write_core(CoreBuilder().memory(0x1000, "x")));
  ASSERT_TRUE(target);
  EXPECT_THAT((*target)->notes(),
              ElementsAre(HasSubstr("names no threads"), HasSubstr("does not list the mapped files")));
}

TEST_F(OpenCoreTest, PlacesTheExecutableGivenWithoutAFileNote) {
  std::string path = folder_.write("prog", program("one").build());
  auto target = open(write_core(CoreBuilder().thread(1).auxv(AT_ENTRY, kStart + 0x1000).memory(0x1000, "x")), path);
  ASSERT_TRUE(target) << target.error().line();
  EXPECT_EQ((*target)->modules()[0].file, path);
  auto code = (*target)->memory().view(Address(kStart + 0x1000), 4);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(code.data()), code.size()), "code");
}

TEST_F(OpenCoreTest, FindsTheProgramBehindALoaderRunByHand) {
  constexpr uint64_t kLoader = 0x7f0000000000;
  std::string image = program("one").header(PT_INTERP, kStart + 0x1000, 1).build();
  std::string path = folder_.write("prog", image);
  std::string loader = ImageBuilder().build_id("ld").build();
  auto target = open(write_core(CoreBuilder()
                                    .thread(1)
                                    .process(1, "ld-linux", "/lib64/ld-linux.so.2 ./prog -x")
                                    .auxv(AT_PHDR, kLoader + 64)
                                    .auxv(AT_BASE, 0)
                                    .memory(kStart, image.substr(0, 4096), PF_R)
                                    .file(kStart, kStart + 0x1000, 0, path)
                                    .memory(kLoader, loader.substr(0, 4096), PF_R)
                                    .file(kLoader, kLoader + 0x1000, 0, "/lib64/ld-linux.so.2")));
  ASSERT_TRUE(target) << target.error().line();
  EXPECT_TRUE((*target)->modules()[0].is_executable);
  EXPECT_EQ((*target)->modules()[0].path, path);
}

TEST_F(OpenCoreTest, TakesSymbolsOfAStrippedProgramFromItsDebugFile) {
  ImageBuilder stripped(ET_EXEC);
  stripped.base(kStart).entry(kStart + 0x1000).load(kStart + 0x1000, "code").build_id("one");
  std::string image = stripped.build();
  folder_.write("debug/.build-id/6f/6e65.debug", program("one").build());
  OpenOptions options;
  options.core = write_core(core_of(image, folder_.write("prog", image)));
  options.debug_dirs = {folder_.path() / "debug"};
  auto target = open_core(options);
  ASSERT_TRUE(target) << target.error().line();
  ASSERT_NE((*target)->modules()[0].symbols, nullptr);
  EXPECT_NE((*target)->modules()[0].symbols->find("main"), std::nullopt);
}

TEST_F(OpenCoreTest, FindsTheVdso) {
  std::string vdso = ImageBuilder().build_id("vdso").symbol("__vdso_time", 0x10, 8).build();
  auto target =
      open(write_core(CoreBuilder().thread(1).auxv(AT_SYSINFO_EHDR, 0x7fff0000).memory(0x7fff0000, vdso, PF_R | PF_X)));
  ASSERT_TRUE(target);
  ASSERT_EQ((*target)->modules().size(), 1u);
  EXPECT_EQ((*target)->modules()[0].path, "[vdso]");
  EXPECT_EQ((*target)->modules()[0].bias, 0x7fff0000u);
  EXPECT_NE((*target)->modules()[0].symbols->find("__vdso_time"), std::nullopt);
}

TEST_F(OpenCoreTest, KnowsThePlaceOfAVdsoThatIsCutOff) {
  std::string core = CoreBuilder()
                         .thread(1)
                         .auxv(AT_SYSINFO_EHDR, 0x7fff0000)
                         .memory(0x7fff0000, std::string(8192, 'v'), PF_R | PF_X)
                         .build();
  auto target = open(folder_.write("cut", std::string_view(core).substr(0, core.size() - 8192)));
  ASSERT_TRUE(target) << target.error().line();
  ASSERT_EQ((*target)->modules().size(), 1u);
  const Module& vdso = (*target)->modules()[0];
  EXPECT_EQ(vdso.path, "[vdso]");
  EXPECT_EQ(vdso.start, Address(0x7fff0000));
  EXPECT_EQ(vdso.end, Address(0x7fff2000));
  EXPECT_EQ(vdso.bias, 0x7fff0000u);
  EXPECT_EQ(vdso.symbols, nullptr);
}

TEST_F(OpenCoreTest, GivesTlsAddressesOfTheMainProgram) {
  constexpr uint64_t kThread = 0x7f0000000100;
  ImageBuilder image = program("one");
  image.tls(kStart + 0x1000, 0x20, 16).symbol("counter", 8, 4, STT_TLS);
  std::string bytes = image.build();
  std::string tcb(0x200, '\0');
  tcb.replace(0x100, 8, test::raw(kThread));
  auto target = open(write_core(
      core_of(bytes, folder_.write("prog", bytes)).thread(10, 0, 0, 0, kThread).memory(kThread - 0x100, tcb)));
  ASSERT_TRUE(target);
  const Module& module = (*target)->modules()[0];
  auto symbol = *module.symbols->find("counter");
  EXPECT_EQ((*target)->tls_address((*target)->threads()[1], module, symbol), Address(kThread - 0x20 + 8));
  EXPECT_EQ((*target)->tls_address((*target)->threads()[0], module, symbol), std::nullopt) << "no thread pointer";
  symbol.value = 0x20;
  EXPECT_EQ((*target)->tls_address((*target)->threads()[1], module, symbol), std::nullopt) << "beyond the block";
  EXPECT_EQ((*target)->tls_address((*target)->threads()[1], module, *module.symbols->find("main")), std::nullopt);
}

TEST_F(OpenCoreTest, SaysWhyAPathCannotBeOpened) {
  EXPECT_THAT(error_of(folder_.path() / "absent"), HasSubstr("no such file"));
  EXPECT_THAT(error_of(folder_.path()), HasSubstr("is a directory"));
  std::string fifo = folder_.path() / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(error_of(fifo), HasSubstr("not a regular file"));
  EXPECT_THAT(open_error("core", EACCES).line(), HasSubstr("permission denied"));
  EXPECT_EQ(open_error("core", EACCES).kind, Error::Kind::kUnusable);
}

// Every byte of the headers and notes flipped, and every length: no crash, no hang, and what is read stays in bounds
// (run under ASan).
TEST_F(OpenCoreTest, SurvivesDamageAnywhere) {
  std::string image = program("one").build();
  std::string whole = core_of(image, folder_.write("prog", image)).build();
  auto exercise = [&](std::string_view bytes) {
    auto target = open(folder_.write("damaged", bytes));
    if (!target) return;
    uint64_t sum = 0;
    for (const MemoryRegion& region : (*target)->memory().regions())
      for (std::byte b : (*target)->memory().view(region.start, 64)) sum += std::to_integer<uint64_t>(b);
    (*target)->memory().data_extents(Address(0), UINT64_MAX);
    EXPECT_GE(sum, 0u);
  };
  for (size_t i = 0; i < std::min<size_t>(whole.size(), 1600); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(~damaged[i]);
    exercise(damaged);
  }
  for (size_t size = 0; size < whole.size(); size += size < 2000 ? 7 : 501)
    exercise(std::string_view(whole).substr(0, size));
}

}  // namespace
}  // namespace inquest::elf
