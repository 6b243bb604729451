// What a frame of code made by V8 is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::v8 {

enum class V8FrameKind : uint8_t { kJs, kBuiltin, kEntry, kExit, kInternal, kWasm, kRegExp };
enum class Tier : uint8_t { kNone, kIgnition, kSparkplug, kMaglev, kTurbofan };

/// As the text and JSON of every command have it; empty for none.
constexpr std::string_view to_string(Tier tier) {
  switch (tier) {
    case Tier::kNone: return "";
    case Tier::kIgnition: return "ignition";
    case Tier::kSparkplug: return "sparkplug";
    case Tier::kMaglev: return "maglev";
    case Tier::kTurbofan: return "turbofan";
  }
  return "";
}

/// A receiver, an argument or a variable, as far as V8 keeps it.
struct FrameValue {
  enum class Kind : uint8_t {
    kTagged,
    kNumber,        ///< not boxed
    kNotAllocated,  ///< an object that exists in registers and slots only; optimised code would make it when needed
    kOptimizedOut,  ///< not kept
  };
  Kind kind = Kind::kTagged;
  uint64_t word = 0;  ///< tagged; of kNotAllocated the Map of the object (tagged)
  double number = 0;  ///< of kNumber
  static FrameValue tagged(uint64_t word) { return {.kind = Kind::kTagged, .word = word, .number = 0}; }
};

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
  uint64_t function_word = 0;  ///< tagged JSFunction, or 0: not known, or the code is no function's
  uint64_t script_word = 0;    ///< tagged Script or 0
  std::optional<FrameValue> receiver;
  std::vector<FrameValue> arguments;  ///< the first ones
  uint64_t argument_count = 0;        ///< of all
  int32_t bytecode_offset = -1;       ///< of optimised code, where its translation tells it; else -1
  /// Why there is no line, or something else that is not as it should be; a phrase.
  std::string remark;
};

/// What takes more reading: asked for one frame at a time.
struct V8FrameDetails {
  struct Variable {
    std::string name;
    FrameValue value;
  };
  std::string source_line;
  std::vector<Variable> registers;  ///< of interpreted and baseline code: r0, r1, ...
  std::vector<Variable> context;    ///< variables that closures share; innermost scope first
};

}  // namespace inquest::v8
