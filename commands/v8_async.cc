// `v8 async`: what a process was waiting for: suspended functions with their await positions and the chains of who
// waits for them, promises nobody waits for, timers, handles and requests.
#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "commands/args.h"
#include "commands/async_words.h"
#include "commands/command.h"
#include "commands/histogram.h"
#include "commands/original_positions.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

/// Node.js takes whole milliseconds up to 2^31 - 1; anything may stand in a damaged core.
int64_t whole_ms(double delay_ms) { return delay_ms >= 0 && delay_ms < 1e15 ? static_cast<int64_t>(delay_ms) : -1; }

class AsyncBody : public ReportBody {
 public:
  AsyncBody(v8::AsyncReport report, const char* which, bool isolates, bool each, OriginalPositions originals)
      : report_(std::move(report)), which_(which), isolates_(isolates), each_(each), originals_(std::move(originals)) {}

  /// As in all tables, the largest comes last.
  void write_text(Output& output) const override {
    write_handles(output);
    write_timers(output);
    write_idle(output);
    write_suspended(output);
    for (size_t i = 0; i < report_.running_tails.size(); ++i) {
      if (report_.running_tails[i].empty()) continue;
      output.print("What was running{} goes back to:\n", isolates_ ? fmt::format(" in isolate {}", i) : "");
      for (const v8::AsyncFrame& frame : report_.running_tails[i]) output.print("     async {}\n", text_of(frame));
    }
    output.print("{} suspended async functions, {} async generators, {} generators; {} pending promises\n",
                 with_commas(report_.async_functions), with_commas(report_.async_generators),
                 with_commas(report_.generators), with_commas(report_.pending_promises));
  }

  void write_json(JsonWriter& json) const override {
    json.field("which", which_);
    json.begin_object("total");
    json.field("async_functions", report_.async_functions);
    json.field("async_generators", report_.async_generators);
    json.field("generators", report_.generators);
    json.field("pending_promises", report_.pending_promises);
    json.end_object();
    json.begin_rows("rows");
    for (const v8::SuspendedGroup& group : report_.suspended) {
      if (!json.ok()) return;
      write_row(json, group);
    }
    json.end_array();
    write_others(json);
    json.begin_rows("running");
    for (size_t i = 0; i < report_.running_tails.size(); ++i) {
      if (report_.running_tails[i].empty()) continue;
      json.begin_object();
      json.field("isolate", i);
      json.begin_rows("tail");
      for (const v8::AsyncFrame& frame : report_.running_tails[i]) write_frame(json, frame);
      json.end_array();
      json.end_object();
    }
    json.end_array();
  }

 private:
  std::string isolate_text(uint32_t isolate) const { return isolates_ ? fmt::format(" [isolate {}]", isolate) : ""; }

  void write_handles(Output& output) const {
    if (report_.handles.empty()) return;
    output.append("Handles and requests of the event loop:\n");
    for (const v8::HandleGroup& group : std::views::reverse(report_.handles)) {
      output.print("{:>9} x {}{}\n", with_commas(group.count), escape_text(group.type), isolate_text(group.isolate));
    }
    output.append('\n');
  }

  void write_timers(Output& output) const {
    if (report_.timers.empty()) return;
    output.append("Timers and immediates:\n");
    for (const v8::TimerGroup& group : std::views::reverse(report_.timers)) {
      std::string what = group.resolves ? "resolves a promise" : text_of(group.callback);
      bool immediate = group.kind == v8::TimerGroup::Kind::kImmediate;
      output.print("{:>9} x {}{}: {}{}\n", with_commas(group.count), kind_name(group.kind),
                   immediate ? "" : " of " + delay_text(group.delay_ms), what, isolate_text(group.isolate));
    }
    output.append('\n');
  }

  void write_idle(Output& output) const {
    if (report_.idle_promises.empty()) return;
    output.append("Pending promises nobody waits for:\n");
    for (const v8::PromiseGroup& group : std::views::reverse(report_.idle_promises)) {
      output.print("{:>9} x {}{}{}\n", with_commas(group.count), escape_text(group.type),
                   group.function.empty() ? "" : " of " + escape_text(group.function), isolate_text(group.isolate));
    }
    output.append('\n');
  }

  void write_suspended(Output& output) const {
    if (report_.suspended.empty()) return;
    output.append("Suspended functions:\n");
    uint64_t left_out = 0;
    for (const v8::SuspendedGroup& group : std::views::reverse(report_.suspended)) {
      if (!output.ok()) return;
      if (!each_ && group.in_chains == group.count) {
        left_out += group.count;
        continue;
      }
      bool async_function = group.kind == v8::SuspendedGroup::Kind::kAsyncFunction;
      output.print("{:>9} x {}{} {}{}\n", with_commas(group.count),
                   async_function ? "" : fmt::format("{} ", kind_name(group.kind)), text_of(group.frame),
                   group.not_started ? "not started" : awaited_text(group.awaited), isolate_text(group.isolate));
      for (const v8::AsyncFrame& frame : group.chain) output.print("            <- {}\n", text_of(frame));
      if (group.end == v8::ChainEnd::kSeveral) output.append("            <- several\n");
    }
    if (left_out > 0) {
      output.print("{:>9} more that only wait for others, in the chains above; --each shows them too\n",
                   with_commas(left_out));
    }
    output.append('\n');
  }

