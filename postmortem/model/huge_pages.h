// How the memory of this process comes from the kernel. Where huge pages are allowed (transparent_hugepage is "madvise"
// or "always"), a fault gives 2 MB instead of 4 KB: of answers with 40,000 frames or half a million locations page
// faults and system calls for memory were a fifth of the time. Hints only: nothing else depends on them.
#pragma once

namespace inquest {

/// For a program, before it has threads: memory is taken in large steps, and not given back in small ones. What is not
/// used of a step takes none.
void take_memory_in_large_steps();

/// For a thread that is about to allocate much, in what malloc keeps for it.
void use_huge_pages_here();

}  // namespace inquest
