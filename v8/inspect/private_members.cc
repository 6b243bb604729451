// Private methods and accessors. A class with such members keeps them as variables of its scope; its instances have
// one property instead, the brand, whose value is that scope's Context. V8's debugger shows the members
// (CollectPrivateMethodsAndAccessorsFromContext, src/debug/debug-scopes.cc and src/objects/js-objects.cc).
#include "v8/inspect/inspector.h"
#include "v8/objects/context_locals.h"

namespace inquest::v8 {

bool Inspector::is_private_brand(const ObjectReader::Property& property) const {
  const MapInfo* map = property.accessor || property.raw_double ? nullptr : objects_.map_of(property.value);
  return map != nullptr && map->rule == SizeRule::kContext;
}

bool Inspector::is_written_in_class(uint64_t function, uint64_t class_function) const {
  if (!objects_.is_function(function)) return false;
  if (positions_.script_of(positions_.shared_of(function)) !=
      positions_.script_of(positions_.shared_of(class_function)))
    return false;
  SourceRange outer = positions_.class_range(class_function).value_or(SourceRange{});
  SourceRange inner = positions_.range_of(positions_.shared_of(function)).value_or(SourceRange{-1, -1});
  return inner.start >= outer.start && inner.end <= outer.end;
}

/// Private names of fields are symbols there, methods functions, accessors pairs of them. `of_class`: only those that
/// are static, and only where they are written inside of the class `owner`, whose context may be that of a class around
/// it.
void Inspector::add_private_members(uint64_t context, bool of_class, uint64_t owner, uint32_t depth, Value& value) {
  for (const ContextVariable& variable : read_context(objects_, context).variables) {
    if (!variable.name.starts_with('#') || variable.is_number || variable.is_static != of_class) continue;
    bool is_method = objects_.is_function(variable.value), is_accessor = is_named(variable.value, "AccessorPair");
    if (!is_method && !is_accessor) continue;
    uint64_t getter = is_accessor ? objects_.field(variable.value, 8) : variable.value;
    uint64_t setter = is_accessor ? objects_.field(variable.value, 16) : variable.value;
    if (of_class && !is_written_in_class(getter, owner) && !is_written_in_class(setter, owner)) continue;
    if (value.properties.size() >= options_.max_properties || values_ > options_.max_values) {
      ++value.more_properties;
      continue;
    }
    NamedValue named;
    named.name = variable.name;
    named.is_private = true;
    named.value = property_value({.value = variable.value, .accessor = is_accessor}, depth - 1);
    value.properties.push_back(std::move(named));
  }
}

void Inspector::add_static_private_members(uint64_t word, uint32_t depth, Value& value) {
  add_private_members(objects_.field(word, context_offset_), true, word, depth, value);
}

}  // namespace inquest::v8
