// Counting objects by map, then by constructor name.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "v8/heap/heap.h"
#include "v8/runtime.h"

namespace inquest::v8 {

/// What one walk over the heap found, by isolate and space. Pages that all isolates share count with the first.
struct HeapTotals {
  std::vector<std::array<WalkStats, kSpaceCount>> isolates;

  explicit HeapTotals(size_t count = 0) : isolates(count) {}
  void add(const HeapTotals& other);
  WalkStats sum() const;

  /// All of it as numbers, to be kept in a file, and back; nothing when there are not as many as `count` isolates need.
  std::vector<uint64_t> numbers() const;
  static std::optional<HeapTotals> from_numbers(std::span<const uint64_t> numbers, size_t count);
};

using WalkProgress = std::function<bool(uint64_t done, uint64_t total)>;

/// Walks all pages, fills the object index's start bits, and returns what was parsed. `progress` gets bytes done of
/// all; false stops the walk.
HeapTotals index_heap(const Heap& heap, const WalkProgress& progress);

/// Counts objects. They must have been marked unless `which` is kAll. With `index`, the same walk fills the start bits
/// and adds to the totals, as index_heap does.
Census take_census(const Heap& heap, const CensusOptions& options, const WalkProgress& progress,
                   HeapTotals* index = nullptr);

/// The objects with one type name, by address.
std::vector<Instance> find_instances(const Heap& heap, std::string_view type, Reachability which);

}  // namespace inquest::v8
