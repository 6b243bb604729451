// The section "libuv" of a diagnostic report (src/node_report_utils.cc, WalkHandle).
#pragma once

#include <map>
#include <set>
#include <string>

#include "commands/json_writer.h"
#include "commands/node_facts.h"
#include "v8/node/node_state.h"

namespace inquest::commands {

/// The rows: every handle, then the loop. `now_ns` is the latest time that is known of the process, `keys` of the keys
/// that not every version of Node.js writes those that this one does. Sizes of the kernel's buffers are in no core.
void write_libuv(JsonWriter& json, const v8::EventLoop& loop, const std::map<uint64_t, SocketFacts>& sockets,
                 uint64_t now_ns, const std::set<std::string, std::less<>>& keys);

}  // namespace inquest::commands
