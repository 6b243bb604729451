#include "commands/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/help.h"
#include "commands/json_writer.h"
#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

void write_notes(JsonWriter& json, std::span<const Note> notes) {
  json.begin_array("notes");
  for (const Note& note : notes) {
    json.begin_object();
    json.field("severity", to_string(note.severity));
    json.field("text", note.text);
    json.end_object();
  }
  json.end_array();
}

/// Opens the envelope; the caller closes it.
void begin_envelope(JsonWriter& json, const std::string& command) {
  json.begin_object();
  json.field("schema", 1);
  json.field("command", command);
}

void write_json(Output& output, const std::string& command, Report& report) {
  JsonWriter json(output);
  begin_envelope(json, command);
  auto write_remarks = [&] {
    write_notes(json, report.notes);
    json.field("incomplete", report.incomplete);
  };
  bool late = report.body->works_while_writing();
  if (!late) write_remarks();
  report.body->write_json(json);
  report.body->add_late_notes(report);
  if (late) write_remarks();
  json.end_object();
  output.append('\n');
}

bool is_help_option(const std::string& word) { return word == "--help" || word == "-h"; }

}  // namespace

int exit_status(const Error& error) {
  switch (error.kind) {
    case Error::Kind::kUsage: return kExitUsage;
    case Error::Kind::kUnusable: return kExitUnusable;
    case Error::Kind::kIncomplete: return kExitIncomplete;
  }
  return kExitUnusable;
}

Result<Invocation> prepare(const Registry& registry, std::span<const std::string> words, bool json) {
  Invocation invocation;
  invocation.line = fmt::format("{}", fmt::join(words, " "));
  bool asks_help = !words.empty() && words[0] == "help";
  if (asks_help) words = words.subspan(1);
  bool group_help = words.size() == 2 && is_help_option(words[1]);
  if (asks_help && (words.empty() || is_help_option(words[0]))) {
    invocation.help = commands_help(registry);
    return invocation;
  }
  bool is_group = !words.empty() && std::ranges::count(registry.groups(), words[0], &CommandGroup::name) > 0;
  if (asks_help || (group_help && is_group)) {
    auto help = help_on(registry, group_help ? words.first(1) : words);
    if (!help) return std::move(help).error();
    invocation.help = std::move(help).value();
    return invocation;
  }
  auto match = registry.find(words);
  if (!match) return std::move(match).error();
  auto args = Args::parse(match->command->spec(), words.subspan(match->words));
  if (!args) return std::move(args).error();
  invocation.command = match->command;
  invocation.args = std::move(args).value();
  if (json) invocation.args.set_json();
  if (invocation.args.help()) invocation.help = command_help(match->command->spec());
  return invocation;
}

Outcome execute(const Invocation& invocation, Session& session, Output& output) {
  Outcome outcome;
  if (!invocation.help.empty()) {
    output.append(invocation.help);
    return outcome;
  }
  std::string name = invocation.command->spec().full_name();
  if (invocation.command->spec().needs_core && !session.has_target()) {
    outcome.error = usage_error("no core file was named", "put --core CORE before the command");
    outcome.status = exit_status(*outcome.error);
    if (invocation.args.json()) write_json_error(output, name, *outcome.error);
    return outcome;
  }
  auto report = invocation.command->run(session, invocation.args);
  if (!report) {
    outcome.error = std::move(report).error();
    outcome.status = exit_status(*outcome.error);
    if (invocation.args.json()) write_json_error(output, name, *outcome.error);
    return outcome;
  }
  session.add_notes(*report);
  bool lines = report->body->writes_lines();
  if (invocation.args.json() && !lines) {
    write_json(output, name, *report);
  } else {
    if (invocation.args.json()) {
      report->body->write_json_lines(output);
    } else {
      report->body->write_text(output);
    }
    report->body->add_late_notes(*report);
    outcome.notes = std::move(report->notes);
  }
  outcome.status = report->incomplete ? kExitIncomplete : kExitDone;
  if (report->body->is_only_memory()) outcome.body = std::move(report->body);
  return outcome;
}

void write_json_error(Output& output, const std::string& command, const Error& error) {
  JsonWriter json(output);
  Note note{Note::Severity::kError, error.line()};
  begin_envelope(json, command);
  write_notes(json, std::span(&note, 1));
  json.end_object();
  output.append('\n');
}

std::string note_line(const Note& note) {
  const char* label = note.severity == Note::Severity::kInfo ? "note" : to_string(note.severity).data();
  return fmt::format("{}: {}", label, escape_text(note.text));
}

}  // namespace inquest::commands
