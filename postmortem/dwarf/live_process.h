// The modules of a running process, from /proc, without stopping it: nothing is attached.
//
// proc(5): /proc/PID/maps names the files (" (deleted)" behind those that were removed or replaced), /proc/PID/mem has
// the bytes, /proc/PID/map_files the mapped files themselves even after deletion (root only), /proc/PID/root the file
// system as the process sees it (container). All but maps need the right to trace the process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postmortem/dwarf/debug_info_source.h"
#include "postmortem/model/debug_info_report.h"
#include "postmortem/model/result.h"

namespace inquest::dwarf {

/// One line of /proc/PID/maps.
struct MapsLine {
  uint64_t start = 0, end = 0, offset = 0;
  bool executable = false;
  std::string path;      ///< empty: anonymous; "[vdso]", "/usr/lib/libc.so.6"; newlines are unescaped
  bool deleted = false;  ///< " (deleted)" has been cut off `path`
};
std::vector<MapsLine> parse_maps(const std::string& text);

/// Examines each module of the process. Where the process sees another file system, that one is searched too.
Result<ProcessDebugInfo> examine_process(uint64_t pid, SearchOptions options);

}  // namespace inquest::dwarf
