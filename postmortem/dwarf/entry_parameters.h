// The parameters of a function at its first instruction: in which register each one comes.
//
// Optimised code says so itself, by a location list that begins there. Where a parameter has no list (code that is not
// optimised keeps it in memory from some instructions later on) the calling convention tells: System V ABI for x86-64,
// 3.2.3. A parameter that a list leaves out was removed by the compiler, and nobody passes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/dwarf/types.h"
#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

struct EntryParameter {
  std::string name;
  std::string type;  ///< "const char *"
  TypeInfo::Kind kind = TypeInfo::Kind::kUnknown;
  uint64_t size = 0;  ///< bytes
  bool is_signed = false;
  bool is_text = false;                     ///< a pointer to characters
  std::optional<uint8_t> integer_register;  ///< 0 to 5: rdi, rsi, rdx, rcx, r8, r9; nothing: elsewhere, or nowhere
};

/// `function` is the DIE of the code that begins at the link-time address `entry`.
std::vector<EntryParameter> entry_parameters(const Die& function, uint64_t entry);

}  // namespace inquest::dwarf
