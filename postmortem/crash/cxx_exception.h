// The C++ exception that a thread was handling, or could not, when it died.
#pragma once

#include <optional>

#include "postmortem/crash/explanation.h"
#include "postmortem/crash/scene.h"

namespace inquest::crash {

/// The exception that std::terminate was called for; nothing when there is none.
std::optional<ThrownException> find_exception(const Scene& scene);

}  // namespace inquest::crash
