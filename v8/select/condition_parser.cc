#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "v8/objects/string_text.h"
#include "v8/select/condition.h"

namespace inquest::v8 {
namespace {

constexpr int kMaxDepth = 100;  ///< of parentheses and negations
constexpr size_t kMaxSteps = 64;

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '#' || (c & 0x80) != 0;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Condition> condition() {
    auto parsed = either(0);
    if (!parsed) return parsed;
    blanks();
    if (at_ < text_.size()) return mistake("an operator such as == or && is missing here");
    return parsed;
  }

  Result<MemberPath> path_alone() {
    auto parsed = path();
    if (!parsed) return parsed;
    blanks();
    if (at_ < text_.size()) return mistake("a member ends here");
    return parsed;
  }

 private:
  /// a || b || c, of what && binds, which is what ! binds.
  Result<Condition> either(int depth) {
    return chain(Condition::Kind::kOr, "||", depth, [this](int inner) {
      return chain(Condition::Kind::kAnd, "&&", inner, [this](int innermost) { return negation(innermost); });
    });
  }

  template <class Part>
  Result<Condition> chain(Condition::Kind kind, std::string_view symbol, int depth, Part&& part) {
    auto first = part(depth);
    if (!first) return first;
    Condition all{.kind = kind};
    all.parts.push_back(std::move(*first));
    while (take(symbol)) {
      auto next = part(depth);
      if (!next) return next;
      all.parts.push_back(std::move(*next));
    }
    if (all.parts.size() == 1) return std::move(all.parts.front());
    return all;
  }

  Result<Condition> negation(int depth) {
    if (depth > kMaxDepth) return mistake("this is nested too deep");
    blanks();
    if (at_ < text_.size() && text_[at_] == '!' && text_.substr(at_, 2) != "!=") {
      ++at_;
      auto inner = negation(depth + 1);
      if (!inner) return inner;
      Condition result{.kind = Condition::Kind::kNot};
      result.parts.push_back(std::move(*inner));
      return result;
    }
    if (take("(")) {
      auto inner = either(depth + 1);
      if (!inner) return inner;
      if (!take(")")) return mistake("a ) is missing here");
      return inner;
    }
    return comparison();
  }

  Result<Condition> comparison() {
    auto left = operand();
    if (!left) return std::move(left).error();
    Condition result;
    result.left = std::move(*left);
    if (take("=~")) return matches(std::move(result));
    if (take_word("in")) return existence(std::move(result));
    static constexpr std::pair<std::string_view, Condition::Order> kOrders[] = {
        {"===", Condition::Order::kEqual},    {"!==", Condition::Order::kNotEqual},
        {"==", Condition::Order::kEqual},     {"!=", Condition::Order::kNotEqual},
        {"<=", Condition::Order::kLessEqual}, {">=", Condition::Order::kGreaterEqual},
        {"<", Condition::Order::kLess},       {">", Condition::Order::kGreater}};
    for (auto [symbol, order] : kOrders) {
      if (!take(symbol)) continue;
      auto right = operand();
      if (!right) return std::move(right).error();
      result.kind = Condition::Kind::kCompare;
      result.order = order;
      result.right = std::move(*right);
      return result;
    }
    blanks();
    if (at_ < text_.size() && text_[at_] == '=') return mistake("write == to compare");
    return result;
  }

  Result<Condition> matches(Condition result) {
    if (!std::holds_alternative<MemberPath>(result.left)) return mistake("only a member can be matched");
    blanks();
    size_t begin = at_;
    if (at_ >= text_.size() || text_[at_] != '/')
      return mistake("a regular expression between / and / is missing here");
    std::string source;
    bool in_class = false;
    for (++at_; at_ < text_.size() && (in_class || text_[at_] != '/'); ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        if (text_[at_ + 1] != '/') source += '\\';
        source += text_[++at_];
        continue;
      }
      if (text_[at_] == '[') in_class = true;
      if (text_[at_] == ']') in_class = false;
      source += text_[at_];
    }
    if (at_ >= text_.size()) {
      at_ = begin;
      return mistake("this regular expression has no end");
    }
    bool ignore_case = false;
    std::string flags;
    for (++at_; at_ < text_.size() && begins_name(text_[at_]); ++at_) {
      char flag = text_[at_];
      if (flag == 'i') {
        ignore_case = true;
      } else if (flag == 'm' || flag == 's') {
        flags += flag;
      } else {
        return mistake(fmt::format("there is no flag {} of regular expressions, only i, m and s", flag));
      }
    }
    if (!flags.empty()) source = fmt::format("(?{}){}", flags, source);
    auto pattern = Regex::parse(source, ignore_case);
    if (!pattern) {
      at_ = begin;
      return mistake(pattern.error().what);
    }
    result.kind = Condition::Kind::kMatches;
    result.pattern = std::move(*pattern);
    return result;
  }

