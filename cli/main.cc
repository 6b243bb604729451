// inquest: the command line.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/interactive.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "commands/man_page.h"
#include "commands/registry.h"
#include "commands/report.h"
#include "commands/runner.h"
#include "commands/session.h"
#include "commands/words.h"
#include "engine/hooks.h"
#include "postmortem/elf/core_target.h"
#include "postmortem/model/huge_pages.h"

namespace inquest::cli {
namespace {

constexpr int kExitInterrupted = 128 + SIGINT;

/// Sanitizers look for leaks after an orderly end only.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kTakeApart = true;
#else
constexpr bool kTakeApart = false;
#endif

/// One path in every report, wherever one stands: both front ends give the absolute one.
std::string absolute(const std::string& path) {
  std::error_code error;
  auto full = std::filesystem::absolute(path, error).lexically_normal();
  return error ? path : full.string();
}

class Program {
 public:
  explicit Program(Options options)
      : options_(std::move(options)),
        terminal_(options_.no_color, options_.quiet),
        output_(terminal_.standard_output(write_failure_)) {}

  int run() {
    if (auto text = about_program()) return finish(print(*text));
    auto invocations = prepare_all();
    if (!invocations) return finish(fail(invocations.error(), typed_command()));
    if (invocations->empty()) return start_session();
    if (std::ranges::all_of(*invocations, [](const auto& invocation) { return !invocation.help.empty(); })) {
      for (const commands::Invocation& invocation : *invocations) print(invocation.help);
      return finish(commands::kExitDone);
    }
    return finish(run_all(*invocations));
  }

 private:
  /// Help, version and generated files, which need neither core nor command.
  std::optional<std::string> about_program() const {
    commands::ProgramSpec program = program_spec();
    if (options_.version) return fmt::format("{} {}\n", program.name, program.version);
    if (options_.man) return commands::man_page(program, registry_);
    if (options_.completion == "bash") return commands::bash_completion(program, registry_);
    bool asks_help = options_.command == std::vector<std::string>{"help"};
    if (options_.help || asks_help) return commands::program_help(program, registry_);
    return std::nullopt;
  }

  /// All command lines are checked before the core is opened.
  Result<std::vector<commands::Invocation>> prepare_all() const {
    if (!options_.completion.empty()) return usage_error("no completion for " + options_.completion, "there is: bash");
    std::vector<std::vector<std::string>> lines;
    for (const std::string& line : options_.one_line) {
      auto words = commands::split_words(line);
      if (!words) return std::move(words).error();
      lines.push_back(std::move(words).value());
    }
    if (!options_.command.empty()) lines.push_back(options_.command);
    std::vector<commands::Invocation> invocations;
    for (const auto& words : lines) {
      auto invocation = commands::prepare(registry_, words, options_.json);
      if (!invocation) return std::move(invocation).error();
      invocations.push_back(std::move(invocation).value());
    }
    return invocations;
  }

  int start_session() {
    if (options_.core.empty()) {
      return finish(fail(usage_error("neither a core nor a command was given", "try: inquest --help"), ""));
    }
    return finish(fail(run_lldb(options_, terminal_), ""));
  }

  int run_all(const std::vector<commands::Invocation>& invocations) {
    std::unique_ptr<Target> target;
    if (!options_.core.empty()) {
      auto opened = open_core(options_.core, options_.executable);
      if (!opened) return fail(opened.error(), typed_command());
      target = std::move(opened).value();
    } else if (std::ranges::any_of(invocations, [](const auto& invocation) {
                 return invocation.help.empty() && invocation.command->spec().needs_core;
               })) {
      return fail(usage_error("no core file was named", "put --core CORE before the command"), typed_command());
    }
    commands::SessionHooks hooks = engine::make_hooks({.sysroot = options_.sysroot,
                                                       .debug_dirs = options_.debug_dirs,
                                                       .live_tracing = true,
                                                       .debuginfod = options_.debuginfod});
    hooks.open_core = [this](const std::string& core) { return open_other(core); };
    hooks.tell = [this](std::string_view line) { terminal_.tell(line); };
    session_ = std::make_unique<commands::Session>(std::move(target), std::move(hooks));
    session_->set_progress(terminal_.progress());
    if (invocations.size() > 1) session_->set_further_commands();
    catch_interrupts();
    int status = commands::kExitDone;
    for (const commands::Invocation& invocation : invocations) {
      commands::Outcome outcome = commands::execute(invocation, *session_, output_);
      output_.flush();
      if (interrupted() || !output_.ok()) return status;
      if (outcome.error) terminal_.show(*outcome.error);
      terminal_.show(outcome.notes);
      status = std::max(status, outcome.status);
      last_body_ = std::move(outcome.body);
    }
    return status;
  }

