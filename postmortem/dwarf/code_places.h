// From names in the source to addresses: where a line begins, and where calls of a function were inlined.
//
// Line programs and DIEs of all units are read for that, which takes as long as the debug information is large; units
// whose list of files, or whose names, cannot hold the answer are passed over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/dwarf/dwarf_file.h"
#include "postmortem/dwarf/function_names.h"

namespace inquest::dwarf {

struct LinePlaces {
  std::vector<uint64_t> addresses;  ///< link-time, sorted: where a run of rows of that line begins
  bool knows_file = false;          ///< some unit has code of such a file
  uint32_t next_line = 0;           ///< the first line behind with code; 0: none
};

/// `source` is a path or the end of one ("src/t.c" means /home/me/src/t.c). Such a line may have many places: it is
/// part of a template or was inlined, or its code was split up.
LinePlaces places_of_line(const DwarfFile& file, std::string_view source, uint32_t line);

struct InlinedCall {
  uint64_t address = 0;  ///< of the first instruction, link-time
  std::string function;  ///< as in CodeLocation::function
};

/// The calls of `function` ("ns::f", or the linker's name) that became part of other functions. Not those of split
/// units.
std::vector<InlinedCall> inlined_calls(const DwarfFile& file, FunctionNames& names, std::string_view function);

}  // namespace inquest::dwarf
