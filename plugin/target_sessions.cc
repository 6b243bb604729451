#include "plugin/target_sessions.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <utility>

#include "engine/hooks.h"
#include "plugin/live_process.h"
#include "postmortem/elf/core_target.h"

namespace inquest::plugin {
namespace {

std::string path_of(const lldb::SBFileSpec& file) {
  if (!file.IsValid() || file.GetFilename() == nullptr) return {};
  std::string path = file.GetFilename();
  if (file.GetDirectory() != nullptr) path = std::string(file.GetDirectory()) + "/" + path;
  std::error_code error;
  auto full = std::filesystem::absolute(path, error).lexically_normal();
  return error ? path : full.string();
}

/// Stops of LLDB's expressions count: they may have changed what the process holds.
uint32_t stop_of(lldb::SBProcess& process) { return process.GetStopID(true); }

void select_thread(commands::Session& session, lldb::SBProcess& process) {
  session.select_thread(process.GetSelectedThread().GetThreadID());
}

}  // namespace

OpenSettings OpenSettings::from_environment() {
  auto text = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  OpenSettings settings{.executable = text("INQUEST_EXE"), .sysroot = text("INQUEST_SYSROOT"), .debug_dirs = {}};
  std::string folders = text("INQUEST_DEBUG_DIRS");
  std::string_view rest = folders;
  while (!rest.empty()) {
    std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (!folder.empty()) settings.debug_dirs.emplace_back(folder);
  }
  return settings;
}

TargetSessions::TargetSessions() : settings_(OpenSettings::from_environment()) {}

Result<commands::Session*> TargetSessions::selected(lldb::SBDebugger debugger) {
  drop_stale(debugger);
  lldb::SBTarget target = debugger.GetSelectedTarget();
  lldb::SBProcess process = target.GetProcess();
  if (!target.IsValid() || !process.IsValid() || process.GetState() == lldb::eStateInvalid) {
    return unusable("No valid process, please start something", "open a core: target create --core CORE");
  }
  std::string core = path_of(process.GetCoreFile());
  return core.empty() ? selected_live(target, process) : selected_core(target, process, core);
}

Result<commands::Session*> TargetSessions::selected_core(lldb::SBTarget target, lldb::SBProcess process,
                                                         const std::string& core) {
  uint32_t id = process.GetUniqueID(), stop = stop_of(process);
  auto known = std::ranges::find(entries_, id, &Entry::process);
  if (known != entries_.end() && known->stop == stop && known->core == core) {
    select_thread(*known->session, process);
    return known->session.get();
  }
  if (known != entries_.end()) entries_.erase(known);

  auto opened = open(core, path_of(target.GetExecutable()));
  if (!opened) return std::move(opened).error();
  auto session = std::make_unique<commands::Session>(std::move(opened).value(), hooks());
  select_thread(*session, process);
  entries_.push_back({id, stop, core, std::move(session)});
  return entries_.back().session.get();
}

Result<commands::Session*> TargetSessions::selected_live(lldb::SBTarget target, lldb::SBProcess process) {
  uint32_t id = process.GetUniqueID(), stop = stop_of(process);
  auto known = std::ranges::find(entries_, id, &Entry::process);
  auto process_now = stopped_process(target, process);
  bool holds = process_now && known != entries_.end() && known->stop == stop && known->stopped != nullptr &&
               same_threads(known->stopped->threads(), process_now->threads) && known->stopped->memory().is_unchanged();
  if (!holds) {
    if (known != entries_.end()) entries_.erase(known);
    if (!process_now) return std::move(process_now).error();
    auto opened = live::StoppedTarget::open(
        std::move(*process_now),
        {.executable = settings_.executable, .sysroot = settings_.sysroot, .debug_dirs = settings_.debug_dirs});
    if (!opened) return std::move(opened).error();
    live::StoppedTarget* stopped = opened->get();
    auto session = std::make_unique<commands::Session>(std::move(opened).value(), hooks());
    entries_.push_back({id, stop, {}, std::move(session), stopped});
    known = std::prev(entries_.end());
  }
  hide_breakpoints(target, process, known->stopped->memory(), known->shown_pages);
  select_thread(*known->session, process);
  return known->session.get();
}

bool TargetSessions::is_still_stopped(lldb::SBDebugger debugger) const {
  lldb::SBProcess process = debugger.GetSelectedTarget().GetProcess();
  auto known = std::ranges::find(entries_, process.GetUniqueID(), &Entry::process);
  if (known == entries_.end() || known->stopped == nullptr) return true;
  lldb::StateType state = process.GetState();
  bool is_stopped = state == lldb::eStateStopped || state == lldb::eStateCrashed || state == lldb::eStateSuspended;
  return is_stopped && stop_of(process) == known->stop;
}

commands::Session& TargetSessions::without_target() {
  if (!without_target_) without_target_ = std::make_unique<commands::Session>(nullptr, hooks());
  return *without_target_;
}

commands::SessionHooks TargetSessions::hooks() const {
  return engine::make_hooks({.sysroot = settings_.sysroot, .debug_dirs = settings_.debug_dirs});
}

void TargetSessions::drop_stale(lldb::SBDebugger debugger) {
  std::erase_if(entries_, [&](const Entry& entry) {
    for (uint32_t i = 0; i < debugger.GetNumTargets(); ++i) {
      if (debugger.GetTargetAtIndex(i).GetProcess().GetUniqueID() == entry.process) return false;
    }
    return true;
  });
}

Result<std::unique_ptr<Target>> TargetSessions::open(const std::string& core,
                                                     const std::string& executable_in_lldb) const {
  elf::OpenOptions options{.core = core,
                           .executable = settings_.executable,
                           .sysroot = settings_.sysroot,
                           .debug_dirs = settings_.debug_dirs,
                           .progress = {}};
  auto target = elf::open_core(options);
  // LLDB may have chosen its executable itself and does not compare build-ids, so ours goes first; its choice, which
  // may be the user's, is asked only where we found none.
  bool found = target && commands::has_executable(**target);
  if (found || executable_in_lldb.empty() || !settings_.executable.empty()) return target;
  options.executable = executable_in_lldb;
  auto again = elf::open_core(options);
  return again && commands::has_executable(**again) ? std::move(again) : std::move(target);
}

}  // namespace inquest::plugin