  std::string text_of(const v8::AsyncFrame& frame) const {
    if (frame.omitted > 0) return fmt::format("({} more)", with_commas(frame.omitted));
    return frame_text(frame) + originals_.text(frame.script_word, frame.file, frame.line, frame.column);
  }

  void write_frame_fields(JsonWriter& json, const v8::AsyncFrame& frame) const {
    json.field("function", frame.function);
    json.field_if_known("file", frame.file);
    if (frame.line != 0) json.field("line", frame.line);
    if (frame.column != 0) json.field("column", frame.column);
    originals_.write_json(json, frame.script_word, frame.file, frame.line, frame.column);
  }
  void write_frame(JsonWriter& json, const v8::AsyncFrame& frame) const {
    json.begin_object();
    if (frame.omitted > 0) {
      json.field("omitted", frame.omitted);
    } else {
      write_frame_fields(json, frame);
    }
    json.end_object();
  }

  void write_row(JsonWriter& json, const v8::SuspendedGroup& group) const {
    json.begin_object();
    json.field("count", group.count);
    json.field("kind", kind_name(group.kind));
    write_frame_fields(json, group.frame);
    if (group.not_started) json.field("not_started", true);
    json.begin_object("awaiting");
    json.field("kind", kind_name(group.awaited.kind));
    if (!group.awaited.frame.function.empty() || group.awaited.frame.line != 0) {
      write_frame_fields(json, group.awaited.frame);
    }
    json.field_if_known("type", group.awaited.type);
    if (group.awaited.kind == v8::Awaited::Kind::kTimer) json.field("delay_ms", whole_ms(group.awaited.delay_ms));
    json.field_if_known("through", group.awaited.through);
    json.end_object();
    json.begin_rows("chain");
    for (const v8::AsyncFrame& frame : group.chain) write_frame(json, frame);
    json.end_array();
    json.field("chain_end", end_name(group.end));
    json.field("in_chains", group.in_chains);
    json.field("isolate", group.isolate);
    json.field("sample", group.sample);
    json.end_object();
  }

  void write_others(JsonWriter& json) const {
    json.begin_rows("idle_promises");
    for (const v8::PromiseGroup& group : report_.idle_promises) {
      json.begin_object();
      json.field("count", group.count);
      json.field("type", group.type);
      json.field_if_known("function", group.function);
      json.field("isolate", group.isolate);
      json.field("sample", group.sample);
      json.end_object();
    }
    json.end_array();
    json.begin_rows("timers");
    for (const v8::TimerGroup& group : report_.timers) {
      json.begin_object();
      json.field("count", group.count);
      json.field("kind", kind_name(group.kind));
      if (group.kind != v8::TimerGroup::Kind::kImmediate) json.field("delay_ms", whole_ms(group.delay_ms));
      json.field("resolves_promise", group.resolves);
      if (!group.resolves) write_frame_fields(json, group.callback);
      json.field("isolate", group.isolate);
      json.field("sample", group.sample);
      json.end_object();
    }
    json.end_array();
    json.begin_rows("handles");
    for (const v8::HandleGroup& group : report_.handles) {
      json.begin_object();
      json.field("count", group.count);
      json.field("type", group.type);
      json.field("request", group.request);
      json.field("isolate", group.isolate);
      json.field("sample", group.sample);
      json.end_object();
    }
    json.end_array();
  }

  v8::AsyncReport report_;
  const char* which_;
  bool isolates_;  ///< there are several
  bool each_;      ///< in text too: the groups that only stand in chains of others
  OriginalPositions originals_;
};

class V8Async : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    v8::Reachability which = reachability_of(args);
    auto found = (*runtime)->async_report(which);
    if (!found) return std::move(found).error();
    Report report;
    bool isolates = (*runtime)->info().isolates.size() > 1;
    report.body = std::make_unique<AsyncBody>(std::move(found).value(), to_string(which), isolates, args.has("each"),
                                              OriginalPositions(**runtime, args.value("source-map-dir").value_or("")));
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_async() {
  CommandSpec spec{
      .name = {"v8", "async"},
      .summary = "suspended async functions, pending promises, timers, handles",
      .description =
          "Functions that are suspended at an await or yield, grouped: the same function at the same place, waiting "
          "for the same, with the same chain of others that wait for it (<-, to the outermost). Functions that only "
          "wait for others of these stand in their chains; --each gives them rows of their own, as the JSON does, "
          "where "
          "in_chains says how many of a row another row's chain passes through. Then promises that "
          "are pending and have no consumer, timers and immediates that were set, and the handles and requests of "
          "Node.js that are live.\n\n"
          "Live objects are shown; --all adds what nothing leads to any more, for example functions whose promise was "
          "dropped.",
      .examples = {{"v8 async", "what did all those requests wait for?"}},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  spec.options.push_back({.long_name = "each", .help = "functions that only wait for others in rows of their own too"});
  spec.options.push_back(source_map_option());
  return std::make_unique<V8Async>(std::move(spec));
}

}  // namespace inquest::commands