  Result<Condition> existence(Condition result) {
    const auto* literal = std::get_if<Literal>(&result.left);
    const std::string* name = literal != nullptr ? std::get_if<std::string>(literal) : nullptr;
    const double* index = literal != nullptr ? std::get_if<double>(literal) : nullptr;
    if (name == nullptr && index == nullptr) return mistake("write \"name\" in member");
    std::string step = name != nullptr ? *name : fmt::format("{}", *index);
    auto where = path();
    if (!where) return std::move(where).error();
    where->push_back(std::move(step));
    result.kind = Condition::Kind::kExists;
    result.left = std::move(*where);
    return result;
  }

  Result<Condition::Operand> operand() {
    blanks();
    if (at_ >= text_.size()) return mistake("a member or a value is missing here");
    char c = text_[at_];
    if (c == '"' || c == '\'') {
      auto text = quoted();
      if (!text) return std::move(text).error();
      return Condition::Operand(Literal(std::move(*text)));
    }
    bool sign = (c == '-' || c == '+') && at_ + 1 < text_.size();
    if (is_digit(c) || c == '.' || (sign && (is_digit(text_[at_ + 1]) || text_[at_ + 1] == '.'))) {
      if (auto value = number()) return Condition::Operand(std::move(*value));
      return mistake("this is no number");
    }
    if (sign && text_.substr(at_ + 1).starts_with("Infinity")) {
      ++at_;
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      if (take_word("Infinity")) return Condition::Operand(Literal(c == '-' ? -kInfinity : kInfinity));
      --at_;
    }
    static const std::pair<std::string_view, Literal> kWords[] = {
        {"true", true},
        {"false", false},
        {"null", Null{}},
        {"undefined", Undefined{}},
        {"NaN", std::numeric_limits<double>::quiet_NaN()},
        {"Infinity", std::numeric_limits<double>::infinity()}};
    for (const auto& [word, literal] : kWords) {
      if (take_word(word)) return Condition::Operand(literal);
    }
    auto member = path();
    if (!member) return std::move(member).error();
    return Condition::Operand(std::move(*member));
  }

