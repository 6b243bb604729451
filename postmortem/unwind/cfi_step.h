// One step up the stack by call frame information.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "postmortem/model/frame.h"
#include "postmortem/unwind/module_code.h"

namespace inquest::unwind {

/// What is known of the caller after a step, and of the frame itself.
struct Step {
  FrameRegisters caller;
  Address cfa;  ///< of the frame that was stepped over
  FoundBy found_by = FoundBy::kCfi;
  bool signal_frame = false;    ///< the frame is the trampoline that a signal handler returns to
  bool placed_by_hand = false;  ///< pc is the first byte of a function: nothing there called the frame below
  bool outermost = false;       ///< the frame has no caller; the rest is not set
};

struct CfiOutcome {
  std::optional<Step> step;
  bool described = false;  ///< there is an entry for the code, but what it needs cannot be had
  std::string problem;     ///< why there is no step: a phrase
};

CfiOutcome step_by_cfi(const CodeMap& code, const Frame& frame);

/// "0x7f12 in libfoo.so", "0x7f12 in no module".
std::string place_text(const CodeMap& code, Address pc);

}  // namespace inquest::unwind
