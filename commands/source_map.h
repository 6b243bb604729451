// Source maps (https://tc39.es/ecma426/): from a position in generated JavaScript to the one that was written.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inquest::commands {

struct OriginalPosition {
  std::string file;     ///< as the map names it, below the map's sourceRoot or folder
  uint32_t line = 0;    ///< from 1
  uint32_t column = 0;  ///< from 1
};

class SourceMap {
 public:
  /// Nothing when the text is no source map of version 3. `folder`: where relative names of sources begin.
  static std::optional<SourceMap> parse(std::string_view json, const std::string& folder);
  /// Line and column from 1. The last mapping at or before it on the same line.
  std::optional<OriginalPosition> find(uint32_t line, uint32_t column) const;

 private:
  struct Mapping {
    uint32_t line, column;  ///< in the generated code, from 0
    int32_t source;         ///< -1: of no source
    uint32_t original_line, original_column;
  };
  bool decode(std::string_view mappings, uint32_t first_line, uint32_t first_column, size_t first_source,
              size_t source_count);

  std::vector<std::string> sources_;
  std::vector<Mapping> mappings_;  ///< by line and column
};

/// Finds the maps of scripts: the one a script carries inside itself (data: URL), the file its sourceMappingURL names,
/// and NAME.map in a folder given by the user, which comes first.
class SourceMaps {
 public:
  explicit SourceMaps(std::string directory = {}) : directory_(std::move(directory)) {}
  /// `script`: the script's name, a path or file: URL; `url`: of its map, may be empty.
  const SourceMap* of(const std::string& script, const std::string& url);

 private:
  std::optional<SourceMap> load(const std::string& script, const std::string& url) const;

  std::string directory_;
  std::map<std::string, std::optional<SourceMap>> maps_;  ///< by script and URL
};

}  // namespace inquest::commands
