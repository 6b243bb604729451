// `v8 functions`: the functions of a dead process by name, file or address, with the tier and size of their code.
#include <fmt/format.h>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/expression.h"
#include "commands/histogram.h"
#include "commands/original_positions.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

/// A function without bytecode has not been compiled yet, or no more.
std::string_view tier_word(const v8::FunctionInfo& function) {
  return function.tier == v8::Tier::kNone ? "lazy" : to_string(function.tier);
}

class FunctionsBody : public ReportBody {
 public:
  FunctionsBody(std::vector<v8::FunctionInfo> functions, bool isolates, OriginalPositions originals)
      : functions_(std::move(functions)), isolates_(isolates), originals_(std::move(originals)) {}

  void write_text(Output& output) const override {
    output.append("         Function  Tier       Bytecode      Code  Closures  Name\n");
    output.append(" ---------------- --------- --------- --------- ---------  ----\n");
    for (const v8::FunctionInfo& function : functions_) {
      if (!output.ok()) return;
      uint64_t address = function.sample.is_null() ? function.shared.value() : function.sample.value();
      std::string place = function.file.empty() ? "" : " at " + escape_text(function.file);
      if (!place.empty() && function.line != 0) place += fmt::format(":{}:{}", function.line, function.column);
      place += originals_.text(function.script_word, function.file, function.line, function.column);
      output.print(" {:#16x} {:9} {:9} {:9} {:9}  {}{}{}\n", address, tier_word(function), function.bytecode_size,
                   function.code_size, function.closures,
                   function.name.empty() ? "(anonymous)" : escape_text(function.name), place,
                   isolates_ ? fmt::format(" [isolate {}]", function.isolate) : "");
    }
    output.print("({} functions)\n", functions_.size());
  }

  void write_json(JsonWriter& json) const override {
    json.field("total", functions_.size());
    json.begin_rows("rows");
    for (const v8::FunctionInfo& function : functions_) {
      if (!json.ok()) return;
      json.begin_object();
      json.field("function", function.name);
      json.field_if_known("file", function.file);
      if (function.line != 0) json.field("line", function.line);
      if (function.column != 0) json.field("column", function.column);
      originals_.write_json(json, function.script_word, function.file, function.line, function.column);
      json.field("tier", tier_word(function));
      json.field("bytecode_size", function.bytecode_size);
      json.field("code_size", function.code_size);
      json.field("closures", function.closures);
      if (!function.sample.is_null()) json.field("sample", function.sample);
      json.field("shared", function.shared);
      json.field("isolate", function.isolate);
      json.end_object();
    }
    json.end_array();
  }

 private:
  std::vector<v8::FunctionInfo> functions_;
  bool isolates_;
  OriginalPositions originals_;
};

class V8Functions : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    v8::FunctionFilter filter;
    filter.name = args.value("name").value_or("");
    filter.script = args.value("script").value_or("");
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    Report report;
    if (!args.word(0).empty()) {
      auto expression = evaluate(session, args.word(0),
                                 [&](uint64_t value) { return (*runtime)->locate(Address(value)).has_value(); });
      if (!expression) return std::move(expression).error();
      if (!expression->note.empty()) report.note(expression->note);
      filter.at = Address(expression->value);
    }
    auto found = (*runtime)->functions(filter, reachability_of(args));
    if (!found) return std::move(found).error();
    if (found->empty()) {
      report.incomplete = true;
      report.warn(filter.at ? "no function of JavaScript is at this address" : "no function matches");
    }
    bool isolates = (*runtime)->info().isolates.size() > 1;
    report.body = std::make_unique<FunctionsBody>(
        std::move(found).value(), isolates, OriginalPositions(**runtime, args.value("source-map-dir").value_or("")));
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_functions() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"v8", "functions"},
      .summary = "functions with the tier and size of their code",
      .description =
          "One row for each function in the source, by file and place: the address of a closure (or, where there is "
          "none, of what closures share), the fastest code it has, bytes of bytecode and of machine code, the number "
          "of "
          "closures. Functions that were never called are lazy: they have no code.\n\n"
          "ADDRESS may be a function, or lie inside of machine code. " +
          expression_help("It"),
      .positionals =
          {{.name = "ADDRESS", .help = "only the function at this address", .required = false, .joins_rest = true}},
      .examples = {{"v8 functions -n handler", "functions with 'handler' in their names"},
                   {"v8 functions -s server.js", "functions of this file"}},
  };
  spec.options = {
      {.short_name = 'n',
       .long_name = "name",
       .kind = Kind::kText,
       .value_name = "NAME",
       .help = "only functions whose name contains this"},
      {.short_name = 's',
       .long_name = "script",
       .kind = Kind::kText,
       .value_name = "SCRIPT",
       .help = "only functions of files whose path contains this"},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  spec.options.push_back(source_map_option());
  return std::make_unique<V8Functions>(std::move(spec));
}

}  // namespace inquest::commands
