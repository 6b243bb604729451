// Unwinds the threads of a core by call frame information, frame pointers and, at the end of both, by guess.
//
// The call frame information is read by our own code (cfi_*.h), not by libdwfl: that wants whole modules with files,
// reports nothing about registers of callers but rip, rsp and rbp, stops where a frame has no description, and its
// reader of memory is quadratic. Here every frame keeps the registers that are known in it, and each way of stepping
// can hand over to each other one at every frame.
#pragma once

#include <memory>

#include "postmortem/model/unwinder.h"
#include "postmortem/unwind/module_code.h"

namespace inquest::unwind {

/// `target` must outlive the unwinder. `debug_file_of` may be empty; it is asked about a module only when its own file
/// does not describe an address.
std::unique_ptr<Unwinder> make_unwinder(const Target& target, DebugFileOf debug_file_of = {});

}  // namespace inquest::unwind
