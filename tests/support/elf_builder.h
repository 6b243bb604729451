// Builds ELF cores and ELF files as bytes, so that a test of an odd input is one expression:
//
//   auto core = CoreBuilder().memory(0x1000, "hello", PF_R).thread(42).build();
//
// Everything is written as the kernel or the linker would; a test that wants it broken patches the bytes or uses the
// fields marked as lies.
#pragma once

#include <elf.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::test {

/// The bytes of a trivially copyable value.
template <class T>
std::string raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

/// One note, padded to four bytes.
std::string note(uint32_t type, std::string_view name, std::string_view desc);

/// An ELF64 x86-64 core as Linux writes it.
class CoreBuilder {
 public:
  /// A mapping of which `bytes` were dumped; `mapped` bytes long (0: as long as `bytes`).
  CoreBuilder& memory(uint64_t address, std::string bytes, uint32_t flags = PF_R | PF_W, uint64_t mapped = 0);
  /// NT_PRSTATUS; registers not named are 0.
  CoreBuilder& thread(uint32_t tid, int signal = 0, uint64_t pc = 0, uint64_t sp = 0, uint64_t fs_base = 0);
  CoreBuilder& process(uint32_t pid, std::string_view name, std::string_view arguments);
  CoreBuilder& siginfo(int signal, int code, uint64_t address);
  CoreBuilder& auxv(uint64_t type, uint64_t value);
  /// An entry of NT_FILE; `offset` in bytes, a multiple of the unit.
  CoreBuilder& file(uint64_t start, uint64_t end, uint64_t offset, std::string path);
  CoreBuilder& file_unit(uint64_t bytes);
  /// A whole note of the test's own making.
  CoreBuilder& raw_note(std::string bytes);
  /// A lie: a program header written as it is, with no bytes of its own.
  CoreBuilder& raw_segment(const Elf64_Phdr& header);
  /// Writes the number of program headers as PN_XNUM does: in section header 0.
  CoreBuilder& extended_numbering();

  std::string build() const;

 private:
  struct Memory {
    Elf64_Phdr header{};
    std::string bytes;
  };
  std::string notes() const;

  std::vector<Memory> memory_;
  std::string threads_, other_notes_;
  std::vector<std::pair<uint64_t, uint64_t>> auxv_;
  struct File {
    uint64_t start, end, offset;
    std::string path;
  };
  std::vector<File> files_;
  uint64_t file_unit_ = 4096;
  bool extended_ = false;
};

/// An ELF64 x86-64 program or library: headers and notes in the first page, then the segments, then section headers
/// with .symtab and .dynsym.
class ImageBuilder {
 public:
  explicit ImageBuilder(uint16_t type = ET_DYN) { type_ = type; }
  ImageBuilder& entry(uint64_t vaddr);
  /// Raw bytes of the build-id, not hex.
  ImageBuilder& build_id(std::string bytes);
  /// Link-time address of file offset 0; the header page is a PT_LOAD there.
  ImageBuilder& base(uint64_t vaddr);
  /// A PT_LOAD of its own; the file offset is the next one that agrees with `vaddr` modulo the page size.
  ImageBuilder& load(uint64_t vaddr, std::string bytes, uint32_t flags = PF_R | PF_X, uint64_t memory_size = 0);
  ImageBuilder& tls(uint64_t vaddr, uint64_t memory_size, uint64_t alignment);
  /// A program header without bytes of its own (PT_DYNAMIC over a loaded segment ...).
  ImageBuilder& header(uint32_t type, uint64_t vaddr, uint64_t size);
  ImageBuilder& symbol(std::string name, uint64_t value, uint64_t size, int type = STT_FUNC, int binding = STB_GLOBAL,
                       uint16_t section = 1);
  ImageBuilder& dynamic_symbol(std::string name, uint64_t value, uint64_t size, int type = STT_FUNC);
  /// Link-time end of section 1, to which sizeless symbols reach.
  ImageBuilder& section_end(uint64_t vaddr);
  /// A section that is not loaded. With any, the sections have names.
  ImageBuilder& section(std::string name, std::string bytes, uint32_t type = SHT_PROGBITS, uint64_t flags = 0);
  /// File offset of the segment loaded at `vaddr`.
  uint64_t offset_of(uint64_t vaddr) const;

  std::string build() const;

 private:
  struct Table {
    std::vector<Elf64_Sym> entries{Elf64_Sym{}};
    std::string strings{'\0'};
    void add(const std::string& name, uint64_t value, uint64_t size, int type, int binding, uint16_t section);
  };
  struct Load {
    Elf64_Phdr header{};
    std::string bytes;
  };

  uint16_t type_;
  uint64_t entry_ = 0, base_ = 0, section_end_ = 0;
  std::string build_id_;
  std::vector<Load> loads_;
  std::vector<Elf64_Phdr> extra_;
  struct Section {
    Elf64_Shdr header{};
    std::string name, bytes;
  };
  std::vector<Section> named_;
  Table full_, dynamic_;
};

/// A folder that is removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file below the folder, making the folders on the way, and gives its path.
  std::string write(const std::string& name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace inquest::test