  Result<std::unique_ptr<Target>> open_core(const std::string& core, const std::string& executable) {
    v8::Progress progress = terminal_.progress();
    auto target = elf::open_core({
        .core = absolute(core),
        .executable = executable,
        .sysroot = options_.sysroot,
        .debug_dirs = options_.debug_dirs,
        .progress = [progress](uint64_t done, uint64_t total) { progress("decompressing the core", done, total); },
    });
    terminal_.clear_progress();
    return target;
  }

  /// A further core of a comparison finds its program by itself; --exe, given for the first core, helps where it
  /// cannot.
  Result<std::unique_ptr<Target>> open_other(const std::string& core) {
    auto target = open_core(core, "");
    if (!target || commands::has_executable(**target) || options_.executable.empty()) return target;
    auto again = open_core(core, options_.executable);
    return again && commands::has_executable(**again) ? std::move(again) : std::move(target);
  }

  /// For the JSON of an error: the name of the first command as far as it is known.
  std::string typed_command() const {
    std::vector<std::string> words = options_.command;
    if (!options_.one_line.empty()) {
      if (auto split = commands::split_words(options_.one_line[0])) words = *split;
    }
    if (auto match = registry_.find(words)) return match->command->spec().full_name();
    return words.empty() ? "" : words[0];
  }

  bool wants_json() const {
    auto asks = [](const std::string& line) { return line.find("--json") != std::string::npos; };
    return options_.json || std::ranges::any_of(options_.command, asks) || std::ranges::any_of(options_.one_line, asks);
  }

  int fail(const Error& error, const std::string& command) {
    if (wants_json()) commands::write_json_error(output_, command, error);
    terminal_.show(error);
    return commands::exit_status(error);
  }

  int print(const std::string& text) {
    output_.append(text);
    return commands::kExitDone;
  }

  int finish(int status) {
    output_.flush();
    terminal_.clear_progress();
    if (interrupted()) return kExitInterrupted;
    if (!write_failure_) return status;
    terminal_.show(*write_failure_);
    return commands::kExitUnusable;
  }

  Options options_;
  commands::Registry registry_;
  Terminal terminal_;
  std::optional<Error> write_failure_;
  commands::Output output_;
  std::unique_ptr<commands::Session> session_;
  std::unique_ptr<const commands::ReportBody> last_body_;  ///< may refer to the session
};

/// The command that is installed under the name this program was called by (`check-debug-info`), or null.
bool called_as_tool(int argc, const char* const* argv) {
  if (argc == 0) return false;
  std::string name = std::filesystem::path(argv[0]).filename();
  commands::Registry registry;
  return std::ranges::any_of(registry.commands(), [&](const auto& command) {
    return command->spec().is_program && command->spec().full_name() == name;
  });
}

int run(int argc, char** argv) {
  take_memory_in_large_steps();
  std::signal(SIGPIPE, SIG_IGN);  // a broken pipe is noticed by write, and the program ends quietly
  auto options = called_as_tool(argc, argv) ? parse_tool_options(argc, argv) : parse_options(argc, argv);
  if (options) {
    auto program = std::make_unique<Program>(std::move(options).value());
    int status = program->run();
    if (kTakeApart) return status;
    // Everything is written. The kernel takes memory back at once, in a tenth of the time that destructors take.
    std::fflush(nullptr);
    std::_Exit(status);
  }
  Terminal(false, false).show(options.error());
  return commands::exit_status(options.error());
}

}  // namespace
}  // namespace inquest::cli

int main(int argc, char** argv) {
  try {
    return inquest::cli::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "inquest: error: internal error: {}\n", error.what());
    return inquest::commands::kExitUnusable;
  }
}
