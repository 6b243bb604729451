#include "commands/expression.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "commands/session.h"
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

constexpr uint64_t kLast = UINT64_MAX;

/// The number of "$12", kLast of "$", nothing of anything else; $0 is a debugger's.
std::optional<uint64_t> printed_number(std::string_view term) {
  if (!term.starts_with('$')) return std::nullopt;
  if (term.size() == 1) return kLast;
  auto index = number(term.substr(1), 10);
  return index && *index != 0 ? index : std::nullopt;
}

Error not_printed(std::string_view term, const PrintedValues& printed) {
  uint64_t count = printed.count();
  if (count == 0) {
    return usage_error(fmt::format("{} is no value: this session has printed none yet", term),
                       "values are numbered where commands follow each other: in LLDB, or with several -o");
  }
  return usage_error(fmt::format("{} is no value: this session has printed $1 to ${}", term, count));
}

/// The value of the first term, and whether `sum` bytes from there it is what the user means.
Result<Expression> first_term(std::string_view term, uint64_t sum, const Exists& exists, const PrintedValues* printed,
                              std::string_view whole) {
  if (auto index = printed_number(term); index && printed != nullptr) {
    auto word = printed->at(*index == kLast ? printed->count() : *index);
    if (!word) return not_printed(term, *printed);
    return Expression{*word + sum};
  }
  if (has_prefix(term)) {
    auto value = number(term.substr(2), 16);
    if (!value) return no_address(whole);
    return Expression{*value + sum};
  }
  auto hexadecimal = number(term, 16), decimal = number(term, 10);
  if (!hexadecimal && !decimal) return no_address(whole);
  if (!decimal) return Expression{*hexadecimal + sum};
  if (hexadecimal && *decimal != *hexadecimal && !exists(*decimal + sum) && exists(*hexadecimal + sum)) {
    return Expression{*hexadecimal + sum,
                      fmt::format("{} is read as hexadecimal, 0x{}: nothing is at the decimal number.", term, term)};
  }
  return Expression{*decimal + sum};
}

/// Letters alone may be hexadecimal digits, or the name of a variable: "bad".
bool may_be_name(std::string_view text) {
  return text.find_first_of("abcdefABCDEF") == 0 && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

}  // namespace

Result<Expression> parse_expression(std::string_view text, const Exists& exists, const PrintedValues* printed) {
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
  return first_term(first, sum, exists, printed, whole);
}

Result<Expression> evaluate(const Session& session, std::string_view text, const Exists& exists) {
  auto own = parse_expression(text, exists, &session.printed());
  bool doubtful = own && may_be_name(trimmed(text)) && !exists(own->value);
  if (own && !doubtful) return own;
  bool ours = printed_number(trimmed(text)).has_value();
  if (const Evaluator& evaluator = session.evaluator(); evaluator && !trimmed(text).empty()) {
    auto value = evaluator(std::string(trimmed(text)));
    if (value) return Expression{*value};
    return own || ours ? own : std::move(value).error();
  }
  if (own || ours || text.find_first_of("$*()[]>&") == text.npos) return own;
  return usage_error(
      fmt::format("'{}' is no address: registers and other expressions need LLDB", escape_text(trimmed(text))),
      "inquest -c CORE without a command opens it");
}

bool is_object(v8::Runtime& runtime, uint64_t word) {
  auto place = runtime.locate(Address(word));
  return place && place->kind == v8::HeapPlace::Kind::kObject && place->offset == 0;
}

std::string expression_help(std::string_view name) {
  return fmt::format(
      "{} is an address as other commands print it, tagged or not, with or without 0x; or $N, the N-th value that "
      "commands of this session have printed ($ is the last one); + and - with a number may follow. In LLDB it may "
      "also be any expression that LLDB can evaluate, such as $rax or *(long*)($rsp+8).",
      name);
}

ValueNumbers::ValueNumbers(Session& session, bool json)
    : session_(session), json_(json), before_(session.printed().count()) {}

void ValueNumbers::add(uint64_t word) {
  if (!json_ && (word & 1) == 1) session_.printed().add(word);
}

void ValueNumbers::tell(Report& report) const {
  uint64_t count = session_.printed().count();
  if (count == before_ || !session_.has_further_commands()) return;
  report.note(count == before_ + 1 ? fmt::format("This is ${}.", count)
                                   : fmt::format("These are ${} to ${}.", before_ + 1, count));
}

}  // namespace inquest::commands
