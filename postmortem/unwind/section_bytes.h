// Sections as they were before compression.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "postmortem/elf/elf_image.h"

namespace inquest::unwind {

/// The unpacked bytes of a compressed section (SHF_COMPRESSED with zlib or zstd; .zdebug_*); nothing when it is not
/// compressed. Empty when it is damaged.
std::optional<std::vector<std::byte>> unpack_section(const elf::ElfSection& section);

}  // namespace inquest::unwind
