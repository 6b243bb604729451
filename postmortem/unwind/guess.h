// Steps up the stack where no call frame information helps: code made at run time, assembly without .cfi directives,
// libraries that are not at hand.
//
// Five ways, from sure to doubtful:
//   - A signal trampoline is known by what the kernel put on the stack (arch/x86/include/asm/sigframe.h, rt_sigframe):
//     a ucontext with the selectors of user mode, and an rip that is code. musl's has no CFI.
//   - A call to nowhere (null, garbage, data): the call pushed the return address, it is the word at rsp.
//   - A frame pointer: rbp points to the caller's rbp, the return address above it. At the entry and at the end of such
//     a function rbp is still (already) the caller's.
//   - The function's own code, followed to its end (way_out). What stands there must be a return address behind a call
//     that can have led here. Behind a call that never returns there is no way out, but there may be a way in: a word
//     of the stack behind a call whose target leads here with just as much pushed as lies between. Both are marked as
//     guesses.
//   - A scan: the nearest word of the stack that is a return address, from which call frame information leads on. What
//     stands on the stack may be left over from calls that have returned long ago, so this is a guess and marked so.
// A word is taken for a return address only when it points behind a call instruction.
#pragma once

#include <array>
#include <optional>

#include "postmortem/model/frame.h"
#include "postmortem/unwind/cfi_step.h"
#include "postmortem/unwind/module_code.h"
#include "postmortem/unwind/way_out.h"

namespace inquest::unwind {

class Guesser {
 public:
  explicit Guesser(const CodeMap& code) : code_(code) {}

  /// The step out of a signal trampoline that call frame information does not know.
  std::optional<Step> out_of_signal(const Frame& frame) const;
  /// The best of the other ways; nothing when none is believable.
  std::optional<Step> step(const Frame& frame);

 private:
  enum class Trust : uint8_t { kNone, kPlausible, kConvincing };
  enum class Code : uint8_t { kUnreadable, kWithoutFramePointer, kWithFramePointer };

  std::optional<Step> by_pushed_address(const Frame& frame, Address at) const;
  std::optional<Step> at_function_edge(const Frame& frame) const;
  std::optional<Step> by_frame_pointer(const Frame& frame) const;
  using SavedRegisters = std::array<std::optional<int64_t>, 16>;  ///< distances from rsp
  Step to_caller(const Frame& frame, Address slot, Address return_address, const SavedRegisters& saved,
                 uint32_t changed) const;
  std::optional<Step> by_code(const Frame& frame);
  std::optional<Address> called_from(Address address) const;
  std::optional<Step> by_way_in(const Frame& frame);
  std::optional<Step> by_scan(const Frame& frame, Trust wanted, uint64_t limit);
  Code code_style(const Frame& frame) const;
  /// Whether a direct call to `target` can have led to the code at `callee` (or to code that jumped there).
  bool may_lead_to(Address target, Address callee) const;
  Trust trust(const Frame& caller, Address callee) const;

  const CodeMap& code_;
  WaysOut ways_out_;
  uint64_t scanned_ = 0;  ///< words looked at, of all threads
};

}  // namespace inquest::unwind
