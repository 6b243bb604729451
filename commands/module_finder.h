// Modules by address.
#pragma once

#include <algorithm>
#include <vector>

#include "postmortem/model/target.h"

namespace inquest::commands {

class ModuleFinder {
 public:
  explicit ModuleFinder(const Target& target) {
    for (const Module& module : target.modules()) modules_.push_back(&module);
    std::ranges::stable_sort(modules_, {}, &Module::start);
  }

  const Module* at(Address address) const {
    auto after = std::ranges::upper_bound(modules_, address, {}, &Module::start);
    // Modules can lie in gaps of others, never many deep.
    for (int steps = 0; after != modules_.begin() && steps < 8; ++steps) {
      --after;
      if (address < (*after)->end) return *after;
    }
    return nullptr;
  }

 private:
  std::vector<const Module*> modules_;
};

}  // namespace inquest::commands
