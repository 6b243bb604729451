// Which events of a file are of the process of a core, and how long before its death they happened.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands/native_stack.h"
#include "commands/session.h"
#include "postmortem/model/probe_event.h"

namespace inquest::commands {

struct PairedEvents {
  std::vector<ProbeEvent> events;  ///< in the order of time
  bool is_paired = false;          ///< they are those of the core's process
  uint64_t others = 0;             ///< events that were left out
  std::optional<int64_t> death;    ///< wall time, nanoseconds since 1970
  bool death_is_exact = false;     ///< the tracer saw the signal; else the time of the core file, which is later
  int signal = 0;                  ///< that killed it

  /// Nanoseconds from the event to the death; nothing when that is not known, or the event came after.
  std::optional<int64_t> before_death(const ProbeEvent& event) const;
};

/// All events without a target, or with `only_paired` false.
Result<PairedEvents> pair_events(const Session& session, ProbeEventSource& source, bool only_paired);

/// "2.1 ms before the crash, thread 31617 called set_curterm(termp=NULL) from screen_reset at /src/c.c:41".
std::string event_sentence(const ProbeEvent& event, const NativeStack& stack, const PairedEvents& paired);

/// An event file that lies beside the core and has events of its process: looked for among files named *.events, and
/// CORE.events. Nothing when there is none.
struct EventFileBesideCore {
  std::string path;
  PairedEvents events;
};
std::optional<EventFileBesideCore> find_event_file(const Session& session);

}  // namespace inquest::commands
