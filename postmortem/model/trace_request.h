// What a tracer is asked to trace.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace inquest {

struct ProbeEvent;

/// What is to be traced.
struct TraceRequest {
  std::vector<std::string> probes;   ///< specifications, see ncurses_probes/spec
  std::optional<uint64_t> pid;       ///< one process and its children; or
  std::vector<std::string> command;  ///< a program to run with its arguments; neither: all processes
  uint64_t limit = 0;                ///< events after which tracing ends; 0: none
  uint64_t stack_bytes = 64 * 1024;  ///< copied of each stack at most
  std::string output;                ///< event file to be written; empty: none
  bool follow_children = true;       ///< of `pid` or `command`
  uint64_t rate = 0;                 ///< events of each probe in a second at most; 0: no limit
  bool stop = false;                 ///< a process that hits a probe is stopped (SIGSTOP) until the end
  bool leave_stopped = false;        ///< and longer
  std::string gcore;  ///< a core of each process at its first hit is written to this and ".PID"; empty: none
  /// Called for each event before it is written to `output`, from a thread of the tracer's: adds what cannot be known
  /// later. May be empty.
  std::function<void(ProbeEvent&)> before_writing = {};
};

}  // namespace inquest
