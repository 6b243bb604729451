// Collects the functions of a heap, and shows their source.
#pragma once

#include <functional>
#include <vector>

#include "postmortem/model/result.h"
#include "v8/functions/function_report.h"
#include "v8/heap/heap.h"
#include "v8/runtime.h"

namespace inquest::v8 {

/// The functions that match, by file and place. Objects must have been marked unless `which` is kAll. `go_on` is asked
/// now and then; false stops the walk.
std::vector<FunctionInfo> survey_functions(const Heap& heap, const FunctionFilter& filter, Reachability which,
                                           const std::function<bool()>& go_on);

/// An error says which scripts there are, when the one that is asked for is not among them.
Result<SourceLines> list_source(const Heap& heap, const SourceRequest& request);

}  // namespace inquest::v8
