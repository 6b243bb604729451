// Whether the .dwo files that skeleton units refer to are at hand, one by one or packed in a .dwp.
//
// A .dwp beside the program (PROGRAM.dwp) goes first, as in gdb and LLDB. Its .debug_cu_index (DWARF 5, 7.3.5; version
// 2 is GNU's for DWARF 4, gcc.gnu.org/wiki/DebugFissionDWP) is a hash table of dwo_ids and a table of where the parts
// of each unit begin. Else DW_AT_comp_dir/DW_AT_dwo_name is tried, below the sysroot too, then the name below the
// folder of the program and below each --debug-dir. A .dwo with another dwo_id is another build and is refused.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "postmortem/dwarf/debug_files.h"
#include "postmortem/dwarf/unit_survey.h"

namespace inquest::dwarf {

struct SplitUnits {
  size_t wanted = 0;               ///< .dwo files that skeleton units refer to
  size_t missing = 0;              ///< of them
  std::string first_missing;       ///< path where the first one was expected
  std::string first_refusal;       ///< why a file that was there was not taken
  std::string package;             ///< the .dwp in use; empty: none
  std::string first_found;         ///< a .dwo in use
  std::vector<UnitSummary> units;  ///< split units that were found
  std::vector<DebugInfoReport::Attempt> attempts;
};

/// Where the parts of a unit lie in a .dwp.
struct PackageRow {
  uint64_t info = 0;
  UnitBases bases;
};

/// The index of a .dwp by dwo_id; empty when `section` is none.
std::unordered_map<uint64_t, PackageRow> parse_package_index(elf::Bytes section);

/// `files.debug` has the skeleton `units`; `path` is the program as the process knew it.
SplitUnits find_split_units(const DebugFiles& files, const std::string& path, const std::vector<UnitSummary>& units,
                            const DebugFileFinder& finder);

}  // namespace inquest::dwarf
