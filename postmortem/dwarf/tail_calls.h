// Jumps that end a function by calling another one, as debug information describes them.
//
//   DW_TAG_call_site (DWARF 5, 3.4): DW_AT_call_return_pc behind the jump, or DW_AT_call_pc at it (clang writes the
//     second one, the first too when it is tuned for gdb), DW_AT_call_origin the function called, DW_AT_call_tail_call
//   DW_TAG_GNU_call_site (GNU's extension of DWARF 4, from which that came): DW_AT_low_pc, DW_AT_abstract_origin,
//     DW_AT_GNU_tail_call
//
// A site without an origin jumps through a pointer. The list of a function counts only when its DIE says that it is
// complete: DW_AT_call_all_calls, DW_AT_call_all_tail_calls or their GNU forms (as gdb/dwarf2/read.c,
// read_call_site_scope, has it); nothing can be concluded from others.
#pragma once

#include <vector>

#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

struct TailCallSite {
  uint64_t pc = 0;
  bool is_return_pc = false;  ///< `pc` is behind the jump, not at it
  Die origin;                 ///< the function called; none: through a pointer
};

/// Of a DW_TAG_subprogram. Empty when there are none, or not all of them are known.
std::vector<TailCallSite> tail_call_sites(const Die& function);

/// DW_AT_low_pc, or the first range of a function in several parts; 0 when it has no code.
uint64_t entry_of(const Die& function);

}  // namespace inquest::dwarf
