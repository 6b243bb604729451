// Searches in a heap that has been indexed: who refers to a value, a name, a string or a number, and where these are.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "postmortem/model/result.h"
#include "v8/graph/number_search.h"
#include "v8/graph/reference_graph.h"
#include "v8/graph/reference_report.h"
#include "v8/graph/referrers.h"

namespace inquest::v8 {

class HeapSearch {
 public:
  /// The object index must have been filled, live objects marked, and both must stay as they are. `roots`: untagged
  /// addresses of the objects that native memory refers to, sorted.
  HeapSearch(const Heap& heap, std::unique_ptr<ReferenceGraph> graph, std::vector<uint64_t> roots);

  const ReferenceGraph& graph() const { return *graph_; }
  const std::vector<uint64_t>& roots() const { return roots_; }

  /// A wrong regular expression is a usage error.
  Result<References> references(const ReferenceQuery& query);

 private:
  void by_value(const ReferenceQuery& query, References& found);
  void by_number(const ReferenceQuery& query, References& found);
  bool is_own_value(const NumberPlace& place) const;
  void by_name(const ReferenceQuery& query, References& found);
  Result<References> by_text(const ReferenceQuery& query);
  /// The objects with a property called `key`, a string or symbol.
  void holders_of_name(uint64_t key, const ReferenceQuery& query, References& found);
  void add_property_value(uint64_t object, uint64_t key, References& found);
  void add_place(uint64_t word, References& found);
  /// Whether rows beyond what was asked for are being found.
  bool is_enough(const ReferenceQuery& query, const References& found) const {
    return query.limit != 0 && found.rows.size() >= query.skip + query.limit;
  }

  const Heap& heap_;
  std::unique_ptr<ReferenceGraph> graph_;
  std::vector<uint64_t> roots_;
  Referrers referrers_;
  MapCache maps_;
  ObjectReader objects_;
  Describer describer_;
};

}  // namespace inquest::v8
