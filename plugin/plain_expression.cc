#include "plugin/plain_expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace inquest::plugin {
namespace {

constexpr int kMaxDepth = 100;  // of brackets and prefixes

/// A value while it is computed. Invalid `type`: what a symbol without debug information names.
struct Value {
  uint64_t bits = 0;  ///< extended by its sign to 64 bits; of whole numbers and pointers
  lldb::SBType type;
  std::optional<lldb::addr_t> address;  ///< where it lies in memory
  lldb::SBValue object;                 ///< of variables and members
};

bool has(lldb::SBType type, uint32_t flags) { return (type.GetCanonicalType().GetTypeFlags() & flags) != 0; }
bool is_pointer(lldb::SBType type) { return has(type, lldb::eTypeIsPointer | lldb::eTypeIsReference); }
bool is_number(lldb::SBType type) {
  return has(type, lldb::eTypeIsInteger | lldb::eTypeIsEnumeration) && !has(type, lldb::eTypeIsFloat);
}
bool is_signed(lldb::SBType type) { return has(type, lldb::eTypeIsSigned); }

uint64_t extend(uint64_t bits, lldb::SBType type) {
  uint64_t size = type.GetByteSize();
  if (size == 0 || size >= 8) return bits;
  int unused = static_cast<int>(64 - size * 8);
  bits <<= unused;
  return is_signed(type) ? static_cast<uint64_t>(static_cast<int64_t>(bits) >> unused) : bits >> unused;
}

class Looker {
 public:
  Looker(lldb::SBTarget target, lldb::SBFrame frame, std::string_view text)
      : target_(target), process_(target.GetProcess()), frame_(frame), rest_(text) {}

  Result<uint64_t> run() {
    Value value = binary(0);
    skip_blanks();
    if (reason_.empty() && !rest_.empty()) refuse(fmt::format("'{}' is not understood without running code", rest_));
    uint64_t bits = reason_.empty() ? number_of(value) : 0;
    if (!reason_.empty()) return usage_error(reason_);
    uint64_t size = value.type.GetByteSize();
    return size > 0 && size < 8 ? bits & ((uint64_t{1} << size * 8) - 1) : bits;
  }

 private:
  // ---- words

