#include "v8/objects/constructor_name.h"

#include <string_view>
#include <utility>

namespace inquest::v8 {
namespace {
constexpr int kMaxPrototypes = 8192;
/// The first V8 in which a prototype's constructor comes before a @@toStringTag further up.
constexpr V8Version kNearestPrototypeWins{10, 0};
constexpr V8Version kOwnNameWins{14, 2};
/// Classes by the name of their type, for objects without a telling prototype.
constexpr std::pair<std::string_view, std::string_view> kClassNames[] = {
    {"JSArray", "Array"},
    {"JSArgumentsObject", "Arguments"},
    {"JSDate", "Date"},
    {"JSRegExp", "RegExp"},
    {"JSError", "Error"},
    {"JSMap", "Map"},
    {"JSSet", "Set"},
    {"JSWeakMap", "WeakMap"},
    {"JSWeakSet", "WeakSet"},
    {"JSGeneratorObject", "Generator"},
    {"JSAsyncFunctionObject", "Generator"},
    {"JSAsyncGeneratorObject", "Generator"},
};

}  // namespace

ConstructorNames::ConstructorNames(const ObjectReader& objects, uint32_t isolate)
    : objects_(objects),
      to_string_tag_(objects.heap().root("to_string_tag_symbol", isolate)),
      constructor_(objects.heap().root("constructor_string", isolate)),
      name_(objects.heap().root("name_string", isolate)) {}

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

/// The name of a constructor: SharedFunctionInfo::Name, and since 14.x JSFunction::GetDebugName, which puts an own data
/// property "name" with a string first (what bundlers set to keep names).
std::string ConstructorNames::constructor_name(uint64_t function) const {
  if (objects_.heap().layout().version >= kOwnNameWins && name_ != 0) {
    auto own = objects_.own_data_property(function, name_);
    if (own && objects_.is_string(*own)) return objects_.string(*own).value_or("");
  }
  return objects_.function_name(function);
}

bool ConstructorNames::has_null_prototype(const MapInfo& map) const {
  const MapInfo* prototype = objects_.map_of(objects_.field(map.map + 1, objects_.heap().layout().map.prototype));
  return !prototype || prototype->category != Category::kReceiver;
}

std::string ConstructorNames::from_constructor(const MapInfo& map) const {
  // new_target_is_base: made by `new F` where F is what new.target was.
  if (!objects_.new_target_is_base(map) || objects_.is_prototype_map(map)) return {};
  uint64_t constructor = objects_.constructor_of_map(map);
  std::string name;
  if (objects_.is_function(constructor)) {
    name = constructor_name(constructor);
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
  if (type.empty() && has_null_prototype(map)) return true;  // not all types have constants
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
  if (!name.empty()) return name;
  auto found = from_prototype_chain(map, object);
  return found ? *found : class_name(map, object);
}

/// What the prototypes from `first` on say. Objects share them, so it is worked out once for each first prototype.
const ConstructorNames::Chain& ConstructorNames::chain_from(uint64_t first) const {
  auto [entry, fresh] = chains_.try_emplace(first);
  Chain& chain = entry->second;
  if (!fresh) return chain;
  bool tag_seen = false, constructor_seen = false;
  uint64_t current = first;
  for (int i = 0; i < kMaxPrototypes && !(tag_seen && constructor_seen && chain.nearest); ++i) {
    const MapInfo* map = objects_.map_of(current);
    if (!map || map->category != Category::kReceiver || map->type == objects_.heap().types().js_proxy) break;
    // A @@toStringTag that is a getter, or no string, ends the older rule's search, but not the newer one's.
    if ((!tag_seen || !chain.nearest) && objects_.has_own_property(current, to_string_tag_)) {
      auto tag = objects_.own_data_property(current, to_string_tag_);
      std::optional<std::string> text;
      if (tag && objects_.is_string(*tag)) text = objects_.string(*tag).value_or("");
      if (!tag_seen) chain.tag = text;
      if (!chain.nearest) chain.nearest = text;
      tag_seen = true;
    }
    if ((!constructor_seen || !chain.nearest) && objects_.has_own_property(current, constructor_)) {
      auto constructor = objects_.own_data_property(current, constructor_);
      std::optional<std::string> name;
      if (constructor && objects_.is_function(*constructor)) name = objects_.function_debug_name(*constructor);
      if (name && (name->empty() || *name == "Object")) name.reset();
      if (!constructor_seen) chain.constructor = name;
      if (!chain.nearest) chain.nearest = name;
      constructor_seen = true;
    }
    current = objects_.field(map->map + 1, objects_.heap().layout().map.prototype);
  }
  return chain;
}

std::optional<std::string> ConstructorNames::from_prototype_chain(const MapInfo& map, uint64_t object) const {
  bool nearest_wins = objects_.heap().layout().version >= kNearestPrototypeWins;
  bool own_tag = object != 0 && objects_.has_own_property(object, to_string_tag_);
  if (own_tag) {
    auto tag = objects_.own_data_property(object, to_string_tag_);
    if (tag && objects_.is_string(*tag)) return objects_.string(*tag).value_or("");
  }
  const Chain& chain = chain_from(objects_.field(map.map + 1, objects_.heap().layout().map.prototype));
  if (nearest_wins) return chain.nearest;
  return chain.tag && !own_tag ? chain.tag : chain.constructor;
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
  for (const auto& [known, name] : kClassNames) {
    if (by_type == known) return std::string(name);
  }
  // Generators have no constant, async functions none in 7.x. They hold their function at 24 and have at least ten
  // words.
  constexpr uint32_t kGeneratorBytes = 80;
  if (by_type.empty() && object && map.instance_size >= kGeneratorBytes && has_null_prototype(map) &&
      objects_.is_function(objects_.field(object, 24))) {
    return "Generator";
  }
  if (by_type == "JSPrimitiveWrapper" || by_type == "JSValue") return object ? primitive_class(object) : "Object";
  return "Object";
}

}  // namespace inquest::v8
