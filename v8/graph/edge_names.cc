#include "v8/graph/edge_names.h"

#include <algorithm>

#include "v8/objects/shape.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kProperties = 8, kElements = 16, kAfterHeader = 24;
constexpr uint64_t kBoundArguments = 40, kRegisters = 72, kProxyTarget = 16;

/// A field that V8's snapshots name. Offsets are those of the .tq files, the same in all versions unless said.
struct Field {
  std::string_view type;
  uint16_t offset;
  std::string_view name;
};
constexpr Field kFields[] = {
    {"JSMap", 24, "table"},
    {"JSSet", 24, "table"},
    {"JSWeakMap", 24, "table"},
    {"JSWeakSet", 24, "table"},
    {"JSWeakRef", 24, "target"},
    {"JSPromise", 24, "reactions_or_result"},
    {"JSBoundFunction", 24, "bound_function"},
    {"JSBoundFunction", 32, "bound_this"},
    {"JSBoundFunction", 40, "bindings"},
    {"JSAsyncFunctionObject", 80, "promise"},
    {"JSAsyncGeneratorObject", 80, "queue"},
    {"JSGlobalProxy", 24, "native_context"},
    {"JSGlobalObject", 24, "native_context"},
    {"JSGlobalObject", 32, "global_proxy"},
    {"JSRegExp", 24, "data"},
    {"JSRegExp", 32, "source"},
    {"JSArray", 24, "length"},
    {"JSPrimitiveWrapper", 24, "value"},
    {"JSValue", 24, "value"},
    {"JSArrayIterator", 24, "iterated_object"},
    {"JSFinalizationRegistry", 24, "native_context"},
    {"JSFinalizationRegistry", 32, "cleanup"},
    {"Symbol", 16, "name"},
    {"Cell", 8, "value"},
    {"FeedbackCell", 8, "value"},
    {"PropertyCell", 8, "name"},
    {"PropertyCell", 24, "value"},
    {"PropertyCell", 32, "dependent_code"},
    {"GlobalPropertyCell", 8, "name"},  // its name where v8dbg has no type for it
    {"GlobalPropertyCell", 24, "value"},
    {"GlobalPropertyCell", 32, "dependent_code"},
    {"AccessorPair", 8, "getter"},
    {"AccessorPair", 16, "setter"},
    {"SharedFunctionInfo", 8, "function_data"},
    {"Script", 8, "source"},
    {"Script", 16, "name"},
    {"Script", 40, "context_data"},
    {"Script", 56, "line_ends"},
    {"AllocationSite", 8, "transition_info"},
    {"AllocationSite", 16, "nested_site"},
};

/// JSGeneratorObject, and async functions and generators, which begin like it.
constexpr Field kGeneratorFields[] = {{{}, 24, "function"},
                                      {{}, 32, "context"},
                                      {{}, 40, "receiver"},
                                      {{}, 48, "input_or_debug_pos"},
                                      {{}, kRegisters, "parameters_and_registers"}};

uint64_t count_of(uint64_t word) {
  return is_smi(word) && smi_value(word) > 0 ? static_cast<uint64_t>(smi_value(word)) : 0;
}

EdgeName internal(std::string_view name) { return {.kind = EdgeKind::kInternal, .name = std::string(name)}; }
EdgeName internal(uint64_t index) { return {.kind = EdgeKind::kInternal, .name = {}, .index = index}; }
EdgeName hidden(uint64_t offset) { return {.kind = EdgeKind::kHidden, .name = {}, .index = offset / 8}; }
EdgeName at_element(uint64_t index) { return {.kind = EdgeKind::kElement, .name = {}, .index = index}; }

}  // namespace

std::string_view to_string(EdgeKind kind) {
  switch (kind) {
    case EdgeKind::kProperty: return "property";
    case EdgeKind::kElement: return "element";
    case EdgeKind::kContext: return "context";
    case EdgeKind::kEntry: return "entry";
    case EdgeKind::kShortcut: return "shortcut";
    case EdgeKind::kInternal: return "internal";
    case EdgeKind::kHidden: return "hidden";
  }
  return "hidden";
}

