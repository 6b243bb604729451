// An instruction in a file that a probe is set on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ncurses_probes/bpf/record.h"
#include "ncurses_probes/spec/probe_spec.h"

namespace inquest::probes {

struct Place {
  std::string file;                        ///< absolute path on this machine
  uint64_t offset = 0;                     ///< of the instruction in the file
  uint64_t address = 0;                    ///< as linked
  std::string function;                    ///< as `bt` shows it
  std::vector<Parameter> parameters = {};  ///< that debug information tells; empty where the specification has them
  bool is_return = false;
  std::vector<inquest_operand> operands = {};  ///< of a static probe
  uint64_t semaphore = 0;                      ///< its offset in the file; 0: none
  size_t probe = 0;                            ///< number of the specification
};

}  // namespace inquest::probes
