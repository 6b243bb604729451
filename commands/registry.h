// All commands of this build, and finding one by what the user typed.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "commands/command.h"
#include "postmortem/model/result.h"

namespace inquest::commands {

/// Words that begin command names and stand for nothing alone, with what they are about.
struct CommandGroup {
  std::string name;  ///< "v8"
  std::string summary;
};

class Registry {
 public:
  /// Every command of this build.
  Registry();
  /// For tests.
  Registry(std::vector<std::unique_ptr<const Command>> commands, std::vector<CommandGroup> groups);

  std::span<const std::unique_ptr<const Command>> commands() const { return commands_; }
  std::span<const CommandGroup> groups() const { return groups_; }
  std::vector<const Command*> in_group(const std::string& group) const;

  struct Match {
    const Command* command = nullptr;
    size_t words = 0;  ///< how many words its name took
  };
  /// The command that `words` begin with: its name, an alias, or a name whose last word is cut short but clear. A usage
  /// error names what was probably meant.
  Result<Match> find(std::span<const std::string> words) const;

 private:
  Result<Match> find_in_group(const std::string& group, std::span<const std::string> words) const;
  std::vector<std::string> first_words() const;

  std::vector<std::unique_ptr<const Command>> commands_;
  std::vector<CommandGroup> groups_;
};

// The commands, one file each.
std::unique_ptr<const Command> make_v8_info();
std::unique_ptr<const Command> make_v8_findjsobjects();
std::unique_ptr<const Command> make_v8_findjsinstances();
std::unique_ptr<const Command> make_v8_diff();
std::unique_ptr<const Command> make_v8_bt();
std::unique_ptr<const Command> make_v8_inspect();
std::unique_ptr<const Command> make_v8_print();
std::unique_ptr<const Command> make_v8_whatis();
std::unique_ptr<const Command> make_v8_strings();
std::unique_ptr<const Command> make_v8_nodeinfo();
std::unique_ptr<const Command> make_v8_async();
std::unique_ptr<const Command> make_v8_errors();
std::unique_ptr<const Command> make_v8_source();
std::unique_ptr<const Command> make_v8_functions();
std::unique_ptr<const Command> make_v8_getactivehandles();
std::unique_ptr<const Command> make_v8_getactiverequests();
std::unique_ptr<const Command> make_v8_settings();
std::unique_ptr<const Command> make_v8_findrefs();
std::unique_ptr<const Command> make_v8_find();
std::unique_ptr<const Command> make_resolve_inlines();
std::unique_ptr<const Command> make_resolve_src_lines();
std::unique_ptr<const Command> make_bt();
std::unique_ptr<const Command> make_check_debug_info();
std::unique_ptr<const Command> make_why();
std::unique_ptr<const Command> make_sample_bt();
std::unique_ptr<const Command> make_sample_bt_off_cpu();
std::unique_ptr<const Command> make_sample_bt_vfs();
std::unique_ptr<const Command> make_trace();
std::unique_ptr<const Command> make_events();
std::unique_ptr<const Command> make_accessed_files();
std::unique_ptr<const Command> make_tcp_accept_queue();
std::unique_ptr<const Command> make_tcp_recv_queue();

}  // namespace inquest::commands
