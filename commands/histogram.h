// Choosing and ordering the rows of a census; shared by `v8 findjsobjects` and `v8 diff`.
#pragma once

#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "commands/args.h"
#include "commands/command.h"
#include "postmortem/model/result.h"
#include "v8/runtime.h"

namespace inquest::commands {

/// kGrowth is for differences: see suspicion.h.
enum class SortKey : uint8_t { kCount, kSize, kName, kGrowth };

/// --all and --dead, which exclude each other.
std::vector<OptionSpec> reachability_options();
v8::Reachability reachability_of(const Args& args);
/// "live", "all", "dead": the word in JSON.
const char* to_string(v8::Reachability which);

/// --sort, --top and --filter.
std::vector<OptionSpec> selection_options(const char* default_sort);

struct Selection {
  SortKey sort = SortKey::kCount;
  std::optional<uint64_t> top;
  std::optional<std::regex> filter;  ///< over the type name
  std::string filter_text;

  /// A bad regular expression is a usage error.
  static Result<Selection> from(const Args& args);
  bool matches(const std::string& type) const;
};

struct Sums {
  uint64_t rows = 0;
  uint64_t count = 0;
  uint64_t size = 0;
  uint64_t self_size = 0;

  void add(const v8::CensusRow& row);
};

struct Histogram {
  std::vector<v8::CensusRow> rows;  ///< ascending: the largest last, by name with SortKey::kName
  Sums total;                       ///< of all rows that match the filter
  Sums left_out;                    ///< of these, what --top left out
};

Histogram make_histogram(v8::Census census, const Selection& selection);

}  // namespace inquest::commands
