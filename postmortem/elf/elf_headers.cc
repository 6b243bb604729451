#include "postmortem/elf/elf_headers.h"

#include <algorithm>
#include <iterator>

namespace inquest::elf {
namespace {

// The range of file offsets that the loader maps for a PT_LOAD: whole pages around its bytes.
bool maps_offset(const Elf64_Phdr& segment, uint64_t offset) {
  if (segment.p_type != PT_LOAD || segment.p_filesz == 0) return false;
  uint64_t begin = segment.p_offset & -kPageSize;
  return offset >= begin && offset - begin < round_up(segment.p_filesz + (segment.p_offset - begin), kPageSize);
}

constexpr uint64_t kMaxBuildIdBytes = 64;  // SHA-1 has 20; lld's longest is 32

}  // namespace

bool is_x86_64_elf(Bytes bytes) {
  auto header = load<Elf64_Ehdr>(bytes, 0);
  return header && std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
         header->e_ident[EI_DATA] == ELFDATA2LSB && header->e_machine == EM_X86_64;
}

std::optional<ElfHeaders> parse_headers(Bytes bytes) {
  if (!is_x86_64_elf(bytes)) return std::nullopt;
  ElfHeaders result;
  result.header = *load<Elf64_Ehdr>(bytes, 0);
  uint64_t count = result.header.e_phnum;
  if (count == PN_XNUM) {
    auto first = load<Elf64_Shdr>(bytes, result.header.e_shoff);
    count = first ? first->sh_info : 0;
  }
  if (result.header.e_phentsize != sizeof(Elf64_Phdr)) return result;
  for (uint64_t i = 0; i < count; ++i) {
    auto segment = load<Elf64_Phdr>(bytes, result.header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) break;
    result.segments.push_back(*segment);
  }
  return result;
}

const Elf64_Phdr* ElfHeaders::tls() const {
  for (const Elf64_Phdr& segment : segments)
    if (segment.p_type == PT_TLS) return &segment;
  return nullptr;
}

std::vector<uint64_t> ElfHeaders::vaddrs_of(uint64_t file_offset) const {
  std::vector<uint64_t> result;
  for (const Elf64_Phdr& segment : segments)
    if (maps_offset(segment, file_offset)) result.push_back(segment.p_vaddr + (file_offset - segment.p_offset));
  return result;
}

std::optional<uint64_t> ElfHeaders::vaddr_of(uint64_t file_offset) const {
  for (const Elf64_Phdr& segment : segments)
    if (segment.p_type == PT_LOAD && file_offset - segment.p_offset < segment.p_filesz)
      return segment.p_vaddr + (file_offset - segment.p_offset);
  auto all = vaddrs_of(file_offset);
  if (all.empty()) return std::nullopt;
  return all.front();
}

std::optional<uint64_t> ElfHeaders::offset_of(uint64_t vaddr) const {
  for (const Elf64_Phdr& segment : segments)
    if (segment.p_type == PT_LOAD && vaddr - segment.p_vaddr < segment.p_filesz)
      return segment.p_offset + (vaddr - segment.p_vaddr);
  return std::nullopt;
}

std::optional<FileRun> ElfHeaders::mapped_at(uint64_t vaddr) const {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
    uint64_t before = segment.p_vaddr % kPageSize;
    if (segment.p_offset % kPageSize != before) continue;  // nothing that a loader would map
    uint64_t inside = vaddr - (segment.p_vaddr - before), size = round_up(before + segment.p_filesz, kPageSize);
    if (inside < size) return FileRun{segment.p_offset - before + inside, size - inside};
  }
  return std::nullopt;
}

bool same_layout(const ElfHeaders& a, const ElfHeaders& b) {
  auto is_load = [](const Elf64_Phdr& segment) { return segment.p_type == PT_LOAD; };
  std::vector<Elf64_Phdr> left, right;
  std::copy_if(a.segments.begin(), a.segments.end(), std::back_inserter(left), is_load);
  std::copy_if(b.segments.begin(), b.segments.end(), std::back_inserter(right), is_load);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), [](const Elf64_Phdr& x, const Elf64_Phdr& y) {
    return x.p_offset == y.p_offset && x.p_vaddr == y.p_vaddr && x.p_filesz == y.p_filesz;
  });
}

void for_each_note(Bytes bytes, uint64_t alignment, const NoteVisitor& visit) {
  // Notes are padded to 4 bytes; only .note.gnu.property (p_align 8) pads to 8 (glibc elf/dl-load.c,
  // ELF_NOTE_DESC_OFFSET).
  uint64_t pad = alignment == 8 ? 8 : 4;
  uint64_t offset = 0;
  while (auto note = load<Elf64_Nhdr>(bytes, offset)) {
    uint64_t name_at = offset + sizeof(Elf64_Nhdr);
    uint64_t desc_at = round_up(name_at + note->n_namesz, pad);
    if (desc_at > bytes.size() || note->n_descsz > bytes.size() - desc_at) return;
    std::string_view name = c_string(slice(bytes, name_at, note->n_namesz), 0);
    visit(note->n_type, name, bytes.subspan(desc_at, note->n_descsz));
    offset = round_up(desc_at + note->n_descsz, pad);
  }
}

std::string to_hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::byte b : bytes) {
    text += kDigits[std::to_integer<unsigned>(b) >> 4];
    text += kDigits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::string find_build_id(const ElfHeaders& headers, const std::function<Bytes(uint64_t, uint64_t)>& bytes_at) {
  std::string build_id;
  for (const Elf64_Phdr& segment : headers.segments) {
    if (segment.p_type != PT_NOTE || !build_id.empty()) continue;
    for_each_note(bytes_at(segment.p_offset, segment.p_filesz), segment.p_align,
                  [&](uint32_t type, std::string_view name, Bytes desc) {
                    if (type == NT_GNU_BUILD_ID && name == "GNU" && desc.size() <= kMaxBuildIdBytes)
                      build_id = to_hex(desc);
                  });
  }
  return build_id;
}

}  // namespace inquest::elf
