// The BPF program of the samplers: loaded, attached to a clock, to the scheduler or to system calls, read from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "ncurses_probes/attach/bpf_support.h"
#include "postmortem/model/result.h"
#include "postmortem/model/sample_request.h"

namespace inquest::probes {

class SampleProgram : public RecordProgram {
 public:
  static Result<std::unique_ptr<SampleProgram>> load(const SampleRequest& request);

  virtual std::optional<Error> attach() = 0;
  /// Whether the thread that left its CPU at `since` was still away when recording was stopped.
  virtual bool is_away(uint64_t tid, uint64_t since) const = 0;
};

}  // namespace inquest::probes
