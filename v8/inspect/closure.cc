// Functions, the variables they close over, and contexts by themselves.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "v8/inspect/inspector.h"
#include "v8/objects/context_locals.h"

namespace inquest::v8 {
namespace {
constexpr size_t kMaxContexts = 64;      ///< of one function's chain
constexpr size_t kMaxSource = 1u << 20;  ///< UTF-16 units
}  // namespace

/// Whether `new Function` (or the same for async functions and generators) made it: V8 puts "(function anonymous(" in
/// front of the parameters then, and keeps no name (CreateDynamicFunction, src/builtins/builtins-function.cc).
bool Inspector::is_dynamic(uint64_t function) const {
  constexpr std::string_view kBegins[] = {"(function anonymous(", "(async function anonymous(", "(function* anonymous(",
                                          "(async function* anonymous("};
  uint64_t script = positions_.script_of(positions_.shared_of(function));
  auto range = script != 0 ? positions_.range_of(positions_.shared_of(function)) : std::nullopt;
  if (!range || !positions_.scripts().is_eval(script)) return false;
  return std::ranges::any_of(kBegins, [&](std::string_view begin) {
    bool fits = range->start == 1 || range->start + 1 == static_cast<int64_t>(begin.size());
    return fits && positions_.scripts().has_text(script, 0, begin);
  });
}

/// The text of a function, of a class from its `class` to its closing brace.
std::optional<SourceRange> Inspector::text_of(uint64_t function, ValueKind kind) const {
  auto range = kind == ValueKind::kClass ? positions_.class_range(function) : std::nullopt;
  return range ? range : positions_.range_of(objects_.field(function, heap_.layout().js_function_shared));
}

void Inspector::set_place(uint64_t word, Value& value) {
  uint64_t script = positions_.script_of(objects_.field(word, heap_.layout().js_function_shared));
  auto range = script != 0 ? text_of(word, value.kind) : std::nullopt;
  if (!range) return;
  SourcePlace place = positions_.place(script, range->start);
  if (place.line != 0) value.place = fmt::format("{}:{}:{}", place.script, place.line, place.column);
}

void Inspector::add_source(uint64_t word, Value& value) {
  uint64_t script = positions_.script_of(objects_.field(word, heap_.layout().js_function_shared));
  auto range = script != 0 ? text_of(word, value.kind) : std::nullopt;
  if (!range) return;
  std::u16string_view source = positions_.source(script);
  auto start = static_cast<size_t>(range->start), end = static_cast<size_t>(range->end);
  if (start > end || end > source.size()) return;
  Value text = text_value(ValueKind::kString, to_utf8(source.substr(start, std::min(end - start, kMaxSource))));
  text.text_cut = end - start > kMaxSource;
  internal(value, "source", std::move(text));
}

/// Scopes of modules hold everything, so whole chains are shown of the function asked for only; of those inside other
/// values the innermost scope, briefly.
void Inspector::add_function(uint64_t word, uint32_t depth, Value& value) {
  if (options_.source) add_source(word, value);
  bool asked_for = above_.size() == 1;
  uint64_t context = objects_.field(word, context_offset_);
  for (size_t i = 0; i < (asked_for ? kMaxContexts : 1); ++i) {
    ContextContents contents = read_context(objects_, context);
    if (contents.scope_info == 0) return;
    Value shown;
    shown.kind = ValueKind::kInternal;
    shown.type = "Context";
    shown.address = Address(context);
    add_context(context, asked_for ? depth : 1, shown);
    internal(value, i == 0 ? "context" : fmt::format("context {}", i), std::move(shown));
    context = contents.previous;
    if (context == 0) return;
  }
}

void Inspector::add_context(uint64_t context, uint32_t depth, Value& value) {
  ContextContents contents = read_context(objects_, context);
  if (contents.scope_info == 0) {
    value.remark = "no context of a function, block or module";
    return;
  }
  if (contents.previous != 0) internal(value, "previous", contents.previous, 0);
  internal(value, "scope_info", contents.scope_info, 0);
  for (const ContextVariable& variable : contents.variables) {
    if (value.properties.size() >= options_.max_properties || values_ > options_.max_values) {
      ++value.more_properties;
      continue;
    }
    NamedValue named;
    named.name = variable.name;
    named.value = variable.is_number ? number_value(variable.number) : tree(variable.value, depth - 1);
    value.properties.push_back(std::move(named));
  }
  if (contents.with_object != 0) internal(value, "with", contents.with_object, depth);
}

}  // namespace inquest::v8
