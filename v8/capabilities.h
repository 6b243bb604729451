// The capability report of `v8 info`: each fact and ability, where it comes from, what is wrong with it.
#pragma once

#include <vector>

#include "v8/heap/census.h"
#include "v8/heap/heap.h"
#include "v8/runtime.h"

namespace inquest::v8 {

/// `totals`: of the whole walk, or null when only the validation pages have been walked.
std::vector<Capability> describe_capabilities(const Heap& heap, const HeapTotals* totals);

}  // namespace inquest::v8
