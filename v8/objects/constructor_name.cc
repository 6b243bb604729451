#include "v8/objects/constructor_name.h"

namespace inquest::v8 {
namespace {
constexpr int kMaxPrototypes = 1024;
}

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
  if ((map.bit_field2 & 1) == 0 || objects_.is_prototype_map(map)) return {};
  uint64_t constructor = objects_.constructor_of_map(map);
  std::string name;
  if (objects_.is_function(constructor)) {
    name = objects_.function_name(constructor);
  } else if (const MapInfo* info = objects_.map_of(constructor);
             info && info->type == objects_.heap().types().function_template_info) {
    name = class_name(map);
  }
  return name == "Object" ? "" : name;
}

bool ConstructorNames::depends_on_object(const MapInfo& map) const {
  if (map.category != Category::kReceiver || !map.has_properties) return false;
  if (!from_constructor(map).empty()) return false;
  if (objects_.is_dictionary_map(map)) return true;
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
  if (name.empty()) name = from_prototype_chain(map, object);
  if (name.empty()) name = class_name(map);
  return name;
}

std::string ConstructorNames::from_prototype_chain(const MapInfo& map, uint64_t object) const {
  const MapInfo* current_map = &map;
  uint64_t current = object;
  for (int i = 0; i < kMaxPrototypes; ++i) {
    if (current != 0) {
      auto tag = objects_.own_data_property(current, to_string_tag_);
      if (tag && objects_.is_string(*tag)) return objects_.string(*tag).value_or("");
      if (current != object) {
        auto constructor = objects_.own_data_property(current, constructor_);
        if (constructor && objects_.is_function(*constructor)) {
          std::string name = objects_.function_name(*constructor);
          if (!name.empty() && name != "Object") return name;
        }
      }
    }
    current = objects_.field(current_map->map + 1, objects_.heap().layout().map.prototype);
    current_map = objects_.map_of(current);
    if (!current_map || current_map->category != Category::kReceiver) return {};
    if (current_map->type == objects_.heap().types().js_proxy) return {};
  }
  return {};
}

/// JSReceiver::class_name, for what has neither a named constructor nor a telling prototype.
std::string ConstructorNames::class_name(const MapInfo& map) const {
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
  return "Object";
}

}  // namespace inquest::v8
