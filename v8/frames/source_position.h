// From functions to places in the source: the place of a bytecode, where a function begins and ends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "v8/frames/code_tables.h"
#include "v8/frames/frame_offsets.h"
#include "v8/frames/script_reader.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct SourcePlace {
  std::string script;        ///< as Error.stack calls it; "" for builtins
  uint32_t line = 0;         ///< from 1; 0: unknown
  uint32_t column = 0;       ///< from 1
  uint64_t script_word = 0;  ///< tagged Script
  bool operator==(const SourcePlace&) const = default;
};

/// Offsets in the source of a script, [start, end).
struct SourceRange {
  int32_t start = 0;
  int32_t end = 0;
};

class SourcePositions {
 public:
  explicit SourcePositions(const ObjectReader& objects);
  SourcePositions(const SourcePositions&) = delete;
  SourcePositions& operator=(const SourcePositions&) = delete;

  const ObjectReader& objects() const { return objects_; }
  const ScriptReader& scripts() const { return scripts_; }
  const FrameOffsets& offsets() const { return offsets_; }

  /// The SharedFunctionInfo of a JSFunction, tagged.
  uint64_t shared_of(uint64_t function) const {
    return objects_.field(function, objects_.heap().layout().js_function_shared);
  }
  /// The Script of a SharedFunctionInfo, tagged; 0 for builtins and API functions.
  uint64_t script_of(uint64_t shared) const { return scripts_.script_of(shared); }
  /// The BytecodeArray of a SharedFunctionInfo, tagged; 0 when it has not been compiled or has none.
  uint64_t bytecode_of(uint64_t shared) const;
  /// Bytes of code in a BytecodeArray.
  uint64_t bytecode_size(uint64_t bytecode_array) const;
  /// Baseline Code of a SharedFunctionInfo, tagged; 0 when it has none.
  uint64_t baseline_code_of(uint64_t shared) const;

  /// The bytecode that a return address in baseline code belongs to, given as an offset from its first instruction.
  std::optional<int64_t> baseline_bytecode(uint64_t code, uint64_t pc_offset) const;
  /// The BytecodeArray that baseline code was made of, tagged; 0 when it is none.
  uint64_t bytecode_of_baseline(uint64_t code) const;

  /// The source offset that belongs to a bytecode, as an offset from the first bytecode.
  std::optional<int32_t> offset_of_bytecode(uint64_t bytecode_array, int64_t bytecode_offset) const;
  /// The place of a source offset; line 0 when it lies outside the source.
  SourcePlace place(uint64_t script, int32_t source_offset) const;

  /// Where a function's text begins (the `function` keyword, the name of a method, the parameters of an arrow
  /// function) and ends, as Function.prototype.toString shows it. Not for class constructors, see class_range.
  std::optional<SourceRange> range_of(uint64_t shared) const;
  /// From the parameters on: SharedFunctionInfo::StartPosition.
  std::optional<SourceRange> code_range_of(uint64_t shared) const;
  /// The text of the class whose constructor this JSFunction is.
  std::optional<SourceRange> class_range(uint64_t function) const;

  /// The text of a script, at most 2^29 - 1 UTF-16 units.
  const std::u16string& source(uint64_t script) const;

 private:
  const ObjectReader& objects_;
  FrameOffsets offsets_;
  ScriptReader scripts_;
  BytecodeSizes bytecode_sizes_;
  uint16_t token_offset_;  ///< SharedFunctionInfo::raw_function_token_offset, i16
  mutable std::unordered_map<uint64_t, std::unique_ptr<std::u16string>> sources_;
};

}  // namespace inquest::v8