EdgeNames::EdgeNames(const Heap& heap)
    : heap_(heap),
      maps_(heap.new_map_cache()),
      objects_(heap, maps_),
      walker_(heap.new_walker(maps_)),
      references_(heap),
      ordered_hash_map_(heap, "ordered_hash_map_map"),
      ordered_hash_set_(heap, "ordered_hash_set_map"),
      ephemeron_hash_table_(heap, "ephemeron_hash_table_map") {}

std::vector<EdgeNames::Slot> EdgeNames::slots(uint64_t holder, uint64_t target, size_t limit, uint64_t& more) {
  std::vector<Slot> found;
  const MapInfo* map = objects_.map_of(holder);
  const Page* page = map != nullptr ? heap_.pages().page_of(holder - 1) : nullptr;
  if (page == nullptr) return found;
  if (map->map + 1 == target && limit > 0) found.push_back({});
  uint64_t offset = holder - 1 - page->area_start.value();
  const std::byte* bytes = page->data + offset;
  uint64_t size = walker_.size(*map, bytes, page->area_size() - offset);
  references_.for_each(*map, bytes, size, [&](uint64_t at, uint64_t address, const Page&, Strength strength) {
    if (address + 1 != target) return;
    if (found.size() >= limit) {
      ++more;
      return;
    }
    if (strength == Strength::kEmbedded) strength = is_weak_in_code(target) ? Strength::kWeak : Strength::kStrong;
    found.push_back({at, strength});
  });
  return found;
}

bool EdgeNames::is_weak_in_code(uint64_t target) const {
  const TypeTable& types = heap_.types();
  const MapInfo* map = objects_.map_of(target);
  return map == nullptr || map->category == Category::kReceiver || map->type == types.map ||
         (map->type >= types.first_context && map->type <= types.last_context);
}

bool EdgeNames::is_named(uint64_t word, std::string_view type) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && heap_.types()[map->type].name == type;
}

bool EdgeNames::has_map(uint64_t word, uint64_t map_root) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && map->map + 1 == map_root;
}

bool EdgeNames::has_map(uint64_t word, const RootSet& maps) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && maps.contains(map->map + 1);
}

EdgeName EdgeNames::property(uint64_t key) const {
  EdgeName name{.kind = EdgeKind::kProperty, .name = {}};
  const MapInfo* map = objects_.map_of(key);
  name.symbol = map != nullptr && map->category == Category::kSymbol;
  name.name = objects_.string(name.symbol ? objects_.field(key, 16) : key).value_or("");
  return name;
}

EdgeName EdgeNames::of(uint64_t holder, uint64_t offset) {
  const MapInfo* map = objects_.map_of(holder);
  if (map == nullptr) return hidden(offset);
  if (offset == 0) return internal("map");
  switch (map->category) {
    case Category::kString:
      switch (map->type & 7) {
        case 1: return internal(offset == heap_.layout().string.first ? "first" : "second");
        case 3: return internal("parent");
        case 5: return internal("actual");
        default: return hidden(offset);
      }
    case Category::kReceiver: return of_receiver(holder, *map, offset);
    default: break;
  }
  if (map->rule == SizeRule::kContext || map->rule == SizeRule::kNativeContext) return of_context(holder, *map, offset);
  return of_internal(holder, *map, offset);
}

uint32_t EdgeNames::inobject_properties(const MapInfo& map) const {
  uint32_t words = map.instance_size / 8;
  return words > map.inobject_start ? words - map.inobject_start : 0;
}

