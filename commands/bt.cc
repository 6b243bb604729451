// `bt`: the native stack of a thread, or of all.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/flame_graph.h"
#include "commands/native_stack.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/stack_output.h"
#include "commands/text_escape.h"
#include "postmortem/model/signal_name.h"

namespace inquest::commands {
namespace {

constexpr std::string_view kRegisterNames[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                               "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};

/// Threads with the same stack, in the order of the target; without --group one each.
struct StackGroup {
  std::vector<const NativeStack*> members;

  const NativeStack& first() const { return *members.front(); }
};

struct BtRequest {
  size_t limit = 0;  ///< frames shown of each stack; 0: all
  bool verbose = false;
  bool grouped = false;
  uint64_t selected_tid = 0;
  int signal = 0;  ///< of the thread that died
};

/// What makes two stacks the same to a reader: the pcs and how they were found.
bool same_stack(const NativeStack& a, const NativeStack& b) {
  auto same_frame = [](const Frame& x, const Frame& y) { return x.pc == y.pc && x.found_by == y.found_by; };
  return std::ranges::equal(a.stack.frames, b.stack.frames, same_frame) && a.stack.complete == b.stack.complete;
}

std::vector<StackGroup> group_stacks(std::span<const NativeStack> stacks, bool merge) {
  std::vector<StackGroup> groups;
  std::multimap<std::pair<uint64_t, size_t>, size_t> by_shape;  // pc on top and depth, to few candidates
  for (const NativeStack& stack : stacks) {
    std::pair shape{stack.stack.frames.front().pc.value(), stack.stack.frames.size()};
    auto [begin, end] = by_shape.equal_range(shape);
    auto known = merge
                     ? std::find_if(begin, end,
                                    [&](const auto& entry) { return same_stack(groups[entry.second].first(), stack); })
                     : end;
    if (known != end) {
      groups[known->second].members.push_back(&stack);
      continue;
    }
    by_shape.emplace(shape, groups.size());
    groups.push_back({{&stack}});
  }
  return groups;
}

class BtBody : public ReportBody {
 public:
  BtBody(std::vector<NativeStack> stacks, const BtRequest& request)
      : stacks_(std::move(stacks)), request_(request), groups_(group_stacks(stacks_, request.grouped)) {}

  void write_text(Output& output) const override {
    bool first = true;
    for (const StackGroup& group : groups_) {
      if (!std::exchange(first, false)) output.append('\n');
      output.print("{}:\n", header(group));
      write_stack(output, group.first());
      if (!output.ok()) return;
    }
  }

  void write_json(JsonWriter& json) const override {
    json.begin_rows("threads");
    for (const StackGroup& group : groups_) {
      const NativeStack& stack = group.first();
      json.begin_object();
      json.field("tid", stack.thread->tid);
      json.field_if_known("name", stack.thread->name);
      json.field("selected", is_selected(group));
      if (has_died(group)) json.field("signal", signal_name(request_.signal));
      if (request_.grouped) write_members(json, group);
      json.field("complete", stack.stack.complete);
      json.field_if_known("stop_reason", stack.stack.stop_reason);
      write_frames(json, stack);
      json.end_object();
    }
    json.end_array();
  }

 private:
  size_t shown(const NativeStack& stack) const {
    return request_.limit == 0 ? stack.frames.size() : std::min(request_.limit, stack.frames.size());
  }
  bool is_selected(const StackGroup& group) const {
    return std::ranges::any_of(group.members,
                               [&](const NativeStack* stack) { return stack->thread->tid == request_.selected_tid; });
  }
  /// Targets name the thread that died first.
  bool has_died(const StackGroup& group) const { return request_.signal != 0 && group.first().number == 1; }

  static std::string thread_text(const Thread& thread) {
    std::string text = fmt::format("tid {}", thread.tid);
    if (!thread.name.empty()) text += fmt::format(" \"{}\"", escape_text(thread.name));
    return text;
  }

  std::string header(const StackGroup& group) const {
    std::string text;
    if (group.members.size() == 1) {
      text = fmt::format("Thread {} ({})", group.first().number, thread_text(*group.first().thread));
    } else {
      std::vector<std::string> numbers, threads;
      for (const NativeStack* stack : group.members) {
        numbers.push_back(fmt::format("{}", stack->number));
        threads.push_back(thread_text(*stack->thread));
      }
      text =
          fmt::format("{} threads: {} ({})", group.members.size(), fmt::join(numbers, ", "), fmt::join(threads, ", "));
    }
    if (has_died(group)) text += " signal " + signal_name(request_.signal);
    if (is_selected(group)) text += has_died(group) ? ", selected" : " selected";
    return text;
  }

  void write_stack(Output& output, const NativeStack& stack) const {
    size_t count = shown(stack);
    for (size_t i = 0; i < count && output.ok(); ++i) {
      const NativeFrame& frame = stack.frames[i];
      output.append('#');
      output.append_number(i, 2);
      output.append(' ');
      append_frame(output, stack, frame);
      output.append('\n');
      if (request_.verbose && !frame.location.inlined) write_details(output, stack, frame);
    }
    if (size_t more = stack.frames.size() - count; more > 0) {
      output.print("    ({} more frame{})\n", more, more == 1 ? "" : "s");
    } else if (!stack.stack.complete && !stack.stack.limited) {
      output.print("    (ends early: {})\n", escape_text(stack.stack.stop_reason));
    }
  }

  static void write_details(Output& output, const NativeStack& stack, const NativeFrame& frame) {
    const Frame& physical = stack.physical(frame);
    output.print("    pc {:#x}", physical.pc.value());
    if (frame.module != nullptr) {
      output.print(" ({} + {:#x})", escape_text(frame.module->path.substr(frame.module->path.rfind('/') + 1)),
                   frame.module->link_time(physical.pc));
    }
    output.print(", found by {}", to_string(physical.found_by));
    if (!physical.cfa.is_null()) output.print(", frame ends at {:#x}", physical.cfa.value());
    output.append('\n');
    int column = 0;
    for (size_t i = 0; i < Registers::kCount; ++i) {
      auto index = static_cast<Registers::Index>(i);
      if (index == Registers::kRip || !physical.registers.knows(index)) continue;
      output.print("{}{:<3} {:#018x}", column == 0 ? "    " : "  ", kRegisterNames[i],
                   physical.registers.values.gpr[i]);
      if (++column == 4) output.append('\n'), column = 0;
    }
    if (column != 0) output.append('\n');
  }

  static void write_members(JsonWriter& json, const StackGroup& group) {
    json.field("count", group.members.size());
    json.begin_array("tids");
    for (const NativeStack* stack : group.members) json.element(stack->thread->tid);
    json.end_array();
  }

  void write_frames(JsonWriter& json, const NativeStack& stack) const {
    json.begin_rows("frames");
    size_t count = shown(stack);
    for (size_t i = 0; i < count && json.ok(); ++i) {
      const NativeFrame& frame = stack.frames[i];
      const Frame& physical = stack.physical(frame);
      json.begin_object();
      json.field("index", i);
      write_frame_members(json, stack, frame);
      if (request_.verbose && !frame.location.inlined) write_registers(json, physical);
      json.end_object();
    }
    json.end_array();
    if (stack.frames.size() > count) json.field("more_frames", stack.frames.size() - count);
  }

  static void write_registers(JsonWriter& json, const Frame& frame) {
    if (!frame.cfa.is_null()) json.field("cfa", frame.cfa);
    json.begin_object("registers");
    for (size_t i = 0; i < Registers::kCount; ++i) {
      auto index = static_cast<Registers::Index>(i);
      if (frame.registers.knows(index)) json.field(kRegisterNames[i], Address(frame.registers.values.gpr[i]));
    }
    json.end_object();
  }

  std::vector<NativeStack> stacks_;
  BtRequest request_;
  std::vector<StackGroup> groups_;
};

/// One line per distinct stack, outermost function first, with a count: what flame graph programs read.
class FoldedBody : public ReportBody {
 public:
  explicit FoldedBody(std::span<const NativeStack> stacks) {
    for (const NativeStack& stack : stacks) ++counts_[folded(stack)];
  }

  void write_text(Output& output) const override {
    for (const auto& [line, count] : counts_) output.print("{} {}\n", line, count);
  }
  void write_json(JsonWriter& json) const override {
    json.begin_rows("stacks");
    for (const auto& [line, count] : counts_) {
      json.begin_object();
      json.field("stack", line);
      json.field("count", count);
      json.end_object();
    }
    json.end_array();
  }

 private:
  static std::string folded(const NativeStack& stack) {
    const Thread& thread = *stack.thread;
    return folded_stack(thread.name.empty() ? fmt::format("tid {}", thread.tid) : thread.name, stack);
  }

  std::map<std::string, size_t> counts_;
};

FlameGraph graph_of(std::span<const NativeStack> stacks) {
  FlameGraph graph;
  for (const NativeStack& stack : stacks) {
    const Thread& thread = *stack.thread;
    add_to_graph(graph, thread.name.empty() ? fmt::format("tid {}", thread.tid) : thread.name, stack, 1);
  }
  return graph;
}

/// The answer is in a file; notes say in which.
class NoBody : public ReportBody {
 public:
  void write_text(Output&) const override {}
  void write_json(JsonWriter&) const override {}
};

class Bt : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto threads = wanted_threads(session, args);
    if (!threads) return std::move(threads).error();
    bool folded = args.has("folded");
    auto wanted = folded || args.has("svg") ? WithArguments::kNo
                  : args.json()             ? WithArguments::kTyped
                                            : WithArguments::kValues;
    auto stacks = native_stacks(session, *threads, {}, wanted);
    Report report;
    add_stack_notes(session, stacks, report);
    if (auto svg = args.value("svg")) {
      write_graph(graph_of(stacks), *svg, {.title = "native stacks", .unit = "threads"}, report);
      report.body = std::make_unique<NoBody>();
      return report;
    }
    if (folded) {
      report.body = std::make_unique<FoldedBody>(stacks);
      return report;
    }
    const Thread* selected = session.selected_thread();
    BtRequest request{.limit = args.number("limit").value_or(0),
                      .verbose = args.has("verbose"),
                      .grouped = args.has("group"),
                      .selected_tid = selected ? selected->tid : 0,
                      .signal = session.target().facts().signal};
    report.body = std::make_unique<BtBody>(std::move(stacks), request);
    return report;
  }

