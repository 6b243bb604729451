#include "commands/async_words.h"

#include <fmt/format.h>

#include "commands/text_escape.h"

namespace inquest::commands {

std::string with_commas(uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string_view kind_name(v8::SuspendedGroup::Kind kind) {
  using Kind = v8::SuspendedGroup::Kind;
  switch (kind) {
    case Kind::kAsyncFunction: return "async function";
    case Kind::kAsyncGenerator: return "async generator";
    case Kind::kGenerator: return "generator";
  }
  return "";
}

std::string_view kind_name(v8::Awaited::Kind kind) {
  using Kind = v8::Awaited::Kind;
  switch (kind) {
    case Kind::kFunction: return "function";
    case Kind::kTimer: return "timer";
    case Kind::kImmediate: return "immediate";
    case Kind::kCombinator: return "combinator";
    case Kind::kPromise: return "promise";
    case Kind::kSettled: return "settled";
    case Kind::kNext: return "next";
    case Kind::kUnknown: return "unknown";
  }
  return "";
}

std::string_view kind_name(v8::TimerGroup::Kind kind) {
  using Kind = v8::TimerGroup::Kind;
  switch (kind) {
    case Kind::kTimeout: return "timeout";
    case Kind::kInterval: return "interval";
    case Kind::kImmediate: return "immediate";
  }
  return "";
}

std::string_view end_name(v8::ChainEnd end) {
  switch (end) {
    case v8::ChainEnd::kNobody: return "nobody";
    case v8::ChainEnd::kCallback: return "callback";
    case v8::ChainEnd::kSeveral: return "several";
    case v8::ChainEnd::kUnknown: return "unknown";
  }
  return "";
}

std::string frame_text(const v8::AsyncFrame& frame) {
  std::string text = frame.function.empty() ? "(anonymous)" : escape_text(frame.function);
  if (frame.line == 0 && frame.file.empty()) return text;
  text += " at " + (frame.file.empty() ? "<anonymous>" : escape_text(frame.file));
  if (frame.line != 0) text += fmt::format(":{}:{}", frame.line, frame.column);
  return text;
}

std::string delay_text(double delay_ms) { return fmt::format("{} ms", delay_ms); }

std::string awaited_text(const v8::Awaited& awaited) {
  using Kind = v8::Awaited::Kind;
  std::string through = awaited.through.empty() ? "" : " (through then)";
  switch (awaited.kind) {
    case Kind::kFunction: return "awaiting " + frame_text(awaited.frame) + through;
    case Kind::kTimer: return "awaiting a timer of " + delay_text(awaited.delay_ms) + through;
    case Kind::kImmediate: return "awaiting an immediate" + through;
    case Kind::kCombinator: return "awaiting " + escape_text(awaited.frame.function) + through;
    case Kind::kPromise:
      return fmt::format("awaiting a {}{}", awaited.type.empty() ? "promise" : escape_text(awaited.type), through);
    case Kind::kSettled: return "about to go on";
    case Kind::kNext: return "until asked for the next value";
    case Kind::kUnknown: return "awaiting something unknown";
  }
  return "";
}

}  // namespace inquest::commands