std::optional<EdgeName> EdgeNames::field_property(const MapInfo& map, uint32_t field_index) const {
  const PropertyLayout& layout = heap_.layout().property;
  uint64_t descriptors = objects_.field(map.map + 1, heap_.layout().map.descriptors);
  uint32_t count = objects_.own_descriptors(map);
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t entry = heap_.layout().table.descriptor_array_header + 24ull * i;
    auto details = static_cast<uint32_t>(smi_value(objects_.field(descriptors, entry + 8)));
    if ((details & layout.location_mask) != 0) continue;
    if ((details & layout.index_mask) >> layout.index_shift == field_index)
      return property(objects_.field(descriptors, entry));
  }
  return std::nullopt;
}

EdgeName EdgeNames::of_receiver(uint64_t holder, const MapInfo& map, uint64_t offset) {
  const std::string& type = heap_.types()[map.type].name;
  if (map.has_properties) {
    if (offset == kProperties) return internal("properties");
    if (offset == kElements) return internal("elements");
    if (offset >= 8ull * map.inobject_start && !objects_.is_dictionary_map(map)) {
      auto name = field_property(map, static_cast<uint32_t>(offset / 8 - map.inobject_start));
      return name ? *name : hidden(offset);
    }
  }
  const Layout& layout = heap_.layout();
  if (map.type >= layout.first_js_function_type && map.type <= layout.last_js_function_type) {
    uint64_t shared = layout.js_function_shared;
    if (offset == shared) return internal("shared");
    if (offset == shared + 8) return internal("context");
    if (offset == shared + 16) return internal("feedback_cell");
    constexpr uint64_t kPrototypeOrInitialMap = 56, kCode = 48;
    if (offset == kPrototypeOrInitialMap) {
      const MapInfo* target = objects_.map_of(objects_.field(holder, offset));
      if (target != nullptr && target->type == heap_.types().map) return internal("initial_map");
      return {.kind = EdgeKind::kProperty, .name = "prototype"};
    }
    if (offset == kCode || offset < shared) return internal("code");
  }
  if (map.type == heap_.types().js_proxy) return internal(offset == kProxyTarget ? "target" : "handler");
  for (const Field& field : kFields) {
    if (field.offset == offset && field.type == type) return internal(field.name);
  }
  if (is_generator(holder, map)) {
    for (const Field& field : kGeneratorFields) {
      if (field.offset == offset) return internal(field.name);
    }
  }
  uint64_t table = objects_.field(holder, kAfterHeader);
  bool has_table =
      has_map(table, ordered_hash_map_) || has_map(table, ordered_hash_set_) || has_map(table, ephemeron_hash_table_);
  if (offset == kAfterHeader && has_table) return internal("table");  // not all versions name the types
  if (type.ends_with("ArrayBufferView") || type == "JSTypedArray" || type.ends_with("DataView")) {
    return internal("buffer");  // base_pointer and elements are the other tagged words; both are data
  }
  bool of_api = type.empty() || type == "JSObjectWithEmbedderSlots" || type.find("Api") != type.npos;
  if (of_api && offset >= kAfterHeader) return internal((offset - kAfterHeader) / 8);
  return hidden(offset);
}

/// Generators have no type in v8dbg_ constants of most versions. They hold their function first, and a Smi for their
/// state.
bool EdgeNames::is_generator(uint64_t word, const MapInfo& map) const {
  constexpr uint64_t kContinuation = 64;
  constexpr uint32_t kLeastBytes = 80;
  std::string_view type = heap_.types()[map.type].name;
  if (!type.empty() && type != "JSGeneratorObject" && type != "JSAsyncFunctionObject" &&
      type != "JSAsyncGeneratorObject")
    return false;
  return map.category == Category::kReceiver && map.instance_size >= kLeastBytes &&
         objects_.is_function(objects_.field(word, kAfterHeader)) && is_smi(objects_.field(word, kContinuation));
}

/// All contexts of a scope have the same slots.
const ContextSlots& EdgeNames::context_slots_of(uint64_t context) {
  auto [entry, fresh] = scope_slots_.try_emplace(objects_.field(context, 16));
  if (fresh) entry->second = context_slots(objects_, context);
  return entry->second;
}

