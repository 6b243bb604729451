// `v8 bt`: JavaScript and native frames of a thread, or of all, in one stack.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>
#include <utility>

#include "commands/args.h"
#include "commands/async_words.h"
#include "commands/command.h"
#include "commands/merged_stack.h"
#include "commands/native_stack.h"
#include "commands/original_positions.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/value_text.h"
#include "postmortem/model/signal_name.h"

namespace inquest::commands {
namespace {

using v8::Tier;
using v8::V8Frame;
using v8::V8FrameKind;

class V8BtBody : public ReportBody {
 public:
  struct Request {
    size_t limit = 0;
    bool verbose = false;
    uint64_t selected = 0;
    int signal = 0;
    std::string source_map_directory;
  };
  V8BtBody(std::vector<MergedStack> stacks, v8::Runtime& runtime, const Request& request)
      : stacks_(std::move(stacks)),
        runtime_(runtime),
        request_(request),
        originals_(runtime, request.source_map_directory) {}

  /// Threads whose stacks read the same are printed once, below all their headers.
  void write_text(Output& output) const override {
    std::vector<std::pair<std::string, std::string>> groups;  // headers, frames
    for (const MergedStack& stack : stacks_) {
      std::string frames = frames_text(stack);
      auto same = std::ranges::find(groups, frames, &std::pair<std::string, std::string>::second);
      if (same == groups.end()) same = groups.insert(groups.end(), {std::string(), std::move(frames)});
      same->first += header(stack);
    }
    for (const auto& [headers, frames] : groups) {
      if (!output.ok()) return;
      output.append(headers);
      output.append(frames);
    }
  }

  void write_json(JsonWriter& json) const override {
    json.begin_rows("threads");
    for (const MergedStack& stack : stacks_) {
      json.begin_object();
      json.field("tid", stack.native.thread->tid);
      json.field_if_known("name", stack.native.thread->name);
      json.field("selected", stack.native.thread->tid == request_.selected);
      if (has_died(stack)) json.field("signal", signal_name(request_.signal));
      json.field("complete", stack.native.stack.complete);
      json.field_if_known("stop_reason", stack.native.stack.stop_reason);
      json.begin_rows("frames");
      for (size_t i = 0; i < shown(stack) && json.ok(); ++i) write_frame(json, stack, i);
      json.end_array();
      if (shown(stack) < stack.frames.size()) json.field("more_frames", stack.frames.size() - shown(stack));
      json.end_object();
    }
    json.end_array();
  }

 private:
  size_t shown(const MergedStack& stack) const {
    return request_.limit == 0 ? stack.frames.size() : std::min(request_.limit, stack.frames.size());
  }
  bool has_died(const MergedStack& stack) const { return request_.signal != 0 && stack.native.number == 1; }

  std::string header(const MergedStack& stack) const {
    const Thread& thread = *stack.native.thread;
    std::string text = fmt::format(" {} thread #{}: tid = {}", thread.tid == request_.selected ? '*' : ' ',
                                   stack.native.number, thread.tid);
    if (!thread.name.empty()) text += fmt::format(", name = '{}'", escape_text(thread.name));
    if (has_died(stack)) text += fmt::format(", stop reason = signal {}", signal_name(request_.signal));
    return text + '\n';
  }

  std::string frames_text(const MergedStack& stack) const {
    std::string text;
    size_t count = shown(stack);
    for (size_t i = 0; i < count; ++i) {
      const MergedFrame& frame = stack.frames[i];
      if (frame.async) {
        text += fmt::format("    frame #{}: <async> {}\n", i, async_text(*frame.async));
        continue;
      }
      bool here = i == 0 && stack.native.thread->tid == request_.selected;
      text += fmt::format("  {} frame #{}: {:#018x} {}\n", here ? '*' : ' ', i, frame.physical->pc.value(),
                          frame.native ? native_text(stack, frame) : v8_text(frame.v8));
      if (request_.verbose && frame.native == nullptr) text += details_text(frame);
    }
    const Stack& native = stack.native.stack;
    if (count < stack.frames.size()) {
      text += fmt::format("    ({} more frames)\n", stack.frames.size() - count);
    } else if (!native.complete && !native.limited) {
      text += fmt::format("    (ends early: {})\n", escape_text(native.stop_reason));
    }
    return text;
  }

  /// The source line, registers and variables of the scopes around the function, one per line.
  std::string details_text(const MergedFrame& frame) const {
    v8::V8FrameDetails details = runtime_.frame_details(*frame.physical, frame.v8);
    std::string text;
    if (!details.source_line.empty())
      text += fmt::format("        {} | {}\n", frame.v8.line, escape_text(details.source_line));
    for (const auto* values : {&details.registers, &details.context}) {
      for (const auto& variable : *values) {
        text += fmt::format("        {} = {}\n", escape_text(variable.name), shown_value(variable.value));
      }
    }
    return text;
  }

