// Frames of a stack, before and after they are given names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/address.h"
#include "postmortem/model/target.h"

namespace inquest {

/// How a frame was found, from the surest to the least sure.
enum class FoundBy : uint8_t {
  kRegisters,     ///< the registers the kernel saved: the first frame
  kCfi,           ///< call frame information of the frame below it
  kV8,            ///< V8's own frame layout
  kFramePointer,  ///< the chain of saved rbp
  kTailCall,      ///< restored from call sites: its caller jumped instead of calling, so it left nothing on the stack
  kScan,          ///< a guess: a word of the stack that is a return address
};
/// The spelling of the JSON contract: "cfi", "frame-pointer", "v8", "tail-call", "scan"; kRegisters is "cfi" too.
std::string_view to_string(FoundBy found_by);

/// Registers of one frame; only some of them can be known in callers.
struct FrameRegisters {
  Registers values;
  uint32_t known = 0;  ///< bit i: values.gpr[i] is what the register held in this frame

  bool knows(Registers::Index index) const { return (known >> index & 1U) != 0; }
  void set(Registers::Index index, uint64_t value) {
    values.gpr[index] = value;
    known |= 1U << index;
  }
  static FrameRegisters all(const Registers& registers) { return {registers, (1U << Registers::kCount) - 1}; }
};

/// One activation on the stack. Functions inlined at its pc are found by DebugInfo and share it.
struct Frame {
  Address pc;
  /// The value of rsp right after this frame returns (DWARF's CFA); null when unknown.
  Address cfa;
  FrameRegisters registers;
  /// Of the first frame, where the core has them; callees preserve none, so they are not known in callers. They are
  /// those of the thread and live as long.
  const VectorRegisters* vectors = nullptr;
  FoundBy found_by = FoundBy::kRegisters;
  /// `pc` is the instruction being executed (first frame, frame interrupted by a signal), not a return address.
  bool exact_pc = false;
  bool signal_trampoline = false;  ///< the kernel's sigreturn frame: what lies below it handled a signal

  /// What to look up: inside the call instruction for callers, whose pc is already behind it (it may even lie in the
  /// next function when the callee does not return).
  Address lookup_pc() const { return exact_pc || signal_trampoline ? pc : pc - 1; }
};

/// The frames of one thread, innermost first.
struct Stack {
  std::vector<Frame> frames;
  bool complete = false;    ///< the last frame is where the thread began
  bool limited = false;     ///< ended because as many frames as asked for were found
  std::string stop_reason;  ///< why it ends early: one phrase ("no call frame information for 0x7f.. in libfoo.so")
};

}  // namespace inquest