EdgeName EdgeNames::of_context(uint64_t holder, const MapInfo& map, uint64_t offset) {
  if (offset == 16) return internal("scope_info");
  if (offset == 24) return internal("previous");
  uint64_t index = offset / 8 - 2;
  if (map.rule == SizeRule::kNativeContext) return internal(index);
  const ContextSlots& slots = context_slots_of(holder);
  if (index < slots.first) return internal("extension");
  if (index - slots.first >= slots.names.size()) return internal(index);
  return {.kind = EdgeKind::kContext, .name = slots.names[index - slots.first]};
}

EdgeName EdgeNames::of_internal(uint64_t holder, const MapInfo& map, uint64_t offset) {
  const std::string& type = heap_.types()[map.type].name;
  const Layout& layout = heap_.layout();
  if (map.type == heap_.types().map) {
    if (offset == layout.map.prototype) return internal("prototype");
    if (offset == layout.map.descriptors) return internal("descriptors");
    if (offset == layout.map.constructor) {
      const MapInfo* target = objects_.map_of(objects_.field(holder, offset));
      return internal(target != nullptr && target->type == map.type ? "back_pointer" : "constructor");
    }
    if (offset == 64) return internal("transitions");  // Map::transitions_or_prototype_info, the last word
    return hidden(offset);
  }
  if (map.type == heap_.types().shared_function_info) {
    if (offset == layout.shared_name_or_scope_info) return internal("name_or_scope_info");
  }
  for (const Field& field : kFields) {
    if (field.offset == offset && field.type == type) return internal(field.name);
  }
  switch (map.rule) {
    case SizeRule::kArray16:
    case SizeRule::kPropertyArray: return internal(offset / 8 - 2);
    case SizeRule::kArray24: return internal(offset / 8 - 3);
    case SizeRule::kArray32: return internal(offset / 8 - 4);
    case SizeRule::kArray40: return internal(offset / 8 - 5);
    case SizeRule::kDescriptorArray: {
      uint64_t header = layout.table.descriptor_array_header;
      return offset < header ? internal("enum_cache") : internal((offset - header) / 8);
    }
    default: return hidden(offset);
  }
}

std::optional<EdgeName> EdgeNames::descriptor_value(uint64_t descriptors, uint64_t offset, uint64_t& index) const {
  uint64_t header = heap_.layout().table.descriptor_array_header;
  if (offset < header || (offset - header) % 24 != 16) return std::nullopt;
  index = (offset - header) / 24;
  auto details = static_cast<uint32_t>(smi_value(objects_.field(descriptors, offset - 8)));
  // Of a field this is the type that its values had so far.
  if ((details & heap_.layout().property.location_mask) == 0) return std::nullopt;
  return property(objects_.field(descriptors, offset - 16));
}

std::optional<EdgeName> EdgeNames::through(uint64_t owner, uint64_t owner_offset, uint64_t store, uint64_t offset) {
  const MapInfo* map = objects_.map_of(owner);
  const MapInfo* store_map = objects_.map_of(store);
  if (map == nullptr || store_map == nullptr || map->category != Category::kReceiver) return std::nullopt;
  const std::string& type = heap_.types()[map->type].name;
  if (map->has_properties && owner_offset == kElements) return element(owner, store, offset);
  if (map->has_properties && owner_offset == kProperties) {
    if (is_named(store, "PropertyArray")) {
      if (offset < 16) return std::nullopt;
      return field_property(*map, inobject_properties(*map) + static_cast<uint32_t>(offset / 8 - 2));
    }
    return dictionary_property(store, offset);
  }
  if (owner_offset == kAfterHeader) {
    if (has_map(store, ordered_hash_map_) || has_map(store, ordered_hash_set_)) {
      return type.ends_with("Iterator") ? std::nullopt : collection_entry(store, offset);
    }
    if (has_map(store, ephemeron_hash_table_)) return ephemeron_entry(store, offset);
  }
  if (map->type == heap_.types().js_bound_function && owner_offset == kBoundArguments && offset >= 16) {
    return EdgeName{.kind = EdgeKind::kShortcut, .name = "bound_argument_" + std::to_string(offset / 8 - 2)};
  }
  if (owner_offset == kRegisters && offset >= 16 && is_generator(owner, *map))
    return EdgeName{.kind = EdgeKind::kInternal, .name = "register " + std::to_string(offset / 8 - 2)};
  return std::nullopt;
}

