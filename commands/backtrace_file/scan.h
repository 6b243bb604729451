// Small steps over one line of text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace inquest::commands::backtrace_file {

struct FrameLine;

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
inline bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// Takes text from the front of `rest`; a step that does not fit takes nothing.
class Scan {
 public:
  explicit Scan(std::string_view text) : all_(text), rest_(text) {}

  std::string_view rest() const { return rest_; }
  std::string_view taken() const { return all_.substr(0, all_.size() - rest_.size()); }
  bool done() const { return rest_.empty(); }

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  size_t blanks() {
    size_t end = rest_.find_first_not_of(" \t");
    size_t count = end == std::string_view::npos ? rest_.size() : end;
    rest_.remove_prefix(count);
    return count;
  }
  /// Hexadecimal digits that are not the beginning of a longer word; nothing when they do not fit 64 bits.
  std::optional<uint64_t> hex() {
    size_t end = 0;
    uint64_t value = 0;
    bool fits = true;
    for (; end < rest_.size() && hex_value(rest_[end]) >= 0; ++end) {
      fits = fits && value >> 60 == 0;
      value = value << 4 | static_cast<uint64_t>(hex_value(rest_[end]));
    }
    if (end == 0 || !fits || (end < rest_.size() && is_word(rest_[end]))) return std::nullopt;
    rest_.remove_prefix(end);
    return value;
  }
  std::optional<uint64_t> hex_0x() {
    Scan after = *this;
    if (!after.take("0x") && !after.take("0X")) return std::nullopt;
    auto value = after.hex();
    if (value) *this = after;
    return value;
  }
  std::optional<uint64_t> decimal() {
    size_t end = 0;
    uint64_t value = 0;
    bool fits = true;
    for (; end < rest_.size() && is_digit(rest_[end]); ++end) {
      uint64_t digit = static_cast<uint64_t>(rest_[end] - '0');
      fits = fits && value <= (UINT64_MAX - digit) / 10;
      value = value * 10 + digit;
    }
    if (end == 0 || !fits) return std::nullopt;
    rest_.remove_prefix(end);
    return value;
  }

 private:
  std::string_view all_;
  std::string_view rest_;
};

std::string_view trim(std::string_view text);

/// "name+0x12/0x40", "name+0x12", "name+18" (decimal) or "name". False when there is no offset.
bool read_symbol(std::string_view text, FrameLine& frame);
/// "/path/lib.so" or "/path/lib.so+0x1f34", perhaps followed by "/0x20000".
void read_module(std::string_view text, FrameLine& frame);

}  // namespace inquest::commands::backtrace_file
