// Puts the parts together: how commands get at cores, stacks, debug information and runtimes. Shared by the front ends.
#pragma once

#include <string>
#include <vector>

#include "commands/session.h"

namespace inquest::engine {

struct EngineOptions {
  std::string sysroot;
  std::vector<std::string> debug_dirs;
  bool live_tracing = false;  ///< processes may be traced: not from inside a debugger
  bool debuginfod = false;    ///< ask the servers of DEBUGINFOD_URLS as the last resort
};

commands::SessionHooks make_hooks(const EngineOptions& options);

}  // namespace inquest::engine
