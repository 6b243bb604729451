#include "ncurses_probes/spec/probe_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <string_view>
#include <utility>

#include "ncurses_probes/bpf/record.h"
#include "postmortem/model/signal_name.h"

namespace inquest::probes {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_name_start(c) || is_digit(c); }

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<uint64_t> parse_unsigned(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) text.remove_prefix(2), base = 16;
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t end = text.find(separator);
    parts.push_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// Reads one specification from left to right.
class Parser {
 public:
  explicit Parser(const std::string& text) : rest_(trim(text)) { spec_.text = text; }

  Result<ProbeSpec> parse() {
    if (!take_place() || !take_parameters() || !take_predicate() || !take_captures()) return mistake();
    rest_ = trim(rest_);
    if (!rest_.empty()) {
      fail(fmt::format("'{}' is not understood", rest_), "after the place come (names), `if` and { args, stack }");
      return mistake();
    }
    return std::move(spec_);
  }

 private:
  Error mistake() const { return usage_error(fmt::format("probe '{}': {}", spec_.text, problem_), hint_); }
  bool fail(std::string problem, std::string hint = {}) {
    problem_ = std::move(problem);
    hint_ = std::move(hint);
    return false;
  }

  /// Up to the first blank, brace, or parenthesis that does not belong to "operator()" or "(anonymous namespace)".
  std::string_view place_text() const {
    size_t end = 0;
    for (; end < rest_.size(); ++end) {
      if (rest_[end] == ' ' || rest_[end] == '{') break;
      if (rest_[end] != '(') continue;
      std::string_view from = rest_.substr(end), before = rest_.substr(0, end);
      if (from.starts_with("(anonymous namespace)")) {
        end += std::string_view("(anonymous namespace)").size() - 1;
      } else if (from.starts_with("()") && before.ends_with("operator")) {
        ++end;
      } else {
        break;
      }
    }
    return rest_.substr(0, end);
  }

