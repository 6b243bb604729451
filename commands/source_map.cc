#include "commands/source_map.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

namespace inquest::commands {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr uintmax_t kMaxMapBytes = 256u << 20;  ///< larger files are no maps that somebody made
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int digit(char c) {
  size_t at = kBase64.find(c == '-' ? '+' : c == '_' ? '/' : c);
  return at == kBase64.npos ? -1 : static_cast<int>(at);
}

std::string decode_base64(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int value = digit(c);
    if (value < 0) continue;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xffffff;
    count += 6;
    if (count >= 8) bytes.push_back(static_cast<char>(bits >> (count -= 8) & 0xff));
  }
  return bytes;
}

std::string decode_percent(std::string_view text) {
  auto hex = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
  };
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      bytes.push_back(static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2])));
      i += 2;
    } else {
      bytes.push_back(text[i]);
    }
  }
  return bytes;
}

/// The numbers of one segment ("AAgBC"): base 64 VLQ with the sign in the lowest bit.
class Vlq {
 public:
  explicit Vlq(std::string_view text) : text_(text) {}
  std::optional<int64_t> next() {
    uint64_t value = 0;
    for (int shift = 0; at_ < text_.size() && shift < 60; shift += 5) {
      int part = digit(text_[at_]);
      if (part < 0) return std::nullopt;
      ++at_;
      value |= (static_cast<uint64_t>(part) & 31) << shift;
      if ((part & 32) == 0) return value & 1 ? -static_cast<int64_t>(value >> 1) : static_cast<int64_t>(value >> 1);
    }
    return std::nullopt;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

std::string text_of(const Json& object, const char* key) {
  auto member = object.find(key);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

std::string without_file_scheme(const std::string& name) {
  constexpr std::string_view kScheme = "file://";
  return name.starts_with(kScheme) ? decode_percent(std::string_view(name).substr(kScheme.size())) : name;
}

std::string source_name(const std::string& folder, const std::string& root, const std::string& source) {
  std::string name =
      without_file_scheme(root.empty() || source.starts_with('/') ? source : (fs::path(root) / source).string());
  if (name.find("://") != name.npos || name.starts_with('/') || folder.empty()) return name;
  return (fs::path(folder) / name).lexically_normal().string();
}

std::optional<std::string> read_file(const fs::path& path) {
  std::error_code failed;
  uintmax_t size = fs::is_regular_file(path, failed) ? fs::file_size(path, failed) : 0;
  if (failed || size == 0 || size > kMaxMapBytes) return std::nullopt;
  std::ifstream stream(path, std::ios::binary);
  std::string text(size, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(size))) return std::nullopt;
  return text;
}

}  // namespace

bool SourceMap::decode(std::string_view text, uint32_t first_line, uint32_t first_column, size_t first_source,
                       size_t source_count) {
  uint32_t line = first_line;
  int64_t column = 0, source = 0, original_line = 0, original_column = 0;
  constexpr int64_t kMost = UINT32_MAX;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find_first_of(",;", at), text.size());
    Vlq numbers(text.substr(at, end - at));
    if (auto delta = numbers.next()) {
      column += *delta;
      Mapping mapping{line, static_cast<uint32_t>(column) + (line == first_line ? first_column : 0), -1, 0, 0};
      auto in_source = numbers.next(), in_line = numbers.next(), in_column = numbers.next();
      if (in_column) {
        source += *in_source;
        original_line += *in_line;
        original_column += *in_column;
        bool sane = source >= 0 && source < static_cast<int64_t>(source_count) && original_line >= 0 &&
                    original_line < kMost && original_column >= 0 && original_column < kMost;
        if (!sane) return false;
        mapping.source = static_cast<int32_t>(first_source + static_cast<size_t>(source));
        mapping.original_line = static_cast<uint32_t>(original_line);
        mapping.original_column = static_cast<uint32_t>(original_column);
      }
      if (column < 0 || column > kMost) return false;
      mappings_.push_back(mapping);
    }
    if (end < text.size() && text[end] == ';') {
      ++line;
      column = 0;
    }
    at = end + 1;
  }
  return true;
}

