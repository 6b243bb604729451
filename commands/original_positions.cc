#include "commands/original_positions.h"

#include <fmt/format.h>

#include "commands/text_escape.h"

namespace inquest::commands {

std::optional<OriginalPosition> OriginalPositions::find(uint64_t script, const std::string& name, uint32_t line,
                                                        uint32_t column) const {
  if (line == 0 || script == 0) return std::nullopt;
  auto [entry, fresh] = urls_.try_emplace(script);
  if (fresh) entry->second = runtime_.source_mapping_url(script);
  const SourceMap* map = maps_.of(name, entry->second);
  return map ? map->find(line, column) : std::nullopt;
}

std::string OriginalPositions::text(uint64_t script, const std::string& name, uint32_t line, uint32_t column) const {
  auto original = find(script, name, line, column);
  if (!original) return {};
  return fmt::format(" [{}:{}:{}]", escape_text(original->file), original->line, original->column);
}

void OriginalPositions::write_json(JsonWriter& json, uint64_t script, const std::string& name, uint32_t line,
                                   uint32_t column) const {
  auto original = find(script, name, line, column);
  if (!original) return;
  json.begin_object("original");
  json.field("file", original->file);
  json.field("line", original->line);
  json.field("column", original->column);
  json.end_object();
}

OptionSpec source_map_option() {
  return {.long_name = "source-map-dir",
          .kind = OptionSpec::Kind::kDirectory,
          .value_name = "DIR",
          .help = "look for NAME.js.map in DIR before the places that scripts name"};
}

}  // namespace inquest::commands
