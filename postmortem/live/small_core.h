// What a process has mapped, written down as a small core file: what was mapped from which file (NT_FILE), the
// auxiliary vector, and the bytes that prove later that a file is the one that ran. So files are found, checked and
// read by the same code as those of a core.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "postmortem/live/mappings.h"

namespace inquest::live {

/// Mappings beyond this number have no segment in a small core.
inline constexpr size_t kMaxSegments = 60'000;  // program headers that a core may have (elf/elf_headers.h)

/// The first bytes of a mapping that the core shall hold; may be empty.
using ContentsOf = std::function<std::vector<std::byte>(const Mapping&)>;

/// `auxv`: the content of /proc/PID/auxv, or as much of it as is known.
std::vector<std::byte> write_small_core(std::span<const Mapping> mappings, std::span<const std::byte> auxv,
                                        const ContentsOf& contents_of);

/// A file in memory with these bytes, as a descriptor that the caller closes; -1 with errno when there is no memory.
int file_in_memory(std::span<const std::byte> bytes);

}  // namespace inquest::live
