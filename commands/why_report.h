// What `why` found, and writing it as text or JSON.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "commands/native_stack.h"
#include "commands/report.h"
#include "postmortem/crash/explanation.h"
#include "postmortem/model/frame.h"
#include "postmortem/model/target.h"

namespace inquest::commands {

class Session;

struct SourceLine {
  std::string file;
  uint32_t line = 0;
  std::string text;
  bool current = false;
};

struct WhyFindings {
  const Thread* thread = nullptr;
  Stack stack;
  crash::Explanation explanation;
  NativeStack named;     ///< the first frames of `stack`, the explained one among them unless it is very deep
  size_t explained = 0;  ///< number in `named` of the innermost function of the explained frame
  size_t unnamed = 0;    ///< frames of `stack` behind them
  std::vector<SourceLine> sources;
  std::string event_file;           ///< of a tracer, with events of this very process; empty: none lies beside the core
  std::vector<std::string> events;  ///< the last calls in it, as sentences
  size_t more_events = 0;           ///< in the file before those
};

/// Where a stack has overflown by JavaScript that calls itself: native frames know only V8's interpreter by name.
void name_repeated_scripts(Session& session, WhyFindings& findings);

/// Fills in what follows `explanation`.
void name_frames(Session& session, WhyFindings& findings);

std::unique_ptr<const ReportBody> make_why_body(const Target& target, WhyFindings findings);

}  // namespace inquest::commands
