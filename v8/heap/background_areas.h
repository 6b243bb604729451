// Allocation areas of background threads.
//
// From V8 8.x on helper threads (concurrent compilation, sweeping) allocate in old space through a LocalHeap of their
// own, whose LinearAllocationArea {start, top, limit} lies wherever the LocalHeap does: in malloc memory or on a stack
// (src/heap/local-heap.h, linear-allocation-area.h). Native memory is full of words that look like one, most of them
// stale, so an area from here is believed only where the walk has arrived at its top and found no object there.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "v8/heap/page_table.h"
#include "v8/heap/walker.h"

namespace inquest::v8 {

class BackgroundAreas {
 public:
  /// Reads all of `native` memory once.
  BackgroundAreas(const MemoryReader& memory, const PageTable& pages, std::span<const DataExtent> native);

  /// Where the area with this top ends: the furthest of several; 0 when there is none.
  uint64_t limit_of(uint64_t top) const;

 private:
  std::vector<LinearArea> areas_;  ///< sorted by top, then limit
};

}  // namespace inquest::v8
