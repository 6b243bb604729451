// JavaScript frames on the stacks of traced processes.
//
// The registers and the stack are those of the event, the heap is read while the process goes on running, some time
// later. V8's layout is found out once for each run of a program; each event reads the few objects that its frames
// refer to, and v8/frames checks that they still are what the frames run.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/session.h"
#include "postmortem/model/probe_event.h"
#include "postmortem/model/unwinder.h"

namespace inquest::commands {

class EventScripts {
 public:
  explicit EventScripts(const SessionHooks& hooks);
  ~EventScripts();

  struct Unwound {
    Stack stack;
    ScriptState state = ScriptState::kNone;
    std::vector<ScriptFrame> frames;  ///< those of V8's code, in the order of the stack
  };
  /// Unwinds the stack of `event`, which `target` shows. What an event file or the tracer has said about it counts.
  Unwound unwind(const ProbeEvent& event, const Target& target, Unwinder& unwinder);

  /// Why the last runtime could not be used; "" when none was refused.
  const std::string& reason() const { return reason_; }

 private:
  struct Source;

  Source* source_of(const ProbeEvent& event);
  v8::Runtime* runtime_of(Source& source, const ProbeEvent& event, ScriptState& state);

  const SessionHooks& hooks_;
  std::list<std::unique_ptr<Source>> sources_;  ///< the last used first
  std::string reason_;
};

}  // namespace inquest::commands
