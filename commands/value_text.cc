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

constexpr std::string_view kObject = "Object: ";

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

double internal_number(const Value& value, std::string_view name) {
  for (const NamedValue& member : value.internal) {
    const auto* number = std::get_if<double>(&member.value.value);
    if (member.name == name && number != nullptr) return *number;
  }
  return std::nan("");
}

bool is_buffer(const Value& value) {
  return value.kind == ValueKind::kTypedArray || value.kind == ValueKind::kDataView ||
         value.kind == ValueKind::kArrayBuffer || value.kind == ValueKind::kSharedArrayBuffer;
}

bool is_function(const Value& value) {
  return value.kind == ValueKind::kFunction || value.kind == ValueKind::kClass ||
         value.kind == ValueKind::kBoundFunction;
}

bool is_context(const Value& value) { return value.kind == ValueKind::kInternal && value.type.ends_with("Context"); }

std::string buffer(const Value& value) {
  auto store = std::strtoull(internal_text(value, "backing_store").c_str(), nullptr, 16);
  std::string length = internal_text(value, "byte_length");
  if (value.kind == ValueKind::kArrayBuffer || value.kind == ValueKind::kSharedArrayBuffer) {
    return fmt::format("ArrayBuffer: backingStore={:#018x}, byteLength={}", store, length);
  }
  return fmt::format("ArrayBufferView: backingStore={:#018x}, byteOffset={}, byteLength={}", store,
                     internal_text(value, "byte_offset"), length);
}

bool is_hidden_class(const Value& value) { return value.kind == ValueKind::kInternal && value.type == "Map"; }

/// Whether the elements are the bytes themselves.
bool has_bytes(const Value& value) {
  return is_buffer(value) && (value.kind != ValueKind::kTypedArray ||
                              internal_number(value, "byte_length") == static_cast<double>(value.length));
}

/// V8's own objects.
std::string internal_head(const Value& value) {
  if (value.type == "Map") {
    bool sized = internal_text(value, "in_object_size") != "?";
    auto descriptors = std::strtoull(internal_text(value, "descriptors").c_str(), nullptr, 16);
    return fmt::format("Map own_descriptors={} {}={} instance_size={} descriptors={:#018x}",
                       internal_text(value, "own_descriptors"), sized ? "in_object_size" : "constructor_index",
                       internal_text(value, sized ? "in_object_size" : "constructor_index"),
                       internal_text(value, "instance_size"), descriptors);
  }
  if (is_context(value)) return value.brief ? "Context" : "Context:";
  if (value.type == "ScopeInfo" && !text_of(value).empty()) return "ScopeInfo: for function " + text_of(value);
  return escape_text(value.type) + (value.has_length ? fmt::format(", len={}", value.length) : "");
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
    case ValueKind::kDate: return fmt::format("JSDate: {:f} {}", internal_number(value, "time"), text_of(value));
    case ValueKind::kRegExp: return "JSRegExp source=" + text_of(value);
    case ValueKind::kTypedArray:
    case ValueKind::kDataView:
    case ValueKind::kArrayBuffer:
    case ValueKind::kSharedArrayBuffer: return buffer(value);
    case ValueKind::kGlobal: return text_of(value).empty() ? "Global" : "Global proxy";
    case ValueKind::kInternal: return internal_head(value);
    default: break;
  }
  std::string text = std::string(kObject) + escape_text(value.type);
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
    case ValueKind::kExternal:
      // The value of an internal field, or an object that wraps one, which is an object to llnode.
      return value.address.value() == 0 ? text_of(value) : fmt::format("<Object: External {}>", text_of(value));
    default: return {};
  }
}

class TextWriter {
 public:
  std::string write(const Value& value, size_t indent) {
    std::string text = pointer(value);
    std::string plain = primitive(value);
    if (!plain.empty()) return text + plain;
    if (value.kind == ValueKind::kAccessor) return accessor(value);
    return text + "<" + head(value) + (value.cycle ? " cycle" : "") + members(value, indent) + ">" +
           behind_bracket(value);
  }

 private:
  /// llnode does not tell Buffers from Float64Arrays; what it does print stays as it is.
  std::string behind_bracket(const Value& value) {
    bool plain = !is_buffer(value) || value.type == "ArrayBuffer";
    if (plain) return {};
    bool counted = value.kind == ValueKind::kTypedArray;
    std::string text = " " + escape_text(value.type) + (counted ? fmt::format("({})", value.length) : "");
    for (const NamedValue& member : value.internal) {
      if (member.name == "buffer") text += " of " + write(member.value, 0);
    }
    return text;
  }

  /// With -m the hidden class too.
  static std::string pointer(const Value& value) {
    if (value.address.value() == 0) return {};
    for (const NamedValue& member : value.internal) {
      if (member.name != "map" || is_hidden_class(value)) continue;
      return fmt::format("{:#018x}(map={:#018x}):", value.address.value(), member.value.address.value());
    }
    return fmt::format("{:#x}:", value.address.value());
  }

