// Opens a core file as a Target.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "postmortem/model/result.h"
#include "postmortem/model/target.h"

namespace inquest::elf {

struct OpenOptions {
  std::string core;                     ///< path of the core file, possibly .zst, .lz4 or .gz
  std::string executable;               ///< overrides the path found in the core; empty: found by itself
  std::string sysroot;                  ///< prefix for the paths of mapped files
  std::vector<std::string> debug_dirs;  ///< further places for separate debug files
  /// Progress of decompression: bytes done, bytes of the compressed file; may be empty.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

/// Errors are of kind kUnusable, one clear line with a hint.
Result<std::unique_ptr<Target>> open_core(const OpenOptions& options);

}  // namespace inquest::elf
