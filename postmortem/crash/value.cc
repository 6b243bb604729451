#include "postmortem/crash/value.h"

#include <fmt/format.h>

#include <algorithm>

namespace inquest::crash {
namespace {

constexpr int kMaxDepth = 6;  // a phrase with more "of what" than this helps nobody

std::string in_module(const Value& value) {
  return value.module.empty() ? value.name : fmt::format("{} in {}", value.name, value.module);
}

std::string with_offset(const Value& value) {
  Value whole = value;
  if (value.offset > 0) whole.name += fmt::format("+{}", number(value.offset));
  return in_module(whole);
}

std::string variable(const Value& value, const char* sort) {
  if (!value.name.empty()) return fmt::format("the {} {}", sort, with_offset(value));
  std::string where = value.location ? fmt::format(" at {:#x}", value.location->value()) : "";
  return fmt::format("a static variable{}{}", where, value.module.empty() ? "" : " of " + value.module);
}

std::string words(const Value& value, int depth);

std::string part(const Value& value, int depth) {
  if (value.parts.empty() || depth >= kMaxDepth) return "a computed value";
  return words(*value.parts[0], depth + 1);
}

std::string at_first(const Value& value, int depth) {
  if (value.parts.empty() || depth >= kMaxDepth) return "";
  return fmt::format(" (at first {})", words(*value.parts[0], depth + 1));
}

/// What a pointer leads to: the object itself where it has a name.
std::string pointee(const Value& value, int depth) {
  if (value.parts.empty() || depth >= kMaxDepth) return "an object";
  const Value& pointer = *value.parts[0];
  if (pointer.kind == Value::Kind::kAddress) return with_offset(pointer);
  if (pointer.kind == Value::Kind::kAgain) return "what it pointed to in the round before" + at_first(pointer, depth);
  return "what " + words(pointer, depth + 1) + " points to";
}

std::string argument(const Value& value) {
  std::string name = value.parameter.empty() ? fmt::format("argument {}", value.argument)
                                             : fmt::format("the argument '{}'", value.parameter);
  return value.name.empty() ? name : fmt::format("{} of {}", name, in_module(value));
}

/// Without what a loop began with: beside it stands that itself.
ValuePtr without_start(const ValuePtr& value, int depth = 0) {
  if (value->parts.empty() || depth >= kMaxDepth) return value;
  auto copy = std::make_shared<Value>(*value);
  if (value->kind == Value::Kind::kAgain) {
    copy->parts.clear();
  } else {
    copy->parts[0] = without_start(value->parts[0], depth + 1);
  }
  return copy;
}

std::string sum(const Value& value, int depth) {
  std::string text = part(value, depth);
  if (value.parts.size() > 1 && depth < kMaxDepth) text += " plus " + words(*value.parts[1], depth + 1);
  if (value.offset == 0 && value.parts.size() > 1) return text;
  return fmt::format("{} {} {}", text, value.offset < 0 ? "minus" : "plus",
                     number(value.offset < 0 ? -value.offset : value.offset));
}

std::string either(const Value& value, int depth) {
  std::string text;
  for (size_t i = 0; i < value.parts.size(); ++i) {
    if (i == 3) return text + ", or another";
    text += (i == 0 ? "" : " or ") + words(*without_start(value.parts[i]), depth + 1);
  }
  return text;
}

std::string words(const Value& value, int depth) {
  switch (value.kind) {
    case Value::Kind::kUnknown: return value.name.empty() ? "an unknown value" : value.name;
    case Value::Kind::kConstant:
      return fmt::format("the constant {}", number(static_cast<int64_t>(value.bits.value_or(0))));
    case Value::Kind::kGlobal: return variable(value, "global");
    case Value::Kind::kThreadLocal: return variable(value, "thread-local variable");
    case Value::Kind::kAddress: return "the address of " + with_offset(value);
    case Value::Kind::kField:
      return value.offset == 0
                 ? pointee(value, depth)
                 : fmt::format("the field at offset {} of {}", number(value.offset), pointee(value, depth));
    case Value::Kind::kElement: return "an element of " + pointee(value, depth);
    case Value::Kind::kArgument: return argument(value);
    case Value::Kind::kResult:
      return value.name.empty() ? "the return value of a call" : "the return value of " + value.name;
    case Value::Kind::kLocal: return "a local variable";
    case Value::Kind::kSum: return sum(value, depth);
    case Value::Kind::kComputed: return fmt::format("the result of `{}`", value.instruction);
    case Value::Kind::kEither: return either(value, depth);
    case Value::Kind::kAgain: return "its own value in the round before" + at_first(value, depth);
  }
  return "an unknown value";
}

bool is_loaded(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kGlobal:
    case Value::Kind::kThreadLocal:
    case Value::Kind::kField:
    case Value::Kind::kElement:
    case Value::Kind::kLocal: return true;
    case Value::Kind::kEither:
      for (const ValuePtr& one : value.parts)
        if (!is_loaded(*one)) return false;
      return !value.parts.empty();
    default: return false;
  }
}

}  // namespace

std::string number(int64_t value) {
  if (value > -4096 && value < 4096) return fmt::format("{}", value);
  if (value < 0) return fmt::format("-{:#x}", ~static_cast<uint64_t>(value) + 1);
  return fmt::format("{:#x}", value);
}

std::string phrase(const Value& value) { return (value.sure ? "" : "probably ") + words(value, 0); }

std::string predicate(const Value& value) {
  std::string probably = value.sure ? "" : "probably ";
  if (value.kind == Value::Kind::kConstant)
    return fmt::format("was {}set to {} by `{}`", probably, number(static_cast<int64_t>(value.bits.value_or(0))),
                       value.instruction);
  if (is_loaded(value)) {
    std::string text = fmt::format("was {}loaded from {}", probably, words(value, 0));
    if (value.changed) text += " (which holds another value by now)";
    return text;
  }
  if (value.kind == Value::Kind::kEither) {
    std::string text;
    for (size_t i = 0; i < std::min<size_t>(value.parts.size(), 3); ++i)
      text += (i == 0 ? "" : ", or ") + predicate(*without_start(value.parts[i]));
    return value.parts.size() > 3 ? text + ", or another" : text;
  }
  return fmt::format("is {}{}", probably, words(value, 0));
}

}  // namespace inquest::crash
