#include "commands/value_json.h"

#include <cmath>

#include "v8/inspect/numbers.h"

namespace inquest::commands {
namespace {

using v8::Entry;
using v8::NamedValue;
using v8::Value;

void write_number(JsonWriter& json, double number) {
  if (!std::isfinite(number)) return json.field("value", v8::number_text(number));
  bool negative_zero = number == 0 && std::signbit(number);
  json.raw_field("value", negative_zero ? "-0.0" : v8::number_text(number));
}

void write_entries(JsonWriter& json, const Value& value) {
  bool keyed = value.kind == v8::ValueKind::kMap || value.kind == v8::ValueKind::kWeakMap;
  json.begin_array(keyed ? "entries" : "elements");
  uint64_t expected = 0;
  for (const Entry& entry : value.elements) {
    if (!json.ok()) break;
    json.begin_object();
    if (keyed) {
      json.begin_object("key");
      if (!entry.key.empty()) write_value(json, entry.key[0]);
      json.end_object();
      json.begin_object("value");
      write_value(json, entry.value);
      json.end_object();
    } else {
      // An index is told where it does not follow from the place in this list.
      if (entry.index != expected++) json.field("index", entry.index);
      if (entry.hidden) json.field("enumerable", false);
      write_value(json, entry.value);
    }
    json.end_object();
  }
  json.end_array();
  if (value.more_elements != 0) json.field(keyed ? "more_entries" : "more_elements", value.more_elements);
}

void write_properties(JsonWriter& json, const Value& value) {
  json.begin_array("properties");
  for (const NamedValue& member : value.properties) {
    if (!json.ok()) break;
    json.begin_object();
    json.field("name", member.name);
    if (member.symbol) json.field("symbol", true);
    if (member.is_private) json.field("private", true);
    if (member.hidden) json.field("enumerable", false);
    json.begin_object("value");
    write_value(json, member.value);
    json.end_object();
    json.end_object();
  }
  json.end_array();
  if (value.more_properties != 0) json.field("more_properties", value.more_properties);
}

}  // namespace

void write_value(JsonWriter& json, const Value& value) {
  if (value.address.value() != 0) json.field("address", value.address);
  json.field("kind", v8::to_string(value.kind));
  json.field_if_known("type", value.type);
  if (const auto* text = std::get_if<std::string>(&value.value)) json.field("value", *text);
  if (const auto* number = std::get_if<double>(&value.value)) write_number(json, *number);
  if (const auto* truth = std::get_if<bool>(&value.value)) json.field("value", *truth);
  if (value.has_length) json.field("length", value.length);
  if (value.text_cut) json.field("cut", true);
  json.field_if_known("place", value.place);
  if (value.cycle) json.field("cycle", true);
  if (value.brief) json.field("brief", true);
  json.field_if_known("remark", value.remark);
  if (!value.properties.empty() || value.more_properties != 0) write_properties(json, value);
  bool collection = value.kind == v8::ValueKind::kMap || value.kind == v8::ValueKind::kSet ||
                    value.kind == v8::ValueKind::kWeakMap || value.kind == v8::ValueKind::kWeakSet ||
                    value.kind == v8::ValueKind::kArray;
  bool shown = !value.brief && !value.cycle;
  if (!value.elements.empty() || value.more_elements != 0 || (collection && shown)) write_entries(json, value);
  if (value.internal.empty()) return;
  json.begin_object("internal");
  for (const NamedValue& member : value.internal) {
    json.begin_object(member.name);
    write_value(json, member.value);
    json.end_object();
  }
  json.end_object();
}

}  // namespace inquest::commands
