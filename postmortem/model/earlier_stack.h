// Stacks and registers of one moment, everything else of a later one.
#pragma once

#include <cstdint>
#include <optional>

#include "postmortem/model/memory_reader.h"

namespace inquest {

/// An ability that some MemoryReaders have: the stack that is being shown was copied before the rest of the memory
/// became what it is. What pointers in it lead to may have been moved, or be something else by now.
class EarlierStack {
 public:
  virtual ~EarlierStack() = default;
  /// Nanoseconds from the moment of the stack to that of the rest, or more; UINT64_MAX when not known.
  virtual uint64_t age() const = 0;
  /// The moment of the stack, or an earlier one: nanoseconds of CLOCK_MONOTONIC, which stands still while the machine
  /// is suspended. Nothing when it cannot be compared with times that are kept in the memory.
  virtual std::optional<uint64_t> moment() const { return std::nullopt; }
};

/// Null where stacks and the rest are of the same moment.
inline const EarlierStack* earlier_stack(const MemoryReader& memory) {
  return dynamic_cast<const EarlierStack*>(&memory);
}

}  // namespace inquest
