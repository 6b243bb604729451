#include "commands/saved_histogram.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
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

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// Surrogates without their other half, which text has in the form of other code points.
std::string without_halves(std::string text) {
  for (size_t at = text.find('\xed'); at != text.npos; at = text.find('\xed', at + 1)) {
    bool is_surrogate = at + 2 < text.size() && static_cast<uint8_t>(text[at + 1]) >= 0xa0;
    if (is_surrogate) text.replace(at, kReplacement.size(), kReplacement);
  }
  return text;
}

/// The first half (0xd800) or second half (0xdc00) of a pair that is escaped at `at`; 0 for all else.
unsigned escaped_half(std::string_view json, size_t at) {
  if (json.size() < at + 6 || json[at] != '\\' || json[at + 1] != 'u') return 0;
  unsigned unit = 0;
  auto end = std::from_chars(json.data() + at + 2, json.data() + at + 6, unit, 16);
  bool whole = end.ec == std::errc() && end.ptr == json.data() + at + 6;
  return whole && unit >= 0xd800 && unit < 0xe000 ? unit & 0xfc00 : 0;
}

/// The library refuses halves of surrogate pairs, which may be written in JSON (RFC 8259, section 8.2).
std::string without_escaped_halves(std::string json) {
  for (size_t at = json.find('\\'); at != json.npos; at = json.find('\\', at)) {
    unsigned half = escaped_half(json, at);
    bool is_pair = half == 0xd800 && escaped_half(json, at + 6) == 0xdc00;
    if (half != 0 && !is_pair) json.replace(at + 2, 4, "fffd");
    at += is_pair ? 12 : half != 0 ? 6 : 2;
  }
  return json;
}

}  // namespace

void TypeCounts::add(const std::string& type, uint64_t count, uint64_t size) {
  TypeSums& sums = types[without_halves(type)];
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
  std::string text{std::istreambuf_iterator<char>(file), {}};
  Json saved = Json::parse(without_escaped_halves(std::move(text)), nullptr, /*allow_exceptions=*/false);
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
