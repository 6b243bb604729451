// The BPF program of the tracer: loaded, attached to places, read from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ncurses_probes/attach/bpf_support.h"
#include "ncurses_probes/attach/place_finder.h"
#include "ncurses_probes/bpf/record.h"
#include "ncurses_probes/spec/probe_spec.h"
#include "postmortem/model/result.h"

namespace inquest::probes {

struct ProgramOptions {
  std::vector<ProbeSpec> probes;
  uint32_t stack_bytes = INQUEST_STACK_LARGE;  ///< of each hit at most
  bool only_tracked = true;                    ///< processes given to `track` and their children; else all
  bool follow_children = true;
  uint64_t rate = 0;        ///< events of each probe in a second at most; 0: any number
  bool stops = false;       ///< a process that hits a probe is stopped
  bool stops_once = false;  ///< at its first hit only
};

/// Its hits are those that the predicate let through. What stands behind each record is the stack, and from
/// INQUEST_OTHER_STACK on the one that it interrupted.
class BpfProgram : public RecordProgram {
 public:
  /// Loads the program into the kernel. The error says which ability or right is missing.
  static Result<std::unique_ptr<BpfProgram>> load(const ProgramOptions& options);

  /// `pid` 0: hits of all processes reach the program.
  virtual std::optional<Error> attach(std::span<const Place> places, uint64_t pid) = 0;
  /// Hits beyond the rate.
  virtual uint64_t limited() const = 0;
  /// File descriptor of the map of processes (u32) that were stopped; it lives as long as this object.
  virtual int stopped_map() const = 0;
  /// Whether fatal signals are seen too.
  virtual bool sees_signals() const = 0;
};

}  // namespace inquest::probes
