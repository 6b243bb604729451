// Reading back what `v8 findjsobjects --json` wrote.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "postmortem/model/result.h"
#include "v8/runtime.h"

namespace inquest::commands {

struct TypeSums {
  uint64_t count = 0;
  uint64_t size = 0;
};

/// Counts by type, isolates and shapes added up, with where they come from.
struct TypeCounts {
  std::map<std::string, TypeSums> types;
  std::string origin;                     ///< path of the core or of the saved file
  int64_t core_time = 0;                  ///< 0 when unknown
  std::optional<v8::Reachability> which;  ///< absent when a saved file does not say
  std::string filter;                     ///< the --filter it was saved with
  uint64_t left_out = 0;                  ///< rows that --top left out of it

  /// Halves of surrogate pairs in `type` become U+FFFD, because saved files are read that way.
  void add(const std::string& type, uint64_t count, uint64_t size);
};

/// Whether the file begins like a JSON object; false when it cannot be read.
bool looks_like_json(const std::string& path);

/// Errors are of kind kUnusable and say what is wrong with the file.
Result<TypeCounts> read_saved_histogram(const std::string& path);

}  // namespace inquest::commands
