// A program or library on this machine as far as it takes to place run-time addresses in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/symbol.h"

namespace inquest {

struct ObjectFile {
  /// A PT_LOAD.
  struct Segment {
    uint64_t address = 0;  ///< p_vaddr
    uint64_t size = 0;     ///< p_memsz
    uint64_t offset = 0;   ///< p_offset
    uint64_t stored = 0;   ///< p_filesz
    bool is_executable = false;
  };

  std::string path;                   ///< the file that was opened (below the sysroot, where there is one)
  bool position_independent = false;  ///< ET_DYN: it can be loaded anywhere
  std::vector<Segment> segments;
  std::string build_id;                         ///< lower-case hex, or empty
  std::shared_ptr<const SymbolSource> symbols;  ///< of the file, or of its debug file where it was stripped

  /// Whether `address`, as linked, is code of this file.
  bool has_code_at(uint64_t address) const {
    for (const Segment& segment : segments)
      if (segment.is_executable && address - segment.address < segment.size) return true;
    return false;
  }
  /// The link-time address of code that lies at `offset` in the file.
  std::optional<uint64_t> code_at_offset(uint64_t offset) const {
    for (const Segment& segment : segments)
      if (segment.is_executable && offset - segment.offset < segment.stored)
        return segment.address + (offset - segment.offset);
    return std::nullopt;
  }
  /// The link-time address that the first byte of the mapping gets, rounded down to a page; what tools that print
  /// offsets into a module count from.
  uint64_t base() const {
    uint64_t lowest = segments.empty() ? 0 : UINT64_MAX;
    for (const Segment& segment : segments)
      if (segment.address < lowest) lowest = segment.address;
    return lowest & ~uint64_t{4095};
  }
};

}  // namespace inquest
