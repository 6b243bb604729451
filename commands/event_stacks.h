// Stacks of a tracer's events, unwound and named by the same code as those of cores.
//
// Events of one process share a session as long as it maps nothing new; sessions of different processes share what was
// read of debug information, because most map the same files.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

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

  /// Puts behind each pointer the symbol that it points at: "0x7f.. <typeinfo for std::runtime_error>".
  void name_pointers(ProbeEvent& event);

  /// What stacks have lacked so far: whole sentences.
  std::vector<std::string> notes() const;

 private:
  class SharedDebugInfo;
  struct Process;

  static NativeStack named(Process& process, WithArguments arguments);
  Process* process_of(const ProbeEvent& event);

  SessionHooks hooks_;
  std::shared_ptr<SharedDebugInfo> debug_info_;
  std::list<std::unique_ptr<Process>> processes_;  ///< the last used first
  NativeStack stack_;
  uint64_t early_ = 0, cut_ = 0, all_ = 0;
  std::string reason_;
};

}  // namespace inquest::commands