  Result<std::string> quoted() {
    size_t begin = at_;
    char quote = text_[at_++];
    std::string value;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        if (!escaped(value)) return mistake("\\x and \\u need hexadecimal digits");
        continue;
      }
      value += c;
    }
    if (at_ >= text_.size()) {
      at_ = begin;
      return mistake("this text has no end");
    }
    ++at_;
    return to_utf8(to_utf16(value));  // two escapes may be the halves of one character
  }

  /// What stands behind a backslash, as JavaScript reads it. `at_` is at its last character afterwards.
  bool escaped(std::string& value) {
    char c = text_[at_];
    if (c != 'x' && c != 'u') {
      constexpr std::string_view kLetters = "ntr0bfv", kMeanings("\n\t\r\0\b\f\v", 7);
      size_t found = kLetters.find(c);
      value += found == kLetters.npos ? c : kMeanings[found];
      return true;
    }
    std::string_view rest = text_.substr(at_ + 1);
    bool braces = c == 'u' && rest.starts_with('{');
    size_t count = braces ? std::min(rest.find('}'), rest.size()) - 1 : c == 'x' ? 2 : 4;
    std::string_view hexadecimal = rest.substr(braces ? 1 : 0, count);
    uint32_t code = 0;
    auto end = std::from_chars(hexadecimal.data(), hexadecimal.data() + hexadecimal.size(), code, 16);
    bool whole = hexadecimal.size() == count && count > 0 && end.ptr == hexadecimal.data() + hexadecimal.size();
    if (end.ec != std::errc() || !whole || code > 0x10ffff) return false;
    at_ += count + (braces ? 2 : 0);
    std::u16string units;
    if (code < 0x10000) {
      units = static_cast<char16_t>(code);
    } else {
      units = {static_cast<char16_t>(0xd800 + ((code - 0x10000) >> 10)),
               static_cast<char16_t>(0xdc00 + (code & 0x3ff))};
    }
    value += to_utf8(units);
    return true;
  }

  /// As JavaScript writes numbers: 12, -1.5e3, .5, 0x1F, 0b1, 0o17, 1_000, 12n.
  std::optional<Literal> number() {
    size_t begin = at_;
    bool negative = text_[at_] == '-';
    if (negative || text_[at_] == '+') ++at_;
    auto value = unsigned_number();
    bool ends = at_ >= text_.size() || !(begins_name(text_[at_]) || is_digit(text_[at_]));
    if (!value || !ends) {
      at_ = begin;
      return std::nullopt;
    }
    if (auto* big = std::get_if<BigNumber>(&*value)) big->negative = negative;
    if (auto* small = std::get_if<double>(&*value); small != nullptr && negative) *small = -*small;
    return value;
  }

  std::optional<Literal> unsigned_number() {
    static constexpr std::pair<std::string_view, unsigned> kBases[] = {{"0x", 16}, {"0X", 16}, {"0b", 2},
                                                                       {"0B", 2},  {"0o", 8},  {"0O", 8}};
    for (auto [prefix, base] : kBases) {
      if (!text_.substr(at_).starts_with(prefix)) continue;
      at_ += 2;
      return integer(digits(true), base);
    }
    size_t begin = at_;
    std::string whole = digits(false);
    bool fraction = at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E');
    if (!fraction) return integer(whole, 10);
    std::string text = whole + std::string(text_.substr(at_));
    double value = 0;
    auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    auto used = static_cast<size_t>(end.ptr - text.data());
    if (end.ec != std::errc() || used < whole.size()) return std::nullopt;
    at_ = std::max(begin, at_ + used - whole.size());
    return Literal(value);
  }

  /// Digits up to what is none, without the _ between them.
  std::string digits(bool letters) {
    std::string found;
    auto is_one = [&](size_t at) {
      if (at >= text_.size()) return false;
      auto lower = static_cast<char>(text_[at] | 0x20);
      return is_digit(text_[at]) || (letters && lower >= 'a' && lower <= 'f');
    };
    for (; at_ < text_.size(); ++at_) {
      bool separator = text_[at_] == '_' && !found.empty() && is_one(at_ + 1);
      if (!is_one(at_) && !separator) break;
      if (!separator) found += text_[at_];
    }
    return found;
  }

  std::optional<Literal> integer(const std::string& text, unsigned base) {
    auto number = parse_big_number(text, base);
    if (!number) return std::nullopt;
    number->is_bigint = at_ < text_.size() && text_[at_] == 'n';
    if (number->is_bigint) ++at_;
    double value = number->value();
    if (auto rounded = big_number(value); rounded && *rounded == *number) return Literal(value);
    return Literal(std::move(*number));
  }

  /// name, .name, [0], ["any name"]
  Result<MemberPath> path() {
    blanks();
    MemberPath names;
    bool first = true;
    while (at_ < text_.size()) {
      if (names.size() > kMaxSteps) return mistake("this path is too long");
      if (text_[at_] == '[') {
        auto name = bracket();
        if (!name) return std::move(name).error();
        names.push_back(std::move(*name));
      } else if (first || text_[at_] == '.') {
        if (text_[at_] == '.') ++at_;
        size_t begin = at_;
        if (at_ < text_.size() && begins_name(text_[at_])) {
          while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
        }
        if (at_ == begin) return mistake("a member or a value is missing here");
        std::string_view name = text_.substr(begin, at_ - begin);
        if (!first || name != "this") names.emplace_back(name);
      } else {
        break;
      }
      first = false;
    }
    if (first) return mistake("a member or a value is missing here");
    return names;
  }

  Result<std::string> bracket() {
    size_t begin = at_++;
    blanks();
    std::string name;
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      auto text = quoted();
      if (!text) return text;
      name = std::move(*text);
    } else {
      while (at_ < text_.size() && is_digit(text_[at_])) name += text_[at_++];
      if (name.empty()) return mistake("an index or a name in quotes is missing here");
    }
    if (!take("]")) {
      at_ = begin;
      return mistake("this [ has no ]");
    }
    return name;
  }

  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  bool take(std::string_view symbol) {
    blanks();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }
  bool take_word(std::string_view word) {
    blanks();
    std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word)) return false;
    if (rest.size() > word.size()) {
      char next = rest[word.size()];
      if (begins_name(next) || is_digit(next) || next == '.' || next == '[') return false;
    }
    at_ += word.size();
    return true;
  }

  Error mistake(const std::string& what) {
    blanks();
    return usage_error(fmt::format("'{}', column {}: {}", text_, at_ + 1, what));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<Condition> parse_condition(std::string_view text) { return Parser(text).condition(); }
Result<MemberPath> parse_path(std::string_view text) { return Parser(text).path_alone(); }

}  // namespace inquest::v8
