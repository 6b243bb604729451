// `inquest -c CORE` without a command: LLDB on that core with the plugin loaded.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"
#include "postmortem/model/result.h"

namespace inquest::cli {

/// Replaces this process by LLDB; returns only why that is not possible.
Error run_lldb(const Options& options, Terminal& terminal);

}  // namespace inquest::cli
