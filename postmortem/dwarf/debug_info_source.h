// Debug information from ELF files: DWARF where there is some, symbols otherwise.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "postmortem/model/debug_info.h"

namespace inquest::dwarf {

struct SearchOptions {
  std::string sysroot;                  ///< where /usr/lib/debug and the like are looked for; may be empty
  std::vector<std::string> debug_dirs;  ///< asked before /usr/lib/debug
  bool debuginfod = false;              ///< ask the servers of DEBUGINFOD_URLS as the last resort
};

/// `target` may be null (files only) and must outlive the source.
std::unique_ptr<DebugInfoSource> make_debug_info_source(const Target* target, SearchOptions options);

}  // namespace inquest::dwarf
