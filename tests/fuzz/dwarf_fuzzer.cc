// Feeds arbitrary bytes to the readers of debug information and call frame information.
//
// An input that begins with 0x7f is an ELF file. Any other is a list of sections, which is easier to mutate: a byte for
// the name (an index into kNames), two bytes with the size, the contents.
//
// Where there are sections of split DWARF the image is also written to a folder: as the program, as the .dwp beside it
// and as the .dwo file "x.dwo", so that skeletons in it lead to itself.
#include <elf.h>
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "postmortem/dwarf/dwarf_debug_info.h"
#include "postmortem/dwarf/split_units.h"
#include "postmortem/dwarf/unit_survey.h"
#include "postmortem/model/demangle.h"
#include "postmortem/unwind/cfi_expression.h"
#include "postmortem/unwind/cfi_row.h"
#include "postmortem/unwind/cfi_section.h"

namespace {

using namespace inquest;
using elf::Bytes;

constexpr const char* kNames[] = {
    ".debug_info",
    ".debug_abbrev",
    ".debug_str",
    ".debug_line",
    ".debug_line_str",
    ".debug_ranges",
    ".debug_rnglists",
    ".debug_addr",
    ".debug_types",
    ".debug_str_offsets",
    ".debug_loc",
    ".debug_loclists",
    ".eh_frame",
    ".eh_frame_hdr",
    ".debug_frame",
    ".debug_info.dwo",
    ".debug_abbrev.dwo",
    ".debug_str.dwo",
    ".debug_cu_index",
    ".debug_str_offsets.dwo",
    ".zdebug_info",
    ".symtab",
    ".strtab",
    ".text",
    ".debug_loc.dwo",
    ".debug_loclists.dwo",
    ".debug_rnglists.dwo",
    ".debug_types.dwo",
};
// Where .eh_frame and .text are linked in images made from lists; every seed's code is near.
constexpr uint64_t kAddress = 0x1000;
constexpr size_t kMaxAddresses = 40;
constexpr size_t kMaxSections = 64;

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// A file with the sections of a list.
std::string image_of(const uint8_t* data, size_t size) {
  std::string names(1, '\0'), body;
  std::vector<Elf64_Shdr> headers(1);
  auto add = [&](const char* name, uint32_t type, std::string_view bytes) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<uint32_t>(names.size());
    header.sh_type = type;
    header.sh_addr = kAddress;
    header.sh_offset = sizeof(Elf64_Ehdr) + body.size();
    header.sh_size = bytes.size();
    header.sh_entsize = type == SHT_SYMTAB ? sizeof(Elf64_Sym) : 0;
    header.sh_link = type == SHT_SYMTAB ? static_cast<uint32_t>(headers.size()) + 1 : 0;
    names += name;
    names += '\0';
    body += bytes;
    headers.push_back(header);
  };
  for (size_t at = 0; at + 3 <= size && headers.size() < kMaxSections;) {
    const char* name = kNames[data[at] % std::size(kNames)];
    size_t length = std::min<size_t>(data[at + 1] | data[at + 2] << 8, size - at - 3);
    uint32_t type = std::strcmp(name, ".symtab") == 0 ? SHT_SYMTAB : SHT_PROGBITS;
    add(name, type, {reinterpret_cast<const char*>(data) + at + 3, length});
    at += 3 + length;
  }
  add(".shstrtab", SHT_STRTAB, "");
  headers.back().sh_size = names.size();
  body += names;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shoff = sizeof header + body.size();
  header.e_shnum = static_cast<uint16_t>(headers.size());
  header.e_shstrndx = static_cast<uint16_t>(headers.size() - 1);
  std::string image;
  append(image, header);
  image += body;
  for (const Elf64_Shdr& section : headers) append(image, section);
  return image;
}

/// Every read fails.
class NoMemory : public MemoryReader {
 public:
  std::span<const std::byte> view(Address, uint64_t) const override { return {}; }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  std::vector<MemoryRegion> regions_;
};

const NoMemory kNoMemory;

/// The input over and over, so that pointers lead to something.
class EchoMemory : public MemoryReader {
 public:
  explicit EchoMemory(Bytes bytes) : bytes_(bytes) {
    MemoryRegion all;
    all.size = all.available = uint64_t{1} << 47;
    regions_.push_back(all);
  }
  std::span<const std::byte> view(Address address, uint64_t limit) const override {
    if (bytes_.empty() || !regions_[0].contains(address)) return {};
    return elf::slice(bytes_, address.value() % bytes_.size(), limit);
  }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }

 private:
  Bytes bytes_;
  std::vector<MemoryRegion> regions_;
};

