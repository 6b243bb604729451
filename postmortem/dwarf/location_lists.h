// Which expression tells where a variable is at an address.
#pragma once

#include <cstdint>
#include <optional>

#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

/// DW_AT_location or DW_AT_frame_base of a DIE of `unit`: the expression itself, or the one that its location list has
/// for `address` (link-time). Nothing where the list has none: the variable is optimised out there. `entries` is how
/// many entries of lists may still be read; when it is 0 afterwards nobody knows.
std::optional<Bytes> location_at(const Unit& unit, const Attribute& attribute, uint64_t address, uint64_t& entries);

}  // namespace inquest::dwarf
