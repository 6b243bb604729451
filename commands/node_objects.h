// What Node.js's own objects in the heap say about the threads and sockets that stand behind them.
#pragma once

#include <map>
#include <vector>

#include "commands/node_facts.h"
#include "v8/runtime.h"

namespace inquest::commands {

/// One for each isolate but the first, by thread id. A worker belongs to the object whose native part
/// (node::worker::Worker, src/node_worker.h) points to its isolate. Walks the heap.
Result<std::vector<WorkerFacts>> find_workers(v8::Runtime& runtime, const Target& target, v8::Reachability which);

/// By the address of libuv's handle, which points to the native part of the object (HandleWrap, src/handle_wrap.h).
/// Walks the heap.
Result<std::map<uint64_t, SocketFacts>> find_sockets(v8::Runtime& runtime, const v8::NodeState& state,
                                                     v8::Reachability which);

}  // namespace inquest::commands
