#include "commands/value_text.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string_view>

#include "commands/text_escape.h"
#include "v8/inspect/numbers.h"

namespace inquest::commands {
namespace {

using v8::Entry;
using v8::NamedValue;
using v8::Value;
using v8::ValueKind;

std::string text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value.value);
  return text != nullptr ? escape_text(*text) : std::string();
}

std::string number(const Value& value) {
  double number = std::get<double>(value.value);
  bool small =
      std::fabs(number) <= 2147483648.0 && number == std::trunc(number) && !(number == 0 && std::signbit(number));
  if (value.address.value() == 0 && small) return fmt::format("<Smi: {}>", static_cast<int64_t>(number));
  std::string fixed = fmt::format("{:f}", number);  // llnode's way, where nothing is lost by it
  bool exact = std::isfinite(number) && std::strtod(fixed.c_str(), nullptr) == number && fixed.size() < 32;
  return fmt::format("<Number: {}>", exact ? fixed : v8::number_text(number));
}

std::string internal_text(const Value& value, std::string_view name) {
  for (const NamedValue& member : value.internal) {
    if (member.name != name) continue;
    if (const auto* number = std::get_if<double>(&member.value.value)) return v8::number_text(*number);
    return text_of(member.value);
  }
  return "?";
}

std::string buffer(const Value& value) {
  auto store = std::strtoull(internal_text(value, "backing_store").c_str(), nullptr, 16);
  if (value.kind == ValueKind::kArrayBuffer || value.kind == ValueKind::kSharedArrayBuffer) {
    return fmt::format("{}: backingStore={:#018x}, byteLength={}", escape_text(value.type), store,
                       internal_text(value, "byte_length"));
  }
  return fmt::format("ArrayBufferView: backingStore={:#018x}, byteOffset={}, byteLength={}, type={}, length={}", store,
                     internal_text(value, "byte_offset"), internal_text(value, "byte_length"), escape_text(value.type),
                     value.length);
}

/// What stands behind the opening bracket, without members.
std::string head(const Value& value) {
  switch (value.kind) {
    case ValueKind::kArray: return fmt::format("Array: length={}", value.length);
    case ValueKind::kFunction:
    case ValueKind::kClass: {
      std::string name = text_of(value);
      std::string place = value.place.empty() ? "" : " at " + escape_text(value.place);
      return fmt::format("function: {}{}", name.empty() ? "(anonymous)" : name, place);
    }
    case ValueKind::kBoundFunction: return "function: bound";
    case ValueKind::kDate: return "JSDate: " + text_of(value);
    case ValueKind::kRegExp: return "JSRegExp source=" + text_of(value);
    case ValueKind::kTypedArray:
    case ValueKind::kDataView:
    case ValueKind::kArrayBuffer:
    case ValueKind::kSharedArrayBuffer: return buffer(value);
    case ValueKind::kGlobal: return "Global: " + escape_text(value.type);
    case ValueKind::kInternal:
      return escape_text(value.type) + (value.has_length ? fmt::format(", len={}", value.length) : "");
    default: break;
  }
  std::string text = "Object: " + escape_text(value.type);
  if (value.has_length) text += fmt::format(" size={}", value.length);
  if (!text_of(value).empty()) text += " state=" + text_of(value);
  return text;
}

/// One line for values that have no members.
std::string primitive(const Value& value) {
  switch (value.kind) {
    case ValueKind::kUnreadable: return "<unknown>";
    case ValueKind::kUndefined: return "<undefined>";
    case ValueKind::kNull: return "<null>";
    case ValueKind::kHole: return "<hole>";
    case ValueKind::kBoolean: return std::get<bool>(value.value) ? "<true>" : "<false>";
    case ValueKind::kNumber: return number(value);
    case ValueKind::kBigInt: return fmt::format("<BigInt: {}>", text_of(value));
    case ValueKind::kString: return fmt::format("<String: \"{}{}\">", text_of(value), value.text_cut ? "..." : "");
    case ValueKind::kSymbol: return fmt::format("<Symbol: {}>", text_of(value));
    case ValueKind::kNativeAccessor: return "<Accessor: native>";
    case ValueKind::kExternal: return text_of(value);
    default: return {};
  }
}

