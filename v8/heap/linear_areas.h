// Linear allocation areas: the parts of pages into which the process was allocating when it died.
//
// V8 keeps {start, top, limit} of each in IsolateData (new and old space, 10.x and later), in the space objects, or in
// MainAllocator objects the spaces point to (12.x and later). Their offsets move with every version, so they are
// recognised by shape: neighbouring words start <= top <= limit (before 10.x: top <= limit) within the area of one
// page. Looked for only where the version keeps them, because native memory is full of look-alikes: sorted tables of
// addresses, stale areas on dead stack frames, tagged pointers in freed blocks. The walker drops an area that an object
// crosses.
#pragma once

#include <vector>

#include "postmortem/model/target.h"
#include "v8/heap/page_table.h"
#include "v8/heap/walker.h"

namespace inquest::v8 {

struct NativeRange {
  Address start;
  uint64_t size = 0;
};

/// For each page (same order as `pages`) its areas, sorted by top; mostly none, at most one per page. `isolates` are
/// the ranges of IsolateData and Heap.
std::vector<std::vector<LinearArea>> find_linear_areas(const Target& target, const PageTable& pages,
                                                       const V8Version& version,
                                                       const std::vector<NativeRange>& isolates);

/// Marks as stale the semi-space pages that new space has not reached since the last collection: those behind the page
/// with the allocation top, in the order of the pages' list. Also lets areas of new space run to the end of the page:
/// their limit may have been lowered for allocation observers.
void mark_unused_new_space_pages(const Target& target, PageTable& pages, std::vector<std::vector<LinearArea>>& areas);

}  // namespace inquest::v8
