// From a typed line to a printed answer: the one path both front ends take, so that both print the same bytes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/output.h"
#include "commands/registry.h"
#include "commands/report.h"
#include "commands/session.h"

namespace inquest::commands {

/// Exit statuses of the contract.
inline constexpr int kExitDone = 0;
inline constexpr int kExitIncomplete = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnusable = 3;
int exit_status(const Error& error);

/// A checked command line: a command to run, or a help text to print, for which no target is needed.
struct Invocation {
  const Command* command = nullptr;
  Args args;
  std::string help;  ///< non-empty: print this instead
  std::string line;  ///< as typed, for messages
};

/// `json` is a --json given before the command.
Result<Invocation> prepare(const Registry& registry, std::span<const std::string> words, bool json = false);

struct Outcome {
  int status = kExitDone;
  std::vector<Note> notes;     ///< to be shown beside a text answer; empty with --json, where they are in the answer
  std::optional<Error> error;  ///< why there is no answer
  std::unique_ptr<const ReportBody> body;  ///< what was written; for a front end that ends without taking it apart
};

/// Runs and writes the answer. With --json an error is written as a JSON object too.
Outcome execute(const Invocation& invocation, Session& session, Output& output);

/// The JSON object that stands for an answer that could not be given.
void write_json_error(Output& output, const std::string& command, const Error& error);

/// "note: ..." or "warning: ...", harmless for a terminal, without line end.
std::string note_line(const Note& note);

}  // namespace inquest::commands
