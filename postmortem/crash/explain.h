// The whole explanation of a death.
#pragma once

#include <vector>

#include "postmortem/crash/explanation.h"
#include "postmortem/model/debug_info.h"
#include "postmortem/model/frame.h"
#include "postmortem/model/target.h"

namespace inquest::crash {

/// A signal that a handler on the stack was called for, from the frame that the kernel made for it.
struct InterruptedFrame {
  SignalFacts signal;
  size_t trampoline = 0;      ///< number of the signal frame; the next one was interrupted
  bool from_context = false;  ///< the handler got no siginfo: this is the thread's last page fault, maybe an older one
};

/// `stack` is that of `thread`, from the registers of the core; it must have one frame at least.
Explanation explain(const Target& target, DebugInfoSource& debug_info, const Thread& thread, const Stack& stack);

/// Signal frames of a stack, innermost first.
std::vector<InterruptedFrame> interrupted_frames(const MemoryReader& memory, const Stack& stack);

}  // namespace inquest::crash
