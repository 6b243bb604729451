// The kernel's running report on mmap, exec, fork and exit of all processes: software events of perf that count nothing
// (PERF_COUNT_SW_DUMMY), one per CPU (perf_event_open(2)).
//
// Each CPU has a buffer of its own, and a process moves between CPUs, so records are merged by time before they are
// applied. A record is in its buffer before the process goes on; so once an event of the tracer has been received, all
// that it depends on can be read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ncurses_probes/capture/process_maps.h"
#include "postmortem/model/result.h"

namespace inquest::probes {

class SideBand {
 public:
  static Result<std::unique_ptr<SideBand>> open();
  virtual ~SideBand() = default;

  /// Applies to `maps` all that happened up to `time` (nanoseconds since boot).
  virtual void apply_until(uint64_t time, ProcessMaps& maps) = 0;
  /// Records that found no room: mappings may be missing.
  virtual uint64_t lost() const = 0;
};

}  // namespace inquest::probes
