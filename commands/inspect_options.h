// The options that say how much of a value is shown: those of llnode's `v8 inspect`, for every command that shows
// values.
#pragma once

#include <vector>

#include "commands/args.h"
#include "commands/command.h"
#include "v8/inspect/value.h"

namespace inquest::commands {

/// -F and -l.
std::vector<OptionSpec> length_options();
/// -m and -s.
std::vector<OptionSpec> detail_options();

/// JSON is for scripts: there limits are high unless one is given. `depth`: levels of members.
v8::InspectOptions inspect_options(const Args& args, uint32_t depth);

}  // namespace inquest::commands
