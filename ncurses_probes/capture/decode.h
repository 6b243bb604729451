// From a record of the ring buffer to an event.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ncurses_probes/attach/place.h"
#include "ncurses_probes/bpf/record.h"
#include "ncurses_probes/spec/probe_spec.h"
#include "postmortem/model/probe_event.h"

namespace inquest::probes {

struct DecodeContext {
  const std::vector<ProbeSpec>& probes;
  const std::vector<Place>& places;
  int64_t boot_time = 0;   ///< nanoseconds between 1970 and the start of the machine
  uint64_t suspended = 0;  ///< nanoseconds since then in which it was suspended
};

/// Without `process`, which is known later. `room`: what stands behind the record.
ProbeEvent decode(const inquest_record& record, std::span<const std::byte> room, const DecodeContext& context);

/// Of a stack sampler. `room` is the stack's, then the kernel's stack.
ProbeEvent decode_sample(const inquest_record& record, std::span<const std::byte> room, int64_t boot_time);

}  // namespace inquest::probes
