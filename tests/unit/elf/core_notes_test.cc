#include "postmortem/elf/core_notes.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "postmortem/elf/elf_headers.h"
#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using test::CoreBuilder;
using test::raw;

CoreNotes notes_of(const std::string& core) {
  Bytes bytes = std::as_bytes(std::span(core));
  auto headers = parse_headers(bytes);
  std::vector<Bytes> segments;
  for (const Elf64_Phdr& segment : headers->segments)
    if (segment.p_type == PT_NOTE) segments.push_back(slice(bytes, segment.p_offset, segment.p_filesz));
  return parse_notes(segments);
}

TEST(CoreNotes, GivesThreadsInTheOrderOfTheCore) {
  auto notes = notes_of(
      CoreBuilder().thread(12, SIGABRT, 0x111, 0x222, 0x333).thread(11).process(11, "node", "node x.js ").build());
  ASSERT_EQ(notes.threads.size(), 2u);
  EXPECT_EQ(notes.threads[0].tid, 12u);
  EXPECT_EQ(notes.threads[0].signal, SIGABRT);
  EXPECT_EQ(notes.threads[0].registers.pc(), Address(0x111));
  EXPECT_EQ(notes.threads[0].registers.sp(), Address(0x222));
  EXPECT_EQ(notes.threads[0].registers.fs_base, 0x333u);
  EXPECT_EQ(notes.threads[0].name, "");
  EXPECT_EQ(notes.threads[1].name, "node");
  EXPECT_EQ(notes.pid, 11u);
  EXPECT_EQ(notes.arguments, "node x.js");
  EXPECT_EQ(notes.signal, SIGABRT);
}

// Intel SDM volume 1, table 10-2: xmm0 begins at byte 160 of the FXSAVE image, each register has 16 bytes.
TEST(CoreNotes, GivesVectorRegistersToTheThreadBeforeThem) {
  std::string image(512, '\0');
  for (size_t i = 0; i < 256; ++i) image[160 + i] = static_cast<char>(i);
  auto notes = notes_of(CoreBuilder().thread(1).thread(2).raw_note(test::note(NT_FPREGSET, "CORE", image)).build());
  ASSERT_EQ(notes.threads.size(), 2u);
  EXPECT_FALSE(notes.threads[0].vectors);
  ASSERT_TRUE(notes.threads[1].vectors);
  EXPECT_EQ(notes.threads[1].vectors->xmm[0][1], std::byte{1});
  EXPECT_EQ(notes.threads[1].vectors->xmm[15][15], std::byte{255});
  auto cut = notes_of(CoreBuilder().thread(1).raw_note(test::note(NT_FPREGSET, "CORE", image.substr(1))).build());
  EXPECT_FALSE(cut.threads[0].vectors) << "a note that is too short";
}

TEST(CoreNotes, TellsTheFaultAddressOnlyWhereTheKernelKnewIt) {
  EXPECT_EQ(notes_of(CoreBuilder().siginfo(SIGSEGV, SEGV_MAPERR, 8).build()).fault_address, Address(8));
  EXPECT_EQ(notes_of(CoreBuilder().siginfo(SIGBUS, BUS_ADRERR, 9).build()).fault_address, Address(9));
  EXPECT_EQ(notes_of(CoreBuilder().siginfo(SIGSEGV, SI_KERNEL, 0).build()).fault_address, std::nullopt);
  EXPECT_EQ(notes_of(CoreBuilder().siginfo(SIGSEGV, SI_USER, 77).build()).fault_address, std::nullopt);
  EXPECT_EQ(notes_of(CoreBuilder().siginfo(SIGABRT, SI_TKILL, 77).build()).fault_address, std::nullopt);
}

TEST(CoreNotes, CountsFileOffsetsInTheUnitOfTheNote) {
  for (uint64_t unit : {1, 4096}) {
    auto notes = notes_of(CoreBuilder().file_unit(unit).file(0x5000, 0x6000, 0x2000, "/a b (deleted)").build());
    ASSERT_EQ(notes.files.size(), 1u);
    EXPECT_EQ(notes.files[0].file_offset, 0x2000u);
    EXPECT_EQ(notes.files[0].path, "/a b");
    EXPECT_TRUE(notes.has_file_note);
  }
}

TEST(CoreNotes, SortsMappingsAndDropsOverlaps) {
  auto notes = notes_of(CoreBuilder()
                            .file(0x5000, 0x8000, 0, "/b")
                            .file(0x1000, 0x2000, 0, "/a")
                            .file(0x6000, 0x7000, 0, "/c")
                            .file(9, 9, 0, "/d")
                            .build());
  ASSERT_EQ(notes.files.size(), 2u);
  EXPECT_EQ(notes.files[0].path, "/a");
  EXPECT_EQ(notes.files[1].path, "/b");
}

TEST(CoreNotes, SurvivesLiesInTheFileNote) {
  auto with = [](std::string desc) {
    return notes_of(CoreBuilder().raw_note(test::note(NT_FILE, "CORE", desc)).build());
  };
  uint64_t huge = uint64_t{1} << 61;  // times 24 wraps
  EXPECT_TRUE(with(raw(huge) + raw(uint64_t{4096})).files.empty());
  EXPECT_TRUE(with(raw(UINT64_MAX) + raw(uint64_t{4096}) + std::string(48, 'x')).files.empty());
  EXPECT_TRUE(with(raw(uint64_t{1})).files.empty());
  EXPECT_FALSE(with(raw(uint64_t{1})).has_file_note);
  // The path is not terminated: it ends with the note.
  auto cut =
      with(raw(uint64_t{1}) + raw(uint64_t{1}) + raw(uint64_t{1}) + raw(uint64_t{2}) + raw(uint64_t{0}) + "/lib");
  ASSERT_EQ(cut.files.size(), 1u);
  EXPECT_EQ(cut.files[0].path, "/lib");
}

TEST(CoreNotes, StopsAtADamagedNote) {
  Elf64_Nhdr lie{5, 0xffffffff, NT_PRSTATUS};
  auto notes = notes_of(CoreBuilder().thread(1).raw_note(raw(lie) + "CORE").build());
  EXPECT_EQ(notes.threads.size(), 1u);
  lie = {0xfffffff0, 8, NT_PRSTATUS};
  notes = notes_of(CoreBuilder().thread(1).raw_note(raw(lie) + "CORE").build());
  EXPECT_EQ(notes.threads.size(), 1u);
}

TEST(CoreNotes, LeavesOutShortNotesAndOtherOwners) {
  auto notes = notes_of(CoreBuilder()
                            .raw_note(test::note(NT_PRSTATUS, "CORE", "short"))
                            .raw_note(test::note(NT_PRPSINFO, "CORE", "short"))
                            .raw_note(test::note(NT_SIGINFO, "CORE", ""))
                            .raw_note(test::note(NT_PRSTATUS, "LINUX", std::string(336, 'x')))
                            .build());
  EXPECT_TRUE(notes.threads.empty());
  EXPECT_EQ(notes.pid, 0u);
}

TEST(CoreNotes, ReadsTheAuxiliaryVector) {
  auto notes = notes_of(CoreBuilder().auxv(AT_ENTRY, 0x401000).auxv(AT_PHDR, 0x400040).build());
  EXPECT_EQ(notes.auxv(AT_ENTRY), 0x401000u);
  EXPECT_EQ(notes.auxv(AT_PHDR), 0x400040u);
  EXPECT_EQ(notes.auxv(AT_BASE), std::nullopt);
}

}  // namespace
}  // namespace inquest::elf
