// A command, defined once for every front end: its specification gives parsing, help, man page and completion.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/report.h"
#include "postmortem/model/result.h"

namespace inquest::commands {

class Args;
class Session;

struct OptionSpec {
  enum class Kind : uint8_t { kFlag, kText, kNumber, kChoice, kFile, kDirectory };

  char short_name = 0;         ///< 'd' for -d, 0 for none
  std::string long_name = {};  ///< "detailed" for --detailed; also the key in Args
  Kind kind = Kind::kFlag;
  std::string value_name = {};            ///< "N", "REGEX"; empty for flags
  std::vector<std::string> choices = {};  ///< for kChoice
  std::string default_value = {};         ///< what Args gives when the option is absent; empty: nothing
  std::string excludes = {};              ///< options with the same non-empty word here cannot be given together
  std::string help = {};                  ///< one or more sentences without the final full stop
};

struct PositionalSpec {
  std::string name;  ///< "TYPE"
  std::string help = {};
  bool required = true;
  bool is_file = false;
  bool repeats = false;     ///< any number of words, see Args::words; the last one only
  bool joins_rest = false;  ///< all further words belong to it, joined by single blanks (type names with blanks)
};

struct ExampleSpec {
  std::string line;  ///< as typed at the prompt
  std::string what;
};

struct CommandSpec {
  std::vector<std::string> name;  ///< {"v8", "findjsobjects"}
  std::string summary;            ///< one line, lower case, without full stop
  std::string description = {};   ///< paragraphs separated by empty lines
  std::vector<OptionSpec> options = {};
  std::vector<PositionalSpec> positionals = {};
  std::vector<ExampleSpec> examples = {};
  std::vector<std::string> aliases = {};  ///< top-level names from llnode
  std::string short_name = {};            ///< for the last word of `name`, where its beginning is not clear: "i"
  std::string llnode_usage = {};          ///< what llnode says where a word is missing, for scripts that look for it
  bool needs_core = true;                 ///< false: it may run without a core (Session::has_target says)
  bool is_program = false;                ///< also installed as a program of this name, with this command's options
  std::string program = {};               ///< "COMMAND": words behind `--` name a program to run (Args::program)
  bool repeats = false;                   ///< at a prompt, an empty line runs it again (next page)

  /// "v8 findjsobjects"
  std::string full_name() const {
    std::string joined;
    for (const std::string& word : name) joined += (joined.empty() ? "" : " ") + word;
    return joined;
  }
};

class Command {
 public:
  explicit Command(CommandSpec spec) : spec_(std::move(spec)) {}
  virtual ~Command() = default;

  const CommandSpec& spec() const { return spec_; }
  virtual Result<Report> run(Session& session, const Args& args) const = 0;

 private:
  CommandSpec spec_;
};

}  // namespace inquest::commands
