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
  /// As Error.stack writes it ("Type.fn [as alias]", "new Type"), of code that only V8 knows the builtin's name; "" for
  /// anonymous functions.
  std::string function;
  std::string script;   ///< as Error.stack writes it ("eval at f (/srv/app.js:1:2), <anonymous>")
  uint32_t line = 0;    ///< from 1; 0: unknown
  uint32_t column = 0;  ///< from 1
  bool inlined = false;
  uint64_t function_word = 0;        ///< tagged JSFunction (of the physical frame) or 0
  uint64_t script_word = 0;          ///< tagged Script or 0
  std::optional<uint64_t> receiver;  ///< tagged; only where V8 keeps it
  std::vector<uint64_t> arguments;   ///< tagged; the first ones
  uint64_t argument_count = 0;       ///< of all
  /// Why there is no line, or something else that is not as it should be; a phrase.
  std::string remark;
};

/// What takes more reading: asked for one frame at a time.
struct V8FrameDetails {
  struct Variable {
    std::string name;
    uint64_t value = 0;                 ///< tagged
    std::optional<double> number = {};  ///< instead of `value`, of variables that V8 keeps unboxed
  };
  std::string source_line;
  std::vector<Variable> registers;  ///< of interpreted and baseline code: r0, r1, ...
  std::vector<Variable> context;    ///< variables that closures share; innermost scope first
};

}  // namespace inquest::v8
