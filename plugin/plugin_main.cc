// libinquest.so: what LLDB calls after `plugin load`.
#include <lldb/API/LLDB.h>

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "commands/help.h"
#include "commands/registry.h"
#include "plugin/command_adapter.h"

namespace inquest::plugin {
namespace {

using commands::Command;
using commands::CommandSpec;
using State = std::shared_ptr<PluginState>;

/// LLDB takes ownership of the adapter. An empty line after a command repeats it only where that gives the next page.
template <class Parent>
bool add_command(Parent& parent, const State& state, const std::string& name, const CommandSpec& spec) {
  const char* repeat = spec.repeats ? nullptr : "";
  lldb::SBCommand added = parent.AddCommand(name.c_str(), new CommandAdapter(state, spec.name), spec.summary.c_str(),
                                            commands::usage_line(spec).c_str(), repeat);
  if (!added.IsValid()) return false;
  added.SetHelpLong(commands::command_help(spec).c_str());
  return true;
}

/// `v8 ...` and the other groups; top-level names of llnode; `inquest ...` for the commands that are one word, and
/// help.
bool add_commands(lldb::SBCommandInterpreter interpreter, const State& state) {
  const commands::Registry& registry = state->registry;
  for (const commands::CommandGroup& group : registry.groups()) {
    lldb::SBCommand parent = interpreter.AddMultiwordCommand(group.name.c_str(), group.summary.c_str());
    if (!parent.IsValid()) return false;
    for (const Command* command : registry.in_group(group.name)) {
      const CommandSpec& spec = command->spec();
      if (!add_command(parent, state, spec.name[1], spec)) return false;
      if (!spec.short_name.empty() && !add_command(parent, state, spec.short_name, spec)) return false;
    }
  }
  lldb::SBCommand own = interpreter.AddMultiwordCommand("inquest", "postmortem debugger for Node.js and C++ processes");
  if (!own.IsValid()) return false;
  own.AddCommand("help", new CommandAdapter(state, {"help"}), "commands of inquest", "inquest help [COMMAND]", "");
  for (const auto& command : registry.commands()) {
    const CommandSpec& spec = command->spec();
    if (spec.name.size() == 1 && !add_command(own, state, spec.name[0], spec)) return false;
    for (const std::string& alias : spec.aliases) {
      if (!add_command(interpreter, state, alias, spec)) return false;
    }
  }
  return true;
}

void complain(lldb::SBDebugger& debugger, const std::string& why) {
  std::string line = "inquest: error: " + why + "\n";
  size_t written = 0;
  debugger.GetErrorFile().Write(reinterpret_cast<const uint8_t*>(line.data()), line.size(), &written);
}

bool initialize(lldb::SBDebugger debugger) {
  lldb::SBCommandInterpreter interpreter = debugger.GetCommandInterpreter();
  for (const char* name : {"v8", "inquest"}) {
    if (!interpreter.UserCommandExists(name) && !interpreter.CommandExists(name)) continue;
    complain(debugger, std::string("the command '") + name + "' exists already (is this plugin, or llnode, loaded?)");
    return false;
  }
  if (add_commands(interpreter, std::make_shared<PluginState>())) return true;
  complain(debugger, "LLDB refused some commands (is llnode loaded?)");
  return false;
}

}  // namespace
}  // namespace inquest::plugin

namespace lldb {

/// Declared by LLDB's plugin loader, not by its headers; `false` makes `plugin load` fail.
__attribute__((visibility("default"))) bool PluginInitialize(SBDebugger debugger);

bool PluginInitialize(SBDebugger debugger) {
  try {
    return inquest::plugin::initialize(debugger);
  } catch (const std::exception& exception) {
    inquest::plugin::complain(debugger, exception.what());
  } catch (...) {
    inquest::plugin::complain(debugger, "internal error");
  }
  return false;
}

}  // namespace lldb
