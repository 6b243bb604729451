// Who refers to whom: for every object the numbers of the objects that refer to it, in two flat arrays.
//
//   first_[n] .. first_[n + 1]   the places in edges_ of what refers to object n
//   edges_[i]                    number of the holder; the highest bit says that the reference is weak
//
// One parallel walk over the heap finds the edges (those of one page after the other, so that memory is read in order),
// a counting sort turns them round. That is 4 bytes for each object and 4 for each edge.
//
// Left out, because every object has them and the objects themselves tell:
//   - the map of each object,
//   - targets in the read-only heap that are no names: undefined, true, empty arrays, V8's own maps.
// What an edge is called in JavaScript is worked out from the holder when it is asked for (edge_names.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "postmortem/model/result.h"
#include "v8/graph/object_numbers.h"
#include "v8/heap/heap.h"

namespace inquest::v8 {

/// Edges of all objects, those of one object side by side: of object n at edges[first[n]] to edges[first[n + 1]].
struct EdgeLists {
  std::vector<uint32_t> first;
  std::vector<uint32_t> edges;  ///< number, and ReferenceGraph::kWeak
};

class ReferenceGraph {
 public:
  static constexpr uint32_t kWeak = 0x80000000;
  using Progress = std::function<bool(uint64_t done, uint64_t total)>;

  /// Walks the heap; its object index must have been filled. An error when there are more than 2^31 objects or 2^32
  /// references, or when `progress` said to stop.
  static Result<std::unique_ptr<ReferenceGraph>> build(const Heap& heap, const Progress& progress);

  /// Takes over lists that were built before; `owner` keeps the memory behind the spans. Nothing when they do not fit
  /// the heap's objects.
  static std::unique_ptr<ReferenceGraph> adopt(const Heap& heap, std::span<const uint32_t> first,
                                               std::span<const uint32_t> edges, std::shared_ptr<const void> owner);

  const ObjectNumbers& numbers() const { return numbers_; }
  uint64_t edge_count() const { return edges_.size(); }
  uint64_t bytes() const { return (first_.size() + edges_.size()) * sizeof(uint32_t) + numbers_.bytes(); }

  /// Whether references to an object of this kind were left out.
  static bool is_left_out(const Page& page, const MapInfo& map) {
    return page.space == Space::kReadOnly && map.category != Category::kString && map.category != Category::kSymbol;
  }

  /// The holders of an object, with repetitions, in no particular order; empty for numbers out of range.
  std::span<const uint32_t> holders(uint32_t number) const {
    if (number + size_t{1} >= first_.size()) return {};
    uint32_t from = first_[number], to = first_[number + 1];
    return from <= to && to <= edges_.size() ? edges_.subspan(from, to - from) : std::span<const uint32_t>();
  }

  /// The same edges by holder: what each object refers to, by number.
  EdgeLists forward() const;

  std::span<const uint32_t> first() const { return first_; }
  std::span<const uint32_t> edges() const { return edges_; }

 private:
  explicit ReferenceGraph(const Heap& heap) : numbers_(heap.pages()) {}

  ObjectNumbers numbers_;
  std::span<const uint32_t> first_;
  std::span<const uint32_t> edges_;
  std::shared_ptr<const void> owner_;
};

}  // namespace inquest::v8
