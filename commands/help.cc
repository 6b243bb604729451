#include "commands/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace inquest::commands {
namespace {

constexpr size_t kOptionColumn = 26;

void append_options(std::string& out, const std::vector<OptionSpec>& options) {
  for (const OptionSpec& option : options) {
    std::string help = option.help;
    if (!option.choices.empty()) help += fmt::format(" ({})", fmt::join(option.choices, ", "));
    if (!option.default_value.empty()) help += fmt::format(" (default: {})", option.default_value);
    std::string names = "  " + option_names(option);
    std::string wrapped = wrap(help, kOptionColumn);
    if (names.size() + 1 < kOptionColumn) {
      out += names + wrapped.substr(names.size());
    } else {
      out += names + "\n" + wrapped;
    }
  }
}

void append_examples(std::string& out, const std::vector<ExampleSpec>& examples) {
  if (examples.empty()) return;
  out += "\nExamples:\n";
  for (const ExampleSpec& example : examples) out += fmt::format("  {}\n{}", example.line, wrap(example.what, 6));
}

void append_summary(std::string& out, const Command& command) {
  out += fmt::format("  {:<22} {}\n", command.spec().full_name(), command.spec().summary);
}

}  // namespace

std::span<const ExitStatus> exit_statuses() {
  static constexpr ExitStatus kStatuses[] = {
      {0, "done"},
      {1, "done, but part of the answer is missing; the notes say what"},
      {2, "wrong usage"},
      {3, "the core, executable or file cannot be used; one line says why and what to try"},
  };
  return kStatuses;
}

const std::vector<OptionSpec>& common_options() {
  static const std::vector<OptionSpec> kOptions = {
      {.long_name = "json", .help = "print one JSON object instead of text"},
      {.short_name = 'h', .long_name = "help", .help = "show this help"},
  };
  return kOptions;
}

std::string option_names(const OptionSpec& option) {
  std::string names = option.short_name != 0 ? fmt::format("-{}, ", option.short_name) : "    ";
  names += "--" + option.long_name;
  if (!option.value_name.empty()) names += " " + option.value_name;
  return names;
}

std::string usage_line(const CommandSpec& spec) {
  std::string line = spec.full_name();
  for (size_t i = 0; i < spec.options.size(); ++i) {
    const OptionSpec& option = spec.options[i];
    bool continues = i > 0 && !option.excludes.empty() && spec.options[i - 1].excludes == option.excludes;
    bool continued =
        i + 1 < spec.options.size() && !option.excludes.empty() && spec.options[i + 1].excludes == option.excludes;
    line += continues ? " | " : " [";
    line += option.short_name != 0 ? fmt::format("-{}", option.short_name) : "--" + option.long_name;
    if (!option.value_name.empty()) line += " " + option.value_name;
    if (!continued) line += "]";
  }
  line += " [--json]";
  for (const PositionalSpec& positional : spec.positionals) {
    std::string name = positional.name + (positional.repeats ? "..." : "");
    line += positional.required ? " " + name : fmt::format(" [{}]", name);
  }
  if (!spec.program.empty()) line += fmt::format(" [-- {} ARGS...]", spec.program);
  return line;
}

std::string wrap(std::string_view text, size_t indent, size_t width) {
  std::string out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    bool as_it_is = line.starts_with(' ');
    do {
      size_t length = line.size();
      if (!as_it_is && indent + length > width) {
        length = line.rfind(' ', width - indent);
        if (length == std::string_view::npos || length == 0) length = std::min(line.find(' '), line.size());
      }
      if (length > 0) out.append(indent, ' ');
      out.append(line.substr(0, length)).append("\n");
      line.remove_prefix(std::min(line.size(), length + 1));
    } while (!line.empty());
  }
  return out;
}

std::string command_help(const CommandSpec& spec) {
  std::string out = fmt::format("{} - {}\n\nUsage: {}\n", spec.full_name(), spec.summary, usage_line(spec));
  if (!spec.description.empty()) out += "\n" + wrap(spec.description, 0);
  if (!spec.positionals.empty()) {
    out += "\nArguments:\n";
    for (const PositionalSpec& positional : spec.positionals) {
      std::string name = fmt::format("  {:<{}}", positional.name, kOptionColumn - 2);
      out += name + wrap(positional.help, kOptionColumn).substr(std::min(name.size(), kOptionColumn));
    }
  }
  out += "\nOptions:\n";
  append_options(out, spec.options);
  append_options(out, common_options());
  append_examples(out, spec.examples);
  if (!spec.aliases.empty()) out += fmt::format("\nAlso: {}\n", fmt::join(spec.aliases, ", "));
  return out;
}

std::string group_help(const Registry& registry, const CommandGroup& group) {
  std::string out = fmt::format("{} - {}\n\nCommands:\n", group.name, group.summary);
  for (const Command* command : registry.in_group(group.name)) append_summary(out, *command);
  return out + fmt::format("\nMore about one: help {} COMMAND\n", group.name);
}

std::string commands_help(const Registry& registry) {
  std::string out = "Commands:\n";
  for (const auto& command : registry.commands()) append_summary(out, *command);
  return out + "\nMore about one: help COMMAND\n";
}

std::string program_help(const ProgramSpec& program, const Registry& registry) {
  std::string out = fmt::format("{} {} - {}\n\n", program.name, program.version, program.summary);
  for (const std::string& line : program.usage) {
    out += fmt::format("{} {} {}\n", &line == &program.usage.front() ? "Usage:" : "      ", program.name, line);
  }
  out += "\n" + commands_help(registry) + "\nOptions:\n";
  append_options(out, program.options);
  append_examples(out, program.examples);
  out += "\nExit status:\n";
  for (const ExitStatus& status : exit_statuses()) out += fmt::format("  {}  {}\n", status.status, status.meaning);
  return out;
}

Result<std::string> help_on(const Registry& registry, std::span<const std::string> words) {
  auto group = std::ranges::find(registry.groups(), words[0], &CommandGroup::name);
  if (group != registry.groups().end() && words.size() == 1) return group_help(registry, *group);
  auto match = registry.find(words);
  if (!match) return std::move(match).error();
  return command_help(match->command->spec());
}

}  // namespace inquest::commands
