// Which heap of glibc's malloc an address lies in, and which block of it.
//
// A heap is a run of chunks, each with its size in front (malloc/malloc.c, glibc 2.26 to 2.41). The main arena grows
// with brk; its first chunk is the cache of the main thread, which has a size of its own. Arenas of threads lie at
// multiples of 64 MiB and begin with a heap_info that points to the arena. Large blocks are mapped on their own.
#pragma once

#include <cstdint>
#include <optional>

#include "postmortem/model/target.h"

namespace inquest::crash {

struct MallocPlace {
  enum class Kind : uint8_t { kMain, kArena, kMapped };
  Kind kind = Kind::kMain;
  /// The block: what malloc gave to the program begins here. Null when the chunks could not be followed so far.
  Address block = {};
  uint64_t block_size = 0;        ///< usable bytes
  std::optional<bool> free = {};  ///< as its neighbour says; blocks in the caches of threads count as used
};

/// Nothing for memory that is no heap of malloc, as far as can be told; so for other allocators.
std::optional<MallocPlace> find_in_malloc(const Target& target, Address address);

}  // namespace inquest::crash
