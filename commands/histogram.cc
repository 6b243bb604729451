#include "commands/histogram.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace inquest::commands {
namespace {

/// std::regex recurses for each character of its subject; a type name longer than this is matched by its beginning.
constexpr size_t kMatchedLength = 2048;

/// Orders of rows that leave nothing to chance: equal keys fall back to the others, then to isolate and address.
bool by_count(const v8::CensusRow& a, const v8::CensusRow& b) {
  return std::tie(a.count, a.size, a.type, a.isolate, a.sample) <
         std::tie(b.count, b.size, b.type, b.isolate, b.sample);
}
bool by_size(const v8::CensusRow& a, const v8::CensusRow& b) {
  return std::tie(a.size, a.count, a.type, a.isolate, a.sample) <
         std::tie(b.size, b.count, b.type, b.isolate, b.sample);
}
bool by_name(const v8::CensusRow& a, const v8::CensusRow& b) {
  return std::tie(a.type, a.count, a.size, a.isolate, a.sample) <
         std::tie(b.type, b.count, b.size, b.isolate, b.sample);
}

}  // namespace

std::vector<OptionSpec> reachability_options() {
  return {
      {.long_name = "all", .excludes = "which", .help = "count garbage that has not been collected yet as well"},
      {.long_name = "dead", .excludes = "which", .help = "count only that garbage"},
  };
}

v8::Reachability reachability_of(const Args& args) {
  if (args.has("all")) return v8::Reachability::kAll;
  return args.has("dead") ? v8::Reachability::kDead : v8::Reachability::kLive;
}

const char* to_string(v8::Reachability which) {
  switch (which) {
    case v8::Reachability::kLive: return "live";
    case v8::Reachability::kAll: return "all";
    case v8::Reachability::kDead: return "dead";
  }
  return "live";
}

std::vector<OptionSpec> selection_options(const char* default_sort) {
  using Kind = OptionSpec::Kind;
  std::vector<std::string> keys = {"count", "size", "name"};
  if (std::ranges::find(keys, default_sort) == keys.end()) keys.insert(keys.begin(), default_sort);
  return {
      {.long_name = "sort",
       .kind = Kind::kChoice,
       .value_name = "KEY",
       .choices = std::move(keys),
       .default_value = default_sort,
       .help = "order of the rows; the largest is next to the prompt"},
      {.long_name = "top",
       .kind = Kind::kNumber,
       .value_name = "N",
       .help = "only the N largest types by the sort key (by count with --sort name)"},
      {.long_name = "filter",
       .kind = Kind::kText,
       .value_name = "REGEX",
       .help = "only types whose name this ECMAScript regular expression finds something in"},
  };
}

Result<Selection> Selection::from(const Args& args) {
  Selection selection;
  std::string sort = args.value("sort").value_or("count");
  if (sort == "size") selection.sort = SortKey::kSize;
  if (sort == "name") selection.sort = SortKey::kName;
  if (sort == "growth") selection.sort = SortKey::kGrowth;
  selection.top = args.number("top");
  selection.filter_text = args.value("filter").value_or("");
  if (!selection.filter_text.empty()) {
    try {
      selection.filter.emplace(selection.filter_text, std::regex::ECMAScript | std::regex::nosubs);
    } catch (const std::regex_error& error) {
      return usage_error("--filter '" + selection.filter_text + "' is no regular expression: " + error.what(),
                         "special characters such as ( and [ need a backslash before them");
    }
  }
  return selection;
}

bool Selection::matches(const std::string& type) const {
  if (!filter) return true;
  try {
    auto end = type.begin() + static_cast<ptrdiff_t>(std::min(type.size(), kMatchedLength));
    return std::regex_search(type.begin(), end, *filter);
  } catch (const std::regex_error&) {
    return false;  // too complex for this name
  }
}

void Sums::add(const v8::CensusRow& row) {
  rows += 1;
  count += row.count;
  size += row.size;
  self_size += row.self_size;
}

Histogram make_histogram(v8::Census census, const Selection& selection) {
  Histogram histogram;
  histogram.rows = std::move(census.rows);
  std::vector<v8::CensusRow>& rows = histogram.rows;
  std::erase_if(rows, [&](const v8::CensusRow& row) { return !selection.matches(row.type); });
  for (const v8::CensusRow& row : rows) histogram.total.add(row);

  std::ranges::sort(rows, selection.sort == SortKey::kSize ? by_size : by_count);
  if (selection.top && rows.size() > *selection.top) {
    auto kept = rows.end() - static_cast<ptrdiff_t>(*selection.top);
    for (auto row = rows.begin(); row != kept; ++row) histogram.left_out.add(*row);
    rows.erase(rows.begin(), kept);
  }
  if (selection.sort == SortKey::kName) std::ranges::sort(rows, by_name);
  return histogram;
}

}  // namespace inquest::commands
