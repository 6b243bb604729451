#include "commands/saved_histogram.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace inquest::commands {
namespace {

using Json = nlohmann::json;

Error not_saved_by_us(const std::string& path, const std::string& why) {
  return unusable("cannot use " + path + ": " + why, "it should come from: v8 findjsobjects --json");
}

/// A member of `object` as an unsigned number; 0 when absent or something else.
uint64_t number_in(const Json& object, const char* key) {
  auto member = object.find(key);
  return member != object.end() && member->is_number_unsigned() ? member->get<uint64_t>() : 0;
}

std::string text_in(const Json& object, const char* key) {
  auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

std::optional<v8::Reachability> reachability_in(const Json& object) {
  std::string word = text_in(object, "objects");
  if (word == "live") return v8::Reachability::kLive;
  if (word == "all") return v8::Reachability::kAll;
  if (word == "dead") return v8::Reachability::kDead;
  return std::nullopt;
}

}  // namespace

void TypeCounts::add(const std::string& type, uint64_t count, uint64_t size) {
  TypeSums& sums = types[type];
  sums.count += count;
  sums.size += size;
}

bool looks_like_json(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char first = 0;
  return (file >> first) && first == '{';
}

Result<TypeCounts> read_saved_histogram(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return unusable("cannot open " + path);
  Json saved = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (saved.is_discarded()) return not_saved_by_us(path, "it is not valid JSON");
  if (text_in(saved, "command") != "v8 findjsobjects") return not_saved_by_us(path, "it holds another answer");
  auto rows = saved.find("rows");
  if (rows == saved.end() || !rows->is_array()) return not_saved_by_us(path, "it has no rows");

  TypeCounts counts;
  counts.origin = path;
  counts.core_time = static_cast<int64_t>(number_in(saved, "core_time"));
  counts.which = reachability_in(saved);
  counts.filter = text_in(saved, "filter");
  if (auto left_out = saved.find("left_out"); left_out != saved.end()) counts.left_out = number_in(*left_out, "rows");
  for (const Json& row : *rows) {
    if (row.is_object()) counts.add(text_in(row, "type"), number_in(row, "count"), number_in(row, "size"));
  }
  return counts;
}

}  // namespace inquest::commands
