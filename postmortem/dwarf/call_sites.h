// The calls that a function makes, by the address they return to (DWARF 5, 3.4; GNU's forerunner in DWARF 4): what the
// caller passed is often known when the callee has lost it.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

/// Not thread-safe.
class CallSites {
 public:
  /// The DW_TAG_call_site below `function` whose call returns to `address`, which is link-time.
  Die returning_to(const Die& function, uint64_t address);

 private:
  struct Site {
    uint64_t address, die;
  };
  const std::vector<Site>& sites_of(const Die& function);

  std::unordered_map<const std::byte*, std::vector<Site>> by_function_;
  size_t kept_ = 0;
};

}  // namespace inquest::dwarf
