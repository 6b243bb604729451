// Debug sections that were unpacked by an earlier run, in inquest's cache folder ("sections"). Debian's debug files are
// compressed, and unpacking the one of libc took half the time of a whole backtrace.
//
// A section is known by its file (device, inode, size, times of change) and its place there, so that another file is
// never taken for it; and it counts only when its Adler-32 is the one at the end of the zlib stream (RFC 1950, 2.2).
// What has not been used for two weeks is removed when something new is kept.
#pragma once

#include <cstdint>
#include <memory>

#include "postmortem/elf/mapped_file.h"

namespace inquest::dwarf {

/// The section whose zlib stream is `packed`, a part of `file`, when a run before has kept its `size` bytes; else null.
/// Small and very large sections are never kept.
std::shared_ptr<const elf::MappedFile> kept_section(const elf::MappedFile& file, elf::Bytes packed, uint64_t size);

/// Keeps what `packed` has been unpacked to. Whole or not at all; where it cannot be done nothing happens.
void keep_section(const elf::MappedFile& file, elf::Bytes packed, elf::Bytes unpacked);

}  // namespace inquest::dwarf
