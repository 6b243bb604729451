#include "postmortem/live/small_core.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace inquest::live {
namespace {

constexpr uint64_t kPage = 4096;

using Bytes = std::vector<std::byte>;

void append(Bytes& to, const void* from, size_t size) {
  // GCC 12 warns of an overflow that cannot be where this is an insert (GCC bug 105329).
  size_t end = to.size();
  to.resize(end + size);
  if (size > 0) std::memcpy(to.data() + end, from, size);
}
void append_u64(Bytes& to, uint64_t value) { append(to, &value, sizeof value); }

void append_note(Bytes& notes, uint32_t type, std::span<const std::byte> content) {
  Elf64_Nhdr header = {.n_namesz = 5, .n_descsz = static_cast<uint32_t>(content.size()), .n_type = type};
  append(notes, &header, sizeof header);
  append(notes, "CORE\0\0\0", 8);
  append(notes, content.data(), content.size());
  notes.resize((notes.size() + 3) & ~size_t{3});
}

bool is_mapped_file(const Mapping& mapping) { return mapping.path.starts_with('/'); }

Bytes file_note(std::span<const Mapping> mappings) {
  Bytes note;
  uint64_t count = static_cast<uint64_t>(std::ranges::count_if(mappings, is_mapped_file));
  append_u64(note, count);
  append_u64(note, kPage);
  for (const Mapping& mapping : mappings) {
    if (!is_mapped_file(mapping)) continue;
    append_u64(note, mapping.start);
    append_u64(note, mapping.end);
    append_u64(note, mapping.offset / kPage);
  }
  for (const Mapping& mapping : mappings) {
    if (is_mapped_file(mapping)) append(note, mapping.path.c_str(), mapping.path.size() + 1);
  }
  return note;
}

Elf64_Phdr segment_of(const Mapping& mapping, uint64_t offset, uint64_t dumped) {
  Elf64_Phdr segment = {};
  segment.p_type = PT_LOAD;
  segment.p_flags = ((mapping.protection & PROT_READ) ? PF_R : 0) | ((mapping.protection & PROT_WRITE) ? PF_W : 0) |
                    ((mapping.protection & PROT_EXEC) ? PF_X : 0);
  segment.p_offset = offset;
  segment.p_vaddr = mapping.start;
  segment.p_filesz = dumped;
  segment.p_memsz = mapping.end - mapping.start;
  segment.p_align = kPage;
  return segment;
}

Elf64_Ehdr header_of(size_t segments) {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<uint16_t>(segments + 1);
  return header;
}

}  // namespace

std::vector<std::byte> write_small_core(std::span<const Mapping> mappings, std::span<const std::byte> auxv,
                                        const ContentsOf& contents_of) {
  Bytes notes;
  append_note(notes, NT_FILE, file_note(mappings));
  if (!auxv.empty()) append_note(notes, NT_AUXV, auxv);
  size_t count = std::min(mappings.size(), kMaxSegments);
  Elf64_Ehdr header = header_of(count);
  uint64_t notes_at = sizeof header + (count + 1) * sizeof(Elf64_Phdr);
  Bytes core, contents;
  append(core, &header, sizeof header);
  Elf64_Phdr note = {};
  note.p_type = PT_NOTE;
  note.p_offset = notes_at;
  note.p_filesz = notes.size();
  note.p_align = 4;
  append(core, &note, sizeof note);
  for (size_t i = 0; i < count; ++i) {
    Bytes bytes = contents_of(mappings[i]);
    Elf64_Phdr segment = segment_of(mappings[i], notes_at + notes.size() + contents.size(), bytes.size());
    append(core, &segment, sizeof segment);
    append(contents, bytes.data(), bytes.size());
  }
  append(core, notes.data(), notes.size());
  append(core, contents.data(), contents.size());
  return core;
}

int file_in_memory(std::span<const std::byte> bytes) {
  int descriptor = memfd_create("inquest-snapshot", MFD_CLOEXEC);
  size_t written = 0;
  while (descriptor >= 0 && written < bytes.size()) {
    ssize_t more = write(descriptor, bytes.data() + written, bytes.size() - written);
    if (more <= 0) break;
    written += static_cast<size_t>(more);
  }
  return descriptor;
}

}  // namespace inquest::live