  bool take_place() {
    std::string_view place = place_text();
    rest_.remove_prefix(place.size());
    spec_.label = place;
    if (place == "signal" || place.starts_with("signal:")) return take_signals(place.substr(6));
    size_t colon = place.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      return fail("it names no program or library", "FILE:FUNCTION, for example libc.so.6:malloc; or signal");
    }
    spec_.file = place.substr(0, colon);
    place.remove_prefix(colon + 1);
    if (place.ends_with("%return")) {
      spec_.is_return = true;
      place.remove_suffix(std::string_view("%return").size());
    }
    if (place.empty()) return fail("it names no function", "FILE:FUNCTION");
    if (is_digit(place[0])) return take_address(place);
    size_t last = place.rfind(':');
    bool is_pair = last != std::string_view::npos && last > 0 && place[last - 1] != ':';
    if (is_pair && last + 1 < place.size() && !is_digit(place[last + 1])) return take_static(place, last);
    if (is_pair) return take_line(place, last);
    size_t plus = place.rfind('+');
    if (plus != std::string_view::npos && plus + 1 < place.size() && is_digit(place[plus + 1])) {
      auto offset = parse_unsigned(place.substr(plus + 1));
      if (!offset) return fail(fmt::format("'{}' is no offset", place.substr(plus + 1)));
      spec_.offset = *offset;
      place = place.substr(0, plus);
    }
    spec_.function = place;
    if (spec_.is_glob() && spec_.offset != 0) return fail("an offset needs one function, not a pattern");
    return true;
  }

  bool take_address(std::string_view place) {
    auto address = parse_unsigned(place);
    if (!address) return fail(fmt::format("'{}' is no address", place));
    spec_.kind = ProbeSpec::Kind::kAddress;
    spec_.address = *address;
    return !spec_.is_return || fail("an address has no return");
  }

  bool take_static(std::string_view place, size_t colon) {
    spec_.kind = ProbeSpec::Kind::kStatic;
    spec_.source = place.substr(0, colon);
    spec_.function = place.substr(colon + 1);
    return !spec_.is_return || fail("a static probe has no return");
  }

  bool take_line(std::string_view place, size_t colon) {
    auto line = parse_unsigned(place.substr(colon + 1));
    if (!line || *line == 0 || *line > UINT32_MAX) return fail(fmt::format("'{}' is no line", place.substr(colon + 1)));
    spec_.kind = ProbeSpec::Kind::kLine;
    spec_.source = place.substr(0, colon);
    spec_.line = static_cast<uint32_t>(*line);
    return !spec_.is_return || fail("a line has no return");
  }

  bool take_signals(std::string_view list) {
    spec_.kind = ProbeSpec::Kind::kSignal;
    if (list.empty()) return true;
    for (std::string_view word : split(list.substr(1), ',')) {
      int found = 0;
      for (int number = 1; number <= 64; ++number) {
        std::string name = signal_name(number);
        if (word == name || "SIG" + std::string(word) == name || word == fmt::format("{}", number)) found = number;
      }
      if (found == 0) return fail(fmt::format("there is no signal {}", word), "for example signal:SEGV,ABRT");
      spec_.signals.push_back(found);
    }
    return true;
  }

  bool take_parameters() {
    rest_ = trim(rest_);
    if (rest_.empty() || rest_[0] != '(') return true;
    size_t end = rest_.find(')');
    if (end == std::string_view::npos) return fail("a parenthesis is left open");
    std::string_view inside = trim(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    if (inside.empty() || inside == "void") return true;
    if (spec_.kind == ProbeSpec::Kind::kSignal) return fail("a signal has no arguments");
    std::vector<std::string_view> captures;
    for (std::string_view declaration : split(inside, ',')) {
      if (declaration.find("->") != std::string_view::npos ||
          declaration.find_first_of(".[") != std::string_view::npos) {
        captures.push_back(declaration);
        continue;
      }
      size_t begin = declaration.size();
      while (begin > 0 && is_name(declaration[begin - 1])) --begin;
      Parameter parameter{std::string(declaration.substr(begin)), {}};
      std::string type(trim(declaration.substr(0, begin)));
      if (parameter.name.empty() || !is_name_start(parameter.name[0])) {
        return fail(fmt::format("'{}' names no argument", declaration), "for example (int fd, char *text)");
      }
      if (!type.empty()) {
        auto known = parse_type(type);
        if (!known) return fail(fmt::format("a {} does not come in a general register", type), "leave its type out");
        parameter.type = std::move(*known);
      }
      parameter.place = static_cast<uint8_t>(spec_.parameters.size());
      spec_.parameters.push_back(std::move(parameter));
    }
    if (spec_.parameters.size() > ProbeSpec::kRegisters) {
      return fail(fmt::format("only {} arguments come in registers", ProbeSpec::kRegisters));
    }
    return std::ranges::all_of(captures, [&](std::string_view text) { return take_capture(text); });
  }

  bool take_predicate() {
    rest_ = trim(rest_);
    if (!rest_.starts_with("if ")) return true;
    rest_.remove_prefix(3);
    if (spec_.kind == ProbeSpec::Kind::kSignal) return fail("a signal takes no predicate", "name signals: signal:SEGV");
    bool begins_group = false;
    while (true) {
      Comparison comparison;
      comparison.begins_group = begins_group;
      if (!take_comparison(comparison)) return false;
      spec_.predicate.push_back(std::move(comparison));
      rest_ = trim(rest_);
      bool is_or = rest_.starts_with("||");
      if (!is_or && !rest_.starts_with("&&")) break;
      begins_group = is_or;
      rest_.remove_prefix(2);
    }
    if (spec_.predicate.size() > INQUEST_MAX_TERMS) {
      return fail(fmt::format("more than {} comparisons", INQUEST_MAX_TERMS));
    }
    return true;
  }

  bool take_comparison(Comparison& comparison) {
    return take_subject(comparison, INQUEST_MAX_LOADS) && take_operation(comparison) && take_constant(comparison);
  }

  /// An argument, or what it leads to.
  bool take_subject(Comparison& comparison, size_t max_loads) {
    rest_ = trim(rest_);
    bool follows = rest_.starts_with('*');
    if (follows) rest_ = trim(rest_.substr(1));
    size_t end = 0;
    while (end < rest_.size() && is_name(rest_[end])) ++end;
    std::string name(rest_.substr(0, end));
    rest_.remove_prefix(end);
    if (!find_argument(name, comparison)) return false;
    if (follows) comparison.offsets.push_back(0);
    if (!take_fields(comparison)) return false;
    while (rest_.starts_with('[')) {
      size_t close = rest_.find(']');
      auto offset = parse_unsigned(trim(rest_.substr(1, close == std::string_view::npos ? 0 : close - 1)));
      if (!offset || *offset > INT32_MAX) return fail("[ ] wants the number of a byte", "for example p[16] == 0");
      comparison.offsets.push_back(static_cast<int32_t>(*offset));
      rest_.remove_prefix(close + 1);
    }
    if (comparison.offsets.size() > max_loads)
      return fail(fmt::format("more than {} pointers are followed", max_loads));
    return true;
  }

  bool take_fields(Comparison& comparison) {
    while (rest_.starts_with("->") || rest_.starts_with('.')) {
      bool through_pointer = rest_.starts_with("->");
      rest_.remove_prefix(through_pointer ? 2 : 1);
      size_t end = 0;
      while (end < rest_.size() && is_name(rest_[end])) ++end;
      if (end == 0) return fail("a member has no name", "for example termp->type.term_names == NULL");
      comparison.fields.push_back({through_pointer, std::string(rest_.substr(0, end))});
      rest_.remove_prefix(end);
    }
    if (comparison.fields.empty()) return true;
    bool is_function = spec_.kind == ProbeSpec::Kind::kFunction && !spec_.is_glob() && spec_.offset == 0;
    if (!is_function || comparison.argument == ProbeSpec::kReturned)
      return fail("members are known of arguments of one function only", "p[16] compares the 8 bytes at byte 16");
    return comparison.offsets.empty() || fail("* does not go with members");
  }

  bool find_argument(const std::string& name, Comparison& comparison) {
    comparison.name = name;
    auto named = std::ranges::find(spec_.parameters, name, &Parameter::name);
    if (named != spec_.parameters.end()) {
      comparison.argument = static_cast<size_t>(named - spec_.parameters.begin());
      return true;
    }
    if (name == "ret" && spec_.is_return) {
      comparison.argument = ProbeSpec::kReturned;
      return true;
    }
    if (name.size() == 4 && name.starts_with("arg") && name[3] >= '0' && name[3] < '0' + char(ProbeSpec::kRegisters)) {
      comparison.argument = static_cast<size_t>(name[3] - '0');
      return true;
    }
    // Debug information may know it, unless the specification says what there is.
    bool may_be_known = spec_.parameters.empty() && !name.empty() && is_name_start(name[0]) && name != "ret";
    comparison.argument = ProbeSpec::kByName;
    if (may_be_known && spec_.kind == ProbeSpec::Kind::kFunction && !spec_.is_glob() && spec_.offset == 0) return true;
    return fail(fmt::format("'{}' is no argument of it", name),
                "name the arguments, as in set_curterm(termp), or use arg0 to arg5");
  }

  bool take_operation(Comparison& comparison) {
    using Operation = Comparison::Operation;
    static constexpr std::pair<std::string_view, Operation> kOperations[] = {
        {"==", Operation::kEqual},        {"!=", Operation::kNotEqual}, {"<=", Operation::kLessEqual},
        {">=", Operation::kGreaterEqual}, {"<", Operation::kLess},      {">", Operation::kGreater},
        {"&", Operation::kBits},
    };
    rest_ = trim(rest_);
    for (const auto& [text, operation] : kOperations) {
      if (!rest_.starts_with(text) || rest_.starts_with("&&")) continue;
      comparison.operation = operation;
      rest_.remove_prefix(text.size());
      return true;
    }
    return fail("a comparison is missing", "one of == != < <= > >= &");
  }

  bool take_constant(Comparison& comparison) {
    rest_ = trim(rest_);
    bool negative = rest_.starts_with('-');
    if (negative) rest_.remove_prefix(1);
    size_t end = 0;
    while (end < rest_.size() && is_name(rest_[end])) ++end;
    std::string_view word = rest_.substr(0, end);
    bool is_null = word == "NULL" || word == "nullptr";
    auto number = is_null ? 0 : word == "true" ? 1 : word == "false" ? 0 : parse_unsigned(word);
    if (!number) return fail(fmt::format("'{}' is no number", word), "predicates compare with constants");
    rest_.remove_prefix(end);
    comparison.value = negative ? -*number : *number;
    // What is compared with NULL is a pointer.
    bool is_plain = comparison.argument < spec_.parameters.size() && comparison.offsets.empty();
    if (is_null && is_plain && spec_.parameters[comparison.argument].type.kind == ParameterType::Kind::kUnknown)
      spec_.parameters[comparison.argument].type = {ParameterType::Kind::kPointer, 8, "void *"};
    return true;
  }

  /// A value to be recorded.
  bool take_capture(std::string_view text) {
    if (spec_.captures.size() == INQUEST_MAX_MEMBERS)
      return fail(fmt::format("only {} members can be recorded", INQUEST_MAX_MEMBERS));
    Capture capture;
    capture.text = text;
    std::string_view rest = std::exchange(rest_, text);
    bool understood = take_subject(capture.place, INQUEST_MEMBER_LOADS);
    std::string_view left = trim(std::exchange(rest_, rest));
    if (!understood) return false;
    if (!left.empty()) return fail(fmt::format("'{}' is not understood", left), "for example s->peer.name");
    // An argument of which nothing is known here is a slip; `args` has those that debug information tells.
    bool is_whole = capture.place.fields.empty() && capture.place.offsets.empty();
    if (is_whole && capture.place.argument == ProbeSpec::kByName)
      return fail(fmt::format("'{}' cannot be recorded", text), "{ args, stack } or members, as in { args, s->name }");
    spec_.captures.push_back(std::move(capture));
    return true;
  }

  bool take_captures() {
    rest_ = trim(rest_);
    if (!rest_.starts_with('{')) return true;
    size_t end = rest_.find('}');
    if (end == std::string_view::npos) return fail("a brace is left open");
    spec_.wants_arguments = spec_.wants_stack = false;
    for (std::string_view word : split(rest_.substr(1, end - 1), ',')) {
      if (word == "args") {
        spec_.wants_arguments = true;
      } else if (word == "stack") {
        spec_.wants_stack = true;
      } else if (!word.empty() && spec_.kind == ProbeSpec::Kind::kSignal) {
        return fail(fmt::format("'{}' cannot be recorded", word), "a signal has no arguments");
      } else if (!word.empty() && !take_capture(word)) {
        if (hint_.empty()) hint_ = "{ args, stack } or members, as in { args, s->name }";
        return false;
      }
    }
    rest_.remove_prefix(end + 1);
    return true;
  }

  std::string_view rest_;
  ProbeSpec spec_;
  std::string problem_, hint_;
};

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

