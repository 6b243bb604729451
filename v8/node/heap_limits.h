// How large a heap may get.
#pragma once

#include <optional>

#include "v8/heap/heap.h"
#include "v8/node/node_state.h"

namespace inquest::v8 {

/// Heap keeps its limits as neighbours (src/heap/heap.h, "These limits are initialized in Heap::ConfigureHeap"): the
/// largest and the first size of a semi-space, the smallest and the largest old generation, the same for the memory of
/// embedders, which may be twice as large. Where they begin changes with every version, that one is twice the other
/// does not. In 14.x those of the old generation are in a struct of their own (HeapLimits), which points back to the
/// heap. Nothing when they are not found, or the limit was changed while the program ran.
std::optional<HeapLimits> find_heap_limits(const Heap& heap, const Isolate& isolate);

}  // namespace inquest::v8
