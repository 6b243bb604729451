// One of our commands as a command of LLDB.
#pragma once

#include <lldb/API/LLDB.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "commands/registry.h"
#include "plugin/target_sessions.h"

namespace inquest::plugin {

/// What all commands of one debugger share. LLDB may run commands from several threads: one at a time gets in.
struct PluginState {
  std::mutex mutex;
  commands::Registry registry;
  TargetSessions sessions;
};

class CommandAdapter : public lldb::SBCommandPluginInterface {
 public:
  /// `prefix` are the words before those that the user gives, for example {"v8", "info"} or {"help"}.
  CommandAdapter(std::shared_ptr<PluginState> state, std::vector<std::string> prefix)
      : state_(std::move(state)), prefix_(std::move(prefix)) {}

  /// Never throws: LLDB would end with all that the user has open.
  bool DoExecute(lldb::SBDebugger debugger, char** words, lldb::SBCommandReturnObject& result) noexcept override;

 private:
  bool run(lldb::SBDebugger debugger, std::vector<std::string> words, lldb::SBCommandReturnObject& result);

  std::shared_ptr<PluginState> state_;
  std::vector<std::string> prefix_;
};

}  // namespace inquest::plugin
