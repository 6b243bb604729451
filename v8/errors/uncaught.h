// Which Error a thread died of.
//
// When nothing will catch an exception and --abort-on-uncaught-exception is given, V8 makes a message (JSMessageObject,
// src/objects/js-objects.h; its `argument` is the exception) and aborts inside of Isolate::Throw; Node.js does the same
// in TriggerUncaughtException for rejected promises. Nothing in the isolate says so then, but the message or a handle
// to it lies on the stack, below calls of these functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct UncaughtException {
  uint64_t value = 0;   ///< tagged; any value can be thrown
  uint64_t thread = 0;  ///< id
  std::string where;    ///< the function of V8 or Node.js that was reporting it
};

/// Looks at the stack of the thread that died, if it is one of this isolate's.
std::optional<UncaughtException> find_uncaught(const ObjectReader& objects, uint32_t isolate);

}  // namespace inquest::v8
