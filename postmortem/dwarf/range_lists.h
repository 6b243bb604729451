// .debug_ranges (DWARF 2 to 4) and .debug_rnglists (DWARF 5, 7.25).
#pragma once

#include <vector>

#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

/// What DW_AT_ranges of a DIE of `unit` stands for, as it stands there (dead ranges included), as far as `budget` goes
/// and a million at most. Into `out`, which is cleared.
void read_range_list(const Unit& unit, const Attribute& attribute, RangeBudget& budget, std::vector<AddressRange>* out);

}  // namespace inquest::dwarf