std::optional<SourceMap> SourceMap::parse(std::string_view text, const std::string& folder) {
  if (text.starts_with(")]}")) text.remove_prefix(std::min(text.find('\n'), text.size()));
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  SourceMap map;
  auto add = [&](const Json& part, uint32_t line, uint32_t column) {
    auto sources = part.find("sources");
    if (sources == part.end() || !sources->is_array()) return false;
    size_t first = map.sources_.size();
    std::string root = text_of(part, "sourceRoot");
    for (const Json& source : *sources) {
      map.sources_.push_back(source.is_string() ? source_name(folder, root, source.get<std::string>()) : "");
    }
    return map.decode(text_of(part, "mappings"), line, column, first, sources->size());
  };
  auto sections = json.find("sections");
  if (sections != json.end() && sections->is_array()) {
    for (const Json& section : *sections) {
      if (!section.is_object() || !section.contains("offset") || !section.contains("map")) return std::nullopt;
      const Json& offset = section["offset"];
      auto number = [&](const char* key) {
        bool known = offset.is_object() && offset.contains(key) && offset[key].is_number_unsigned();
        return known ? offset[key].get<uint32_t>() : 0;
      };
      if (!section["map"].is_object() || !add(section["map"], number("line"), number("column"))) return std::nullopt;
    }
  } else if (!add(json, 0, 0)) {
    return std::nullopt;
  }
  std::ranges::stable_sort(map.mappings_, {}, [](const Mapping& m) { return std::tie(m.line, m.column); });
  return map;
}

std::optional<OriginalPosition> SourceMap::find(uint32_t line, uint32_t column) const {
  if (line == 0 || column == 0) return std::nullopt;
  auto key = std::pair(line - 1, column - 1);
  auto next =
      std::ranges::upper_bound(mappings_, key, {}, [](const Mapping& m) { return std::pair(m.line, m.column); });
  if (next == mappings_.begin()) return std::nullopt;
  const Mapping& mapping = *std::prev(next);
  if (mapping.line != key.first || mapping.source < 0) return std::nullopt;
  return OriginalPosition{sources_[static_cast<size_t>(mapping.source)], mapping.original_line + 1,
                          mapping.original_column + 1};
}

std::optional<SourceMap> SourceMaps::load(const std::string& name, const std::string& url) const {
  fs::path script = without_file_scheme(name);
  std::string folder = script.parent_path().string();
  if (!directory_.empty() && !script.filename().empty()) {
    fs::path named = fs::path(url.starts_with("data:") ? "" : url.substr(0, url.find('?'))).filename();
    for (const fs::path& file : {named, fs::path(script.filename().string() + ".map")}) {
      if (file.empty()) continue;
      if (auto text = read_file(fs::path(directory_) / file)) return SourceMap::parse(*text, folder);
    }
  }
  constexpr std::string_view kData = "data:";
  if (url.starts_with(kData)) {
    size_t comma = url.find(',');
    if (comma == url.npos) return std::nullopt;
    bool base64 = url.substr(0, comma).ends_with(";base64");
    std::string_view body = std::string_view(url).substr(comma + 1);
    return SourceMap::parse(base64 ? decode_base64(body) : decode_percent(body), folder);
  }
  if (url.empty() || url.find("://") != url.npos || !script.is_absolute()) return std::nullopt;
  fs::path file = script.parent_path() / decode_percent(url.substr(0, url.find('?')));
  auto text = read_file(file);
  return text ? SourceMap::parse(*text, file.parent_path().string()) : std::nullopt;
}

const SourceMap* SourceMaps::of(const std::string& script, const std::string& url) {
  if (script.empty() || (url.empty() && directory_.empty())) return nullptr;
  auto [entry, fresh] = maps_.try_emplace(script + '\n' + url);
  if (fresh) entry->second = load(script, url);
  return entry->second ? &*entry->second : nullptr;
}

}  // namespace inquest::commands
