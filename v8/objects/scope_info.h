// Facts of a ScopeInfo (src/objects/scope-info.h, .tq): where the source of its scope begins and ends.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// Start and end of a scope as offsets in the source; nothing when `scope_info` is none or keeps no positions.
std::optional<std::pair<int32_t, int32_t>> scope_info_range(const ObjectReader& objects, uint64_t scope_info);

}  // namespace inquest::v8
