#include "commands/trace_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <utility>

#include "commands/event_output.h"
#include "commands/stack_output.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

constexpr size_t kBarWidth = 40;

/// The number that the argument was printed as; a pointer or a size beyond 63 bits counts as the largest.
std::optional<int64_t> number_of(const ProbeEvent& event, const std::string& name) {
  if (name == "ret") {
    if (!event.returned) return std::nullopt;
    return static_cast<int64_t>(*event.returned);
  }
  auto argument = std::ranges::find(event.arguments, name, &ProbeArgument::name);
  if (argument == event.arguments.end()) return std::nullopt;
  int64_t number = 0;
  const std::string& text = argument->value;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool is_decimal = error == std::errc{} && !text.starts_with("0x");
  if (error == std::errc::result_out_of_range) return INT64_MAX;
  return is_decimal ? number : static_cast<int64_t>(std::min<uint64_t>(argument->bits, INT64_MAX));
}

}  // namespace

std::vector<OptionSpec> TraceCounts::options() {
  using Kind = OptionSpec::Kind;
  return {
      {.long_name = "count",
       .kind = Kind::kChoice,
       .value_name = "BY",
       .choices = {"function", "args", "stack"},
       .excludes = "how",
       .help = "print no events, but how many there were, by function, by function with arguments, or by stack (one "
               "line each, as flame graph programs read it)"},
      {.long_name = "hist",
       .kind = Kind::kText,
       .value_name = "ARG",
       .excludes = "how",
       .help = "print no events, but a histogram of this argument, or of `ret`, by powers of two"},
      svg_option("with --count stack: write a flame graph and print nothing")};
}

Result<std::optional<TraceCounts>> TraceCounts::asked_for(const Args& args) {
  auto by = args.value("count"), name = args.value("hist"), svg = args.value("svg");
  if (svg && by != "stack") return usage_error("--svg is a flame graph of stacks", "--count stack --svg FILE");
  if (name) return std::optional(TraceCounts(By::kFunction, *name, {}));
  if (!by) return std::optional<TraceCounts>();
  By what = *by == "stack" ? By::kStack : *by == "args" ? By::kArguments : By::kFunction;
  return std::optional(TraceCounts(what, {}, svg.value_or("")));
}

void TraceCounts::add_notes(Report& report) const {
  if (!svg_.empty()) write_graph(graph_, svg_, {.title = "calls traced by inquest", .unit = "calls"}, report);
  if (without_number_ == 0) return;
  report.warn(fmt::format("{} events have no such number: name the argument in the probe", without_number_));
  report.incomplete = true;
}

void TraceCounts::add(const ProbeEvent& event, EventStacks& stacks) {
  if (!histogram_.empty() && event.kind == ProbeEvent::Kind::kSignal) return;
  if (!histogram_.empty()) {
    auto number = number_of(event, histogram_);
    if (number)
      ++buckets_[index_of(*number)];
    else
      ++without_number_;
    return;
  }
  switch (by_) {
    case By::kFunction: ++counts_[event.function.empty() ? event.probe : event.function]; break;
    case By::kArguments: ++counts_[event_title(event)]; break;
    case By::kStack: {
      const NativeStack& stack = stacks.of(event, WithArguments::kNo);
      ++counts_[folded_stack(event.comm, stack)];
      if (!svg_.empty()) add_to_graph(graph_, event.comm, stack, 1);
      break;
    }
  }
}

int TraceCounts::index_of(int64_t value) {
  if (value == 0) return 0;
  uint64_t size = value > 0 ? static_cast<uint64_t>(value) : -static_cast<uint64_t>(value);
  int width = std::bit_width(size);
  return value > 0 ? width : -width;
}

TraceCounts::Bucket TraceCounts::bucket_of(int index) {
  if (index == 0) return {0, 0};
  int width = std::min(index > 0 ? index : -index, 63);
  int64_t low = int64_t{1} << (width - 1), high = low + (low - 1);
  return index > 0 ? Bucket{low, high} : Bucket{-high, -low};
}

std::vector<std::pair<std::string, uint64_t>> TraceCounts::sorted() const {
  std::vector<std::pair<std::string, uint64_t>> rows(counts_.begin(), counts_.end());
  std::ranges::stable_sort(rows, std::greater{}, [](const auto& row) { return row.second; });
  return rows;
}

void TraceCounts::write_text(Output& output) const {
  if (!svg_.empty()) return;
  if (!histogram_.empty()) {
    uint64_t most = 1;
    for (const auto& [index, count] : buckets_) most = std::max(most, count);
    output.print("{:>20} .. {:<20} {:>10}\n", histogram_, "", "count");
    for (const auto& [index, count] : buckets_) {
      Bucket bucket = bucket_of(index);
      output.print("{:>20} .. {:<20} {:>10} {}\n", bucket.low, bucket.high, count,
                   std::string(std::max<size_t>(1, count * kBarWidth / most), '#'));
    }
    return;
  }
  auto rows = sorted();
  // Flame graph programs want the count last, and any order will do.
  bool is_folded = by_ == By::kStack;
  if (!is_folded) std::ranges::reverse(rows);
  for (const auto& [key, count] : rows) {
    if (is_folded)
      output.print("{} {}\n", key, count);
    else
      output.print("{:>10} {}\n", count, escape_text(key));
  }
}

void TraceCounts::write_json(JsonWriter& json) const {
  if (!histogram_.empty()) {
    json.field("of", histogram_);
    json.begin_rows("histogram");
    for (const auto& [index, count] : buckets_) {
      Bucket bucket = bucket_of(index);
      json.begin_object();
      json.field("low", bucket.low);
      json.field("high", bucket.high);
      json.field("count", count);
      json.end_object();
    }
    json.end_array();
    return;
  }
  json.begin_rows("rows");
  for (const auto& [key, count] : sorted()) {
    json.begin_object();
    json.field("key", key);
    json.field("count", count);
    json.end_object();
  }
  json.end_array();
}

}  // namespace inquest::commands