/// A folder with the image under the names that split DWARF is looked for.
class SplitFolder {
 public:
  SplitFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "dwarf-fuzzer-XXXXXX";
    if (mkdtemp(pattern.data())) path_ = pattern;
  }
  ~SplitFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  std::shared_ptr<const elf::ElfImage> write(Bytes bytes) const {
    for (const char* name : {"/program", "/program.dwp", "/x.dwo"}) {
      std::ofstream file(path_ + name, std::ios::binary | std::ios::trunc);
      file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    return elf::ElfImage::from_file(elf::MappedFile::open(path_ + "/program", nullptr));
  }

 private:
  std::string path_;
};

/// Beginnings and ends of what the units and their functions claim, and addresses in nothing.
std::set<uint64_t> addresses_of(const dwarf::DwarfFile& file) {
  std::set<uint64_t> found = {0, kAddress, kAddress + 1, 0x401000, UINT64_MAX};
  auto add = [&](const std::vector<dwarf::AddressRange>& ranges) {
    for (const dwarf::AddressRange& range : ranges) {
      if (found.size() >= kMaxAddresses) return;
      found.insert({range.low, range.low + (range.high - range.low) / 2, range.high - 1});
    }
  };
  for (const auto& unit : file.units()) {
    if (found.size() >= kMaxAddresses) break;
    add(unit->root_ranges());
    add(dwarf::LineTable(*unit).ranges());
    add(dwarf::FunctionIndex(*unit).ranges());
  }
  return found;
}

void use_debug_info(std::shared_ptr<const elf::ElfImage> image) {
  static const SplitFolder folder;
  bool is_split = std::ranges::any_of(image->sections(), [](const elf::ElfSection& section) {
    return section.name.ends_with(".dwo") || section.name == ".debug_cu_index";
  });
  if (auto written = is_split ? folder.write(image->bytes()) : nullptr) image = std::move(written);
  std::set<uint64_t> addresses;
  for (auto flavour : {dwarf::DebugSections::Flavour::kPlain, dwarf::DebugSections::Flavour::kSplit}) {
    dwarf::DwarfFile file(image, flavour);
    addresses.merge(addresses_of(file));
    for (const auto& unit : file.units()) (void)unit->dwo_id();
  }
  dwarf::DebugFiles files;
  files.image = files.debug = files.alternate = image;
  dwarf::DwarfDebugInfo info(files, elf::ElfImage::symbols(image), {});
  Frame frame;
  frame.registers = FrameRegisters::all({});
  frame.cfa = Address(0x7000);
  EchoMemory echo(image->bytes());
  for (uint64_t address : addresses) {
    CodeLocations found = info.locate({&address, 1});
    for (const CodeLocation& location : found.of(0)) {
      (void)info.arguments(address, location, {.memory = kNoMemory, .frame = frame});
      (void)info.arguments(address, location, {.memory = echo, .frame = frame, .caller = &frame});
    }
    (void)info.tail_calls(address);
  }
  (void)info.notes();
}

void survey(const elf::ElfImage& image) {
  for (bool split : {false, true}) (void)dwarf::UnitReader(image, &image, split).survey();
  if (const elf::ElfSection* index = image.section(".debug_cu_index")) (void)dwarf::parse_package_index(index->bytes);
}

void use_frames(const elf::ElfImage& image) {
  using unwind::CfiSection;
  auto linked = [&](const char* name) -> unwind::LinkedBytes {
    const elf::ElfSection* section = image.section(name);
    if (section == nullptr) return {};
    return {section->bytes, section->header.sh_addr};
  };
  FrameRegisters registers = FrameRegisters::all({});
  for (const CfiSection& section :
       {CfiSection(CfiSection::Kind::kEhFrame, linked(".eh_frame"), linked(".eh_frame_hdr")),
        CfiSection(CfiSection::Kind::kEhFrame, linked(".eh_frame")),
        CfiSection(CfiSection::Kind::kDebugFrame, {linked(".debug_frame").bytes, 0})}) {
    for (uint64_t pc : {uint64_t{0}, kAddress, kAddress + 5, kAddress + 0x20, uint64_t{0x401000}, UINT64_MAX}) {
      auto fde = section.find(pc);
      auto row = fde ? unwind::row_at(*fde, pc) : std::nullopt;
      if (!row) continue;
      (void)unwind::evaluate(row->cfa_expression, registers, kNoMemory, std::nullopt);
      for (const unwind::RegisterRule& rule : row->registers)
        (void)unwind::evaluate(rule.expression, registers, kNoMemory, 1);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string made;
  Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  if (size > 0 && data[0] != 0x7f) {
    made = image_of(data, size);
    bytes = std::as_bytes(std::span(made));
  }
  auto image = elf::ElfImage::from_bytes(bytes);
  if (!image) return 0;
  use_debug_info(image);
  survey(*image);
  use_frames(*image);
  return 0;
}
