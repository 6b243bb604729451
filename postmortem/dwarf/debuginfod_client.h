// Asks debuginfod servers for a debug file, through elfutils' client library where it is installed.
#pragma once

#include <string>

namespace inquest::dwarf {

struct DebuginfodAnswer {
  std::string path;    ///< of the file in the client's cache; empty: none
  std::string reason;  ///< why there is none
};

/// `build_id` in hex. Gives up after a time that one debug file of some hundred MB needs.
DebuginfodAnswer ask_debuginfod(const std::string& build_id);

}  // namespace inquest::dwarf
