// Which objects are reachable.
//
// V8's own roots are scattered over native structures whose layout changes with every version. So roots are taken
// conservatively: every aligned word of writable memory outside the heap's pages that is a tagged pointer to an object
// start (thread stacks from rsp up, registers, data segments, malloc memory). Measured against V8's own heap snapshot
// on eight majors, this misses nothing and over-retains little (freed malloc blocks keep old pointers). Known weak
// holders are treated as such: the off-heap string table, WeakRef and WeakCell targets, ephemerons, weak-tagged fields,
// and embedded pointers of optimised code.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "v8/heap/heap.h"

namespace inquest::v8 {

struct LivenessStats {
  uint64_t root_words = 0;          ///< conservative roots
  uint64_t scanned_bytes = 0;       ///< of native memory
  uint64_t string_table_words = 0;  ///< words of the string table, not taken as roots
};

/// Marks all reachable objects in the index bits of the pages. `cancelled` is asked now and then. `found_roots`, when
/// given, gets the untagged addresses of the objects that roots refer to, sorted.
LivenessStats mark_live_objects(const Heap& heap, const std::function<bool()>& cancelled,
                                std::vector<uint64_t>* found_roots = nullptr);

}  // namespace inquest::v8
