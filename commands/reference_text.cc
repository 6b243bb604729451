#include "commands/reference_text.h"

#include <fmt/format.h>

#include <utility>

#include "commands/text_escape.h"

namespace inquest::commands {
namespace {

using v8::EdgeKind;
using v8::EdgeName;
using v8::Reference;

/// llnode's words for the parts of strings begin with a capital.
std::string internal_name(const Reference& reference) {
  const EdgeName& edge = reference.edge;
  if (edge.name.empty()) return fmt::format("{}", edge.index);
  std::string name = escape_text(edge.name);
  if (reference.type == "(String)") name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

std::string edge_text(const Reference& reference) {
  const EdgeName& edge = reference.edge;
  switch (edge.kind) {
    case EdgeKind::kProperty:
      return edge.symbol && !edge.name.starts_with('#') ? fmt::format(".Symbol('{}')", escape_text(edge.name))
                                                        : "." + escape_text(edge.name);
    case EdgeKind::kContext: return "." + escape_text(edge.name);
    case EdgeKind::kElement: return fmt::format("[{}]", edge.index);
    case EdgeKind::kEntry:
      return reference.key.empty() ? fmt::format(".<{}>", edge.name)
                                   : fmt::format(".<{} of {}>", edge.name, escape_text(reference.key));
    case EdgeKind::kShortcut: return fmt::format(".<{}>", edge.name);
    case EdgeKind::kInternal:
    case EdgeKind::kHidden: break;
  }
  bool indexed = edge.kind == EdgeKind::kInternal && edge.name.empty();
  if (indexed) return fmt::format("[{}]", edge.index);
  if (edge.kind == EdgeKind::kHidden) return fmt::format(".<word {}>", edge.index);
  return fmt::format(".<{}>", internal_name(reference));
}

}  // namespace

std::string reference_line(const Reference& reference) {
  // Internal objects in brackets, except contexts, which llnode prints like objects; arrays as llnode has them.
  std::string type = escape_text(reference.type);
  if (reference.of_v8 ? type != "Context" : type == "Array") type = "(" + type + ")";
  std::string value =
      reference.value.is_null() ? escape_text(reference.text) : fmt::format("{:#x}", reference.value.value());
  std::string line = fmt::format("{:#x}: {}{}={}", reference.holder.value(), type, edge_text(reference), value);
  if (reference.edge.weak) line += " (weak)";
  if (!reference.function.empty()) line += fmt::format(" (function {})", escape_text(reference.function));
  return line;
}

void write_reference(JsonWriter& json, const Reference& reference) {
  const EdgeName& edge = reference.edge;
  json.field("address", reference.holder);
  json.field("type", reference.type);
  json.field_if_known("function", reference.function);
  json.field("kind", v8::to_string(edge.kind));
  if (edge.name.empty() && edge.kind != EdgeKind::kProperty && edge.kind != EdgeKind::kContext) {
    json.field("index", edge.index);
  } else {
    json.field("name", edge.name);
  }
  if (edge.symbol) json.field("symbol", true);
  json.field("weak", edge.weak);
  if (!reference.key.empty()) {
    json.field("key", reference.key);
    if (edge.key % 8 == 1) json.field("key_address", Address(edge.key));
  }
  if (!reference.store.is_null()) json.field("store", reference.store);
  if (!reference.value.is_null()) json.field("value", reference.value);
  json.field_if_known("text", reference.text);
  if (reference.root) json.field("root", true);
}

OptionSpec search_option(char short_name, const char* name, const char* value_name, const char* help) {
  return {.short_name = short_name,
          .long_name = name,
          .kind = OptionSpec::Kind::kText,
          .value_name = value_name,
          .excludes = "what",
          .help = help};
}

OptionSpec limit_option(char short_name, const char* default_value, std::string help) {
  return {.short_name = short_name,
          .long_name = "limit",
          .kind = OptionSpec::Kind::kNumber,
          .value_name = "N",
          .default_value = default_value,
          .help = std::move(help)};
}

OptionSpec skip_option(const char* rows) {
  return {.long_name = "skip",
          .kind = OptionSpec::Kind::kNumber,
          .value_name = "N",
          .help = fmt::format("pass over the first N {}", rows)};
}

void add_remarks(v8::References& found, Report& report) {
  for (std::string& hint : found.hints) report.note(std::move(hint));
  for (std::string& remark : found.remarks) {
    report.incomplete = true;
    report.warn(std::move(remark));
  }
}

}  // namespace inquest::commands
