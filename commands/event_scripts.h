// JavaScript frames on the stacks of traced processes.
//
// The registers and the stack are those of the event, the heap is read while the process goes on running, some time
// later. V8's layout is found out once for each run of a program; each event reads the few objects that its frames
// refer to, and v8/frames checks that they still are what the frames run. What could not be read then is looked for in
// the core of the same process, when there is one.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/session.h"
#include "postmortem/model/earlier_target.h"
#include "postmortem/model/probe_event.h"
#include "postmortem/model/unwinder.h"

namespace inquest::commands {

class EventScripts {
 public:
  /// `core`: may be null; else it must outlive this, as `hooks`.
  EventScripts(const SessionHooks& hooks, const Target* core);
  ~EventScripts();

  struct Unwound {
    Stack stack;
    ScriptState state = ScriptState::kNone;
    std::vector<ScriptFrame> frames;  ///< those of V8's code, in the order of the stack
    bool by_core = false;             ///< names, or some of them, come from the core
    uint64_t gone = 0;                ///< frames whose code is not in the core any more
  };
  /// Unwinds the stack of `event`, which `target` shows. What an event file or the tracer has said about it counts.
  Unwound unwind(const ProbeEvent& event, const Target& target, Unwinder& unwinder);

  /// Why the last runtime could not be used; "" when none was refused.
  const std::string& reason() const { return reason_; }

 private:
  struct Source;

  Unwound unwind_running(const ProbeEvent& event, const Target& target, Unwinder& unwinder);
  bool lacks_names(const Unwound& unwound, const ProbeEvent& event, const Target& target) const;
  void name_by_core(Unwound& unwound, const ProbeEvent& event, const Target& target, Unwinder& unwinder);
  v8::Runtime* core_runtime();
  Source* source_of(const ProbeEvent& event);
  v8::Runtime* runtime_of(Source& source, const ProbeEvent& event, ScriptState& state);

  const SessionHooks& hooks_;
  const Target* core_;
  std::unique_ptr<EarlierTarget> core_target_;  ///< once it has been looked into
  std::unique_ptr<v8::Runtime> core_runtime_;
  bool core_tried_ = false;
  std::list<std::unique_ptr<Source>> sources_;  ///< the last used first
  std::string reason_;
};

}  // namespace inquest::commands
