// Names of the kernel's functions, from /proc/kallsyms.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "postmortem/model/address.h"
#include "postmortem/model/probe_event.h"

namespace inquest::probes {

class KernelSymbols {
 public:
  /// Of the kernel that runs.
  static KernelSymbols read();
  /// Lines as in /proc/kallsyms: "ffffffff81000000 T startup_64", behind a tab maybe "[module]".
  static KernelSymbols parse(std::istream& lines);

  /// There are none, or the kernel shows no addresses (kernel.kptr_restrict).
  bool hidden() const { return functions_.empty(); }
  KernelFunction at(Address pc) const;

 private:
  struct Function {
    uint64_t start = 0;
    std::string name, module;
  };
  std::vector<Function> functions_;  ///< by start
};

}  // namespace inquest::probes