uint64_t cut(uint64_t bits, size_t size) { return size >= 8 ? bits : bits & ((uint64_t{1} << 8 * size) - 1); }

int64_t sign_extended(uint64_t bits, size_t size) {
  if (size >= 8) return static_cast<int64_t>(bits);
  unsigned shift = 64 - 8 * static_cast<unsigned>(size);
  return static_cast<int64_t>(bits << shift) >> shift;
}

}  // namespace

Result<ProbeSpec> parse_probe(const std::string& text) { return Parser(text).parse(); }

std::optional<Error> complete(ProbeSpec& spec, std::vector<Parameter> parameters) {
  if (spec.parameters.empty()) spec.parameters = std::move(parameters);
  std::vector<Comparison*> places;
  for (Comparison& comparison : spec.predicate) places.push_back(&comparison);
  for (Capture& capture : spec.captures) places.push_back(&capture.place);
  for (Comparison* place : places) {
    Comparison& comparison = *place;
    auto named = std::ranges::find(spec.parameters, comparison.name, &Parameter::name);
    bool is_whole = comparison.fields.empty() && comparison.offsets.empty();
    if (named != spec.parameters.end() && is_whole) comparison.field_type = named->type;
    if (comparison.argument != ProbeSpec::kByName) continue;
    if (named != spec.parameters.end()) {
      comparison.argument = named->place;
      continue;
    }
    std::string known;
    for (const Parameter& parameter : spec.parameters) known += (known.empty() ? "" : ", ") + parameter.name;
    return usage_error(
        fmt::format("probe '{}': '{}' is no argument that comes in a register", spec.text, comparison.name),
        known.empty()
            ? "there is no debug information: name the arguments, as in set_curterm(termp), or use arg0 to arg5"
            : "there is: " + known);
  }
  return std::nullopt;
}