  static std::string native_text(const MergedStack& stack, const MergedFrame& frame) {
    const NativeFrame& native = *frame.native;
    std::string_view function = function_name(stack.native, native);
    std::string text;
    if (native.module != nullptr) {
      text = escape_text(native.module->path.substr(native.module->path.rfind('/') + 1)) + "`";
    }
    text += function.empty() ? "??" : escape_text(std::string(function));
    if (!native.location.file.empty()) {
      text += fmt::format(" at {}:{}", escape_text(native.location.file), native.location.line);
    }
    if (native.location.inlined) text += " [inlined]";
    if (frame.physical->found_by == FoundBy::kScan) text += " [guess]";
    return text;
  }

  std::string v8_text(const V8Frame& frame) const {
    switch (frame.kind) {
      case V8FrameKind::kEntry: return "<entry>";
      case V8FrameKind::kExit: return frame.function_word == 0 ? "<exit>" : "<exit> " + call_text(frame);
      case V8FrameKind::kWasm: return "<wasm>";
      case V8FrameKind::kRegExp: return "<regexp>";
      case V8FrameKind::kInternal: return "<internal code>";
      case V8FrameKind::kBuiltin: return "<builtin> " + call_text(frame);
      case V8FrameKind::kJs: break;
    }
    std::string text = call_text(frame);
    text += frame.script.empty() ? " at (no script)" : " at " + escape_text(frame.script);
    if (frame.line != 0) text += fmt::format(":{}:{}", frame.line, frame.column);
    text += originals_.text(frame.script_word, frame.script, frame.line, frame.column);
    if (frame.function_word != 0) text += fmt::format(" fn={:#018x}", frame.function_word);
    if (frame.inlined) text += " [inlined]";
    if (request_.verbose && frame.tier != Tier::kNone) text += fmt::format(" [{}]", to_string(frame.tier));
    if (!frame.remark.empty()) text += " (" + frame.remark + ")";
    return text;
  }

  /// "fn(this=..., 1, 2)"; stubs of V8's own have no parentheses, values that optimised code does not keep are said to
  /// be so.
  std::string call_text(const V8Frame& frame) const {
    std::string text = frame.function.empty() ? "(anonymous)" : escape_text(frame.function);
    if (frame.kind != V8FrameKind::kJs && frame.function_word == 0) return text;
    std::string inside;
    if (frame.receiver) inside = "this=" + shown_value(*frame.receiver);
    if (frame.inlined && !frame.receiver) inside = "<optimized out>";
    for (const v8::FrameValue& argument : frame.arguments) {
      inside += ", " + shown_value(argument);
    }
    if (frame.argument_count > frame.arguments.size()) {
      inside += fmt::format(", and {} more", frame.argument_count - frame.arguments.size());
    }
    return text + "(" + inside + ")";
  }

  /// As `v8 print` shows it: with its address, where it has one. Recursion repeats values at every frame.
  const std::string& shown_value(const v8::FrameValue& value) const {
    if (value.kind != v8::FrameValue::Kind::kTagged || !is_address(value)) {
      return other_text_ = escape_text(runtime_.describe_value(value));
    }
    auto [entry, fresh] = texts_.try_emplace(value.word);
    if (!fresh) return entry->second;
    auto read = runtime_.inspect(value.word, {}, {.depth = 0});
    std::string text = read ? value_text(*read) : runtime_.describe_value(value);
    return entry->second = escape_text(text);
  }

  static bool is_address(const v8::FrameValue& value) { return value.word % 4 == 1; }

  void write_address(JsonWriter& json, std::string_view key, const v8::FrameValue& value) const {
    if (value.kind == v8::FrameValue::Kind::kTagged && is_address(value)) json.field(key, Address(value.word));
  }

  std::string async_text(const v8::AsyncFrame& frame) const {
    return frame_text(frame) + originals_.text(frame.script_word, frame.file, frame.line, frame.column);
  }

  void write_details(JsonWriter& json, const MergedFrame& frame) const {
    v8::V8FrameDetails details = runtime_.frame_details(*frame.physical, frame.v8);
    json.field_if_known("source_line", details.source_line);
    for (const auto& [key, values] : {std::pair("registers", &details.registers), {"context", &details.context}}) {
      if (values->empty()) continue;
      json.begin_object(key);
      for (const auto& variable : *values) json.field(variable.name, runtime_.describe_value(variable.value));
      json.end_object();
    }
  }

  void write_frame(JsonWriter& json, const MergedStack& stack, size_t index) const {
    const MergedFrame& frame = stack.frames[index];
    json.begin_object();
    json.field("index", index);
    if (frame.async) {
      write_async(json, *frame.async);
    } else {
      frame.native ? write_native(json, stack, *frame.native) : write_v8(json, frame);
      json.field("pc", frame.physical->pc);
      json.field("found_by", inquest::to_string(frame.physical->found_by));
    }
    json.end_object();
  }

