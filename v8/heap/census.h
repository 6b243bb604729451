// Counting objects by map, then by constructor name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "v8/heap/heap.h"
#include "v8/runtime.h"

namespace inquest::v8 {

/// What one walk over the heap found, per space.
struct HeapTotals {
  std::array<WalkStats, kSpaceCount> spaces{};
  uint64_t objects() const;
  uint64_t not_parsed() const;
};

/// Walks all pages, fills the object index's start bits, and returns what was parsed. `progress` gets bytes done of
/// all; false stops the walk.
HeapTotals index_heap(const Heap& heap, const std::function<bool(uint64_t, uint64_t)>& progress);

/// Counts objects, which must be indexed, and marked unless `which` is kAll.
Census take_census(const Heap& heap, const CensusOptions& options, const std::function<bool()>& cancelled);

/// The objects with one type name, by address.
std::vector<Instance> find_instances(const Heap& heap, std::string_view type, Reachability which);

}  // namespace inquest::v8
