// Stacks with names: what the unwinder found, each frame with the functions that were inlined at its pc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "commands/report.h"
#include "commands/session.h"
#include "postmortem/model/debug_info.h"
#include "postmortem/model/frame.h"
#include "postmortem/model/target.h"
#include "postmortem/model/unwinder.h"

namespace inquest {
struct ScriptFunction;
}

namespace inquest::commands {

/// One function of a stack. Several share a physical frame: those inlined there, then the one whose code it is.
struct NativeFrame {
  size_t physical = 0;             ///< number of its activation in NativeStack::stack
  const Module* module = nullptr;  ///< null for code of no module
  CodeLocation location;           ///< without a function when nothing is known
  std::vector<Variable> arguments;
  /// Of code that V8 has made, in stacks of events; it then says what `location` repeats of it. Not owned.
  const ScriptFunction* script = nullptr;
};

struct NativeStack {
  const Thread* thread = nullptr;
  size_t number = 0;  ///< as debuggers count threads: from 1, the one that died first
  Stack stack;
  std::vector<NativeFrame> frames;  ///< innermost first; their numbers are those of gdb

  const Frame& physical(const NativeFrame& frame) const { return stack.frames[frame.physical]; }
};

/// Names of types take time, and only JSON has them.
enum class WithArguments : uint8_t { kNo, kValues, kTyped };

/// Unwinds `threads` of the session's target and names their frames.
std::vector<NativeStack> native_stacks(Session& session, std::span<const Thread* const> threads,
                                       const UnwindOptions& options = {},
                                       WithArguments arguments = WithArguments::kValues);

/// Names the frames of a stack that was unwound before, or of its beginning.
NativeStack name_stack(Session& session, const Thread& thread, Stack stack, WithArguments arguments);

/// Reads the arguments of frames that have their names already.
void add_arguments(Session& session, NativeStack& stack, WithArguments arguments);

/// Every thread of the target, in its order.
std::vector<const Thread*> all_threads(const Session& session);

/// The function's name as every front end shows it: "<signal handler called>" for the kernel's frame, empty when
/// unknown.
std::string_view function_name(const NativeStack& stack, const NativeFrame& frame);

/// Tells in `report` what these stacks lack: threads that end early, files that are not at hand, inlined functions that
/// cannot be known.
void add_stack_notes(Session& session, std::span<const NativeStack> stacks, Report& report);

}  // namespace inquest::commands
