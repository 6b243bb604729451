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

class MemberReader;
struct Instance;

/// Leaves of `instances`, which lie by address, those that are wanted; puts them in order. Equal ones stay by address.
void select_instances(MemberReader& members, const Selection& selection, std::vector<Instance>& instances);

}  // namespace inquest::v8
