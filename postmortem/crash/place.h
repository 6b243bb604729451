// What lies at an address, in words.
#pragma once

#include <optional>
#include <string>

#include "postmortem/crash/names.h"

namespace inquest::crash {

/// x86-64 with 4-level paging: bits 47 to 63 of an address are equal. (Nothing maps beyond that unless a program asks
/// for 5-level addresses, and no region of the core lies there then.)
bool is_canonical(uint64_t address);

/// "the heap (rw-)", "libfoo.so (r-x)", "anonymous memory (rw-)", "the stack (rw-)".
std::string describe_region(const Names& names, const Thread& thread, const MemoryRegion& region);
/// The same for an address, its variable included; where nothing is mapped, how far the nearest mappings are.
std::string describe_place(const Names& names, const Thread& thread, Address address);

/// The mapping that is the stack which `sp` belongs to: the one that holds it, or the one right above when `sp` has run
/// out of it.
const MemoryRegion* stack_region(const MemoryReader& memory, Address sp);
/// Whether `address`, used with the stack pointer at `sp`, lies just below the stack: the thread has used it up.
bool is_stack_overflow(const MemoryReader& memory, Address sp, Address address);

/// A remark on a pointer whose bits tell what it is: text, a fill pattern; empty for others.
std::string pointer_look(uint64_t bits);

}  // namespace inquest::crash
