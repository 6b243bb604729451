#include "plugin/target_sessions.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "engine/hooks.h"
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

/// The path of the core file, or an error that says what the user can do instead.
Result<std::string> core_of(lldb::SBTarget target, lldb::SBProcess process) {
  if (!target.IsValid() || !process.IsValid() || process.GetState() == lldb::eStateInvalid) {
    return unusable("No valid process, please start something", "open a core: target create --core CORE");
  }
  std::string core = path_of(process.GetCoreFile());
  if (!core.empty()) return core;
  return unusable("these commands need a core file, and this process runs",
                  "save one with: process save-core --style full FILE, then: target create --core FILE");
}

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
  auto core = core_of(target, process);
  if (!core) return std::move(core).error();
  uint32_t id = process.GetUniqueID();
  auto known = std::ranges::find(entries_, id, &Entry::process);
  if (known != entries_.end() && known->stop == process.GetStopID() && known->core == *core) {
    select_thread(*known->session, process);
    return known->session.get();
  }
  if (known != entries_.end()) entries_.erase(known);

  auto opened = open(*core, path_of(target.GetExecutable()));
  if (!opened) return std::move(opened).error();
  auto session = std::make_unique<commands::Session>(std::move(opened).value(), hooks());
  select_thread(*session, process);
  entries_.push_back({id, process.GetStopID(), *core, std::move(session)});
  return entries_.back().session.get();
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
