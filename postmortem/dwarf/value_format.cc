#include "postmortem/dwarf/value_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

namespace inquest::dwarf {
namespace {

using Kind = TypeInfo::Kind;

constexpr size_t kMaxShown = 200;        // characters of a string; gdb's "print elements"
constexpr size_t kRepeatThreshold = 10;  // gdb's "print repeats"
constexpr int kMaxDepth = 4;             // references to pointers to ...

uint64_t unsigned_of(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

int64_t signed_of(std::span<const std::byte> bytes) {
  unsigned unused = static_cast<unsigned>(64 - 8 * std::clamp<size_t>(bytes.size(), 1, 8));
  return static_cast<int64_t>(unsigned_of(bytes) << unused) >> unused;
}

std::string integer(std::span<const std::byte> bytes, bool is_signed) {
  if (bytes.empty()) return "0";
  if (bytes.size() <= 8) return is_signed ? fmt::format("{}", signed_of(bytes)) : fmt::format("{}", unsigned_of(bytes));
  if (bytes.size() != 16) return "...";
  unsigned __int128 value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  if (is_signed) return fmt::format("{}", static_cast<__int128>(value));
  return fmt::format("{}", value);
}

// One character as C spells it.
void append_character(std::string& out, uint32_t character, char quote, unsigned width) {
  switch (character) {
    case '\a': out += "\\a"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\v': out += "\\v"; return;
    case 033: out += "\\033"; return;
    default: break;
  }
  if (character == '\\' || character == static_cast<unsigned char>(quote)) out += '\\';
  if (character >= 0x20 && character < 0x7f) {
    out += static_cast<char>(character);
  } else if (width > 1 && character >= 0xa0 && character < 0x110000 && (character < 0xd800 || character > 0xdfff)) {
    if (character < 0x800) {
      out += static_cast<char>(0xc0 | character >> 6);
    } else {
      if (character < 0x10000) {
        out += static_cast<char>(0xe0 | character >> 12);
      } else {
        out += static_cast<char>(0xf0 | character >> 18);
        out += static_cast<char>(0x80 | (character >> 12 & 0x3f));
      }
      out += static_cast<char>(0x80 | (character >> 6 & 0x3f));
    }
    out += static_cast<char>(0x80 | (character & 0x3f));
  } else {
    out += fmt::format("\\{:03o}", character);
  }
}

std::string character(uint32_t value, char prefix, unsigned width) {
  std::string text;
  if (prefix) text += prefix;
  text += '\'';
  append_character(text, width == 1 ? value & 0xff : value, '\'', width);
  return text + '\'';
}

/// The characters from an address on, one after the other.
class CharacterReader {
 public:
  CharacterReader(const MemoryReader& memory, uint64_t address, unsigned width)
      : memory_(memory), at_(address), width_(width) {}

  /// Nothing where memory cannot be read.
  std::optional<uint32_t> next() {
    if (index_ + width_ > bytes_.size()) refill();
    if (index_ + width_ > bytes_.size()) return std::nullopt;
    uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + index_, width_);
    index_ += width_;
    return value;
  }
  uint64_t address() const { return at_ + index_; }

 private:
  void refill() {
    at_ += index_;
    index_ = 0;
    bytes_ = memory_.view(Address(at_), 4096);
    if (bytes_.size() >= width_) return;
    // A character of several bytes on the border of two segments.
    if (memory_.read(Address(at_), std::as_writable_bytes(std::span(&border_, 1)).first(width_)))
      bytes_ = {};
    else
      bytes_ = std::as_bytes(std::span(&border_, 1)).first(width_);
  }

  const MemoryReader& memory_;
  uint64_t at_;
  unsigned width_;
  std::span<const std::byte> bytes_;
  size_t index_ = 0;
  uint32_t border_ = 0;
};

bool is_utf8_rest(uint32_t character) { return (character & 0xc0) == 0x80; }

// How many bytes a UTF-8 sequence that begins so has; 0: none does.
size_t utf8_length(uint32_t first) {
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/// Builds "abc", 'x' <repeats 20 times>, "def"... as gdb does.
class StringText {
 public:
  StringText(char prefix, unsigned width) : prefix_(prefix), width_(width) {}

  void add(uint32_t value) {
    if (!quoted_) separate(prefix_ ? std::string(1, prefix_) + '"' : "\"");
    quoted_ = true;
    bool digit = value >= '0' && value <= '9';
    // "\0011" would be read as one character by a person: gdb writes the digit in octal too.
    if (escaped_ && digit)
      text_ += fmt::format("\\{:03o}", value);
    else
      append_character(text_, value, '"', width_);
    escaped_ = (value < 0x20 || value >= 0x7f) && (text_.back() >= '0' && text_.back() <= '7') && !is_short(value);
  }
  void add_raw(std::string_view utf8) {
    if (!quoted_) separate("\"");
    quoted_ = true;
    text_ += utf8;
    escaped_ = false;
  }
  void add_repeats(uint32_t value, size_t count, bool more) {
    close();
    separate(character(value, prefix_, width_) + fmt::format(" <repeats {}{} times>", count, more ? " or more" : ""));
    escaped_ = false;
  }
  std::string finish(bool cut) {
    if (text_.empty()) separate(prefix_ ? std::string(1, prefix_) + "\"" : "\""), quoted_ = true;
    close();
    return text_ + (cut ? "..." : "");
  }
  void close() {
    if (quoted_) text_ += '"';
    quoted_ = false;
  }

 private:
  static bool is_short(uint32_t value) { return value >= 7 && value <= 13; }
  void separate(const std::string& what) {
    if (!text_.empty()) text_ += ", ";
    text_ += what;
  }

  char prefix_;
  unsigned width_;
  std::string text_;
  bool quoted_ = false, escaped_ = false;
};

std::string cannot_access(uint64_t address) {
  return fmt::format("<error: Cannot access memory at address {:#x}>", address);
}

/// The string at `address`. A run of one character counts as `kRepeatThreshold` of them.
std::string string_at_address(const MemoryReader& memory, uint64_t address, unsigned width, char prefix) {
  CharacterReader reader(memory, address, width);
  // As many as gdb fetches before it looks for runs: what lies behind is cut.
  std::vector<uint32_t> characters;
  bool ended = false;
  std::optional<uint64_t> fault;
  while (characters.size() < kMaxShown && !ended && !fault) {
    auto value = reader.next();
    if (!value)
      fault = reader.address();
    else if (*value == 0)
      ended = true;
    else
      characters.push_back(*value);
  }
  if (fault && characters.empty()) return cannot_access(*fault);
  StringText text(prefix, width);
  for (size_t i = 0; i < characters.size();) {
    uint32_t value = characters[i];
    size_t run = 1;
    while (i + run < characters.size() && characters[i + run] == value) ++run;
    if (run > kRepeatThreshold) {
      text.add_repeats(value, run, false);
      i += run;
      continue;
    }
    size_t length = width == 1 ? utf8_length(value) : 0;
    if (length != 0 && i + length <= characters.size() &&
        std::all_of(characters.begin() + static_cast<ptrdiff_t>(i) + 1,
                    characters.begin() + static_cast<ptrdiff_t>(i + length), is_utf8_rest)) {
      std::string sequence;
      for (size_t j = 0; j < length; ++j) sequence += static_cast<char>(characters[i + j]);
      text.add_raw(sequence);
      i += length;
      continue;
    }
    text.add(value);
    ++i;
  }
  // A string that is exactly as long as what is shown is whole.
  if (!ended && !fault) ended = reader.next() == 0u;
  std::string shown = text.finish(!ended && !fault);
  return fault ? shown + cannot_access(*fault) : shown;
}

std::string floating(std::span<const std::byte> bytes) {
  auto print = [](const char* format, auto value, uint64_t fraction) -> std::string {
    if (std::isnan(value)) return fmt::format("{}nan({:#x})", std::signbit(value) ? "-" : "", fraction);
    if (std::isinf(value)) return std::signbit(value) ? "-inf" : "inf";
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
  };
  if (bytes.size() == sizeof(float)) {
    float value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return print("%.9g", value, unsigned_of(bytes) & 0x7fffff);
  }
  if (bytes.size() == sizeof(double)) {
    double value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return print("%.17g", value, unsigned_of(bytes) & 0xfffffffffffff);
  }
  if (bytes.size() == sizeof(long double)) {
    long double value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return print("%.21Lg", value, unsigned_of(bytes));
  }
  return "...";
}

std::string enumerator(const FormatContext& context, const TypeInfo& type, std::span<const std::byte> bytes) {
  const auto& enumeration = context.types.enumeration(type.die);
  uint64_t mask = bytes.size() >= 8 ? UINT64_MAX : (uint64_t{1} << (8 * bytes.size())) - 1;
  uint64_t value = unsigned_of(bytes);
  for (const auto& one : enumeration.all)
    if ((one.value & mask) == value) return one.name;
  if (!enumeration.is_flags) return integer(bytes, type.is_signed);
  std::string text;
  uint64_t rest = value;
  for (const auto& one : enumeration.all) {
    if ((rest & one.value) == 0) continue;
    text += (text.empty() ? "(" : " | ") + one.name;
    rest &= ~one.value;
  }
  if (rest != 0) return text + fmt::format("{}unknown: {:#x})", text.empty() ? "(" : " | ", rest);
  return text.empty() ? "0" : text + ")";
}

std::string hexadecimal(uint64_t value) {
  std::array<char, 18> digits{'0', 'x'};
  char* end = std::to_chars(digits.data() + 2, digits.data() + digits.size(), value, 16).ptr;
  return std::string(digits.data(), end);
}

std::string pointer(const FormatContext& context, const TypeInfo& type, uint64_t value) {
  const TypeInfo& target = context.types.of(type.target);
  std::string text = hexadecimal(value);
  if (value == 0) return text;
  std::string symbol = context.symbol(value);
  if (!symbol.empty()) text += " " + symbol;
  switch (target.kind) {
    case Kind::kSignedChar:
    case Kind::kUnsignedChar: return text + " " + string_at_address(context.memory, value, 1, 0);
    case Kind::kWideChar:
      if (target.size == 2 || target.size == 4)
        text += " " + string_at_address(context.memory, value, static_cast<unsigned>(target.size), target.prefix);
      return text;
    default: return text;
  }
}

std::string member_pointer(const FormatContext& context, const TypeInfo& type, std::span<const std::byte> bytes) {
  if (context.types.of(type.target).kind != Kind::kFunction) {
    int64_t offset = signed_of(bytes);
    return offset == -1 ? "NULL" : fmt::format("{}", offset);
  }
  uint64_t value = unsigned_of(bytes);
  if (value & 1) return fmt::format("&virtual table offset {}", value - 1);
  std::string symbol = value ? context.symbol(value) : "";
  return fmt::format("{:#x}{}{}", value, symbol.empty() ? "" : " ", symbol);
}

std::string format_at(const FormatContext& context, const TypeInfo& type, std::span<const std::byte> bytes, int depth) {
  switch (type.kind) {
    case Kind::kSigned: return integer(bytes, true);
    case Kind::kUnsigned: return integer(bytes, false);
    case Kind::kSignedChar:
    case Kind::kUnsignedChar: {
      bool is_signed = type.kind == Kind::kSignedChar;
      return integer(bytes, is_signed) + " " + character(static_cast<uint32_t>(unsigned_of(bytes)), 0, 1);
    }
    case Kind::kWideChar: {
      bool is_signed = type.prefix == 'L';
      return integer(bytes, is_signed) + " " +
             character(static_cast<uint32_t>(unsigned_of(bytes)), type.prefix, static_cast<unsigned>(type.size));
    }
    case Kind::kBool: {
      uint64_t value = unsigned_of(bytes);
      return value == 0 ? "false" : value == 1 ? "true" : fmt::format("{}", value);
    }
    case Kind::kFloat: return floating(bytes);
    case Kind::kComplex:
      return floating(bytes.first(bytes.size() / 2)) + " + " + floating(bytes.subspan(bytes.size() / 2)) + "i";
    case Kind::kEnum: return enumerator(context, type, bytes);
    case Kind::kPointer: return pointer(context, type, unsigned_of(bytes));
    case Kind::kMemberPointer: return member_pointer(context, type, bytes);
    case Kind::kReference: {
      uint64_t address = unsigned_of(bytes);
      const TypeInfo& target = context.types.of(type.target);
      std::string text = fmt::format("@{:#x}", address);
      constexpr uint64_t kMaxScalar = 32;
      if (depth >= kMaxDepth || target.size == 0 || target.size > kMaxScalar) return text;
      std::vector<std::byte> value(target.size);
      if (auto fault = context.memory.read(Address(address), value))
        return text + ": " + cannot_access(fault->address.value());
      return text + ": " + format_at(context, target, value, depth + 1);
    }
    default: return "...";
  }
}

}  // namespace

bool is_summarised(Types& types, const TypeInfo& given) {
  const TypeInfo* type = &given;
  for (int i = 0; i < kMaxDepth && type->kind == Kind::kReference; ++i) type = &types.of(type->target);
  return type->kind == Kind::kAggregate;
}

std::string format_value(const FormatContext& context, const TypeInfo& type, std::span<const std::byte> bytes) {
  return is_summarised(context.types, type) || bytes.empty() ? "..." : format_at(context, type, bytes, 0);
}

std::string format_missing(const Missing& missing) {
  switch (missing.reason) {
    case Missing::Reason::kUnavailable: return "<unavailable>";
    case Missing::Reason::kMemory:
      return fmt::format("<error reading variable: Cannot access memory at address {:#x}>", missing.address.value());
    case Missing::Reason::kUnsupported: return "<error reading variable: its location cannot be understood>";
    default: return "<optimized out>";
  }
}

}  // namespace inquest::dwarf
