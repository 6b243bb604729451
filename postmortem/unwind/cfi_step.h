// One step up the stack by call frame information.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "postmortem/model/frame.h"
#include "postmortem/unwind/cfi_row.h"
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

/// What call frame information says about addresses asked for lately: deep recursion asks for the same again and again.
class RowMemo {
 public:
  /// The row that counts for a pc.
  struct Entry {
    Address pc, lookup;
    bool exact_pc = false;  ///< `pc` is not a return address
    uint64_t return_register = 0;
    bool signal_frame = false;
    CfiRow row;
  };
  /// Nothing so far.
  RowMemo() = default;

  const Entry* find(const Frame& frame) const {
    const std::optional<Entry>& entry = entries_[place_of(frame.pc)];
    bool known = entry && entry->pc == frame.pc && entry->exact_pc == (frame.lookup_pc() == frame.pc);
    return known ? &*entry : nullptr;
  }
  const Entry& keep(Entry entry) { return entries_[place_of(entry.pc)].emplace(std::move(entry)); }

 private:
  static constexpr size_t kSize = 16;
  static size_t place_of(Address pc) { return (pc.value() ^ pc.value() >> 8) % kSize; }

  std::array<std::optional<Entry>, kSize> entries_;
};

CfiOutcome step_by_cfi(const CodeMap& code, const Frame& frame, RowMemo& memo);

/// "0x7f12 in libfoo.so", "0x7f12 in no module".
std::string place_text(const CodeMap& code, Address pc);

}  // namespace inquest::unwind
