// Rows of instances for one thread: what each is and what lies in some of its members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "v8/inspect/value.h"
#include "v8/select/condition.h"
#include "v8/select/member.h"

namespace inquest::v8 {

class Heap;

/// Not thread-safe, but any number of them may be at work at a time.
class InstanceReader {
 public:
  virtual ~InstanceReader() = default;

  /// The tree of a tagged word.
  virtual Value inspect(uint64_t word, const InspectOptions& options) = 0;
  /// The constructor's name of an object of which `inspect` with depth 0 has nothing else to say, because it follows
  /// from the hidden class; empty for all others. Valid until the next call.
  virtual std::string_view plain_type(uint64_t word) = 0;
  /// What the path number `column` leads to from there: own members, found once per hidden class.
  virtual Member member(uint64_t word, size_t column) = 0;
  /// All of a member that is there, as `v8 inspect` shows it.
  virtual Value value(const Member& member, const InspectOptions& options) = 0;
};

/// `columns`: the paths of `member`.
std::unique_ptr<InstanceReader> make_instance_reader(const Heap& heap, std::vector<MemberPath> columns);

}  // namespace inquest::v8
