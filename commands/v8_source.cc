// `v8 source list`: source around a frame, a function or a line.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/expression.h"
#include "commands/merged_stack.h"
#include "commands/native_stack.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

class SourceBody : public ReportBody {
 public:
  SourceBody(v8::SourceLines source, uint32_t marked) : source_(std::move(source)), marked_(marked) {}

  void write_text(Output& output) const override {
    output.print("{}\n", source_.file.empty() ? "(code without a file)" : escape_text(source_.file));
    uint32_t number = source_.first;
    for (const std::string& line : source_.lines) {
      output.print("{} {:6} {}\n", number == marked_ ? "->" : "  ", number, escape_text(line));
      ++number;
    }
  }

  void write_json(JsonWriter& json) const override {
    json.field("file", source_.file);
    json.field("first", source_.first);
    if (marked_ != 0) json.field("line", marked_);
    json.field("total", source_.total);
    json.begin_array("lines");
    for (const std::string& line : source_.lines) json.element(line);
    json.end_array();
  }

 private:
  v8::SourceLines source_;
  uint32_t marked_;
};

/// "server.js:40" as file and line; line 0 when there is none.
std::pair<std::string, uint32_t> file_and_line(const std::string& text) {
  size_t colon = text.rfind(':');
  if (colon == text.npos) return {text, 0};
  uint32_t line = 0;
  auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), line);
  if (error != std::errc() || end != text.data() + text.size()) return {text, 0};
  return {text.substr(0, colon), line};
}

class V8Source : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    if (args.word(0) != "list") {
      return usage_error(fmt::format("'v8 source' can do 'list', not '{}'", escape_text(args.word(0))),
                         "try: help v8 source");
    }
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    auto request = request_from(session, **runtime, args);
    if (!request) return std::move(request).error();
    if (auto line = args.number("line")) request->line = static_cast<uint32_t>(std::min<uint64_t>(*line, UINT32_MAX));
    request->count = static_cast<uint32_t>(std::clamp<uint64_t>(args.number("count").value_or(10), 1, 100000));
    auto source = (*runtime)->source(*request);
    if (!source) return std::move(source).error();
    Report report;
    report.body = std::make_unique<SourceBody>(std::move(source).value(), request->line);
    return report;
  }

 private:
  static Result<v8::SourceRequest> request_from(Session& session, v8::Runtime& runtime, const Args& args) {
    const std::string& what = args.word(1);
    v8::SourceRequest request;
    if (what.empty()) return request_of_frame(session, runtime, args.number("frame"));
    auto address = parse_expression(what, [&](uint64_t value) { return is_object(runtime, value); });
    // A name may look like a number without 0x.
    if (address && (what.starts_with("0x") || is_object(runtime, address->value))) {
      request.at = Address(address->value);
      return request;
    }
    std::tie(request.script, request.line) = file_and_line(what);
    if (request.line != 0 || runtime.source(request)) return request;
    auto functions = runtime.functions({.name = what, .script = {}, .at = {}}, v8::Reachability::kAll);
    if (!functions) return std::move(functions).error();
    const v8::FunctionInfo* best = nullptr;
    for (const v8::FunctionInfo& function : *functions) {
      if (function.file.empty()) continue;
      if (best == nullptr || (function.name == what && best->name != what)) best = &function;
    }
    if (best == nullptr) {
      return unusable(fmt::format("no script and no function is called '{}'", escape_text(what)),
                      "v8 functions lists both");
    }
    request.script.clear();
    request.at = best->sample.is_null() ? best->shared : best->sample;
    return request;
  }

  /// The n-th JavaScript frame of the selected thread, by the numbers of `v8 bt`; the innermost when none is given.
  static Result<v8::SourceRequest> request_of_frame(Session& session, v8::Runtime& runtime,
                                                    std::optional<uint64_t> number) {
    const Thread* selected = session.selected_thread();
    if (selected == nullptr) return unusable("the core names no thread", "give a function or a file");
    const Thread* const threads[] = {selected};
    auto natives = native_stacks(session, threads, {.stepper = &runtime.frame_stepper()}, WithArguments::kNo);
    std::vector<MergedStack> stacks = merged_stacks(runtime, std::move(natives));
    const std::vector<MergedFrame>& frames = stacks[0].frames;
    auto in_script = [](const MergedFrame& frame) {
      return frame.is_v8() && frame.v8.kind == v8::V8FrameKind::kJs && frame.v8.line != 0;
    };
    auto wanted = number ? frames.begin() + static_cast<ptrdiff_t>(std::min<uint64_t>(*number, frames.size()))
                         : std::ranges::find_if(frames, in_script);
    if (wanted != frames.end() && !wanted->native) {
      v8::SourceRequest request;
      request.script = wanted->async ? wanted->async->file : wanted->v8.script;
      request.line = wanted->async ? wanted->async->line : wanted->v8.line;
      if (request.line == 0 || request.script.empty()) return unusable("this frame has no position in a script");
      if (wanted->v8.function_word != 0) request.at = Address(wanted->v8.function_word);
      return request;
    }
    return unusable(number ? fmt::format("there is no JavaScript frame {}", *number)
                           : std::string("the selected thread runs no JavaScript"),
                    "v8 bt shows the frames; a function or a file may be given instead");
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_source() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"v8", "source"},
      .summary = "source around a frame, a function or a line",
      .description =
          "The text that V8 kept of a script. WHAT is a file (or the end of its path), with or without a line, a "
          "function's name or address. Without it, the source around the line that was executing is shown, in the "
          "innermost JavaScript frame of the selected thread or the one given by -f.",
      .positionals = {{.name = "list", .help = "the word list"},
                      {.name = "WHAT", .help = "FILE, FILE:LINE, a function's name, an address", .required = false}},
      .examples = {{"v8 source list", "where the thread stood"},
                   {"v8 source list -l 40 server.js", "around line 40"},
                   {"v8 source list -c 30 handler", "a function from its beginning"}},
  };
  spec.options = {
      {.short_name = 'l', .long_name = "line", .kind = Kind::kNumber, .value_name = "LINE", .help = "around this line"},
      {.short_name = 'c',
       .long_name = "count",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "10",
       .help = "how many lines"},
      {.short_name = 'f',
       .long_name = "frame",
       .kind = Kind::kNumber,
       .value_name = "N",
       .help = "the frame of this number in v8 bt"},
  };
  return std::make_unique<V8Source>(std::move(spec));
}

}  // namespace inquest::commands
