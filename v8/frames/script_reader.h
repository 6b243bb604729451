// Scripts: what they are called, where their lines end, where they came from.
//
// A SharedFunctionInfo leads to its Script (directly or through a DebugInfo). Error.stack calls a script by its
// //# sourceURL comment, else by its name; one that came from eval has neither and is described by the place of the
// call: "eval at inner (/srv/app.js:3:4), <anonymous>" (src/objects/call-site-info.cc, AppendFileLocation and
// FormatEvalOrigin; in V8 7.x and 8.x src/execution/messages.cc).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "v8/frames/code_tables.h"
#include "v8/frames/frame_offsets.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// The bytes of a ByteArray or TrustedByteArray; of the pair with a frame cache that old versions may keep in its
/// place, those of its table. Empty for anything else.
std::span<const std::byte> table_bytes(const ObjectReader& objects, uint64_t word);

struct ScriptPosition {
  uint32_t line = 0;    ///< from 1
  uint32_t column = 0;  ///< from 1
};

class ScriptReader {
 public:
  ScriptReader(const ObjectReader& objects, const FrameOffsets& offsets) : objects_(objects), offsets_(offsets) {}

  /// The Script (tagged) of a SharedFunctionInfo; 0 when it has none, as builtins.
  uint64_t script_of(uint64_t shared) const;
  /// As Error.stack writes it; "" for 0.
  const std::string& name(uint64_t script) const;
  bool is_eval(uint64_t script) const;
  /// Where an offset into the source lies.
  std::optional<ScriptPosition> position(uint64_t script, int64_t offset) const;
  /// The text of one line (from 1), at most `limit` UTF-16 units of it, without its terminator.
  std::string source_line(uint64_t script, uint32_t line, size_t limit) const;
  /// Whether the source has `text` at an offset.
  bool has_text(uint64_t script, int64_t offset, std::string_view text) const;
  /// What the script's sourceMappingURL comment says; "" when there is none.
  std::string source_mapping_url(uint64_t script) const;
  /// BytecodeArray (tagged) of a SharedFunctionInfo; 0 when it is not compiled or only to machine code.
  uint64_t bytecodes_of(uint64_t shared) const;
  /// How many parameters a function declares, `this` and rest parameters not counted; nothing for builtins that take
  /// any number.
  std::optional<uint16_t> formal_parameters(uint64_t shared) const;
  /// The place in the source that belongs to a bytecode, as an offset into it (-1: before the first bytecode).
  std::optional<SourcePosition> bytecode_position(uint64_t shared, int64_t bytecode_offset) const;

 private:
  struct Script {
    uint64_t source = 0, name_word = 0, id = 0;  ///< what it was made from
    std::string name;
    mutable std::optional<std::vector<uint32_t>> ends;  ///< of the lines, once a place in it was asked for
    int32_t first_line = 0, first_column = 0;
    bool is_eval = false;
  };
  const Script* find(uint64_t script) const;
  const std::vector<uint32_t>& ends_of(const Script& script) const;
  bool is_script(uint64_t word) const;
  bool comes_from_eval(uint64_t script) const;
  std::string plain_name(uint64_t script) const;
  std::string eval_origin(uint64_t script, int depth) const;
  std::optional<int64_t> eval_position(uint64_t script) const;

  const ObjectReader& objects_;
  const FrameOffsets& offsets_;
  mutable std::map<uint64_t, std::unique_ptr<Script>> scripts_;
};

}  // namespace inquest::v8
