// Expressions in C++ with registers, as LLDB's own commands take them.
#pragma once

#include <lldb/API/LLDB.h>

#include <cstdint>
#include <string>

#include "postmortem/model/result.h"

namespace inquest::plugin {

/// The number or pointer that `expression` comes to in the selected frame, or in the target when no frame is selected.
/// Nothing runs in a process that is not a core (plain_expression.h), and LLDB's own $N stay as they are. Else a usage
/// error with the first line of what LLDB says.
Result<uint64_t> evaluate_in(lldb::SBDebugger debugger, const std::string& expression);

}  // namespace inquest::plugin
