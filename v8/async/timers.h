// Node.js's timers and immediates, and the handles and requests of its event loop, as far as JavaScript objects tell.
//
// lib/internal/timers.js: a Timeout has _onTimeout (function), _idleTimeout (ms; -1 when called off), _repeat (ms or
// null) and _destroyed; an Immediate has _onImmediate and _destroyed. These names hold from Node.js 12 to 26. Handles
// and requests are objects with internal fields made by C++ (src/handle_wrap.h, src/req_wrap.h); the internal fields
// of one that is closed or done no longer point to anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct TimerObject {
  bool immediate = false;
  bool repeats = false;
  uint64_t callback = 0;  ///< tagged JSFunction
  double delay_ms = 0;
};

class TimerReader {
 public:
  explicit TimerReader(const ObjectReader& objects) : objects_(objects) {}

  /// Nothing when it is over or called off. `object` is an instance of Timeout or Immediate.
  std::optional<TimerObject> timer(uint64_t object, bool immediate);

 private:
  std::optional<uint64_t> property(uint64_t object, const char* name);
  std::optional<double> number(uint64_t object, const char* name);

  const ObjectReader& objects_;
  std::unordered_map<std::string, uint64_t> keys_;  ///< names are unique strings; found once
};

enum class LoopObject : uint8_t { kNone, kTimeout, kImmediate, kHandle, kRequest };
/// By the name of the class.
LoopObject loop_object_kind(std::string_view type);

/// Whether an object made by C++ still has its C++ side.
bool has_native_side(const ObjectReader& objects, const MapInfo& map, uint64_t object);

}  // namespace inquest::v8
