// Probes proposed from a core: the functions of its crash stack and those that write the variable that the bad pointer
// came from. The next run, traced with them, shows who was there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "commands/report.h"
#include "commands/session.h"
#include "postmortem/model/result.h"
#include "postmortem/model/trace_request.h"

namespace inquest::commands {

struct ProposedProbe {
  std::string probe;   ///< a specification; of those left out at least what it is about
  std::string reason;  ///< one phrase
  std::string kind;    ///< "writer", "stack" or "signal"
};

struct CrashProbes {
  std::string core;
  std::string cause;  ///< the first two lines of `why`
  std::string detail;
  std::vector<ProposedProbe> probes;    ///< each can be set
  std::vector<ProposedProbe> left_out;  ///< `reason` says why
  std::vector<std::string> remarks;     ///< what is worth knowing though nothing is missing for it
  std::vector<std::string> notes;       ///< what could not be found out: whole sentences
};

/// Reads `core` and looks the places up for what `request` traces. An error where a file in which a probe would lie is
/// not the build that the core is of.
Result<CrashProbes> propose_probes(const Session& session, const std::string& core, const TraceRequest& request);

/// The proposals as a file that `trace --file` reads: one probe in a line, the reason behind it.
std::unique_ptr<const ReportBody> make_proposals_body(CrashProbes proposals);

}  // namespace inquest::commands
