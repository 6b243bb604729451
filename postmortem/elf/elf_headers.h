// The ELF header, program headers and build-id of an ELF64 x86-64 image: a whole file, the first page of one as a core
// holds it, or the vdso. Everything is checked against the bytes at hand; whatever lies outside them is absent.
#pragma once

#include <elf.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/elf/byte_view.h"

namespace inquest::elf {

/// Bytes of a file, side by side.
struct FileRun {
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct ElfHeaders {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;  ///< as many of the program headers as the bytes hold

  /// The first PT_TLS, or null.
  const Elf64_Phdr* tls() const;
  /// Link-time address of the byte at `file_offset`; prefers the segment whose page-rounded file range begins nearest
  /// below. The pages of neighbouring segments overlap in the file, so `hint_writable` breaks the tie.
  std::optional<uint64_t> vaddr_of(uint64_t file_offset) const;
  /// Every answer that `vaddr_of` could give, one per PT_LOAD whose page-rounded file range holds `file_offset`.
  std::vector<uint64_t> vaddrs_of(uint64_t file_offset) const;
  /// File offset of the byte linked at `vaddr`; nothing when no segment has file bytes there.
  std::optional<uint64_t> offset_of(uint64_t vaddr) const;
  /// What the loader maps from `vaddr` to the end of its segment, in whole pages; nothing when no segment has file
  /// bytes there (all segments of a separate debug file).
  std::optional<FileRun> mapped_at(uint64_t vaddr) const;
  /// True when all program headers that the ELF header announces are here.
  bool complete() const { return !segments.empty() && segments.size() >= header.e_phnum; }
};

/// Whether two builds of one program, one of them stripped perhaps, have their segments at the same offsets. `strip`
/// closes the gaps between segments that linkers leave where pages are larger than 4 KiB (binutils bfd/elf.c,
/// assign_file_positions_for_load_sections), so that equal build-ids do not mean equal offsets.
bool same_layout(const ElfHeaders& a, const ElfHeaders& b);

/// True when `bytes` begin with the magic of an ELF64 little-endian x86-64 file.
bool is_x86_64_elf(Bytes bytes);

/// Headers of an ELF64 x86-64 image; nothing when `bytes` do not begin with one. e_phnum == PN_XNUM is followed to
/// section header 0 (System V gABI, "ELF header"). At most 65,536 headers are taken, the most a kernel core needs by
/// far.
std::optional<ElfHeaders> parse_headers(Bytes bytes);

/// Calls `visit(type, name, desc)` for each note in `bytes`; stops at the first damaged one. `alignment` is p_align.
using NoteVisitor = std::function<void(uint32_t type, std::string_view name, Bytes desc)>;
void for_each_note(Bytes bytes, uint64_t alignment, const NoteVisitor& visit);

/// NT_GNU_BUILD_ID as lower-case hex, or an empty string. `bytes_at(file_offset, size)` gives what exists there.
std::string find_build_id(const ElfHeaders& headers, const std::function<Bytes(uint64_t, uint64_t)>& bytes_at);

std::string to_hex(Bytes bytes);

}  // namespace inquest::elf
