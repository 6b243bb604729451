#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "commands/words.h"

namespace inquest::cli {
namespace {

using commands::OptionSpec;
using Kind = OptionSpec::Kind;

std::vector<OptionSpec> option_specs() {
  return {
      {.short_name = 'c', .long_name = "core", .kind = Kind::kFile, .value_name = "CORE", .help = "the core file"},
      {.short_name = 'e',
       .long_name = "exe",
       .kind = Kind::kFile,
       .value_name = "FILE",
       .help = "the program that died, where the path in the core does not lead to it"},
      {.long_name = "sysroot",
       .kind = Kind::kDirectory,
       .value_name = "DIR",
       .help = "root of the file system the process saw (container, other machine)"},
      {.long_name = "debug-dir",
       .kind = Kind::kDirectory,
       .value_name = "DIR",
       .help = "a further place for separate debug files; may be repeated"},
      {.long_name = "debuginfod",
       .help = "ask the servers in DEBUGINFOD_URLS for debug files that are found nowhere else"},
      {.short_name = 'o',
       .long_name = "one-line",
       .kind = Kind::kText,
       .value_name = "COMMAND",
       .help = "run this command; may be repeated, the core is opened once"},
      {.long_name = "json", .help = "answers as JSON, one object for each command"},
      {.long_name = "no-color", .help = "no color, as with NO_COLOR in the environment"},
      {.short_name = 'q', .long_name = "quiet", .help = "no notes beside the answers, warnings only"},
      {.long_name = "version", .help = "print the version"},
      {.short_name = 'h', .long_name = "help", .help = "show this help"},
  };
}

/// "-c,--core" for CLI11.
std::string names_of(const OptionSpec& spec) {
  std::string names = "--" + spec.long_name;
  return spec.short_name != 0 ? std::string{'-', spec.short_name, ','} + names : names;
}

/// Ties each specification to the member that takes its value.
void add_options(CLI::App& app, Options& options, const std::vector<OptionSpec>& specs) {
  const std::pair<const char*, std::string*> texts[] = {
      {"core", &options.core}, {"exe", &options.executable}, {"sysroot", &options.sysroot}};
  const std::pair<const char*, std::vector<std::string>*> lists[] = {{"debug-dir", &options.debug_dirs},
                                                                     {"one-line", &options.one_line}};
  const std::pair<const char*, bool*> flags[] = {{"debuginfod", &options.debuginfod}, {"json", &options.json},
                                                 {"no-color", &options.no_color},     {"quiet", &options.quiet},
                                                 {"version", &options.version},       {"help", &options.help}};
  for (const OptionSpec& spec : specs) {
    for (auto [name, text] : texts) {
      if (spec.long_name == name) app.add_option(names_of(spec), *text)->take_last();
    }
    for (auto [name, list] : lists) {
      if (spec.long_name == name)
        app.add_option(names_of(spec), *list)->expected(1)->allow_extra_args(false)->take_all();
    }
    for (auto [name, flag] : flags) {
      if (spec.long_name == name) app.add_flag(names_of(spec), *flag);
    }
  }
}

Error unknown_option(const std::string& word) {
  std::vector<std::string> known;
  for (const OptionSpec& spec : option_specs()) known.push_back("--" + spec.long_name);
  auto meant = commands::nearest_word(word, known);
  return usage_error("unknown option " + word, meant ? "did you mean " + *meant + "?" : "try: inquest --help");
}

}  // namespace

commands::ProgramSpec program_spec() {
  return {
      .name = "inquest",
      .summary = "postmortem debugger for Node.js and C++ processes",
      .version = INQUEST_VERSION,
      .usage = {"[OPTIONS] -c CORE COMMAND [ARGUMENTS...]", "[OPTIONS] -c CORE -o 'COMMAND ...' [-o 'COMMAND ...']...",
                "[OPTIONS] -c CORE", "help [COMMAND]"},
      .description =
          "inquest reads the core file of a dead process and answers what happened, what the heap held and what "
          "leaked. The program and its libraries are found by the paths and build-ids in the core.\n\n"
          "What follows the options is what one types at the (lldb) prompt when the plugin is loaded. Without a "
          "command, an interactive session of LLDB on the core begins, with the plugin loaded.\n\n"
          "Answers go to the standard output, notes and errors to the standard error.",
      .options = option_specs(),
      .examples = {{"inquest -c core v8 info", "what the core holds and what can be relied on"},
                   {"inquest -c core v8 findjsobjects --sort size", "the types that hold most memory"},
                   {"inquest -c core.new v8 diff core.old", "what grew between two cores"},
                   {"inquest -c core", "an interactive session"}},
      .environment = {{"NO_COLOR", "No color when set."},
                      {"INQUEST_LLDB", "The LLDB for interactive sessions."},
                      {"INQUEST_PLUGIN", "The plugin for interactive sessions."},
                      {"INQUEST_SYSROOT, INQUEST_DEBUG_DIRS, INQUEST_EXE",
                       "What the plugin takes for --sysroot, --debug-dir (separated by colons) and --exe."}},
  };
}

Result<Options> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app;
  app.set_help_flag();
  app.prefix_command();
  add_options(app, options, option_specs());
  app.add_flag("--man", options.man);
  app.add_option("--completion", options.completion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "try: inquest --help");
  }
  options.command = app.remaining();
  if (!options.command.empty() && options.command[0].starts_with('-')) return unknown_option(options.command[0]);
  return options;
}

Result<Options> parse_tool_options(int argc, const char* const* argv) {
  static constexpr std::array kTaken = {"core", "exe", "sysroot", "debug-dir", "debuginfod", "no-color", "quiet"};
  std::vector<OptionSpec> specs = option_specs();
  std::erase_if(specs, [](const OptionSpec& spec) { return std::ranges::count(kTaken, spec.long_name) == 0; });
  Options options;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  add_options(app, options, specs);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  options.command = app.remaining();
  options.command.insert(options.command.begin(), std::filesystem::path(argv[0]).filename());
  return options;
}

}  // namespace inquest::cli