  void write_async(JsonWriter& json, const v8::AsyncFrame& frame) const {
    json.field("kind", "async");
    json.field("function", frame.function);
    json.field_if_known("file", frame.file);
    if (frame.line != 0) json.field("line", frame.line);
    if (frame.column != 0) json.field("column", frame.column);
    originals_.write_json(json, frame.script_word, frame.file, frame.line, frame.column);
  }

  static void write_native(JsonWriter& json, const MergedStack& stack, const NativeFrame& frame) {
    const CodeLocation& location = frame.location;
    json.field("kind", "native");
    json.field_if_known("function", function_name(stack.native, frame));
    if (frame.module) json.field("module", frame.module->path);
    json.field_if_known("file", location.file);
    if (location.line != 0) json.field("line", location.line);
    if (location.column != 0) json.field("column", location.column);
    json.field("inlined", location.inlined);
  }

  void write_v8(JsonWriter& json, const MergedFrame& merged) const {
    const V8Frame& frame = merged.v8;
    json.field("kind", kind_word(frame));
    json.field("function", frame.function);
    json.field_if_known("file", frame.script);
    if (frame.line != 0) json.field("line", frame.line);
    if (frame.column != 0) json.field("column", frame.column);
    originals_.write_json(json, frame.script_word, frame.script, frame.line, frame.column);
    json.field("inlined", frame.inlined);
    json.field_if_known("tier", to_string(frame.tier));
    if (frame.function_word != 0) json.field("function_address", Address(frame.function_word));
    json.field_if_known("remark", frame.remark);
    if (frame.receiver) {
      json.field("this", runtime_.describe_value(*frame.receiver));
      write_address(json, "this_address", *frame.receiver);
    }
    if (!frame.arguments.empty()) {
      json.begin_array("args");
      for (const v8::FrameValue& argument : frame.arguments) json.element(runtime_.describe_value(argument));
      json.end_array();
    }
    if (request_.verbose) write_details(json, merged);
  }

  std::vector<MergedStack> stacks_;
  v8::Runtime& runtime_;
  Request request_;
  OriginalPositions originals_;
  mutable std::unordered_map<uint64_t, std::string> texts_;  ///< of values, by their words
  mutable std::string other_text_;
};

class V8Bt : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto limit = limit_of(args);
    if (!limit) return std::move(limit).error();
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    const Thread* selected = session.selected_thread();
    if (selected == nullptr) return unusable("the core names no thread", "it may be truncated before its notes");
    std::vector<const Thread*> threads = args.has("all") ? all_threads(session) : std::vector{selected};
    UnwindOptions options{.stepper = &(*runtime)->frame_stepper()};
    auto natives = native_stacks(session, threads, options, WithArguments::kNo);
    Report report;
    add_stack_notes(session, natives, report);
    V8BtBody::Request request{.limit = *limit,
                              .verbose = args.has("verbose"),
                              .selected = selected->tid,
                              .signal = session.target().facts().signal,
                              .source_map_directory = args.value("source-map-dir").value_or("")};
    report.body = std::make_unique<V8BtBody>(merged_stacks(**runtime, std::move(natives)), **runtime, request);
    return report;
  }

 private:
  /// llnode takes the number of frames as a word.
  static Result<size_t> limit_of(const Args& args) {
    const std::string& word = args.word(0);
    if (word.empty()) return args.number("limit").value_or(0);
    size_t limit = 0;
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), limit);
    if (error == std::errc() && end == word.data() + word.size() && limit > 0) return limit;
    return usage_error("Invalid number of frames", "N is a whole number above 0");
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_bt() {
  CommandSpec spec{
      .name = {"v8", "bt"},
      .summary = "JavaScript and native stack of a thread or of all",
      .description =
          "Innermost frame first. JavaScript frames say the line and column that were executing, inlined "
          "functions included, and are named as in Error.stack; frames of V8's own code are shown as <builtin> and "
          "<entry>, of WebAssembly as <wasm>, of regular expressions as <regexp>; <exit> is where JavaScript called "
          "C++, with the function and its arguments where V8 keeps them; functions that wait for the one that was "
          "running are <async>. Where a script has a source map, "
          "inside itself or in a file next to it, the position in the "
          "original "
          "source follows in brackets. Threads with the same stack are printed together.",
      .positionals = {{.name = "N", .help = "as -n N", .required = false}},
      .examples = {{"v8 bt", "the stack of the thread that died"}, {"v8 bt --all", "every thread, workers included"}},
      .aliases = {"jsstack"},
  };
  spec.options = {
      {.short_name = 'a', .long_name = "all", .help = "every thread, the one that died first"},
      {.short_name = 'n',
       .long_name = "limit",
       .kind = OptionSpec::Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "only the innermost N frames of each stack, 0 for all"},
      {.short_name = 'v',
       .long_name = "verbose",
       .help = "with the compiler of each JavaScript frame, its source line, registers and context variables"},
      source_map_option(),
  };
  return std::make_unique<V8Bt>(std::move(spec));
}

}  // namespace inquest::commands