std::optional<ParameterType> parse_type(const std::string& text) {
  using Kind = ParameterType::Kind;
  ParameterType type{Kind::kUnknown, 8, text};
  size_t stars = static_cast<size_t>(std::ranges::count(text, '*'));
  std::string bare;
  for (std::string_view word : split(std::string_view(text).substr(0, text.find('*')), ' ')) {
    if (word.empty() || word == "const" || word == "volatile" || word == "struct" || word == "restrict") continue;
    bare += (bare.empty() ? "" : " ") + std::string(word);
  }
  if (stars > 0 || text.ends_with('&')) {
    type.kind = stars == 1 && bare == "char" ? Kind::kText : Kind::kPointer;
    return type;
  }
  static constexpr struct {
    std::string_view name;
    Kind kind;
    uint8_t size;
  } kTypes[] = {
      {"int", Kind::kSigned, 4},
      {"unsigned", Kind::kUnsigned, 4},
      {"unsigned int", Kind::kUnsigned, 4},
      {"long", Kind::kSigned, 8},
      {"unsigned long", Kind::kUnsigned, 8},
      {"long long", Kind::kSigned, 8},
      {"short", Kind::kSigned, 2},
      {"unsigned short", Kind::kUnsigned, 2},
      {"char", Kind::kCharacter, 1},
      {"signed char", Kind::kSigned, 1},
      {"unsigned char", Kind::kUnsigned, 1},
      {"bool", Kind::kBool, 1},
      {"_Bool", Kind::kBool, 1},
      {"size_t", Kind::kUnsigned, 8},
      {"ssize_t", Kind::kSigned, 8},
      {"off_t", Kind::kSigned, 8},
      {"int8_t", Kind::kSigned, 1},
      {"uint8_t", Kind::kUnsigned, 1},
      {"int16_t", Kind::kSigned, 2},
      {"uint16_t", Kind::kUnsigned, 2},
      {"int32_t", Kind::kSigned, 4},
      {"uint32_t", Kind::kUnsigned, 4},
      {"int64_t", Kind::kSigned, 8},
      {"uint64_t", Kind::kUnsigned, 8},
      {"intptr_t", Kind::kSigned, 8},
      {"uintptr_t", Kind::kUnsigned, 8},
      {"pid_t", Kind::kSigned, 4},
      {"unsigned long long", Kind::kUnsigned, 8},
  };
  for (const auto& known : kTypes) {
    if (bare != known.name) continue;
    type.kind = known.kind;
    type.size = known.size;
    return type;
  }
  if (bare == "float" || bare == "double" || bare == "long double") return std::nullopt;
  return type;
}

