// Instances of a type that fulfil a condition, in an order.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "v8/select/condition.h"

namespace inquest::v8 {

struct Selection {
  const Condition* where = nullptr;     ///< may be null
  std::optional<MemberPath> sort = {};  ///< else by address
  bool descending = false;              ///< what has no such member comes last all the same
};

class Heap;
struct Instance;

/// What could not be known.
struct SelectionGaps {
  uint64_t computed = 0;     ///< how often only a getter could have told a member
  uint64_t not_matched = 0;  ///< texts that a regular expression was given up on, which count as not matching
};

/// Leaves of `instances`, which lie by address, those that are wanted; puts them in order. Equal ones stay by address.
SelectionGaps select_instances(const Heap& heap, const Selection& selection, std::vector<Instance>& instances);

}  // namespace inquest::v8
