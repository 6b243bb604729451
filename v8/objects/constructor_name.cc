#include "v8/objects/constructor_name.h"

namespace inquest::v8 {
namespace {
constexpr int kMaxPrototypes = 8192;
/// The first V8 in which a prototype's constructor comes before a @@toStringTag further up.
constexpr V8Version kNearestPrototypeWins{10, 0};
}  // namespace

ConstructorNames::ConstructorNames(const ObjectReader& objects, uint32_t isolate)
    : objects_(objects),
      to_string_tag_(objects.heap().root("to_string_tag_symbol", isolate)),
      constructor_(objects.heap().root("constructor_string", isolate)) {}

std::string ConstructorNames::internal_name(const Heap& heap, const MapInfo& map) {
  switch (map.category) {
    case Category::kString: return "(String)";
    case Category::kSymbol: return "(Symbol)";
    case Category::kBigInt: return "(BigInt)";
    case Category::kNumber: return "(Number)";
    default: break;
  }
  const std::string& name = heap.types()[map.type].name;
  return "system / " + (name.empty() ? "type " + std::to_string(map.type) : name);
}

std::string ConstructorNames::from_constructor(const MapInfo& map) const {
  // new_target_is_base: made by `new F` where F is what new.target was.
  if (!objects_.new_target_is_base(map) || objects_.is_prototype_map(map)) return {};
  uint64_t constructor = objects_.constructor_of_map(map);
  std::string name;
  if (objects_.is_function(constructor)) {
    name = objects_.function_name(constructor);
  } else if (const MapInfo* info = objects_.map_of(constructor);
             info && info->type == objects_.heap().types().function_template_info) {
    name = class_name(map, 0);
  }
  return name == "Object" ? "" : name;
}

bool ConstructorNames::depends_on_object(const MapInfo& map) const {
  if (map.category != Category::kReceiver || !map.has_properties) return false;
  if (!from_constructor(map).empty()) return false;
  if (objects_.is_dictionary_map(map)) return true;
  const std::string& type = objects_.heap().types()[map.type].name;
  if (type == "JSPrimitiveWrapper" || type == "JSValue") return true;
  uint32_t count = objects_.own_descriptors(map);
  for (uint32_t i = 0; i < count; ++i) {
    if (objects_.descriptor_key(map, i) == to_string_tag_) return true;
  }
  return false;
}

std::string ConstructorNames::name(const MapInfo& map, uint64_t object) const {
  if (map.category != Category::kReceiver) return internal_name(objects_.heap(), map);
  if (map.type == objects_.heap().types().js_proxy) return "Proxy";
  std::string name = from_constructor(map);
  if (name.empty()) {
    bool old_rule = objects_.heap().layout().version < kNearestPrototypeWins;
    name = old_rule ? from_prototype_chain_until_9(map, object) : from_prototype_chain(map, object);
  }
  if (name.empty()) name = class_name(map, object);
  return name;
}

template <class Visit>
void ConstructorNames::for_each_prototype(const MapInfo& map, uint64_t object, Visit&& visit) const {
  const MapInfo* current_map = &map;
  uint64_t current = object;
  for (int i = 0; i < kMaxPrototypes; ++i) {
    if (current != 0 && !visit(current)) return;
    current = objects_.field(current_map->map + 1, objects_.heap().layout().map.prototype);
    current_map = objects_.map_of(current);
    if (!current_map || current_map->category != Category::kReceiver) return;
    if (current_map->type == objects_.heap().types().js_proxy) return;
  }
}

/// Since 10.x: at each prototype in turn, its @@toStringTag, then its constructor.
std::string ConstructorNames::from_prototype_chain(const MapInfo& map, uint64_t object) const {
  std::string name;
  for_each_prototype(map, object, [&](uint64_t current) {
    auto tag = objects_.own_data_property(current, to_string_tag_);
    if (tag && objects_.is_string(*tag)) {
      name = objects_.string(*tag).value_or("");
      return false;
    }
    if (current == object) return true;
    auto constructor = objects_.own_data_property(current, constructor_);
    if (!constructor || !objects_.is_function(*constructor)) return true;
    name = objects_.function_debug_name(*constructor);
    if (name == "Object") name.clear();
    return name.empty();
  });
  return name;
}

/// Before: the first @@toStringTag along the whole chain; only then the first constructor.
std::string ConstructorNames::from_prototype_chain_until_9(const MapInfo& map, uint64_t object) const {
  std::string name;
  for_each_prototype(map, object, [&](uint64_t current) {
    if (!objects_.has_own_property(current, to_string_tag_)) return true;
    auto tag = objects_.own_data_property(current, to_string_tag_);
    if (tag && objects_.is_string(*tag)) name = objects_.string(*tag).value_or("");
    return false;
  });
  if (!name.empty()) return name;
  for_each_prototype(map, object, [&](uint64_t current) {
    if (current == object || !objects_.has_own_property(current, constructor_)) return true;
    auto constructor = objects_.own_data_property(current, constructor_);
    if (constructor && objects_.is_function(*constructor)) name = objects_.function_debug_name(*constructor);
    return false;
  });
  return name == "Object" ? "" : name;
}

/// Class of a JSPrimitiveWrapper, by the value it wraps (at 24).
std::string ConstructorNames::primitive_class(uint64_t object) const {
  uint64_t value = objects_.field(object, 24);
  if (is_smi(value)) return "Number";
  const MapInfo* map = objects_.map_of(value);
  if (!map) return "Object";
  switch (map->category) {
    case Category::kString: return "String";
    case Category::kNumber: return "Number";
    case Category::kSymbol: return "Symbol";
    case Category::kBigInt: return "BigInt";
    default: return "Boolean";
  }
}

/// JSReceiver::class_name, for what has neither a named constructor nor a telling prototype.
std::string ConstructorNames::class_name(const MapInfo& map, uint64_t object) const {
  const TypeTable& types = objects_.heap().types();
  const Layout& layout = objects_.heap().layout();
  if ((map.type >= layout.first_js_function_type && map.type <= layout.last_js_function_type) ||
      map.type == types.js_bound_function) {
    return "Function";
  }
  uint64_t constructor = objects_.constructor_of_map(map);
  const MapInfo* info = objects_.map_of(constructor);
  if (info && info->type == types.function_template_info) {
    // class_name is the first string among the template's fields; its offset moves with every version.
    for (uint64_t offset = 16; offset + 8 <= info->instance_size; offset += 8) {
      auto text = objects_.string(objects_.field(constructor, offset));
      if (text) return *text;
    }
  }
  std::string by_type = types[map.type].name;
  if (by_type == "JSArray") return "Array";
  if (by_type == "JSArgumentsObject") return "Arguments";
  if (by_type == "JSDate") return "Date";
  if (by_type == "JSRegExp") return "RegExp";
  if (by_type == "JSError") return "Error";
  if (by_type == "JSPrimitiveWrapper" || by_type == "JSValue") return object ? primitive_class(object) : "Object";
  return "Object";
}

}  // namespace inquest::v8
