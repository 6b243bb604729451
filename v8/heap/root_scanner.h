// Conservative roots: tagged words of native memory that point to object starts.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "v8/heap/heap.h"
#include "v8/heap/liveness.h"

namespace inquest::v8 {

/// Writable memory outside the heap's pages, cut into pieces; dead stack left out.
std::vector<DataExtent> native_memory(const Heap& heap);

/// The parts of it that may hold roots, cut into pieces of about the same size.
std::vector<DataExtent> native_extents(const Heap& heap);

/// Appends the object starts that words of `extent` point to.
void scan_roots(const Heap& heap, const DataExtent& extent, MapCache& maps, std::vector<uint64_t>& roots,
                LivenessStats& stats);

/// Appends what the registers of all threads point to.
void scan_registers(const Heap& heap, std::vector<uint64_t>& roots);

}  // namespace inquest::v8
