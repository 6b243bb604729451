// Isolates that died in the middle of a scavenge.
//
// A scavenge copies live objects of new space from from-space pages to to-space and old space, leaving a forwarding
// address in the old place. While it runs, objects not yet copied exist only on from-space pages, which at all other
// times hold nothing but leftovers. The same holds while a mark-compact collection evacuates new space, which is where
// some versions run out of memory. It is recognised by its functions on the stack of the isolate's thread, and
// believed when live objects still refer to from-space: a finished scavenge leaves no such reference.
#pragma once

#include <cstdint>
#include <vector>

#include "postmortem/model/target.h"
#include "v8/heap/map_cache.h"
#include "v8/heap/page_table.h"
#include "v8/heap/walker.h"

namespace inquest::v8 {

class Heap;

/// The indexes of isolates in the middle of a scavenge.
std::vector<uint32_t> find_scavenging_isolates(const Heap& heap);

}  // namespace inquest::v8
