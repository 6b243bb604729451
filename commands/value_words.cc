#include "commands/value_words.h"

#include <charconv>
#include <limits>

namespace inquest::commands {

std::optional<double> parse_number(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  bool negative = text.starts_with('-');
  if (text.substr(negative ? 1 : 0) == "Infinity") {
    return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  double value = 0;
  auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  bool digits = text.find_first_of("0123456789") != text.npos;
  if (!digits || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace inquest::commands
