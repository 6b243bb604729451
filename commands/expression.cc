#include "commands/expression.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

std::optional<uint64_t> number(std::string_view digits, int base) {
  uint64_t value = 0;
  auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

bool has_prefix(std::string_view text) { return text.starts_with("0x") || text.starts_with("0X"); }

std::optional<uint64_t> offset(std::string_view text) {
  return has_prefix(text) ? number(text.substr(2), 16) : number(text, 10);
}

std::string_view trimmed(std::string_view text) {
  size_t first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

Error no_address(std::string_view text) {
  return usage_error(fmt::format("'{}' is no address", escape_text(text)),
                     "give it as other commands print it, such as 0x2e41b0f20031");
}

}  // namespace

Result<Expression> parse_expression(std::string_view text, const std::function<bool(uint64_t)>& exists) {
  std::string_view whole = trimmed(text), rest = whole;
  uint64_t sum = 0;
  size_t sign = rest.find_first_of("+-");
  std::string_view first = trimmed(rest.substr(0, sign));
  while (sign != rest.npos) {
    char operation = rest[sign];
    rest.remove_prefix(sign + 1);
    sign = rest.find_first_of("+-");
    auto term = offset(trimmed(rest.substr(0, sign)));
    if (!term) return no_address(whole);
    sum += operation == '+' ? *term : -*term;
  }
  if (has_prefix(first)) {
    auto value = number(first.substr(2), 16);
    if (!value) return no_address(whole);
    return Expression{*value + sum};
  }
  auto hexadecimal = number(first, 16), decimal = number(first, 10);
  if (!hexadecimal) return no_address(whole);
  if (!decimal) return Expression{*hexadecimal + sum};
  if (*decimal != *hexadecimal && !exists(*decimal + sum) && exists(*hexadecimal + sum)) {
    return Expression{*hexadecimal + sum,
                      fmt::format("{} is read as hexadecimal, 0x{}: nothing is at the decimal number.", first, first)};
  }
  return Expression{*decimal + sum};
}

bool is_object(v8::Runtime& runtime, uint64_t word) {
  auto place = runtime.locate(Address(word));
  return place && place->kind == v8::HeapPlace::Kind::kObject && place->offset == 0;
}

}  // namespace inquest::commands
