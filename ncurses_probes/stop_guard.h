// Processes that the tracer's program has stopped go on when tracing ends, however that ends.
//
// The kernel's half notes in a map whom it stops. A process of its own, that waits for the end of a pipe which this one
// holds open, goes through that map and sends SIGCONT: after kill -9 of the tracer too.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "postmortem/model/result.h"

namespace inquest::probes {

class StopGuard {
 public:
  /// `map`: BpfProgram::stopped_map. Must be made before places are attached: links that the guard inherits would live
  /// as long as it.
  static Result<std::unique_ptr<StopGuard>> start(int map);
  /// All that were stopped go on, unless they are to be left.
  ~StopGuard();
  StopGuard(const StopGuard&) = delete;
  StopGuard& operator=(const StopGuard&) = delete;

  void leave_stopped() { leave_ = true; }
  /// One process goes on now.
  void release(uint64_t pid);

 private:
  StopGuard() = default;

  pid_t guard_ = -1;
  int pipe_ = -1;
  int map_ = -1;
  bool leave_ = false;
};

/// Writes a core of the stopped process `pid` with gdb's gcore; gives its path.
Result<std::string> write_core(uint64_t pid, const std::string& prefix);

}  // namespace inquest::probes
