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
  /// `line` and `column` are what was asked for, from 1; 0: nothing.
  SourceBody(v8::SourceLines source, uint32_t line, uint32_t column)
      : source_(std::move(source)), line_(line), column_(column) {}

  void write_text(Output& output) const override {
    output.print("{}\n", source_.file.empty() ? "(code without a file)" : escape_text(source_.file));
    uint32_t number = source_.first;
    for (const std::string& line : source_.lines) {
      std::string shown = fmt::format("{:6} ", number);
      output.print("  {}{}\n", shown, escape_source_line(line));
      if (number == line_ && column_ != 0) {
        size_t before = shown.size() + 2 + width(escape_source_line(first_units(line, column_ - 1)));
        output.print("{:>{}}\n", '^', before + 1);
      }
      ++number;
    }
  }

  void write_json(JsonWriter& json) const override {
    json.field("file", source_.file);
    json.field("first", source_.first);
    if (line_ != 0) json.field("line", line_);
    if (column_ != 0) json.field("column", column_);
    json.field("total", source_.total);
    json.begin_array("lines");
    for (const std::string& line : source_.lines) json.element(line);
    json.end_array();
  }

 private:
  static bool begins_character(char byte) { return (byte & 0xc0) != 0x80; }

  /// The beginning of a UTF-8 text that takes `units` in UTF-16, in which V8 counts.
  static std::string_view first_units(std::string_view text, uint32_t units) {
    size_t at = 0;
    for (uint32_t counted = 0; at < text.size(); ++at) {
      if (!begins_character(text[at])) continue;
      if (counted >= units) break;
      counted += static_cast<unsigned char>(text[at]) >= 0xf0 ? 2 : 1;
    }
    return text.substr(0, at);
  }
  static size_t width(std::string_view text) {
    return static_cast<size_t>(std::ranges::count_if(text, begins_character));
  }

  v8::SourceLines source_;
  uint32_t line_, column_;
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
    // `jssource`, as llnode calls it, comes without the word.
    bool has_word = args.word(0) == "list";
    if (!has_word && !args.word(1).empty()) {
      return usage_error(fmt::format("'v8 source' can do 'list', not '{}'", escape_text(args.word(0))),
                         "try: help v8 source");
    }
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    auto wanted = wanted_from(session, **runtime, args, args.word(has_word ? 1 : 0));
    if (!wanted) return std::move(wanted).error();
    v8::SourceRequest& request = wanted->request;
    if (auto line = args.number("line")) {
      request.line = static_cast<uint32_t>(std::min<uint64_t>(*line, UINT32_MAX));
      wanted->column = 0;
    }
    request.count = static_cast<uint32_t>(std::clamp<uint64_t>(args.number("count").value_or(10), 1, 100000));
    auto source = (*runtime)->source(request);
    if (!source) return std::move(source).error();
    Report report;
    report.body = std::make_unique<SourceBody>(std::move(source).value(), request.line, wanted->column);
    return report;
  }

 private:
  struct Wanted {
    v8::SourceRequest request;
    uint32_t column = 0;  ///< from 1; 0 when no frame tells one
  };

  static Result<Wanted> wanted_from(Session& session, v8::Runtime& runtime, const Args& args, const std::string& what) {
    if (what.empty()) return frame_of(session, runtime, args.number("frame"));
    auto request = request_for(runtime, what);
    if (!request) return std::move(request).error();
    return Wanted{std::move(*request)};
  }

  static Result<v8::SourceRequest> request_for(v8::Runtime& runtime, const std::string& what) {
    v8::SourceRequest request;
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
  static Result<Wanted> frame_of(Session& session, v8::Runtime& runtime, std::optional<uint64_t> number) {
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
      return Wanted{std::move(request), wanted->async ? wanted->async->column : wanted->v8.column};
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
      .positionals = {{.name = "list", .help = "the word list", .required = false},
                      {.name = "WHAT", .help = "FILE, FILE:LINE, a function's name, an address", .required = false}},
      .examples = {{"v8 source list", "where the thread stood"},
                   {"v8 source list -l 40 server.js", "around line 40"},
                   {"v8 source list -c 30 handler", "a function from its beginning"}},
      .aliases = {"jssource"},
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
