// Functions of a dead process: the answers of `v8 functions` and `v8 source list`, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/address.h"
#include "v8/frames/v8_frame.h"

namespace inquest::v8 {

/// What is common to all closures of one function in the source: its SharedFunctionInfo.
struct FunctionInfo {
  Address shared;  ///< tagged
  uint32_t isolate = 0;
  std::string name;          ///< or the name inferred from where it was assigned; may be ""
  std::string file;          ///< "" for code without a file
  uint32_t line = 0;         ///< from 1, where its text begins; 0: unknown
  uint32_t column = 0;       ///< from 1
  uint64_t script_word = 0;  ///< tagged Script of `file`, or 0
  bool compiled = false;     ///< has bytecode
  /// The fastest code that it has; kNone when it is not compiled.
  Tier tier = Tier::kNone;
  uint64_t bytecode_size = 0;  ///< bytes
  uint64_t code_size = 0;      ///< bytes of machine code of all tiers
  uint64_t closures = 0;       ///< JSFunctions
  Address sample;              ///< a tagged JSFunction; the lowest
};

struct FunctionFilter {
  std::string name;           ///< part of the name; "" for all
  std::string script;         ///< part of the file name; "" for all
  std::optional<Address> at;  ///< a JSFunction, a SharedFunctionInfo, or an address inside of its machine code
};

struct SourceLines {
  std::string file;
  uint32_t first = 0;              ///< number of lines.front(), from 1
  std::vector<std::string> lines;  ///< UTF-8, each at most 10,000 bytes
  uint32_t total = 0;              ///< lines of the whole script
};

/// What lines are wanted: around the middle of a script, or the text of a function.
struct SourceRequest {
  std::string script;         ///< its file name, or the end of it; or
  std::optional<Address> at;  ///< a function, as in FunctionFilter::at
  uint32_t line = 0;          ///< in the middle; 0: where the function begins, or the first line
  uint32_t count = 10;        ///< how many lines
};

}  // namespace inquest::v8
