// Help texts made from specifications.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "commands/registry.h"
#include "postmortem/model/result.h"

namespace inquest::commands {

/// The program around the commands, for help, man page and completion of the command line.
struct ProgramSpec {
  std::string name;
  std::string summary;
  std::string version;
  std::vector<std::string> usage;  ///< lines after "Usage: "
  std::string description;
  std::vector<OptionSpec> options;
  std::vector<ExampleSpec> examples;
  std::vector<ExampleSpec> environment;  ///< line = variable
};

struct ExitStatus {
  int status;
  std::string_view meaning;
};
std::span<const ExitStatus> exit_statuses();

/// --json and --help, which every command has.
const std::vector<OptionSpec>& common_options();

/// "-d, --detailed" or "    --top N"
std::string option_names(const OptionSpec& option);
/// "v8 findjsobjects [-d] [--all | --dead] [--sort KEY] TYPE"
std::string usage_line(const CommandSpec& spec);
/// `text` with lines of at most `width` characters, each after `indent` blanks; empty lines and lines that begin with a
/// blank stay as they are.
std::string wrap(std::string_view text, size_t indent, size_t width = 80);

std::string command_help(const CommandSpec& spec);
std::string group_help(const Registry& registry, const CommandGroup& group);
/// All commands in one line each.
std::string commands_help(const Registry& registry);
std::string program_help(const ProgramSpec& program, const Registry& registry);

/// What `help WORDS...` answers, for non-empty words: a command, an alias or a group.
Result<std::string> help_on(const Registry& registry, std::span<const std::string> words);

}  // namespace inquest::commands
