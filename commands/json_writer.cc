#include "commands/json_writer.h"

#include "commands/text_escape.h"

namespace inquest::commands {

JsonWriter JsonWriter::of_rows(Output& output, bool is_first) {
  JsonWriter writer(output);
  writer.levels_.push_back({.empty = is_first, .lines = true});
  return writer;
}

void JsonWriter::separate() {
  if (levels_.empty()) return;
  Level& level = levels_.back();
  if (!level.empty) output_.append(level.lines ? "," : ", ");
  if (level.lines) output_.append("\n ");
  level.empty = false;
}

void JsonWriter::name(std::string_view key) {
  separate();
  write(key);
  output_.append(": ");
}

void JsonWriter::open(char bracket, bool lines) {
  output_.append(bracket);
  levels_.push_back({.empty = true, .lines = lines});
}

void JsonWriter::close(char bracket) {
  if (levels_.back().lines && !levels_.back().empty) output_.append('\n');
  levels_.pop_back();
  output_.append(bracket);
}

void JsonWriter::write(std::string_view text) {
  scratch_.clear();
  append_json_string(scratch_, text);
  output_.append(scratch_);
}

}  // namespace inquest::commands
