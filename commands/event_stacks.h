// Stacks of a tracer's events, unwound and named by the same code as those of cores.
//
// Events of one process share a session as long as it maps nothing new; sessions of different processes share what was
// read of debug information, because most map the same files.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "commands/event_scripts.h"
#include "commands/native_stack.h"
#include "commands/session.h"
#include "postmortem/model/probe_event.h"

namespace inquest::commands {

class EventStacks {
 public:
  /// `session` gives the ways to open things and must outlive this object.
  explicit EventStacks(const Session& session);
  ~EventStacks();

  /// The named stack of `event`: with no frames where nothing was recorded to make one from. Valid until the next call.
  const NativeStack& of(const ProbeEvent& event, WithArguments arguments = WithArguments::kTyped);

  /// Reads the names of JavaScript functions now, into the event itself, so that it keeps them.
  void name_scripts(ProbeEvent& event);
  /// The same for a thread that has something else to do: when it takes more than half of a second, events of the rest
  /// of that are passed over.
  void name_some_scripts(ProbeEvent& event);

  /// Puts behind each pointer the symbol that it points at: "0x7f.. <typeinfo for std::runtime_error>".
  void name_pointers(ProbeEvent& event);

  /// What stacks have lacked so far: whole sentences.
  std::vector<std::string> notes() const;

 private:
  class SharedDebugInfo;
  struct Process;

  NativeStack named(Process& process, const ProbeEvent& event, WithArguments arguments);
  void show_scripts(NativeStack& stack) const;
  void count_scripts();
  void add_script_notes(std::vector<std::string>& notes) const;
  Process* process_of(const ProbeEvent& event);

  SessionHooks hooks_;
  std::shared_ptr<SharedDebugInfo> debug_info_;
  std::list<std::unique_ptr<Process>> processes_;  ///< the last used first
  EventScripts scripts_;
  EventScripts::Unwound unwound_;  ///< of `stack_`
  NativeStack stack_;
  std::map<ScriptState, uint64_t> script_states_;  ///< how many stacks
  uint64_t moved_ = 0;                             ///< JavaScript frames without a name, or without all of it
  uint64_t by_core_ = 0;                           ///< stacks that a core has named
  uint64_t unproved_ = 0, gone_ = 0;               ///< frames of these: marked, or without their code
  std::chrono::steady_clock::time_point budget_begin_ = {};
  std::chrono::steady_clock::duration budget_used_ = {};  ///< for name_scripts, since then
  uint64_t early_ = 0, cut_ = 0, all_ = 0;
  std::string reason_;
};

}  // namespace inquest::commands
