// Sequential reads from DWARF sections, and the strings in them.
#pragma once

#include <cstdint>
#include <string_view>

#include "postmortem/elf/byte_reader.h"

namespace inquest::dwarf {

using elf::ByteReader;
using elf::Bytes;

/// Strings of a hostile file may be as long as the file; names of real template instances stay far below.
inline constexpr uint64_t kMaxString = 256 * 1024;

inline std::string_view string_at(Bytes section, uint64_t offset, uint64_t limit = kMaxString) {
  return elf::c_string(elf::slice(section, offset, limit), 0);
}

}  // namespace inquest::dwarf
