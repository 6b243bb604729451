// Who refers to an object, as JavaScript sees it: through element stores, property stores, tables, accessor pairs and
// cells to the objects these belong to. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "v8/graph/edge_names.h"
#include "v8/graph/reference_graph.h"
#include "v8/graph/reference_report.h"
#include "v8/objects/constructor_name.h"
#include "v8/objects/describe.h"
#include "v8/runtime.h"

namespace inquest::v8 {

struct ReferrerOptions {
  Reachability which = Reachability::kLive;  ///< of the holders
  bool internal = false;                     ///< also stores whose owners are shown, and maps
  uint64_t limit = 0;                        ///< references in all, 0: no limit
};

class Referrers {
 public:
  Referrers(const Heap& heap, const ReferenceGraph& graph);

  /// Appends to `found` what refers to the object `target` (tagged).
  void find(uint64_t target, const ReferrerOptions& options, References& found);

  /// The objects of any of these hidden classes (untagged addresses of maps, sorted), by address; at most `limit` of
  /// them. One pass over the beginnings of all objects.
  std::vector<uint64_t> instances_of(std::span<const uint64_t> maps, Reachability which, size_t limit, uint64_t& more);

  EdgeNames& names() { return names_; }
  /// Fills in what describes holder and value.
  Reference describe(uint64_t holder, EdgeName edge, uint64_t store, uint64_t value);

  using Add = std::function<void(uint64_t holder, EdgeName edge, uint64_t store)>;

  /// The objects that refer to `target`, by address; at most a million, and how many more.
  std::vector<uint64_t> holders_of(uint64_t target, Reachability which, uint64_t& more);
  /// Calls add(holder, name, store) for each way in which JavaScript holds what lies at `offset` of `store`; true when
  /// there is any.
  bool add_owners(uint64_t store, uint64_t offset, Reachability which, const Add& add, int depth = 0);
  /// How many holders the bounds of add_owners() have left out since this was asked last.
  uint64_t take_left_out() { return std::exchange(left_out_, 0); }

 private:
  std::vector<uint64_t> scan_for(uint64_t target, Reachability which, uint64_t& more);
  bool add_through_descriptors(uint64_t descriptors, uint64_t offset, Reachability which, const Add& add);
  bool add_accessors(uint64_t pair, uint64_t offset, Reachability which, const Add& add, int depth);
  bool add_prototype(uint64_t map, Reachability which, const Add& add);
  bool add_global(uint64_t cell, Reachability which, const Add& add);
  bool is_store(const MapInfo& map) const;

  const Heap& heap_;
  const ReferenceGraph& graph_;
  EdgeNames names_;
  Describer describer_;
  MapCache maps_;
  ObjectReader objects_;
  std::vector<ConstructorNames> constructor_names_;
  uint64_t left_out_ = 0;
};

/// Rows from number `from` on by holder, those of one holder in the order they have. Millions of rows mostly are in
/// order, and sorting would take room for half of them again.
void sort_by_holder(std::vector<Reference>& rows, size_t from);

}  // namespace inquest::v8