  std::string accessor(const Value& value) {
    std::string text;
    for (const NamedValue& part : value.internal) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ", ", part.name, write(part.value, 0));
    }
    return "<Accessor: " + text + ">";
  }

  static std::string key(const NamedValue& member) {
    std::string name = escape_text(member.name);
    return member.symbol ? fmt::format("Symbol('{}')", name) : name;  // as llnode
  }

  std::string entry(const Entry& entry, size_t indent) {
    std::string value = write(entry.value, indent);
    if (!entry.key.empty()) return write(entry.key[0], indent) + " => " + value;
    return fmt::format("[{}]={}", entry.index, value);
  }

  /// Groups of members, each on lines of its own behind the first: " elements {", "\n  properties {".
  class Groups {
   public:
    Groups(size_t indent, std::string before) : indent_(indent), text_(std::move(before)) {}

    void add(std::string_view title, const std::vector<std::string>& lines, uint64_t more = 0) {
      if (lines.empty() && more == 0) return;
      std::string margin(indent_ + 4, ' ');
      text_ += text_.empty() ? " " : "\n" + std::string(indent_ + 2, ' ');
      text_ += title.empty() ? "{" : fmt::format("{} {{", title);
      for (size_t i = 0; i < lines.size(); ++i) text_ += (i ? ",\n" : "\n") + margin + lines[i];
      if (more != 0) text_ += fmt::format("{}\n{}... {} more", lines.empty() ? "" : ",", margin, more);
      text_ += "}";
    }
    const std::string& text() const { return text_; }

   private:
    size_t indent_;
    std::string text_;
  };

  /// "{", what encloses it, and its variables by their bare names.
  std::string context_members(const Value& value, size_t indent) {
    std::vector<std::string> lines;
    for (const NamedValue& member : value.internal) {
      lines.push_back(fmt::format("({})={}", escape_text(member.name), write(member.value, indent + 4)));
    }
    for (const NamedValue& member : value.properties) {
      lines.push_back(fmt::format("{}={}", escape_text(member.name), write(member.value, indent + 4)));
    }
    Groups groups(indent, "");
    groups.add("", lines, value.more_properties);
    return groups.text();
  }

  /// llnode shows bytes, whatever the elements are.
  static std::string bytes_of(const Value& value) {
    for (const NamedValue& member : value.internal) {
      if (member.name != "bytes") continue;
      const auto* text = std::get_if<std::string>(&member.value.value);
      if (text == nullptr || text->empty()) return {};
      return ": [\n  " + *text + (member.value.text_cut ? " ..." : "") + "\n]";
    }
    return {};
  }

  /// The scopes of a function, before everything else that it has.
  std::string contexts(const Value& value, size_t indent) {
    std::string text;
    for (const NamedValue& member : value.internal) {
      if (!member.name.starts_with("context")) continue;
      text += fmt::format("\n{}{}={}", std::string(indent + 2, ' '), member.name, write(member.value, indent));
    }
    return text;
  }

  static std::string source_of(const Value& value) {
    for (const NamedValue& member : value.internal) {
      if (member.name != "source") continue;
      const auto* text = std::get_if<std::string>(&member.value.value);
      if (text != nullptr) return "\n  source:\n" + *text + (member.value.text_cut ? "..." : "") + "\n";
    }
    return {};
  }

  /// Whether the member is shown elsewhere: in the first line, or in a way of its own.
  static bool is_told(const Value& value, const NamedValue& member) {
    if (member.name == "map" || is_hidden_class(value)) return true;
    if (value.kind == ValueKind::kDate) return member.name == "time";
    if (is_function(value)) return member.name == "source" || member.name.starts_with("context");
    return is_buffer(value) || member.name == "error stack";
  }

  std::vector<std::string> error_stack(const Value& value) {
    std::vector<std::string> lines;
    for (const NamedValue& member : value.internal) {
      if (member.name != "error stack") continue;
      for (const Entry& call : member.value.elements) lines.push_back(write(call.value, 0));
    }
    return lines;
  }

  std::string members(const Value& value, size_t indent) {
    if (value.brief || value.cycle) return remark(value);
    if (is_context(value)) return context_members(value, indent) + remark(value);
    std::vector<std::string> elements, properties, internal;
    bool as_bytes = has_bytes(value);
    for (const Entry& one : value.elements) {
      if (!as_bytes) elements.push_back(entry(one, indent + 4));
    }
    // The length of an array stands in the first line, and every function has the same ones.
    bool of_course = value.kind == ValueKind::kArray || is_function(value);
    for (const NamedValue& member : value.properties) {
      if (of_course && member.value.kind == ValueKind::kNativeAccessor) continue;
      properties.push_back(fmt::format(".{}={}", key(member), write(member.value, indent + 4)));
    }
    for (const NamedValue& member : value.internal) {
      if (is_told(value, member)) continue;
      bool field = value.kind == ValueKind::kObject && member.name.starts_with("field ");
      std::string name = field ? "" : member.name + "=";
      internal.push_back(name + write(member.value, indent + 4));
    }
    Groups groups(indent, contexts(value, indent) + bytes_of(value));
    bool of_keys = !value.elements.empty() && !value.elements[0].key.empty();
    bool plain = value.kind == ValueKind::kArray || value.kind == ValueKind::kInternal;
    groups.add(plain ? "" : of_keys ? "entries" : "elements", elements, as_bytes ? 0 : value.more_elements);
    groups.add("properties", properties, value.more_properties);
    groups.add(value.kind == ValueKind::kObject ? "internal fields" : "internal", internal);
    std::string text = groups.text();
    std::vector<std::string> calls = error_stack(value);
    if (!calls.empty()) {
      text += "\n  error stack {";
      for (const std::string& call : calls) text += "\n    " + call;
      text += "\n  }";
    }
    return text + source_of(value) + remark(value);
  }

  static std::string remark(const Value& value) {
    return value.remark.empty() ? "" : " (" + escape_text(value.remark) + ")";
  }
};

}  // namespace

std::string value_text(const Value& value) { return TextWriter().write(value, 0); }

void append_plain_object(Output& output, Address address, std::string_view type) {
  output.append_hex(address.value());
  output.append(":<");
  output.append(kObject);
  append_escaped(output, type);
  output.append('>');
}

}  // namespace inquest::commands
