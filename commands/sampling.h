// What `sample-bt`, `sample-bt-off-cpu` and `sample-bt-vfs` share: options, the run, and the ways of printing.
#pragma once

#include <string>
#include <vector>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/session.h"
#include "postmortem/model/sample_request.h"

namespace inquest::commands {

/// What the specifications of the three have in common; `own`: the options of the command itself, put in the middle.
CommandSpec sampling_spec(std::string name, std::string summary, std::string description, std::vector<OptionSpec> own);

/// What all three take from their options. Usage errors where they make no sense.
Result<SampleRequest> common_request(const CommandSpec& spec, const Args& args);

/// What weights are, and the number in a weight of the request that is one of those.
struct SampleUnit {
  std::string name;  ///< "samples", "us", "bytes"
  uint64_t divisor = 1;
};

/// Samples until the end, or says only what would be done (-d).
Result<Report> run_sampling(Session& session, const CommandSpec& spec, const Args& args, SampleRequest request,
                            const SampleUnit& unit);

/// The same for the distribution of times alone.
Result<Report> run_distribution(Session& session, const CommandSpec& spec, const Args& args, SampleRequest request);

}  // namespace inquest::commands
