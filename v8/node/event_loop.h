// libuv's event loop (include/uv.h, include/uv/unix.h, 1.28 to 1.52): handles hang on a ring, each with a type, flags
// and a pointer back to its loop. These structs are part of libuv's ABI and have not changed on 64-bit Linux since 1.x
// began.
#pragma once

#include <optional>

#include "postmortem/model/target.h"
#include "v8/node/node_state.h"

namespace inquest::v8 {

/// The loop of uv_default_loop, on which Node.js's main thread runs: by its symbol, else by its ring, whose handles
/// point back to it. `module` is the one that carries Node.js.
std::optional<EventLoop> find_event_loop(const Target& target, const Module& module);

/// The loop that a thread ran: Node.js's workers keep theirs on their stack (src/node_worker.cc, WorkerThreadData), or
/// the stack refers to it, as the calls below uv_run do. Nothing when there is none.
std::optional<EventLoop> find_event_loop(const Target& target, const Thread& thread);

}  // namespace inquest::v8
