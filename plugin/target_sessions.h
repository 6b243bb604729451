// The session that belongs to what is selected in one LLDB debugger. Only numbers and paths of LLDB's objects are kept,
// so that nothing of LLDB lives longer for our sake.
#pragma once

#include <lldb/API/LLDB.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "commands/session.h"
#include "postmortem/live/stopped_target.h"
#include "postmortem/model/result.h"

namespace inquest::plugin {

/// Settings that the command line of inquest gives to the LLDB it starts (INQUEST_EXE, INQUEST_SYSROOT,
/// INQUEST_DEBUG_DIRS).
struct OpenSettings {
  std::string executable;
  std::string sysroot;
  std::vector<std::string> debug_dirs;

  static OpenSettings from_environment();
};

class TargetSessions {
 public:
  TargetSessions();

  /// The session of the selected target; opened on first use, dropped when its process is gone or has run on, or when
  /// its memory or its registers have been written to.
  Result<commands::Session*> selected(lldb::SBDebugger debugger);

  /// Whether the process of the selected target is where it was when `selected` gave its session.
  bool is_still_stopped(lldb::SBDebugger debugger) const;

  /// For commands that need no core, when no core is open.
  commands::Session& without_target();

 private:
  struct Entry {
    uint32_t process = 0;  ///< SBProcess::GetUniqueID, never used twice
    uint32_t stop = 0;
    std::string core;  ///< empty: a process that LLDB holds stopped
    std::unique_ptr<commands::Session> session;
    live::StoppedTarget* stopped = nullptr;  ///< of the session, where there is no core
    std::set<Address> shown_pages = {};      ///< whose breakpoints are hidden
  };

  void drop_stale(lldb::SBDebugger debugger);
  Result<commands::Session*> selected_core(lldb::SBTarget target, lldb::SBProcess process, const std::string& core);
  Result<commands::Session*> selected_live(lldb::SBTarget target, lldb::SBProcess process);
  Result<std::unique_ptr<Target>> open(const std::string& core, const std::string& executable_in_lldb) const;

  commands::SessionHooks hooks() const;

  OpenSettings settings_;
  std::unique_ptr<commands::Session> without_target_;
  std::vector<Entry> entries_;
};

}  // namespace inquest::plugin
