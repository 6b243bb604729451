// The words after `inquest`: options of the program, then commands.
#pragma once

#include <string>
#include <vector>

#include "commands/help.h"
#include "postmortem/model/result.h"

namespace inquest::cli {

struct Options {
  std::string core;
  std::string executable;
  std::string sysroot;
  std::vector<std::string> debug_dirs;
  bool debuginfod = false;
  bool json = false;
  bool no_color = false;
  bool quiet = false;
  bool help = false;
  bool version = false;
  bool man = false;
  std::string completion;             ///< shell, empty: not asked for
  std::vector<std::string> one_line;  ///< values of -o, each a whole command line
  std::vector<std::string> command;   ///< the words after the options
};

/// What help, man page and completion say about the program.
commands::ProgramSpec program_spec();

/// Options end at the first word that is none; what follows is left to the commands. Mistakes are usage errors.
Result<Options> parse_options(int argc, const char* const* argv);

/// For a command that was called as a program of its own name: it takes its own words and, among them, the options that
/// say where files are.
Result<Options> parse_tool_options(int argc, const char* const* argv);

}  // namespace inquest::cli
