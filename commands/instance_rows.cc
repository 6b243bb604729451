#include "commands/instance_rows.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "commands/text_escape.h"
#include "commands/value_json.h"
#include "commands/value_text.h"
#include "v8/inspect/numbers.h"

namespace inquest::commands {

using v8::Member;
using v8::Value;
using v8::ValueKind;

InstanceRows::InstanceRows(v8::Runtime& runtime, const RowShape& shape) : shape_(shape), cells_(shape.shown) {
  std::vector<v8::MemberPath> paths;
  for (const MemberColumn& column : shape.columns) {
    labels_.push_back(fmt::format("{} {}=", paths.empty() ? "" : ",", escape_text(column.title)));
    paths.push_back(column.path);
  }
  reader_ = runtime.instance_reader(std::move(paths));
  cells_.depth = 0;
}

void InstanceRows::write_text(const v8::Instance& instance, Output& output) {
  write_value(instance.address.value(), output);
  for (size_t i = 0; i < labels_.size(); ++i) {
    output.append(labels_[i]);
    write_cell(reader_->member(instance.address.value(), i), output);
  }
  output.append('\n');
}

void InstanceRows::write_value(uint64_t word, Output& output) {
  std::string_view type = shape_.shown.depth == 0 ? reader_->plain_type(word) : std::string_view();
  if (!type.empty()) return append_plain_object(output, Address(word), type);
  std::string line = value_text(reader_->inspect(word, shape_.shown));
  if (!line.starts_with("0x")) {
    output.append_hex(word);
    output.append(':');
  }
  output.append(escape_text(line, LineBreaks::kKeep));
}

void InstanceRows::write_cell(const Member& member, Output& output) {
  switch (member.kind) {
    case Member::Kind::kMissing: return output.append("(none)");
    case Member::Kind::kUndefined: return output.append("undefined");
    case Member::Kind::kNull: return output.append("null");
    case Member::Kind::kBoolean: return output.append(member.number != 0 ? "true" : "false");
    case Member::Kind::kComputed: return output.append("(getter)");
    case Member::Kind::kNumber:
      if (!member.is_big_int) return output.append(v8::number_text(member.number));
      break;
    case Member::Kind::kString:
    case Member::Kind::kOther: break;
  }
  Value value = reader_->value(member, cells_);
  const auto* text = std::get_if<std::string>(&value.value);
  switch (value.kind) {
    case ValueKind::kBigInt: output.append(*text); return output.append('n');
    case ValueKind::kString:
      output.append('"');
      append_escaped(output, *text);
      return output.append(value.text_cut ? "...\"" : "\"");
    default: output.append(value_text(value));
  }
}

void InstanceRows::write_json(const v8::Instance& instance, JsonWriter& json) {
  json.begin_object();
  json.field("address", instance.address);
  json.field("type", shape_.type);
  json.field("size", instance.size);
  json.field("self_size", instance.self_size);
  json.field("isolate", instance.isolate);
  if (shape_.verbose) {
    std::string shown;
    {
      Output lines([&](std::string_view block) { return shown.append(block), true; });
      write_value(instance.address.value(), lines);
    }
    json.field("value", shown);
  }
  if (!shape_.columns.empty()) {
    json.begin_object("values");
    for (size_t i = 0; i < shape_.columns.size(); ++i) {
      write_cell(shape_.columns[i].title, reader_->member(instance.address.value(), i), json);
    }
    json.end_object();
  }
  json.end_object();
}

void InstanceRows::write_cell(const std::string& title, const Member& member, JsonWriter& json) {
  switch (member.kind) {
    case Member::Kind::kMissing: return;
    case Member::Kind::kNull: return json.raw_field(title, "null");
    case Member::Kind::kBoolean: return json.field(title, member.number != 0);
    case Member::Kind::kNumber:
      if (member.is_big_int) break;
      if (std::isfinite(member.number)) return json.raw_field(title, v8::number_text(member.number));
      return json.field(title, v8::number_text(member.number));
    default: break;
  }
  Value value = reader_->value(member, cells_);
  if (value.kind == ValueKind::kString) return json.field(title, std::get<std::string>(value.value));
  json.begin_object(title);
  commands::write_value(json, value);
  json.end_object();
}

}  // namespace inquest::commands
