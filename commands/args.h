// The words after a command's name, checked against its specification.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "postmortem/model/result.h"

namespace inquest::commands {

class Args {
 public:
  /// Options may stand before, between and after the positional words; "--" ends them. Every mistake is a usage error
  /// that names what is possible. `--json` and `-h`/`--help` are understood by every command; with --help nothing
  /// else is checked.
  static Result<Args> parse(const CommandSpec& spec, std::span<const std::string> words);

  bool has(std::string_view option) const { return values_.contains(option); }
  /// The value given, else the default of the specification, else nothing.
  std::optional<std::string> value(std::string_view option) const;
  /// For options of kind kNumber, which have been checked.
  std::optional<uint64_t> number(std::string_view option) const;
  /// The positional word at `index`; empty when it was not given.
  const std::string& word(size_t index) const;
  /// All positional words.
  const std::vector<std::string>& words() const { return words_; }

  /// What stands behind `--`, for commands that run a program.
  const std::vector<std::string>& program() const { return program_; }

  bool json() const { return has("json"); }
  bool help() const { return has("help"); }
  void set_json() { values_.emplace("json", ""); }

 private:
  friend class ArgsParser;

  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, std::string, std::less<>> defaults_;
  std::vector<std::string> words_;
  std::vector<std::string> program_;
};

}  // namespace inquest::commands