  void skip_blanks() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
  }
  bool take(std::string_view symbol) {
    skip_blanks();
    if (!rest_.starts_with(symbol)) return false;
    rest_.remove_prefix(symbol.size());
    return true;
  }
  static bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }
  /// A name, with its namespaces.
  std::string word() {
    skip_blanks();
    size_t end = 0;
    while (end < rest_.size()) {
      if (is_letter(rest_[end])) {
        ++end;
      } else if (rest_.substr(end).starts_with("::") && end + 2 < rest_.size() && is_letter(rest_[end + 2])) {
        end += 2;
      } else {
        break;
      }
    }
    std::string name(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return name;
  }

  Value refuse(std::string why) {
    if (reason_.empty()) reason_ = std::move(why);
    rest_ = {};
    return {};
  }

  // ---- types

  lldb::SBType basic(lldb::BasicType kind) { return target_.GetBasicType(kind); }

  /// "unsigned long int" and its like; the words in any order.
  lldb::SBType basic_type(const std::vector<std::string>& words) {
    static const std::set<std::string> kKnown = {"unsigned", "signed", "long", "short", "int", "char", "bool", "void"};
    if (words.empty() || !std::ranges::all_of(words, [](const auto& one) { return kKnown.contains(one); })) return {};
    auto count = [&words](std::string_view wanted) { return std::ranges::count(words, wanted); };
    bool no_sign = count("unsigned") > 0;
    if (count("void") > 0) return basic(lldb::eBasicTypeVoid);
    if (count("bool") > 0) return basic(lldb::eBasicTypeBool);
    if (count("char") > 0) {
      if (no_sign) return basic(lldb::eBasicTypeUnsignedChar);
      return basic(count("signed") > 0 ? lldb::eBasicTypeSignedChar : lldb::eBasicTypeChar);
    }
    if (count("short") > 0) return basic(no_sign ? lldb::eBasicTypeUnsignedShort : lldb::eBasicTypeShort);
    if (count("long") > 1) return basic(no_sign ? lldb::eBasicTypeUnsignedLongLong : lldb::eBasicTypeLongLong);
    if (count("long") > 0) return basic(no_sign ? lldb::eBasicTypeUnsignedLong : lldb::eBasicTypeLong);
    return basic(no_sign ? lldb::eBasicTypeUnsignedInt : lldb::eBasicTypeInt);
  }

  /// Those of <stdint.h>, also in programs without debug information.
  lldb::SBType standard_type(std::string_view name) {
    if (name.starts_with("std::")) name.remove_prefix(5);
    constexpr std::array<std::pair<const char*, lldb::BasicType>, 13> kTypes = {{
        {"int8_t", lldb::eBasicTypeSignedChar},
        {"uint8_t", lldb::eBasicTypeUnsignedChar},
        {"int16_t", lldb::eBasicTypeShort},
        {"uint16_t", lldb::eBasicTypeUnsignedShort},
        {"int32_t", lldb::eBasicTypeInt},
        {"uint32_t", lldb::eBasicTypeUnsignedInt},
        {"int64_t", lldb::eBasicTypeLong},
        {"uint64_t", lldb::eBasicTypeUnsignedLong},
        {"intptr_t", lldb::eBasicTypeLong},
        {"uintptr_t", lldb::eBasicTypeUnsignedLong},
        {"size_t", lldb::eBasicTypeUnsignedLong},
        {"ssize_t", lldb::eBasicTypeLong},
        {"ptrdiff_t", lldb::eBasicTypeLong},
    }};
    auto found = std::ranges::find(kTypes, name, [](const auto& one) { return std::string_view(one.first); });
    return found != kTypes.end() ? basic(found->second) : lldb::SBType();
  }

  /// The type that starts here and ends before a closing bracket; invalid, and nothing is taken, where it is none.
  lldb::SBType type_name() {
    std::string_view before = rest_;
    std::vector<std::string> words;
    for (std::string one = word(); !one.empty(); one = word()) {
      if (one != "const" && one != "volatile" && one != "struct" && one != "class" && one != "enum")
        words.push_back(std::move(one));
    }
    lldb::SBType type = basic_type(words);
    if (!type.IsValid() && words.size() == 1 && !words[0].starts_with('$') && !std::isdigit(words[0][0])) {
      type = standard_type(words[0]);
      if (!type.IsValid() && !variable(words[0])) type = target_.FindFirstType(words[0].c_str());
    }
    while (type.IsValid() && take("*")) type = type.GetPointerType();
    skip_blanks();
    if (type.IsValid() && rest_.starts_with(')')) return type;
    rest_ = before;
    return {};
  }

  // ---- values

  Value number(uint64_t bits, lldb::BasicType kind = lldb::eBasicTypeLong) {
    Value value;
    value.bits = bits;
    value.type = basic(kind);
    return value;
  }

  Value of_object(lldb::SBValue object) {
    Value value;
    value.type = object.GetType();
    value.object = object;
    lldb::addr_t address = object.GetLoadAddress();
    if (address != LLDB_INVALID_ADDRESS) value.address = address;
    if (!is_number(value.type) && !is_pointer(value.type)) return value;
    lldb::SBError error;
    value.bits = extend(object.GetValueAsUnsigned(error), value.type);
    if (error.Fail()) return refuse(error.GetCString() != nullptr ? error.GetCString() : "it has no value here");
    return value;
  }

  Value at(lldb::addr_t address, lldb::SBType type) {
    Value value;
    value.type = type;
    value.address = address;
    if (is_number(type) || is_pointer(type)) {
      lldb::SBError error;
      uint64_t bits = process_.ReadUnsignedFromMemory(address, static_cast<uint32_t>(type.GetByteSize()), error);
      if (error.Fail()) return refuse(fmt::format("{:#x} cannot be read", address));
      value.bits = extend(bits, type);
    } else {
      value.object = target_.CreateValueFromAddress("value", lldb::SBAddress(address, target_), type);
    }
    return value;
  }

  std::optional<lldb::SBValue> variable(const std::string& name) {
    lldb::SBValue found;
    if (frame_.IsValid()) found = frame_.FindVariable(name.c_str(), lldb::eNoDynamicValues);
    if (!found.IsValid() && frame_.IsValid()) {
      lldb::SBValue self = frame_.FindVariable("this", lldb::eNoDynamicValues);
      if (self.IsValid()) found = self.Dereference().GetChildMemberWithName(name.c_str(), lldb::eNoDynamicValues);
    }
    if (!found.IsValid()) found = target_.FindFirstGlobalVariable(name.c_str());
    return found.IsValid() ? std::optional(found) : std::nullopt;
  }

  /// What the program or a library calls so; those that others can see first. Functions stand for their addresses.
  std::optional<Value> symbol(const std::string& name) {
    std::optional<Value> result;
    lldb::SBSymbolContextList found = target_.FindSymbols(name.c_str());
    for (uint32_t i = 0; i < found.GetSize(); ++i) {
      lldb::SBSymbol one = found.GetContextAtIndex(i).GetSymbol();
      lldb::addr_t address = one.IsValid() ? one.GetStartAddress().GetLoadAddress(target_) : LLDB_INVALID_ADDRESS;
      if (address == LLDB_INVALID_ADDRESS || (result && !one.IsExternal())) continue;
      result.emplace();
      if (one.GetType() == lldb::eSymbolTypeCode) {
        *result = number(address, lldb::eBasicTypeUnsignedLong);
        result->type = basic(lldb::eBasicTypeVoid).GetPointerType();
      }
      result->address = address;
      if (one.IsExternal()) break;
    }
    return result;
  }

  Value named(const std::string& name) {
    if (name.starts_with('$')) {
      lldb::SBValue result = frame_.FindValue(name.c_str(), lldb::eValueTypeConstResult);  // $0 of LLDB's own
      if (result.IsValid()) return of_object(result);
      lldb::SBValue found = frame_.FindRegister(name.c_str() + 1);
      if (!found.IsValid()) return refuse(fmt::format("there is no register {}", name));
      lldb::SBError error;
      uint64_t bits = found.GetValueAsUnsigned(error);
      if (error.Fail()) return refuse(fmt::format("{} is not known in this frame", name));
      return number(bits, lldb::eBasicTypeUnsignedLong);
    }
    if (auto found = variable(name)) return of_object(*found);
    if (auto found = symbol(name)) return *found;
    return refuse(fmt::format("use of undeclared identifier '{}'", name));
  }

  uint64_t number_of(const Value& value) {
    if (!reason_.empty()) return 0;
    if (!value.type.IsValid() && value.address) refuse("it is of unknown type: cast it to the type that it has");
    if (reason_.empty() && !is_number(value.type) && !is_pointer(value.type)) {
      lldb::SBType type = value.type;
      const char* name = type.GetName();
      refuse(fmt::format("it is of type {}, neither a pointer nor a whole number",
                         name != nullptr ? name : "a value without a type"));
    }
    return value.bits;
  }

  // ---- grammar, from the loosest to the tightest

  Value binary(size_t level) {
    static constexpr std::array<std::array<std::string_view, 3>, 6> kLevels = {
        {{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%"}}};
    if (level == kLevels.size()) return prefixed();
    Value left = binary(level + 1);
    while (reason_.empty()) {
      skip_blanks();
      auto found = std::ranges::find_if(kLevels[level], [this](std::string_view one) {
        bool doubled = rest_.size() > 1 && rest_[0] == rest_[1] && one.size() == 1;  // &&, || and the like
        return !one.empty() && rest_.starts_with(one) && (!doubled || one == "-" || one == "*");
      });
      if (found == kLevels[level].end()) return left;
      rest_.remove_prefix(found->size());
      left = computed(*found, left, binary(level + 1));
    }
    return left;
  }

  Value computed(std::string_view sign, const Value& left, const Value& right) {
    uint64_t a = decayed(left), b = decayed(right);
    if (!reason_.empty()) return {};
    lldb::SBType pointed = pointee(left), other = pointee(right);
    if ((pointed.IsValid() || other.IsValid()) && (sign == "+" || sign == "-")) {
      uint64_t size = std::max<uint64_t>(1, (pointed.IsValid() ? pointed : other).GetByteSize());
      if (pointed.IsValid() && other.IsValid())
        return sign == "-" ? number((a - b) / size) : refuse("the sum of two pointers");
      Value result = pointed.IsValid() ? left : right;
      result.type = (pointed.IsValid() ? pointed : other).GetPointerType();
      result.address.reset();
      result.bits = sign == "-" ? a - b * size : pointed.IsValid() ? a + b * size : a * size + b;
      return result;
    }
    bool no_sign = !is_signed(left.type) || !is_signed(right.type);
    if ((sign == "/" || sign == "%") && (b == 0 || (!no_sign && b == UINT64_MAX))) return refuse("a division by zero");
    auto signed_a = static_cast<int64_t>(a), signed_b = static_cast<int64_t>(b);
    uint64_t bits = sign == "|"    ? a | b
                    : sign == "^"  ? a ^ b
                    : sign == "&"  ? a & b
                    : sign == "<<" ? (b < 64 ? a << b : 0)
                    : sign == ">>" ? (b >= 64   ? 0
                                      : no_sign ? a >> b
                                                : static_cast<uint64_t>(signed_a >> b))
                    : sign == "+"  ? a + b
                    : sign == "-"  ? a - b
                    : sign == "*"  ? a * b
                    : sign == "/"  ? (no_sign ? a / b : static_cast<uint64_t>(signed_a / signed_b))
                                   : (no_sign ? a % b : static_cast<uint64_t>(signed_a % signed_b));
    return number(bits, no_sign ? lldb::eBasicTypeUnsignedLong : lldb::eBasicTypeLong);
  }

  /// The type that a pointer or an array leads to; invalid for the rest.
  static lldb::SBType pointee(const Value& value) {
    lldb::SBType type = value.type;
    if (!type.IsValid()) return {};
    type = type.GetCanonicalType();
    return type.IsArrayType()     ? type.GetArrayElementType()
           : type.IsPointerType() ? type.GetPointeeType()
                                  : lldb::SBType();
  }
  /// An array stands for the address of its first element.
  uint64_t decayed(const Value& value) {
    lldb::SBType type = value.type;
    if (type.IsValid() && type.GetCanonicalType().IsArrayType() && value.address) return *value.address;
    return number_of(value);
  }

  Value prefixed() {
    if (++depth_ > kMaxDepth) return refuse("too many brackets");
    Value value = prefixed_once();
    --depth_;
    return value;
  }

  Value prefixed_once() {
    if (take("*")) {
      Value of = prefixed();
      lldb::SBType type = pointee(of);
      uint64_t address = decayed(of);
      if (!reason_.empty()) return {};
      if (!type.IsValid() || type.GetByteSize() == 0)
        return refuse("what * is put before is no pointer to a known type");
      return at(address, type);
    }
    if (take("&")) {
      Value of = prefixed();
      if (!reason_.empty()) return {};
      if (!of.address) return refuse("what & is put before has no address");
      Value value = number(*of.address, lldb::eBasicTypeUnsignedLong);
      value.type = (of.type.IsValid() ? of.type : basic(lldb::eBasicTypeVoid)).GetPointerType();
      return value;
    }
    if (take("-")) return number(uint64_t{0} - number_of(prefixed()));
    if (take("~")) return number(~number_of(prefixed()));
    if (take("+")) return number(number_of(prefixed()));
    std::string_view before = rest_;
    if (take("(")) {
      lldb::SBType type = type_name();
      if (type.IsValid() && take(")")) return cast(prefixed(), type);
      rest_ = before;
    }
    return with_suffixes(primary());
  }

  Value cast(const Value& value, lldb::SBType type) {
    if (!reason_.empty()) return {};
    if (!is_number(type) && !is_pointer(type)) return refuse("a cast to what is neither a pointer nor a whole number");
    if (!value.type.IsValid() && value.address) return at(*value.address, type);
    Value result;
    result.type = type;
    result.bits = extend(decayed(value), type);
    return result;
  }

  Value primary() {
    if (take("(")) {
      Value value = binary(0);
      return reason_.empty() && !take(")") ? refuse("a bracket is not closed") : value;
    }
    skip_blanks();
    if (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front()))) {
      std::string digits = word();
      char* end = nullptr;
      uint64_t bits = std::strtoull(digits.c_str(), &end, 0);
      std::string_view suffix(end);
      if (suffix.find_first_not_of("uUlL") != std::string_view::npos || rest_.starts_with('.'))
        return refuse(fmt::format("'{}' is no whole number", digits));
      return number(bits);
    }
    std::string name = word();
    if (name.empty()) return refuse(rest_.empty() ? "it ends early" : fmt::format("'{}' is not understood", rest_));
    return named(name);
  }

  Value with_suffixes(Value value) {
    while (reason_.empty()) {
      if (take("[")) {
        Value index = binary(0);
        if (reason_.empty() && !take("]")) return refuse("a bracket is not closed");
        lldb::SBType type = pointee(value);
        if (reason_.empty() && (!type.IsValid() || type.GetByteSize() == 0))
          return refuse("[] behind what is no array");
        uint64_t address = decayed(value) + number_of(index) * type.GetByteSize();
        if (reason_.empty()) value = at(address, type);
      } else if (bool arrow = take("->"); arrow || take(".")) {
        value = member(value, arrow, word());
      } else if (take("(")) {
        return refuse("a call would run code in the process");
      } else {
        return value;
      }
    }
    return {};
  }

  Value member(const Value& value, bool arrow, const std::string& name) {
    lldb::SBValue whole = value.object;
    if (arrow) {
      lldb::SBType type = pointee(value);
      if (!type.IsValid()) return refuse("-> behind what is no pointer");
      whole = target_.CreateValueFromAddress("value", lldb::SBAddress(value.bits, target_), type);
    }
    lldb::SBValue found = whole.GetChildMemberWithName(name.c_str(), lldb::eNoDynamicValues);
    return found.IsValid() ? of_object(found) : refuse(fmt::format("no member named '{}'", name));
  }

  lldb::SBTarget target_;
  lldb::SBProcess process_;
  lldb::SBFrame frame_;
  std::string_view rest_;
  std::string reason_;  ///< why it cannot be evaluated; empty so far
  int depth_ = 0;
};

}  // namespace

Result<uint64_t> evaluate_by_looking(lldb::SBTarget target, lldb::SBFrame frame, const std::string& expression) {
  return Looker(target, frame, expression).run();
}

}  // namespace inquest::plugin
