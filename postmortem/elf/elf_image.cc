#include "postmortem/elf/elf_image.h"

#include "postmortem/elf/elf_symbols.h"

namespace inquest::elf {
namespace {

constexpr uint64_t kMaxSectionName = 1024;  // -ffunction-sections puts mangled names here, but not in linked files

// The symbol table in the first section of `type`, or null.
std::unique_ptr<SymbolTable> table_of(const ElfImage& image, uint32_t type) {
  std::vector<uint64_t> ends;
  for (const ElfSection& section : image.sections()) ends.push_back(section.header.sh_addr + section.header.sh_size);
  for (const ElfSection& section : image.sections()) {
    if (section.header.sh_type != type || section.header.sh_entsize != sizeof(Elf64_Sym)) continue;
    if (section.header.sh_link >= image.sections().size()) continue;
    auto table = std::make_unique<SymbolTable>(section.bytes, image.sections()[section.header.sh_link].bytes, ends);
    if (!table->empty()) return table;
  }
  return nullptr;
}

}  // namespace

std::shared_ptr<const ElfImage> ElfImage::from_file(std::shared_ptr<const MappedFile> file) {
  std::shared_ptr<ElfImage> image(new ElfImage);
  image->bytes_ = file->bytes();
  image->file_ = std::move(file);
  return image->parse() ? image : nullptr;
}

std::shared_ptr<const ElfImage> ElfImage::from_bytes(Bytes bytes) {
  std::shared_ptr<ElfImage> image(new ElfImage);
  image->bytes_ = bytes;
  return image->parse() ? image : nullptr;
}

bool ElfImage::parse() {
  auto headers = parse_headers(bytes_);
  if (!headers) return false;
  headers_ = std::move(*headers);
  build_id_ = find_build_id(headers_, [this](uint64_t offset, uint64_t size) { return slice(bytes_, offset, size); });
  parse_sections();
  return true;
}

void ElfImage::parse_sections() {
  const Elf64_Ehdr& header = headers_.header;
  auto first = load<Elf64_Shdr>(bytes_, header.e_shoff);
  if (header.e_shoff == 0 || header.e_shentsize != sizeof(Elf64_Shdr) || !first) return;
  // gABI: counts that do not fit into the ELF header are in section header 0.
  uint64_t count = header.e_shnum ? header.e_shnum : first->sh_size;
  uint64_t names_index = header.e_shstrndx == SHN_XINDEX ? first->sh_link : header.e_shstrndx;
  for (uint64_t i = 0; i < count; ++i) {
    auto raw = load<Elf64_Shdr>(bytes_, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (!raw) break;
    ElfSection section;
    section.header = *raw;
    if (raw->sh_type != SHT_NOBITS && raw->sh_type != SHT_NULL)
      section.bytes = slice(bytes_, raw->sh_offset, raw->sh_size);
    sections_.push_back(section);
  }
  if (names_index >= sections_.size()) return;
  Bytes names = sections_[names_index].bytes;
  for (ElfSection& section : sections_)
    section.name = c_string(slice(names, section.header.sh_name, kMaxSectionName), 0);
}

const ElfSection* ElfImage::section(std::string_view name) const {
  for (const ElfSection& section : sections_)
    if (section.name == name) return &section;
  return nullptr;
}

bool ElfImage::has_full_symbols() const { return table_of(*this, SHT_SYMTAB) != nullptr; }

std::shared_ptr<const SymbolSource> ElfImage::symbols(const std::shared_ptr<const ElfImage>& image,
                                                      const std::shared_ptr<const ElfImage>& debug) {
  std::unique_ptr<SymbolTable> full, dynamic;
  if (image) full = table_of(*image, SHT_SYMTAB);
  if (!full && debug) full = table_of(*debug, SHT_SYMTAB);
  if (image) dynamic = table_of(*image, SHT_DYNSYM);
  auto owner =
      std::make_shared<std::pair<std::shared_ptr<const ElfImage>, std::shared_ptr<const ElfImage>>>(image, debug);
  return std::make_shared<ElfSymbols>(std::move(owner), std::move(full), std::move(dynamic));
}

}  // namespace inquest::elf
