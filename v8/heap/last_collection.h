// When the garbage of an isolate was collected last: what a stack of a later moment points to lies where it did.
#pragma once

#include <cstdint>
#include <optional>

#include "postmortem/model/memory_reader.h"

namespace inquest::v8 {

/// Nanoseconds of CLOCK_MONOTONIC; 0: none so far.
struct LastCollections {
  uint64_t any = 0;   ///< of either kind; new objects move in all of them
  uint64_t full = 0;  ///< of the old generation, which stays where it is in the others
};

/// Of the v8::internal::Heap at `heap`. Heap::last_gc_time_ (a double of milliseconds) stands in front of the pointer
/// to the GCTracer in all versions from 7.8 to 14.6 (src/heap/heap.h), and that begins with a pointer back. It has the
/// begin and the end of the last collection in its first words, doubles until 11.x and microseconds (base::TimeTicks)
/// later, and further on (src/heap/gc-tracer.h) average_mutator_duration_, average_mark_compact_duration_,
/// current_mark_compact_mutator_utilization_ and previous_mark_compact_end_time_. Nothing when that is not found just
/// so, or while garbage is being collected. `word`: which word of the heap last_gc_time_ is; nothing before it has been
/// found.
std::optional<LastCollections> find_last_collections(const MemoryReader& memory, Address heap,
                                                     std::optional<size_t>& word);

}  // namespace inquest::v8
