#include "commands/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/words.h"

namespace inquest::commands {

Registry::Registry() {
  groups_.push_back({"v8", "what the V8 engine of a Node.js process held"});
  commands_.push_back(make_v8_info());
  commands_.push_back(make_v8_findjsobjects());
  commands_.push_back(make_v8_findjsinstances());
  commands_.push_back(make_v8_findrefs());
  commands_.push_back(make_v8_find());
  commands_.push_back(make_v8_inspect());
  commands_.push_back(make_v8_print());
  commands_.push_back(make_v8_whatis());
  commands_.push_back(make_v8_strings());
  commands_.push_back(make_v8_nodeinfo());
  commands_.push_back(make_v8_diff());
  commands_.push_back(make_v8_bt());
  commands_.push_back(make_v8_async());
  commands_.push_back(make_v8_errors());
  commands_.push_back(make_v8_source());
  commands_.push_back(make_v8_functions());
  commands_.push_back(make_v8_getactivehandles());
  commands_.push_back(make_v8_getactiverequests());
  commands_.push_back(make_v8_settings());
  commands_.push_back(make_resolve_inlines());
  commands_.push_back(make_resolve_src_lines());
  commands_.push_back(make_bt());
  commands_.push_back(make_check_debug_info());
  commands_.push_back(make_why());
  commands_.push_back(make_sample_bt());
  commands_.push_back(make_sample_bt_off_cpu());
  commands_.push_back(make_sample_bt_vfs());
  commands_.push_back(make_trace());
  commands_.push_back(make_events());
  commands_.push_back(make_accessed_files());
  commands_.push_back(make_tcp_accept_queue());
  commands_.push_back(make_tcp_recv_queue());
}

Registry::Registry(std::vector<std::unique_ptr<const Command>> commands, std::vector<CommandGroup> groups)
    : commands_(std::move(commands)), groups_(std::move(groups)) {}

std::vector<const Command*> Registry::in_group(const std::string& group) const {
  std::vector<const Command*> members;
  for (const auto& command : commands_) {
    const auto& name = command->spec().name;
    if (name.size() > 1 && name[0] == group) members.push_back(command.get());
  }
  return members;
}

std::vector<std::string> Registry::first_words() const {
  std::vector<std::string> words = {"help"};
  for (const CommandGroup& group : groups_) words.push_back(group.name);
  for (const auto& command : commands_) {
    if (command->spec().name.size() == 1) words.push_back(command->spec().name[0]);
    words.insert(words.end(), command->spec().aliases.begin(), command->spec().aliases.end());
  }
  return words;
}

Result<Registry::Match> Registry::find(std::span<const std::string> words) const {
  if (words.empty()) return usage_error("no command given", "try: help");
  if (std::ranges::count(groups_, words[0], &CommandGroup::name) > 0) return find_in_group(words[0], words);
  for (const auto& command : commands_) {
    const CommandSpec& spec = command->spec();
    bool named = spec.name.size() == 1 && spec.name[0] == words[0];
    if (named || std::ranges::count(spec.aliases, words[0]) > 0) return Match{command.get(), 1};
  }
  std::string what = fmt::format("unknown command '{}'", words[0]);
  // A subcommand typed without its group is the likeliest slip.
  for (const auto& command : commands_) {
    if (command->spec().name.back() == words[0]) {
      return usage_error(what, fmt::format("did you mean '{}'?", command->spec().full_name()));
    }
  }
  auto meant = nearest_word(words[0], first_words());
  return usage_error(what, meant ? fmt::format("did you mean '{}'?", *meant) : "try: help");
}

Result<Registry::Match> Registry::find_in_group(const std::string& group, std::span<const std::string> words) const {
  std::vector<const Command*> members = in_group(group);
  std::vector<std::string> names;
  for (const Command* member : members) names.push_back(member->spec().name[1]);
  if (words.size() < 2 || words[1].starts_with('-')) {
    return usage_error(fmt::format("'{}' needs one of {}", group, fmt::join(names, ", ")),
                       fmt::format("try: help {}", group));
  }
  if (auto exact = std::ranges::find(names, words[1]); exact != names.end()) {
    return Match{members[static_cast<size_t>(exact - names.begin())], 2};
  }
  auto shortened = std::ranges::find(members, words[1], [](const Command* one) { return one->spec().short_name; });
  if (shortened != members.end() && !words[1].empty()) return Match{*shortened, 2};
  std::vector<const Command*> beginning;
  for (const Command* member : members) {
    if (member->spec().name[1].starts_with(words[1])) beginning.push_back(member);
  }
  if (beginning.size() == 1 && !words[1].empty()) return Match{beginning[0], 2};
  std::string what = fmt::format("unknown command '{} {}'", group, words[1]);
  if (auto meant = nearest_word(words[1], names)) {
    return usage_error(what, fmt::format("did you mean '{} {}'?", group, *meant));
  }
  return usage_error(what, fmt::format("there are {}", fmt::join(names, ", ")));
}

}  // namespace inquest::commands
