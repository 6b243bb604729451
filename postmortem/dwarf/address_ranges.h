// .debug_aranges (DWARF 5, 6.1.2): which unit has the code of an address, without reading the units.
//
// g++ writes it, clang only when told to, and nothing says which units it leaves out. So it is a hint: what it says of
// a unit counts where the unit's own DIE says the same.
#pragma once

#include <cstdint>
#include <vector>

#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

/// The code of one unit.
struct UnitCode {
  uint64_t unit = 0;  ///< offset in .debug_info
  std::vector<AddressRange> ranges;
};

/// In the order of the section; ranges that are empty or that a linker left behind at 0 are left out. A damaged section
/// ends at the damage.
std::vector<UnitCode> read_address_ranges(Bytes section);

}  // namespace inquest::dwarf
