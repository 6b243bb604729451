// Runs small functions of the dead process on paper: what() of an exception, or the accessor of a thread-local
// variable.
#pragma once

#include <cstdint>
#include <optional>

#include "postmortem/crash/code_names.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::crash {

/// The return value (rax) of the function at `function` with `argument` in rdi. Only moves, sums, logic, calls,
/// returns and branches on equality are understood, on the memory of the core and a stack of its own; nothing when it
/// does anything else.
std::optional<uint64_t> evaluate_call(const MemoryReader& memory, const Disassembler& disassembler, Address function,
                                      uint64_t argument, uint64_t fs_base);

}  // namespace inquest::crash
