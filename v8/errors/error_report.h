// Error objects of a dead process: the answer of `v8 errors`, as values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postmortem/model/address.h"

namespace inquest::v8 {

struct ErrorFrame {
  std::string text;      ///< everything behind "at "
  std::string function;  ///< as Error.stack names the call; may be ""
  std::string file;
  uint32_t line = 0;           ///< from 1; 0: unknown
  uint32_t column = 0;         ///< from 1
  uint64_t script_word = 0;    ///< tagged Script of `file`, or 0
  uint64_t function_word = 0;  ///< tagged JSFunction, or 0
};

struct ErrorObject {
  Address address;  ///< tagged
  uint32_t isolate = 0;
  std::string type;     ///< name of its class: "StoreError"
  std::string name;     ///< its property `name`, own or inherited: what Error.stack begins with
  std::string message;  ///< its property `message`
  bool young = false;   ///< in the young generation: made shortly before the end
  bool uncaught = false;

  enum class Source : uint8_t {
    kNone,       ///< no stack was captured
    kFormatted,  ///< the program asked for `stack`; this is that string
    kCaptured,   ///< put together from the calls that V8 noted
  };
  Source source = Source::kNone;
  std::string stack;               ///< "Error: message\n    at f (file.js:1:2)"
  std::vector<ErrorFrame> frames;  ///< of captured stacks
};

struct ErrorReport {
  /// The uncaught one first, then those of the young generation, then the others; each by address, highest first.
  std::vector<ErrorObject> errors;
  std::string uncaught_note;  ///< how the uncaught one is known; "" when there is none
};

}  // namespace inquest::v8
