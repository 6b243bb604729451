#include "v8/objects/object_reader.h"

#include <algorithm>
#include <cstring>

#include "v8/objects/scope_info.h"

namespace inquest::v8 {
namespace {
constexpr int kMaxBackPointers = 4096;  ///< a transition chain is at most as long as an object has properties
constexpr uint32_t kMaxDictionaryCapacity = 1u << 28;
constexpr uint64_t kGlobalDictionaryPrefix = 2;  ///< words: next enumeration index, object hash
}  // namespace

const MapInfo* ObjectReader::map_of(uint64_t word) const {
  if (!is_heap_object(word)) return nullptr;
  if (follows_) word = forwarded(word);
  auto map = heap_.pages().word(word - 1);
  return map ? maps_.find(*map) : nullptr;
}

/// A moved object has the address of its copy, untagged, in place of its map (MapWord::FromForwardingAddress).
uint64_t ObjectReader::forwarded(uint64_t word) const {
  constexpr int kMaxMoves = 2;  // from one copy to the next within one collection
  for (int i = 0; i < kMaxMoves && is_heap_object(word); ++i) {
    auto first = heap_.pages().word(word - 1);
    if (!first || *first == 0 || (*first & kTagMask) != 0 || heap_.pages().page_of(*first) == nullptr) break;
    word = *first + kHeapObjectTag;
  }
  return word;
}

bool ObjectReader::is_function(uint64_t word) const {
  const MapInfo* map = map_of(word);
  return map && map->type >= heap_.layout().first_js_function_type && map->type <= heap_.layout().last_js_function_type;
}

uint64_t ObjectReader::constructor_of_map(const MapInfo& map) const {
  uint64_t word = map.map + 1;
  for (int i = 0; i < kMaxBackPointers; ++i) {
    uint64_t next = field(word, heap_.layout().map.constructor);
    const MapInfo* next_map = map_of(next);
    if (!next_map) return 0;
    if (next_map->type != heap_.types().map) return next;
    word = next;
  }
  return 0;
}

uint64_t ObjectReader::descriptor_key(const MapInfo& map, uint32_t i) const {
  uint64_t descriptors = field(map.map + 1, heap_.layout().map.descriptors);
  return field(descriptors, heap_.layout().table.descriptor_array_header + 24ull * i);
}

ObjectReader::Property ObjectReader::fast_property(uint64_t object, const MapInfo& map, uint32_t i) const {
  const PropertyLayout& layout = heap_.layout().property;
  uint64_t descriptors = field(map.map + 1, heap_.layout().map.descriptors);
  uint64_t entry = heap_.layout().table.descriptor_array_header + 24ull * i;
  Property property;
  property.key = field(descriptors, entry);
  uint64_t details_word = field(descriptors, entry + 8);
  uint32_t details = static_cast<uint32_t>(smi_value(details_word));
  property.details = details;
  property.accessor = (details & layout.kind_mask) != 0;
  property.enumerable = (details & layout.dont_enum_mask) == 0;
  if ((details & layout.location_mask) != 0) {
    property.value = field(descriptors, entry + 16);
    return property;
  }
  uint32_t index = (details & layout.index_mask) >> layout.index_shift;
  bool is_double =
      (details & layout.representation_mask) >> layout.representation_shift == layout.representation_double;
  uint32_t inobject = map.instance_size / 8 > map.inobject_start ? map.instance_size / 8 - map.inobject_start : 0;
  if (index < inobject) {
    property.value = field(object, 8ull * (map.inobject_start + index));
    property.raw_double = is_double && heap_.layout().table.unboxed_doubles;
  } else {
    property.value = field(field(object, 8), 16 + 8ull * (index - inobject));
  }
  return property;
}

void ObjectReader::for_each_dictionary_entry(uint64_t dictionary, bool global,
                                             const std::function<bool(const Property&)>& visit) const {
  const MapInfo* map = map_of(dictionary);
  if (!map || (map->type != heap_.types().name_dictionary && map->type != heap_.types().global_dictionary)) return;
  uint64_t capacity_word = field(dictionary, 32);
  if (!is_smi(capacity_word) || smi_value(capacity_word) < 0) return;
  uint32_t capacity = std::min<uint32_t>(static_cast<uint32_t>(smi_value(capacity_word)), kMaxDictionaryCapacity);
  // Three counters, the prefix, then entries: key, value, details; a global dictionary holds PropertyCells alone, and
  // its prefix has no flags in any version (GlobalDictionaryShape, src/objects/dictionary.h).
  uint64_t prefix = global ? kGlobalDictionaryPrefix : heap_.layout().name_dictionary_prefix;
  uint64_t entry_words = global ? 1 : 3;
  uint64_t offset = 16 + 8 * (3 + prefix);
  const Page* page = heap_.pages().page_of(dictionary - 1);
  uint64_t hole = global ? heap_.root("the_hole_value", page != nullptr ? page->isolate : 0) : 0;
  for (uint32_t i = 0; i < capacity; ++i, offset += 8 * entry_words) {
    if (!heap_.pages().object_bytes(dictionary - 1, offset, 8)) return;
    uint64_t key = field(dictionary, offset);
    const MapInfo* key_map = map_of(key);
    if (!key_map) continue;
    Property property;
    uint64_t details = 0;
    if (global) {
      // PropertyCell: name 8, details 16, value 24; in 7.4 details come before the name. Free entries are undefined, an
      // Oddball with a string in the same place; entries of deleted properties, and cells that were cleared, hold the
      // hole.
      if (key_map->type != heap_.types().property_cell) continue;
      bool name_first = is_heap_object(field(key, 8));
      property.key = field(key, name_first ? 8 : 16);
      property.value = field(key, 24);
      details = field(key, name_first ? 16 : 8);
      const MapInfo* name_map = map_of(property.key);
      if (!name_map || (name_map->category != Category::kString && name_map->category != Category::kSymbol)) continue;
      if (property.value == hole) continue;
    } else {
      if (key_map->category != Category::kString && key_map->category != Category::kSymbol) continue;
      property.key = key;
      property.value = field(dictionary, offset + 8);
      details = field(dictionary, offset + 16);
    }
    property.details = static_cast<uint32_t>(smi_value(details));
    property.accessor = (property.details & heap_.layout().property.kind_mask) != 0;
    property.enumerable = (property.details & heap_.layout().property.dont_enum_mask) == 0;
    if (!visit(property)) return;
  }
}

void ObjectReader::for_each_property(uint64_t object, const std::function<bool(const Property&)>& visit) const {
  const MapInfo* map = map_of(object);
  if (!map || !map->has_properties) return;
  if (is_dictionary_map(*map)) {
    uint64_t dictionary = field(object, 8);
    const MapInfo* dictionary_map = map_of(dictionary);
    bool global = dictionary_map && dictionary_map->type == heap_.types().global_dictionary &&
                  heap_.types().global_dictionary != heap_.types().name_dictionary;
    for_each_dictionary_entry(dictionary, global, visit);
    return;
  }
  uint32_t count = own_descriptors(*map);
  for (uint32_t i = 0; i < count; ++i) {
    if (!visit(fast_property(object, *map, i))) return;
  }
}

std::optional<uint64_t> ObjectReader::own_data_property(uint64_t object, uint64_t key) const {
  const MapInfo* map = map_of(object);
  if (!map || !map->has_properties) return std::nullopt;
  if (!is_dictionary_map(*map)) {
    uint32_t count = own_descriptors(*map);
    for (uint32_t i = 0; i < count; ++i) {
      if (descriptor_key(*map, i) != key) continue;
      Property property = fast_property(object, *map, i);
      if (property.accessor || property.raw_double) return std::nullopt;
      return property.value;
    }
    return std::nullopt;
  }
  std::optional<uint64_t> value;
  for_each_property(object, [&](const Property& property) {
    if (property.key != key) return true;
    if (!property.accessor) value = property.value;
    return false;
  });
  return value;
}

bool ObjectReader::has_own_property(uint64_t object, uint64_t key) const {
  bool found = false;
  for_each_property(object, [&](const Property& property) {
    found = property.key == key;
    return !found;
  });
  return found;
}

std::string ObjectReader::function_name(uint64_t function) const {
  return shared_name(field(function, heap_.layout().js_function_shared));
}

std::string ObjectReader::shared_name(uint64_t shared) const {
  uint64_t name = field(shared, heap_.layout().shared_name_or_scope_info);
  const MapInfo* map = map_of(name);
  if (!map) return {};
  if (map->category == Category::kString) return string(name).value_or("");
  auto scope_info = ScopeInfo::read(*this, name);
  return scope_info ? scope_info->function_names().name : "";
}

std::string ObjectReader::function_debug_name(uint64_t function) const {
  return shared_debug_name(field(function, heap_.layout().js_function_shared));
}

std::string ObjectReader::shared_debug_name(uint64_t shared) const {
  std::string name = shared_name(shared);
  if (!name.empty()) return name;
  auto scope_info = ScopeInfo::read(*this, field(shared, heap_.layout().shared_name_or_scope_info));
  if (scope_info) return scope_info->function_names().inferred;
  // Not compiled yet: UncompiledData::inferred_name at 8 (SharedFunctionInfo::function_data at 8 in all versions).
  return string(field(field(shared, 8), 8)).value_or("");
}

}  // namespace inquest::v8
