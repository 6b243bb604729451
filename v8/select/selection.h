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

/// Leaves of `instances`, which lie by address, those that are wanted; puts them in order. Equal ones stay by address.
/// Returns how often a getter would have had to run to know a member.
uint64_t select_instances(const Heap& heap, const Selection& selection, std::vector<Instance>& instances);

}  // namespace inquest::v8
