// .gnu_debugdata: an ELF file with a .symtab of its own, LZMA-compressed into a section ("MiniDebugInfo", gdb manual).
#pragma once

#include <memory>
#include <string>

#include "postmortem/elf/elf_image.h"

namespace inquest::dwarf {

/// The file inside `section`, which lives in memory only; null with `failure` set when it cannot be unpacked.
std::shared_ptr<const elf::ElfImage> unpack_mini_debug_info(elf::Bytes section, std::string* failure);

}  // namespace inquest::dwarf
