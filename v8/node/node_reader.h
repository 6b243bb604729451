// Reads NodeState, and the scripts.
#pragma once

#include <functional>
#include <vector>

#include "v8/heap/census.h"
#include "v8/heap/heap.h"
#include "v8/node/node_state.h"

namespace inquest::v8 {

NodeState read_node_state(const Heap& heap);

/// By address. Walks the heap; objects must have been marked unless `which` is kAll.
std::vector<ScriptInfo> list_scripts(const Heap& heap, Reachability which, const std::function<bool()>& go_on);

}  // namespace inquest::v8
