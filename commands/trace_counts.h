// Events counted instead of printed: by function, arguments or stack, or as a histogram of a number.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/event_stacks.h"
#include "commands/flame_graph.h"
#include "commands/json_writer.h"
#include "commands/output.h"
#include "commands/report.h"
#include "postmortem/model/probe_event.h"
#include "postmortem/model/result.h"

namespace inquest::commands {

class TraceCounts {
 public:
  enum class By : uint8_t { kFunction, kArguments, kStack };

  /// `histogram`: name of the argument, or "ret"; empty: counts by `by`.
  TraceCounts(By by, std::string histogram, std::string svg)
      : by_(by), histogram_(std::move(histogram)), svg_(std::move(svg)) {}

  /// --count, --hist and --svg, and what a command was given of them: nothing, or a usage error.
  static std::vector<OptionSpec> options();
  static Result<std::optional<TraceCounts>> asked_for(const Args& args);

  bool needs_stack() const { return histogram_.empty() && by_ == By::kStack; }
  void add(const ProbeEvent& event, EventStacks& stacks);

  /// Ascending, the largest next to the prompt; stacks in the folded form of flame graph programs.
  void write_text(Output& output) const;
  /// "rows": [{key, count}], largest first, or "histogram": [{low, high, count}].
  void write_json(JsonWriter& json) const;
  /// To be called at the end: writes the flame graph, and tells of events without the number that the histogram is of.
  void add_notes(Report& report) const;

 private:
  /// 0, then powers of two; numbers below 0 first.
  struct Bucket {
    int64_t low, high;
  };
  static Bucket bucket_of(int index);
  static int index_of(int64_t value);
  std::vector<std::pair<std::string, uint64_t>> sorted() const;

  By by_;
  std::string histogram_;
  std::string svg_;  ///< file for a flame graph of the stacks, instead of text; empty: none
  std::map<std::string, uint64_t> counts_;
  std::map<int, uint64_t> buckets_;
  uint64_t without_number_ = 0;
  FlameGraph graph_;
};

}  // namespace inquest::commands
