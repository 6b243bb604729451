// How an isolate is named in reports.
#pragma once

#include <string>

#include "v8/runtime.h"

namespace inquest::commands {

/// "Isolate 1 (0x5581a2c01000, thread 1234)"
std::string isolate_title(const v8::IsolateInfo& isolate);
/// The same for an index; "Isolate 7" when the runtime does not list it.
std::string isolate_title(const v8::RuntimeInfo& info, uint32_t index);

}  // namespace inquest::commands
