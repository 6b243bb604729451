// Traces running processes: finds the places, loads the program, follows what the processes map, and gives the events.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "postmortem/model/probe_event.h"
#include "postmortem/model/result.h"
#include "postmortem/model/trace_request.h"

namespace inquest::probes {

/// Begins to trace; a command of the request is running when this returns. SIGINT, SIGTERM and SIGHUP end the tracing,
/// not this program, as long as the source lives. Whatever was set in the kernel is gone with it.
Result<std::unique_ptr<ProbeEventSource>> start_trace(const TraceRequest& request);

/// The functions of a file whose name matches `pattern` (a shell pattern), and its static probes.
Result<std::vector<ProbePlace>> list_probes(const std::string& file, const std::string& pattern);

/// The places that one specification means for what the request traces; nothing is set.
Result<ProbeCheck> check_probe(const std::string& probe, const TraceRequest& request);

}  // namespace inquest::probes
