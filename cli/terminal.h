// What the user sees beside the answers: errors, notes and progress on the standard error; and how an interruption
// reaches long work.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "commands/output.h"
#include "commands/progress_line.h"
#include "commands/report.h"
#include "postmortem/model/result.h"
#include "v8/runtime.h"

namespace inquest::cli {

class Terminal {
 public:
  Terminal(bool no_color, bool quiet);

  /// "inquest: error: WHAT (HINT)"
  void show(const Error& error);
  /// Each note once; those of severity info not with --quiet.
  void show(std::span<const commands::Note> notes);

  /// A line on the standard error at once, not with --quiet. From any thread.
  void tell(std::string_view line);

  /// A line on the standard error while work takes longer than a second, when that is a terminal. The work is told to
  /// stop once the user has pressed Control-C.
  v8::Progress progress();
  void clear_progress() { progress_line_.clear(); }

  /// A sink for answers that stops after a broken pipe or an interruption; `failed` is set for any other write error.
  commands::Output::Sink standard_output(std::optional<Error>& failed);

 private:
  bool color_;
  bool quiet_;
  bool is_terminal_;
  commands::ProgressLine progress_line_;
  std::vector<commands::Note> shown_;
};

/// From here on the first Control-C only asks long work to stop, the second one ends the program.
void catch_interrupts();
bool interrupted();

}  // namespace inquest::cli
