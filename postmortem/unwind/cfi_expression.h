// DWARF expressions as call frame information uses them (DWARF 5, 2.5 and 6.4.2): arithmetic over the registers of the
// frame and memory. PLT stubs, signal trampolines and functions that realign their stack have such.
#pragma once

#include <cstdint>
#include <optional>

#include "postmortem/model/frame.h"
#include "postmortem/model/memory_reader.h"
#include "postmortem/unwind/cfi_reader.h"

namespace inquest::unwind {

/// The value on top of the stack at the end; `initial` is on the stack at the start (the CFA for register rules).
/// Nothing when a register is not known, memory cannot be read, or the expression is damaged.
std::optional<uint64_t> evaluate(Bytes expression, const FrameRegisters& registers, const MemoryReader& memory,
                                 std::optional<uint64_t> initial);

}  // namespace inquest::unwind
