// Context (src/objects/contexts.h): length, then ScopeInfo, previous Context, one or two more words in some versions
// and scopes, and the locals, so that their place follows from the length. Behind them only the variable that holds a
// function under its own name may lie (DeclarationScope::AllocateLocals, src/ast/scopes.cc).
#include "v8/objects/context_locals.h"

#include <bit>

#include "v8/objects/scope_info.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kMinHeader = 2, kMaxHeader = 4;
constexpr size_t kMostVariables = 100000;
// ContextCell (src/objects/contexts.h, 14.x): tagged value 8, dependent code 16, state 24, number 32.
constexpr uint32_t kInt32State = 2, kFloat64State = 3;

ContextVariable variable(const ObjectReader& objects, std::string name, uint64_t word) {
  ContextVariable result{.name = std::move(name), .value = word};
  const MapInfo* map = objects.map_of(word);
  if (map == nullptr || map->type != objects.heap().types().context_cell) return result;
  auto state = static_cast<uint32_t>(objects.field(word, 24));
  uint64_t number = objects.field(word, 32);
  result.value = objects.field(word, 8);
  result.is_number = state == kInt32State || state == kFloat64State;
  if (result.is_number) {
    result.number = state == kInt32State ? static_cast<int32_t>(number) : std::bit_cast<double>(number);
  }
  return result;
}

/// What the variable holds is the function itself, and the scope is the function's.
bool is_function_of(const ObjectReader& objects, uint64_t function, uint64_t scope_info) {
  if (!objects.is_function(function)) return false;
  const Layout& layout = objects.heap().layout();
  uint64_t shared = objects.field(function, layout.js_function_shared);
  return objects.field(shared, layout.shared_name_or_scope_info) == scope_info;
}

uint64_t length_of(const ObjectReader& objects, uint64_t context) {
  uint64_t length = objects.field(context, 8);
  return is_smi(length) ? static_cast<uint32_t>(smi_value(length)) & 0x3fffffff : 0;
}

/// Context::extension: the object of a `with`; elsewhere a JSContextExtensionObject, whose properties are the variables
/// that eval declared. WithContext is the last of the types of contexts, which stand in alphabetical order.
void add_extension(const ObjectReader& objects, uint64_t extension, bool is_with, ContextContents& contents) {
  const MapInfo* map = objects.map_of(extension);
  if (map == nullptr || map->category != Category::kReceiver) return;
  if (is_with) {
    contents.with_object = extension;
    return;
  }
  objects.for_each_property(extension, [&](const ObjectReader::Property& property) {
    ContextVariable found{.name = objects.string(property.key).value_or("???"), .value = property.value};
    found.is_number = property.raw_double;
    if (found.is_number) found.number = std::bit_cast<double>(property.value);
    if (!property.accessor) contents.variables.push_back(std::move(found));
    return contents.variables.size() < kMostVariables;
  });
}

}  // namespace

ContextSlots context_slots(const ObjectReader& objects, uint64_t context) {
  ContextSlots slots;
  auto scope_info = ScopeInfo::read(objects, objects.field(context, 16));
  uint64_t length = length_of(objects, context);
  if (!scope_info || length < kMinHeader) return slots;
  slots.names = scope_info->local_names();
  auto own = scope_info->function_variable();
  if (own && own->slot + 1 == length &&
      (own->certain ||
       is_function_of(objects, objects.field(context, 16 + 8 * own->slot), objects.field(context, 16)))) {
    slots.names.push_back(std::move(own->name));
  }
  if (length < slots.names.size() + kMinHeader || length > slots.names.size() + kMaxHeader) return {};
  slots.first = length - slots.names.size();
  return slots;
}

ContextContents read_context(const ObjectReader& objects, uint64_t context) {
  ContextContents contents;
  const MapInfo* map = objects.map_of(context);
  if (map == nullptr || map->rule != SizeRule::kContext) return contents;
  auto scope_info = ScopeInfo::read(objects, objects.field(context, 16));
  if (!scope_info) return contents;
  contents.scope_info = objects.field(context, 16);
  uint64_t previous = objects.field(context, 24);
  const MapInfo* previous_map = objects.map_of(previous);
  bool enclosed = previous_map != nullptr &&
                  (previous_map->rule == SizeRule::kContext || previous_map->rule == SizeRule::kNativeContext);
  if (enclosed) contents.previous = previous;
  ContextSlots slots = context_slots(objects, context);
  uint64_t at = 16 + 8 * slots.first;
  std::vector<bool> is_static = scope_info->local_is_static();
  for (size_t i = 0; i < slots.names.size(); ++i, at += 8) {
    contents.variables.push_back(variable(objects, std::move(slots.names[i]), objects.field(context, at)));
    contents.variables.back().is_static = i < is_static.size() && is_static[i];
  }
  bool is_with = map->type == objects.heap().types().last_context;
  if (slots.first > kMinHeader) {
    add_extension(objects, objects.field(context, 16 + 8 * kMinHeader), is_with, contents);
  }
  return contents;
}

}  // namespace inquest::v8
