// Positions in the sources that scripts were made from, for all commands that show places in scripts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "commands/command.h"
#include "commands/json_writer.h"
#include "commands/source_map.h"
#include "v8/runtime.h"

namespace inquest::commands {

class OriginalPositions {
 public:
  /// `directory`: the user's folder of NAME.js.map files, may be empty.
  OriginalPositions(v8::Runtime& runtime, std::string directory) : runtime_(runtime), maps_(std::move(directory)) {}

  /// By the source map of a script (tagged word) of this name; nothing when it has none, or when `script` or `line` is
  /// 0.
  std::optional<OriginalPosition> find(uint64_t script, const std::string& name, uint32_t line, uint32_t column) const;
  /// " [src/a.ts:1:2]", safe for a terminal; "" when there is none.
  std::string text(uint64_t script, const std::string& name, uint32_t line, uint32_t column) const;
  /// The field "original"; none when there is none.
  void write_json(JsonWriter& json, uint64_t script, const std::string& name, uint32_t line, uint32_t column) const;

 private:
  v8::Runtime& runtime_;
  mutable SourceMaps maps_;
  mutable std::map<uint64_t, std::string> urls_;  ///< by script
};

/// --source-map-dir DIR
OptionSpec source_map_option();

}  // namespace inquest::commands
