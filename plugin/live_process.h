// What LLDB knows of a process that it holds stopped, and whether that is a process of this machine.
#pragma once

#include <lldb/API/LLDB.h>

#include <set>

#include "postmortem/live/stopped_target.h"
#include "postmortem/model/result.h"

namespace inquest::plugin {

/// Threads with their registers, and why the process was stopped. Errors say what the user can do instead: the process
/// runs, or is not one of this machine.
Result<live::StoppedProcess> stopped_process(lldb::SBTarget target, lldb::SBProcess process);

/// Whether two looks at a process saw the same threads with the same registers.
bool same_threads(std::span<const Thread> before, std::span<const Thread> now);

/// Where LLDB has written breakpoints the code is shown as it was. `known`: pages that have been looked at. To be
/// called by the thread that runs LLDB's command, for LLDB may lock what it reads.
void hide_breakpoints(lldb::SBTarget target, lldb::SBProcess process, live::StoppedMemory& memory,
                      std::set<Address>& known);

}  // namespace inquest::plugin
