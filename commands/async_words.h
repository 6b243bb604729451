// Words for what a process waited for, shared by text and JSON of `v8 async`.
#pragma once

#include <string>
#include <string_view>

#include "v8/async/async_report.h"

namespace inquest::commands {

/// "1,204"
std::string with_commas(uint64_t number);

/// "async function", "async generator", "generator".
std::string_view kind_name(v8::SuspendedGroup::Kind kind);
/// "function", "timer", "combinator" ...: the words of the JSON.
std::string_view kind_name(v8::Awaited::Kind kind);
/// "timeout", "interval", "immediate".
std::string_view kind_name(v8::TimerGroup::Kind kind);
/// "nobody", "callback", "several", "unknown".
std::string_view end_name(v8::ChainEnd end);

/// "handler at server.js:40:9"; "(anonymous)" for functions without a name. Safe for a terminal.
std::string frame_text(const v8::AsyncFrame& frame);
/// "awaiting query at db.js:12:5", "awaiting a timer of 500 ms".
std::string awaited_text(const v8::Awaited& awaited);
/// "1500 ms"
std::string delay_text(double delay_ms);

}  // namespace inquest::commands
