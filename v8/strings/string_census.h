// One walk over all strings: each is hashed once, those with equal hashes are compared.
#pragma once

#include <functional>

#include "v8/heap/census.h"
#include "v8/strings/string_report.h"

namespace inquest::v8 {

/// Objects must have been marked unless `which` is kAll. 16 bytes of memory for each string. `go_on`: false stops.
StringReport survey_strings(const Heap& heap, const StringOptions& options, Reachability which,
                            const std::function<bool()>& go_on);

}  // namespace inquest::v8
