// Rows of instances for one thread: what each is and what lies in some of its members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "v8/inspect/value.h"
#include "v8/select/condition.h"

namespace inquest::v8 {

class Heap;

/// Not thread-safe, but any number of them may be at work at a time.
class InstanceReader {
 public:
  virtual ~InstanceReader() = default;

  /// The tree of a tagged word.
  virtual Value inspect(uint64_t word, const InspectOptions& options) = 0;
  /// What the path number `column` leads to from there: own members, found once per hidden class. Nothing when there is
  /// no such member.
  virtual std::optional<Value> member(uint64_t word, size_t column, const InspectOptions& options) = 0;
};

/// `columns`: the paths of `member`.
std::unique_ptr<InstanceReader> make_instance_reader(const Heap& heap, std::vector<MemberPath> columns);

}  // namespace inquest::v8
