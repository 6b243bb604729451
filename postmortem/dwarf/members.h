// Parameters of functions and members of structures, by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "postmortem/dwarf/types.h"
#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

/// The type that a DIE names (DW_AT_type, maybe of its abstract origin); none when it names none.
Die type_of(const Die& die);

/// The parameter of a DW_TAG_subprogram that has this name, else the one at `position`, from 0; none when there is
/// neither.
Die find_parameter(const Die& function, std::string_view name, size_t position);

struct Member {
  uint64_t offset = 0;  ///< bytes from the beginning of the structure
  Die type;
  bool is_bit_field = false;
};

/// The member of a structure, class or union, also when it lies in a base class or in a structure without a name.
/// Members of virtual bases are not found: their place is not constant.
std::optional<Member> find_member(Types& types, const Die& structure, std::string_view name);

/// An array of whatever.
bool is_array(const Die& type);

/// A structure of which only the name is known here.
bool is_declaration(const Die& structure);

}  // namespace inquest::dwarf
