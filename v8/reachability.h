// Which objects of a heap a question is about.
#pragma once

#include <cstdint>

namespace inquest::v8 {

/// Live: reachable from roots. Dead: garbage that has not been collected. All: both.
enum class Reachability : uint8_t { kLive, kAll, kDead };

}  // namespace inquest::v8
