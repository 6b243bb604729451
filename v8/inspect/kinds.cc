#include "v8/inspect/kinds.h"

#include <string_view>
#include <utility>

namespace inquest::v8 {
namespace {

struct NamedKind {
  std::string_view type;
  ValueKind kind;
};

constexpr NamedKind kNamed[] = {
    {"JSArray", ValueKind::kArray},
    {"JSMap", ValueKind::kMap},
    {"JSSet", ValueKind::kSet},
    {"JSWeakMap", ValueKind::kWeakMap},
    {"JSWeakSet", ValueKind::kWeakSet},
    {"JSWeakRef", ValueKind::kWeakRef},
    {"JSFinalizationRegistry", ValueKind::kFinalizationRegistry},
    {"JSPromise", ValueKind::kPromise},
    {"JSProxy", ValueKind::kProxy},
    {"JSBoundFunction", ValueKind::kBoundFunction},
    {"JSGeneratorObject", ValueKind::kGenerator},
    {"JSAsyncFunctionObject", ValueKind::kAsyncFunction},
    {"JSAsyncGeneratorObject", ValueKind::kAsyncGenerator},
    {"JSDate", ValueKind::kDate},
    {"JSRegExp", ValueKind::kRegExp},
    {"JSError", ValueKind::kError},
    {"JSArgumentsObject", ValueKind::kArguments},
    {"JSPrimitiveWrapper", ValueKind::kPrimitiveWrapper},
    {"JSValue", ValueKind::kPrimitiveWrapper},  // its name until 7.6
    {"JSArrayBuffer", ValueKind::kArrayBuffer},
    {"JSTypedArray", ValueKind::kTypedArray},
    {"JSDataView", ValueKind::kDataView},
    {"JSRabGsabDataView", ValueKind::kDataView},
    {"JSModuleNamespace", ValueKind::kModuleNamespace},
    {"JSDeferredModuleNamespace", ValueKind::kModuleNamespace},
    {"JSGlobalObject", ValueKind::kGlobal},
    {"JSGlobalProxy", ValueKind::kGlobal},
    {"JSExternalObject", ValueKind::kExternal},  // from 10.0 on
    {"CppHeapExternalObject", ValueKind::kExternal},
    {"JSArrayIterator", ValueKind::kIterator},
    {"JSStringIterator", ValueKind::kIterator},
};

constexpr std::pair<const char*, ValueKind> kOddballs[] = {{"undefined_value", ValueKind::kUndefined},
                                                           {"null_value", ValueKind::kNull},
                                                           {"true_value", ValueKind::kBoolean},
                                                           {"false_value", ValueKind::kBoolean},
                                                           {"the_hole_value", ValueKind::kHole}};

}  // namespace

Kinds::Kinds(const ObjectReader& objects)
    : objects_(objects),
      by_type_(TypeTable::kTypes, ValueKind::kInternal),
      ordered_hash_map_(objects.heap(), "ordered_hash_map_map"),
      ordered_hash_set_(objects.heap(), "ordered_hash_set_map"),
      ephemeron_hash_table_(objects.heap(), "ephemeron_hash_table_map"),
      external_(objects.heap(), "external_map") {
  for (auto [root, kind] : kOddballs) oddballs_.emplace_back(RootSet(objects.heap(), root), kind);
  const TypeTable& types = objects.heap().types();
  for (uint16_t type = 0; type < TypeTable::kTypes; ++type) {
    std::string_view name = types[type].name;
    for (const NamedKind& named : kNamed) {
      if (name == named.type) by_type_[type] = named.kind;
    }
    if (name.starts_with("Wasm")) by_type_[type] = ValueKind::kWebAssembly;
  }
  if (types.js_proxy < TypeTable::kTypes) by_type_[types.js_proxy] = ValueKind::kProxy;
}

ValueKind Kinds::of(const MapInfo& map, uint64_t word) const {
  switch (map.category) {
    case Category::kString: return ValueKind::kString;
    case Category::kNumber: return ValueKind::kNumber;
    case Category::kSymbol: return ValueKind::kSymbol;
    case Category::kBigInt: return ValueKind::kBigInt;
    case Category::kReceiver: return receiver(map, word);
    default: break;
  }
  for (const auto& [words, kind] : oddballs_) {
    if (words.contains(word)) return kind;
  }
  if (map.type == objects_.heap().types().mutable_heap_number) return ValueKind::kNumber;
  return ValueKind::kInternal;
}

ValueKind Kinds::receiver(const MapInfo& map, uint64_t word) const {
  if (map.type < by_type_.size() && by_type_[map.type] != ValueKind::kInternal) return by_type_[map.type];
  if (objects_.is_function(word)) return function(map, word);
  if (external_.contains(map.map + 1)) return ValueKind::kExternal;
  return by_fields(map, word);
}

/// A class keeps the positions of its text under a symbol of its own; that is so from 7.4 to 14.6.
ValueKind Kinds::function(const MapInfo&, uint64_t word) const {
  uint64_t positions = objects_.heap().root_near("class_positions_symbol", word);
  bool is_class = positions != 0 && objects_.has_own_property(word, positions);
  return is_class ? ValueKind::kClass : ValueKind::kFunction;
}

bool Kinds::has_map(uint64_t word, const RootSet& maps) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && maps.contains(map->map + 1);
}

ValueKind Kinds::by_fields(const MapInfo& map, uint64_t word) const {
  // Only types that V8 does not name: those of plain objects are named everywhere.
  if (!objects_.heap().types()[map.type].name.empty() || map.instance_size < 32) return ValueKind::kObject;
  uint64_t first = objects_.field(word, 24);
  // Iterators have an index behind the table (JSCollectionIterator, src/objects/js-collection-iterator.h).
  constexpr uint8_t kCollectionWords = 4;
  bool iterates = map.inobject_start > kCollectionWords;
  if (has_map(first, ordered_hash_map_)) return iterates ? ValueKind::kIterator : ValueKind::kMap;
  if (has_map(first, ordered_hash_set_)) return iterates ? ValueKind::kIterator : ValueKind::kSet;
  if (has_map(first, ephemeron_hash_table_)) return ValueKind::kWeakMap;
  bool resumable = map.instance_size >= 80 && objects_.is_function(first) && is_smi(objects_.field(word, 64));
  if (!resumable) return ValueKind::kObject;
  // Behind a generator's own ten words an async function has its promise, an async generator its queue of requests and
  // whether it awaits (src/objects/js-generator.tq).
  constexpr uint8_t kGeneratorWords = 10;
  switch (map.inobject_start) {
    case kGeneratorWords + 1: return ValueKind::kAsyncFunction;
    case kGeneratorWords + 2: return ValueKind::kAsyncGenerator;
    default: return ValueKind::kGenerator;
  }
}

}  // namespace inquest::v8
