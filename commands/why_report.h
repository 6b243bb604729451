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

/// A call of JavaScript on the stack that is explained.
struct ScriptCall {
  std::string function;
  std::string file;
  uint32_t line = 0, column = 0;  ///< from 1
  std::string original;           ///< " [src/a.ts:1:2]" by a source map, safe for a terminal; or empty

  /// "load (/app/server.js:12:9)"
  std::string text() const;
};

struct WhyFindings {
  const Thread* thread = nullptr;
  Stack stack;
  crash::Explanation explanation;
  NativeStack named;     ///< the first frames of `stack`, the explained one among them unless it is very deep
  size_t explained = 0;  ///< number in `named` of the innermost function of the explained frame
  size_t unnamed = 0;    ///< frames of `stack` behind them
  std::vector<ScriptCall> scripts;  ///< the innermost first
  size_t more_scripts = 0;          ///< in the frames that were looked at
  std::vector<SourceLine> sources;
  std::string event_file;           ///< of a tracer, with events of this very process; empty: none lies beside the core
  std::vector<std::string> events;  ///< the last calls in it, as sentences
  size_t more_events = 0;           ///< in the file before those
};

/// Fills in `named` and what depends on it.
void name_frames(Session& session, WhyFindings& findings);

/// Fills in the calls of JavaScript, of which native frames know nothing but V8's interpreter, and names those by which
/// a stack has overflown. After name_frames().
void name_scripts(Session& session, WhyFindings& findings);

std::unique_ptr<const ReportBody> make_why_body(const Target& target, WhyFindings findings);

}  // namespace inquest::commands