std::string format_argument(const ParameterType& type, uint64_t bits, const std::optional<std::string>& text) {
  using Kind = ParameterType::Kind;
  switch (type.kind) {
    case Kind::kSigned: return fmt::format("{}", sign_extended(bits, type.size));
    case Kind::kUnsigned: return fmt::format("{}", cut(bits, type.size));
    case Kind::kBool: return cut(bits, 1) != 0 ? "true" : "false";
    case Kind::kCharacter: {
      uint64_t value = cut(bits, 1);
      bool printable = value >= ' ' && value <= '~';
      return printable ? fmt::format("{} '{}'", value, static_cast<char>(value)) : fmt::format("{}", value);
    }
    case Kind::kFloat: {
      // gdb's digits, as in `bt`: they tell every number from its neighbours.
      if (type.size == sizeof(float)) return fmt::format("{:.9g}", std::bit_cast<float>(static_cast<uint32_t>(bits)));
      return fmt::format("{:.17g}", std::bit_cast<double>(bits));
    }
    case Kind::kText:
      if (text) return fmt::format("{:#x} {}", bits, quoted(*text));
      return fmt::format("{:#x}", bits);
    case Kind::kPointer:
    case Kind::kUnknown: return fmt::format("{:#x}", bits);
  }
  return {};
}

bool matches(const std::string& pattern, const std::string& name) {
  // The last star is the only place to go back to.
  size_t p = 0, n = 0, star = std::string::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]) && pattern[p] != '*') {
      ++p, ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (star != std::string::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace inquest::probes
