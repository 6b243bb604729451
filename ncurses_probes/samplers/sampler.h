// Stack samplers: what threads run, wait for, read and write.
#pragma once

#include <memory>

#include "postmortem/model/probe_event.h"
#include "postmortem/model/result.h"
#include "postmortem/model/sample_request.h"

namespace inquest::probes {

/// Begins to sample; a command of the request is running when this returns. SIGINT, SIGTERM and SIGHUP end the
/// sampling, not this program, as long as the source lives. Its events are of kind kSample.
Result<std::unique_ptr<ProbeEventSource>> start_sampling(const SampleRequest& request);

}  // namespace inquest::probes
