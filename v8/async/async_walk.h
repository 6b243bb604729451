// Collects what a process was waiting for, in one walk over the heap and a second pass over promises.
#pragma once

#include <functional>

#include "v8/async/async_report.h"
#include "v8/heap/heap.h"
#include "v8/runtime.h"

namespace inquest::v8 {

/// Objects must have been marked unless `which` is kAll. `go_on` is asked now and then; false stops the walk, and what
/// was found until then is returned.
AsyncReport survey_async(const Heap& heap, Reachability which, const std::function<bool()>& go_on);

}  // namespace inquest::v8