 private:
  static Result<std::vector<const Thread*>> wanted_threads(const Session& session, const Args& args) {
    if (session.target().threads().empty()) {
      return unusable("the core names no thread", "it may be truncated before its notes");
    }
    const std::string& word = args.word(0);
    if (args.has("all") || args.has("group")) {
      if (!word.empty()) return usage_error("a THREAD and --all (or --group) exclude each other");
      return all_threads(session);
    }
    if (word.empty()) return std::vector{session.selected_thread()};
    uint64_t number = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc{} || end != word.data() + word.size()) {
      return usage_error(fmt::format("'{}' is no thread", word), "give the number or the tid that bt --all shows");
    }
    auto threads = session.target().threads();
    auto by_tid = std::ranges::find(threads, number, &Thread::tid);
    if (by_tid != threads.end()) return std::vector{&*by_tid};
    if (number >= 1 && number <= threads.size()) return std::vector{&threads[number - 1]};
    return usage_error(fmt::format("there is no thread {}", number),
                       fmt::format("there are {}; bt --all shows them", threads.size()));
  }
};

}  // namespace

std::unique_ptr<const Command> make_bt() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"bt"},
      .summary = "native stack of a thread or of all, with inlined functions",
      .description =
          "Innermost frame first. Without THREAD, the thread selected in the debugger, else the one that died. Each "
          "frame "
          "says its function, arguments where debug information has them, and file:line, or the module it lies in. "
          "[inlined] marks a function that was inlined into the next frame; [guess] marks a frame that was found by "
          "looking for return addresses on the stack, because nothing describes the code below it.\n\n"
          "A stack that does not reach the start of its thread says why it ends, and the exit status is 1.",
      .positionals = {{.name = "THREAD", .help = "tid, or number as in the output of --all", .required = false}},
      .examples = {{"bt", "the stack of the thread that died"},
                   {"bt --all -n 5", "the innermost five frames of every thread"},
                   {"bt --group", "which threads do the same"},
                   {"bt --all --folded", "input for a flame graph"}},
  };
  spec.options = {
      {.short_name = 'a', .long_name = "all", .help = "every thread, the one that died first"},
      {.short_name = 'n',
       .long_name = "limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "only the innermost N frames of each stack, 0 for all"},
      {.short_name = 'v', .long_name = "verbose", .help = "with pc, how the frame was found, and its registers"},
      {.long_name = "group", .excludes = "shape", .help = "every thread, those with the same stack together"},
      {.long_name = "folded",
       .excludes = "shape",
       .help = "one line per stack, outermost function first and a count last, as flame graph programs read it"},
      svg_option("write a flame graph of these threads and print nothing", "shape"),
  };
  return std::make_unique<Bt>(std::move(spec));
}

}  // namespace inquest::commands
