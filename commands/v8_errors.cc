// `v8 errors`: the Error objects of a dead process with the stacks they captured.
#include <fmt/format.h>

#include <algorithm>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/histogram.h"
#include "commands/original_positions.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

std::string_view source_name(v8::ErrorObject::Source source) {
  switch (source) {
    case v8::ErrorObject::Source::kNone: return "none";
    case v8::ErrorObject::Source::kFormatted: return "formatted";
    case v8::ErrorObject::Source::kCaptured: return "captured";
  }
  return "";
}

class ErrorsBody : public ReportBody {
 public:
  ErrorsBody(v8::ErrorReport report, size_t total, bool isolates, OriginalPositions originals)
      : report_(std::move(report)), total_(total), isolates_(isolates), originals_(std::move(originals)) {}

  void write_text(Output& output) const override {
    for (const v8::ErrorObject& error : report_.errors) {
      if (!output.ok()) return;
      output.print("0x{:x}: {}{}{}{}\n", error.address.value(), escape_text(error.type),
                   error.uncaught ? " UNCAUGHT" : "", error.young ? " (young)" : "",
                   isolates_ ? fmt::format(" [isolate {}]", error.isolate) : "");
      write_stack(output, error);
      if (error.source == v8::ErrorObject::Source::kNone) output.append("    (no stack was captured)\n");
    }
    if (report_.errors.size() < total_) output.append("..........\n");
    output.print("({} of {} errors)\n", report_.errors.size(), total_);
    if (!report_.uncaught_note.empty()) output.print("Uncaught: {}\n", report_.uncaught_note);
  }

  void write_json(JsonWriter& json) const override {
    json.field("total", total_);
    json.field_if_known("uncaught", report_.uncaught_note);
    json.begin_rows("rows");
    for (const v8::ErrorObject& error : report_.errors) {
      if (!json.ok()) return;
      json.begin_object();
      json.field("address", error.address);
      json.field("type", error.type);
      json.field("name", error.name);
      json.field("message", error.message);
      json.field("uncaught", error.uncaught);
      json.field("young", error.young);
      json.field("isolate", error.isolate);
      json.field("stack_source", source_name(error.source));
      json.field("stack", error.stack);
      if (error.source == v8::ErrorObject::Source::kCaptured) write_frames(json, error);
      json.end_object();
    }
    json.end_array();
  }

 private:
  /// The lines of `stack`; the last ones of a captured stack are its frames.
  void write_stack(Output& output, const v8::ErrorObject& error) const {
    std::string stack = error.stack.empty() ? "(no name, no message)" : error.stack;
    auto lines = static_cast<size_t>(std::ranges::count(stack, '\n')) + 1;
    size_t first_frame = lines - std::min(lines, error.frames.size());
    for (size_t at = 0, i = 0; at <= stack.size(); ++i) {
      size_t end = std::min(stack.find('\n', at), stack.size());
      std::string original;
      if (i >= first_frame) {
        const v8::ErrorFrame& frame = error.frames[i - first_frame];
        original = originals_.text(frame.script_word, frame.file, frame.line, frame.column);
      }
      output.print("    {}{}\n", escape_text(std::string_view(stack).substr(at, end - at)), original);
      at = end + 1;
    }
  }

  void write_frames(JsonWriter& json, const v8::ErrorObject& error) const {
    json.begin_rows("frames");
    for (const v8::ErrorFrame& frame : error.frames) {
      json.begin_object();
      json.field("function", frame.function);
      json.field_if_known("file", frame.file);
      if (frame.line != 0) json.field("line", frame.line);
      if (frame.column != 0) json.field("column", frame.column);
      originals_.write_json(json, frame.script_word, frame.file, frame.line, frame.column);
      json.end_object();
    }
    json.end_array();
  }

  v8::ErrorReport report_;
  size_t total_;
  bool isolates_;
  OriginalPositions originals_;
};

class V8Errors : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    auto found = (*runtime)->errors(reachability_of(args));
    if (!found) return std::move(found).error();
    v8::ErrorReport errors = std::move(found).value();
    std::string part = args.value("filter").value_or("");
    std::erase_if(errors.errors, [&](const v8::ErrorObject& error) {
      return error.type.find(part) == std::string::npos && error.name.find(part) == std::string::npos &&
             error.message.find(part) == std::string::npos;
    });
    size_t total = errors.errors.size();
    uint64_t limit = args.number("output-limit").value_or(0);
    if (limit != 0 && errors.errors.size() > limit) errors.errors.resize(limit);
    Report report;
    bool isolates = (*runtime)->info().isolates.size() > 1;
    report.body = std::make_unique<ErrorsBody>(std::move(errors), total, isolates,
                                               OriginalPositions(**runtime, args.value("source-map-dir").value_or("")));
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_errors() {
  CommandSpec spec{
      .name = {"v8", "errors"},
      .summary = "Error objects with the stacks they captured",
      .description =
          "Class, message and stack of each: the string that the program saw when it asked for `stack`, else the calls "
          "that were noted when the error was made, written as Error.stack would. The exception that the process died "
          "of comes first, marked UNCAUGHT; then errors of the young generation, which were made last; then the "
          "others, "
          "each by address, downwards.",
      .examples = {{"v8 errors -n 1", "the uncaught error, or one of the newest"},
                   {"v8 errors --filter ECONNRESET", "those that say so"}},
  };
  spec.options = {
      {.short_name = 'n',
       .long_name = "output-limit",
       .kind = OptionSpec::Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "the first N errors, 0 for all"},
      {.long_name = "filter",
       .kind = OptionSpec::Kind::kText,
       .value_name = "TEXT",
       .help = "only errors whose class, name or message contains this"},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  spec.options.push_back(source_map_option());
  return std::make_unique<V8Errors>(std::move(spec));
}

}  // namespace inquest::commands