class TextWriter {
 public:
  std::string write(const Value& value, size_t indent) {
    std::string text = value.address.value() != 0 ? fmt::format("{:#x}:", value.address.value()) : "";
    std::string plain = primitive(value);
    if (!plain.empty()) return text + plain;
    if (value.kind == ValueKind::kAccessor) return accessor(value);
    return text + "<" + head(value) + (value.cycle ? " cycle" : "") + members(value, indent) + ">";
  }

 private:
  std::string accessor(const Value& value) {
    std::string text;
    for (const NamedValue& part : value.internal) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ", ", part.name, write(part.value, 0));
    }
    return "<Accessor: " + text + ">";
  }

  static std::string key(const NamedValue& member) {
    std::string name = escape_text(member.name);
    return member.symbol ? "[" + name + "]" : name;
  }

  std::string entry(const Entry& entry, size_t indent) {
    std::string value = write(entry.value, indent);
    if (!entry.key.empty()) return write(entry.key[0], indent) + " => " + value;
    return fmt::format("[{}]={}", entry.index, value);
  }

  /// " elements {" and so on, each group on lines of its own behind the first.
  std::string members(const Value& value, size_t indent) {
    std::string margin(indent + 4, ' '), text;
    auto group = [&](std::string_view title, const std::vector<std::string>& lines, uint64_t more) {
      if (lines.empty() && more == 0) return;
      text += text.empty() ? " " : "\n" + std::string(indent + 2, ' ');
      text += title.empty() ? "{" : fmt::format("{} {{", title);
      for (size_t i = 0; i < lines.size(); ++i) text += (i ? ",\n" : "\n") + margin + lines[i];
      if (more != 0) text += fmt::format("{}\n{}... {} more", lines.empty() ? "" : ",", margin, more);
      text += "}";
    };
    std::vector<std::string> elements, properties, internal;
    for (const Entry& one : value.elements) elements.push_back(entry(one, indent + 4));
    // The length of an array stands in the first line, and every function has the same ones.
    bool of_course = value.kind == ValueKind::kArray || value.kind == ValueKind::kFunction ||
                     value.kind == ValueKind::kClass || value.kind == ValueKind::kBoundFunction;
    for (const NamedValue& member : value.properties) {
      if (of_course && member.value.kind == ValueKind::kNativeAccessor) continue;
      properties.push_back(fmt::format(".{}={}", key(member), write(member.value, indent + 4)));
    }
    bool buffer = value.kind == ValueKind::kTypedArray || value.kind == ValueKind::kDataView ||
                  value.kind == ValueKind::kArrayBuffer || value.kind == ValueKind::kSharedArrayBuffer;
    std::string source;
    for (const NamedValue& member : value.internal) {
      if (member.name == "source" && of_course) {
        source =
            "\n  source:\n" + std::get<std::string>(member.value.value) + (member.value.text_cut ? "..." : "") + "\n";
        continue;
      }
      if (buffer && member.name != "buffer") continue;  // the first line tells them
      if (!value.brief) internal.push_back(fmt::format("{}={}", member.name, write(member.value, indent + 4)));
    }
    bool of_keys = !value.elements.empty() && !value.elements[0].key.empty();
    bool plain = value.kind == ValueKind::kArray || value.kind == ValueKind::kInternal;
    group(plain ? "" : of_keys ? "entries" : "elements", elements, value.more_elements);
    group(value.type == "Context" && value.kind == ValueKind::kInternal ? "" : "properties", properties,
          value.more_properties);
    group(value.kind == ValueKind::kObject ? "internal fields" : "internal", internal, 0);
    text += source;
    if (!value.remark.empty()) text += " (" + value.remark + ")";
    return text;
  }
};

}  // namespace

std::string value_text(const Value& value) { return TextWriter().write(value, 0); }

}  // namespace inquest::commands
