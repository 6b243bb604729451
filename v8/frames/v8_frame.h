// What a frame of code made by V8 is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inquest::v8 {

enum class V8FrameKind : uint8_t { kJs, kBuiltin, kEntry, kExit, kInternal, kWasm, kRegExp };
enum class Tier : uint8_t { kNone, kIgnition, kSparkplug, kMaglev, kTurbofan };

struct V8Frame {
  V8FrameKind kind = V8FrameKind::kInternal;
  Tier tier = Tier::kNone;
  std::string function;  ///< of JavaScript, or the builtin's name; "" for anonymous functions
  std::string script;
  uint32_t line = 0;    ///< from 1; 0: unknown
  uint32_t column = 0;  ///< from 1
  bool inlined = false;
  uint64_t function_word = 0;        ///< tagged JSFunction (of the physical frame) or 0
  std::optional<uint64_t> receiver;  ///< tagged; only where V8 keeps it
  std::vector<uint64_t> arguments;
};

}  // namespace inquest::v8