std::optional<EdgeName> EdgeNames::element(uint64_t owner, uint64_t store, uint64_t offset) const {
  if (is_named(store, "NumberDictionary")) {
    // HashTable: length, three counters, one word of prefix, then key, value, details.
    constexpr uint64_t kEntries = 16 + 8 * (3 + 1);
    if (offset < kEntries || (offset - kEntries) % 24 != 8) return std::nullopt;
    uint64_t key = objects_.field(store, offset - 8);
    if (is_smi(key)) return at_element(static_cast<uint32_t>(smi_value(key)));
    double number = 0;
    uint64_t bits = objects_.field(key, 8);
    std::memcpy(&number, &bits, sizeof number);
    return at_element(number >= 0 && number < 4294967296.0 ? static_cast<uint64_t>(number) : 0);
  }
  const MapInfo* map = objects_.map_of(store);
  const MapInfo* owner_map = objects_.map_of(owner);
  if (map == nullptr || owner_map == nullptr || map->rule != SizeRule::kArray16 || offset < 16) return std::nullopt;
  uint64_t index = offset / 8 - 2;
  bool array = owner_map->type == heap_.types().js_array;
  if (array && index >= element_count(objects_, *owner_map, owner)) return std::nullopt;  // behind its end
  return at_element(index);
}

std::optional<EdgeName> EdgeNames::dictionary_property(uint64_t store, uint64_t offset) const {
  if (!is_named(store, "NameDictionary") && !has_map(store, heap_.root_near("name_dictionary_map", store)))
    return std::nullopt;
  uint64_t entries = 16 + 8 * (3 + uint64_t{heap_.layout().name_dictionary_prefix});
  if (offset < entries || (offset - entries) % 24 != 8) return std::nullopt;
  uint64_t key = objects_.field(store, offset - 8);
  const MapInfo* map = objects_.map_of(key);
  if (map == nullptr || (map->category != Category::kString && map->category != Category::kSymbol)) return std::nullopt;
  return property(key);
}

std::optional<EdgeName> EdgeNames::collection_entry(uint64_t store, uint64_t offset) const {
  bool pairs = has_map(store, ordered_hash_map_);
  uint64_t entries = 40 + 8 * count_of(objects_.field(store, 32)), size = pairs ? 24 : 16;
  if (offset < entries) return std::nullopt;
  uint64_t part = (offset - entries) % size;
  if (part == size - 8) return std::nullopt;  // the next entry of the same bucket
  if (!pairs) return EdgeName{.kind = EdgeKind::kEntry, .name = "member"};
  if (part == 0) return EdgeName{.kind = EdgeKind::kEntry, .name = "key"};
  return EdgeName{.kind = EdgeKind::kEntry, .name = "value", .key = objects_.field(store, offset - 8)};
}

std::optional<EdgeName> EdgeNames::ephemeron_entry(uint64_t store, uint64_t offset) const {
  constexpr uint64_t kEntries = 40;
  if (offset < kEntries) return std::nullopt;
  if ((offset - kEntries) % 16 == 0) return EdgeName{.kind = EdgeKind::kEntry, .name = "key", .weak = true};
  return EdgeName{.kind = EdgeKind::kEntry, .name = "value", .key = objects_.field(store, offset - 8), .weak = true};
}

}  // namespace inquest::v8
