#include "plugin/command_adapter.h"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "commands/output.h"
#include "commands/progress_line.h"
#include "commands/runner.h"
#include "commands/text_escape.h"
#include "plugin/lldb_expression.h"

namespace inquest::plugin {
namespace {

using commands::Note;

commands::Output::Sink output_of(lldb::SBCommandReturnObject& result) {
  return [&result](std::string_view block) {
    // Not PutCString nor AppendMessage: they strip trailing blanks and add line ends.
    while (!block.empty()) {
      constexpr size_t kLargest = 1 << 20;
      std::string_view part = block.substr(0, kLargest);
      result.Printf("%.*s", static_cast<int>(part.size()), part.data());
      block.remove_prefix(part.size());
    }
    return true;
  };
}

void write_error_file(lldb::SBDebugger& debugger, std::string_view text) {
  size_t written = 0;
  debugger.GetErrorFile().Write(reinterpret_cast<const uint8_t*>(text.data()), text.size(), &written);
}

/// Tells how far long work is, and whether the user has interrupted it.
v8::Progress progress_of(lldb::SBDebugger debugger, commands::ProgressLine& line) {
  bool shows = ::isatty(STDERR_FILENO) == 1;
  return [debugger, &line, shows](std::string_view what, uint64_t done, uint64_t total) mutable {
    if (shows) line.update(what, done, total);
    return !debugger.InterruptRequested() && !debugger.GetCommandInterpreter().WasInterrupted();
  };
}

/// Beside the answer, never in it: warnings with the result, where programs that drive LLDB find them; mere remarks to
/// the terminal.
void show(lldb::SBDebugger& debugger, std::span<const Note> notes, lldb::SBCommandReturnObject& result) {
  for (const Note& note : notes) {
    if (note.severity == Note::Severity::kInfo) {
      write_error_file(debugger, commands::note_line(note) + "\n");
    } else {
      result.AppendWarning(commands::escape_text(note.text).c_str());
    }
  }
}

bool fail(lldb::SBCommandReturnObject& result, const Error& error) {
  result.SetError(commands::escape_text(error.line()).c_str());
  result.SetStatus(lldb::eReturnStatusFailed);
  return false;
}

bool asks_json(const std::vector<std::string>& words) { return std::ranges::count(words, "--json") > 0; }

}  // namespace

bool CommandAdapter::DoExecute(lldb::SBDebugger debugger, char** words, lldb::SBCommandReturnObject& result) noexcept {
  try {
    std::vector<std::string> line = prefix_;
    for (char** word = words; word != nullptr && *word != nullptr; ++word) line.emplace_back(*word);
    return run(debugger, std::move(line), result);
  } catch (const std::exception& exception) {
    result.SetError((std::string("internal error: ") + exception.what()).c_str());
  } catch (...) {
    result.SetError("internal error");
  }
  return false;
}

bool CommandAdapter::run(lldb::SBDebugger debugger, std::vector<std::string> words,
                         lldb::SBCommandReturnObject& result) {
  std::lock_guard lock(state_->mutex);
  commands::Output output(output_of(result));
  auto invocation = commands::prepare(state_->registry, words, false);
  std::optional<Error> error;
  if (!invocation) error = invocation.error();
  if (invocation && !invocation->help.empty()) {
    output.append(invocation->help);
    result.SetStatus(lldb::eReturnStatusSuccessFinishResult);
    return true;
  }
  commands::Session* session = nullptr;
  if (!error) {
    auto selected = state_->sessions.selected(debugger);
    if (selected) session = *selected;
    if (!selected && !invocation->command->spec().needs_core) session = &state_->sessions.without_target();
    if (session == nullptr) error = selected.error();
  }
  if (error) {
    if (asks_json(words)) {
      auto match = state_->registry.find(words);
      commands::write_json_error(output, match ? match->command->spec().full_name() : words[0], *error);
    }
    output.flush();
    return fail(result, *error);
  }

  commands::ProgressLine line([&debugger](std::string_view text) { write_error_file(debugger, text); });
  session->set_progress(progress_of(debugger, line));
  session->set_further_commands();
  session->set_evaluator([&debugger](const std::string& text) { return evaluate_in(debugger, text); });
  commands::Outcome outcome = commands::execute(*invocation, *session, output);
  session->set_progress({});
  session->set_evaluator({});
  line.clear();
  output.flush();
  if (outcome.error) return fail(result, *outcome.error);
  show(debugger, outcome.notes, result);
  if (session->has_target() && !state_->sessions.is_still_stopped(debugger))
    result.AppendWarning("the process has run while it was being looked at: this answer may be wrong");
  result.SetStatus(lldb::eReturnStatusSuccessFinishResult);
  return true;
}

}  // namespace inquest::plugin
