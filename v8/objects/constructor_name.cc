#include "v8/objects/constructor_name.h"

#include <ranges>
#include <string_view>
#include <utility>
#include <vector>

namespace inquest::v8 {
namespace {
constexpr size_t kMaxPrototypes = 1u << 20;  ///< of one chain
/// The first V8 in which a prototype's constructor comes before a @@toStringTag further up.
constexpr V8Version kNearestPrototypeWins{10, 0};
constexpr V8Version kOwnNameWins{14, 2};
/// Global proxies have no class of their own any more: 14.1 calls those of vm `global`, 14.6 `Object`.
constexpr V8Version kGlobalProxyIsObject{14, 2};
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
    {"JSArrayBuffer", "ArrayBuffer"},
    {"JSArrayIterator", "Array Iterator"},
    {"JSGeneratorObject", "Generator"},
    {"JSAsyncFunctionObject", "Generator"},
    {"JSAsyncGeneratorObject", "Generator"},
};

/// Collections have their table at 24 in all versions; it tells their class where their types have no names (7.x).
constexpr std::pair<std::string_view, std::string_view> kClassesByTable[] = {
    {"OrderedHashMap", "Map"},
    {"OrderedHashSet", "Set"},
    {"EphemeronHashTable", "WeakMap"},
};

/// FunctionTemplateInfo::class_name: the first string among its fields; the offset moves with every version. Nothing
/// for what is no template.
std::optional<std::string> template_class_name(const ObjectReader& objects, uint64_t constructor) {
  const MapInfo* info = objects.map_of(constructor);
  if (!info || info->type != objects.heap().types().function_template_info) return std::nullopt;
  for (uint64_t offset = 16; offset + 8 <= info->instance_size; offset += 8) {
    if (auto text = objects.string(objects.field(constructor, offset))) return *text;
  }
  return std::nullopt;
}

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

/// Empty where the constructor tells nothing. "Object" tells something where it is the name of a template.
std::string ConstructorNames::from_constructor(const MapInfo& map) const {
  // new_target_is_base: made by `new F` where F is what new.target was.
  if (!objects_.new_target_is_base(map) || objects_.is_prototype_map(map)) return {};
  uint64_t constructor = objects_.constructor_of_map(map);
  if (!objects_.is_function(constructor)) return template_class_name(objects_, constructor).value_or("");
  std::string name = constructor_name(constructor);
  return name == "Object" ? "" : name;
}

bool ConstructorNames::depends_on_object(const MapInfo& map) const {
  if (map.category != Category::kReceiver || !map.has_properties) return false;
  if (!from_constructor(map).empty()) return false;
  if (objects_.is_dictionary_map(map)) return true;
  const std::string& type = objects_.heap().types()[map.type].name;
  if (type == "JSPrimitiveWrapper" || type == "JSValue") return true;
  if (type.empty() && !from_prototype_chain(map, 0)) return true;  // not all types have constants
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

/// What the prototypes from `first` on say. Objects share them, and long chains share their ends: it is worked out once
/// for each prototype, from the end.
const ConstructorNames::Chain& ConstructorNames::chain_from(uint64_t first) const {
  static const Chain kNothing;
  const Layout& layout = objects_.heap().layout();
  std::vector<std::pair<uint64_t, uint64_t>> unknown;  // each with its prototype
  for (uint64_t word = first; unknown.size() < kMaxPrototypes;) {
    const MapInfo* map = objects_.map_of(word);
    if (!map || map->category != Category::kReceiver || map->type == objects_.heap().types().js_proxy) break;
    if (!chains_.try_emplace(word).second) break;  // known, or a ring
    uint64_t next = objects_.field(map->map + 1, layout.map.prototype);
    unknown.emplace_back(word, next);
    word = next;
  }
  for (auto [word, next] : std::ranges::reverse_view(unknown)) {
    auto behind = chains_.find(next);
    Chain chain = own_part(word);
    if (behind != chains_.end()) {
      const Chain& rest = behind->second;
      if (!std::exchange(chain.has_tag, chain.has_tag || rest.has_tag)) chain.tag = rest.tag;
      if (!std::exchange(chain.has_constructor, chain.has_constructor || rest.has_constructor))
        chain.constructor = rest.constructor;
      if (!chain.nearest) chain.nearest = rest.nearest;
    }
    chains_[word] = std::move(chain);
  }
  auto found = chains_.find(first);
  return found == chains_.end() ? kNothing : found->second;
}

/// What one prototype says by itself. A @@toStringTag that is a getter, or no string, ends the older rule's search, but
/// not the newer one's.
ConstructorNames::Chain ConstructorNames::own_part(uint64_t word) const {
  Chain chain;
  chain.has_tag = objects_.has_own_property(word, to_string_tag_);
  if (chain.has_tag) {
    auto tag = objects_.own_data_property(word, to_string_tag_);
    if (tag && objects_.is_string(*tag)) chain.tag = objects_.string(*tag).value_or("");
  }
  chain.has_constructor = objects_.has_own_property(word, constructor_);
  if (chain.has_constructor) {
    auto constructor = objects_.own_data_property(word, constructor_);
    if (constructor && objects_.is_function(*constructor))
      chain.constructor = objects_.function_debug_name(*constructor);
    if (chain.constructor && (chain.constructor->empty() || *chain.constructor == "Object")) chain.constructor.reset();
  }
  chain.nearest = chain.tag ? chain.tag : chain.constructor;
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
  std::string by_type = types[map.type].name;
  for (const auto& [known, name] : kClassNames) {
    if (by_type == known) return std::string(name);
  }
  // Of a context of vm, whose global object has no @@toStringTag.
  if (by_type == "JSGlobalProxy" && layout.version < kGlobalProxyIsObject) return "global";
  if (auto text = template_class_name(objects_, objects_.constructor_of_map(map))) return *text;
  if (by_type.empty() && object != 0) {
    const MapInfo* table = objects_.map_of(objects_.field(object, 24));
    std::string_view kind = table ? std::string_view(types[table->type].name) : std::string_view();
    for (const auto& [known, name] : kClassesByTable) {
      if (kind == known) return std::string(name);
    }
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
