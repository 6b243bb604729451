// Collects the Error objects of a heap.
#pragma once

#include <functional>

#include "v8/errors/error_report.h"
#include "v8/heap/heap.h"
#include "v8/runtime.h"

namespace inquest::v8 {

/// Objects must have been marked unless `which` is kAll. The uncaught error is there whatever is asked for. `go_on` is
/// asked now and then; false stops the walk.
ErrorReport survey_errors(const Heap& heap, Reachability which, const std::function<bool()>& go_on);

}  // namespace inquest::v8
