#include "commands/text_escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace inquest::commands {
namespace {

struct Decoded {
  char32_t code_point = 0;
  size_t length = 1;
  bool valid = false;
};

/// Strings of JavaScript may have surrogates alone; text has them in the form of other code points (WTF-8).
bool is_surrogate(char32_t code_point) { return code_point >= 0xd800 && code_point < 0xe000; }

/// The first character of non-empty `text`; overlong forms and values above U+10FFFF are not valid.
Decoded decode_utf8(std::string_view text) {
  auto byte = [&](size_t index) { return static_cast<uint8_t>(text[index]); };
  uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  char32_t value = first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10ffff) return {};
  return {value, length, true};
}

/// Characters that reorder what stands around them: a type name must not be able to forge its row.
bool is_direction_control(char32_t code_point) {
  return code_point == 0x200e || code_point == 0x200f || (code_point >= 0x2028 && code_point <= 0x202e) ||
         (code_point >= 0x2066 && code_point <= 0x2069);
}

void append_escaped(std::string& out, char32_t code_point) {
  auto to = std::back_inserter(out);
  switch (code_point) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  if (code_point < 0x80) {
    fmt::format_to(to, "\\x{:02x}", static_cast<uint32_t>(code_point));
  } else {
    fmt::format_to(to, "\\u{:04x}", static_cast<uint32_t>(code_point));
  }
}

}  // namespace

// Nearly all text is plain, and a sampled program has hundreds of megabytes of names: eight characters at a time.
bool is_plain_ascii(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101u, kHigh = 0x80 * kOnes;
  // The high bit of each character that is not plain; right for the lowest such one, wrong above it at the most.
  auto others = [](uint64_t characters) {
    uint64_t deletes = characters ^ 0x7f * kOnes;
    return (characters | (characters - 0x20 * kOnes) | (deletes - kOnes)) & kHigh;
  };
  auto load = [](const char* at) {
    uint64_t characters;
    std::memcpy(&characters, at, sizeof characters);
    return characters;
  };
  const char* at = text.data();
  size_t left = text.size();
  for (; left >= 32; at += 32, left -= 32)
    if ((others(load(at)) | others(load(at + 8)) | others(load(at + 16)) | others(load(at + 24))) != 0) return false;
  for (; left >= 8; at += 8, left -= 8)
    if (others(load(at)) != 0) return false;
  uint64_t rest = 0x2020202020202020u;
  if (left > 0) std::memcpy(&rest, at, left);
  return others(rest) == 0;
}

std::string escape_text(std::string_view text, LineBreaks line_breaks) {
  std::string out;
  if (is_plain_ascii(text)) return out.assign(text);
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    Decoded next = decode_utf8(text);
    bool control = next.code_point < 0x20 || (next.code_point >= 0x7f && next.code_point < 0xa0);
    if (!next.valid) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(text[0]));
    } else if (next.code_point == '\n' && line_breaks == LineBreaks::kKeep) {
      out += '\n';
    } else if (control || is_direction_control(next.code_point) || is_surrogate(next.code_point)) {
      append_escaped(out, next.code_point);
    } else {
      out.append(text.substr(0, next.length));
    }
    text.remove_prefix(next.length);
  }
  return out;
}

std::string escape_source_line(std::string_view line) {
  constexpr size_t kTab = 8;
  std::string out;
  size_t column = 0;
  while (!line.empty()) {
    size_t plain = std::min(line.find('\t'), line.size());
    out += escape_text(line.substr(0, plain));
    for (std::string_view rest = line.substr(0, plain); !rest.empty(); ++column)
      rest.remove_prefix(decode_utf8(rest).length);
    if (plain < line.size()) {
      size_t spaces = kTab - column % kTab;
      out.append(spaces, ' ');
      column += spaces;
      ++plain;
    }
    line.remove_prefix(plain);
  }
  return out;
}

void append_escaped(Output& output, std::string_view text) {
  if (is_plain_ascii(text))
    output.append(text);
  else
    output.append(escape_text(text));
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  auto is_plain = [](char character) {
    return character >= 0x20 && character != '"' && character != '\\' && character != 0x7f;
  };
  while (!text.empty()) {
    size_t plain = static_cast<size_t>(std::ranges::find_if_not(text, is_plain) - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    Decoded next = decode_utf8(text);
    if (!next.valid) {
      out += "\xef\xbf\xbd";
    } else if (next.code_point == '"' || next.code_point == '\\') {
      out += '\\';
      out += text[0];
    } else if (next.code_point == '\n') {
      out += "\\n";
    } else if (next.code_point == '\t') {
      out += "\\t";
    } else if (next.code_point < 0x20 || next.code_point == 0x7f || is_surrogate(next.code_point)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint32_t>(next.code_point));
    } else {
      out.append(text.substr(0, next.length));
    }
    text.remove_prefix(next.length);
  }
  out += '"';
}

}  // namespace inquest::commands
