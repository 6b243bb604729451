// C expressions that can be evaluated by looking: LLDB's own evaluator asks every process for memory of its own first,
// and runs a system call in it for that, even for a register (Process::CanJIT). A process that is only to be looked at
// must not run, so for processes this evaluator stands in.
//
// Numbers, $registers, variables of the frame and of the program, symbols, casts, * & [] . -> and arithmetic; no calls,
// no assignments, no floating point. Whole numbers are computed with 64 bits.
#pragma once

#include <lldb/API/LLDB.h>

#include <cstdint>
#include <string>

#include "postmortem/model/result.h"

namespace inquest::plugin {

/// As evaluate_in, by looking only. The error is the reason alone, kUsage.
Result<uint64_t> evaluate_by_looking(lldb::SBTarget target, lldb::SBFrame frame, const std::string& expression);

}  // namespace inquest::plugin
