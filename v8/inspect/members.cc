// Named properties and indexed elements.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "v8/inspect/inspector.h"
#include "v8/objects/shape.h"

namespace inquest::v8 {
namespace {

// Symbol::flags (src/objects/name.h), a u32 at 12: bits until 14.1; in 14.6 the two lowest are a number instead.
constexpr uint32_t kPrivateBit = 1, kWellKnownBit = 2, kPrivateNameBit = 1u << 4;
constexpr uint32_t kKindMask = 3, kPrivateNameKind = 2, kPrivateBrandKind = 3;
constexpr int kDictionaryIndexShift = 8;  ///< PropertyDetails::DictionaryStorageField: 23 bits at 8
// FixedDoubleArray (src/common/globals.h): kHoleNanInt64, kUndefinedNanInt64.
constexpr uint64_t kHoleNan = 0xfff7fffffff7ffff;
constexpr uint64_t kUndefinedNan = 0xfff6fffffff6ffff;
constexpr uint64_t kNumberDictionaryPrefix = 1;
constexpr uint64_t kMaxMapped = 1u << 20;

Value of_kind(ValueKind kind) {
  Value value;
  value.kind = kind;
  return value;
}

bool holds_elements(ValueKind kind) {
  switch (kind) {
    case ValueKind::kMap:
    case ValueKind::kSet:
    case ValueKind::kWeakMap:
    case ValueKind::kWeakSet:
    case ValueKind::kArrayBuffer:
    case ValueKind::kSharedArrayBuffer:
    case ValueKind::kDataView:
    case ValueKind::kWebAssembly: return true;
    default: return false;
  }
}

}  // namespace

Value Inspector::property_value(const ObjectReader::Property& property, uint32_t depth) {
  if (property.raw_double) return number_value(std::bit_cast<double>(property.value));
  if (!property.accessor) return tree(property.value, depth);
  Value value = of_kind(ValueKind::kNativeAccessor);
  if (!is_named(property.value, "AccessorPair")) return value;
  value.kind = ValueKind::kAccessor;
  for (auto [name, offset] : {std::pair("get", 8), std::pair("set", 16)}) {
    uint64_t function = objects_.field(property.value, static_cast<uint64_t>(offset));
    const MapInfo* map = objects_.map_of(function);
    if (map != nullptr && map->category == Category::kReceiver) internal(value, name, function, 0);
  }
  return value;
}

/// Which of the two layouts it is, a well-known symbol tells.
Inspector::SymbolClass Inspector::symbol_class(uint64_t symbol) const {
  auto flags_of = [&](uint64_t word) { return static_cast<uint32_t>(objects_.field(word, 8) >> 32); };
  uint64_t known = heap_.root("is_concat_spreadable_symbol");
  bool has_bits = known == 0 || (flags_of(known) & kWellKnownBit) != 0;
  uint32_t flags = flags_of(symbol);
  if (has_bits) {
    if ((flags & kPrivateBit) == 0) return SymbolClass::kPublic;
    return (flags & kPrivateNameBit) != 0 ? SymbolClass::kPrivateName : SymbolClass::kOfV8;
  }
  uint32_t kind = flags & kKindMask;
  if (kind == 0) return SymbolClass::kPublic;
  return kind == kPrivateNameKind || kind == kPrivateBrandKind ? SymbolClass::kPrivateName : SymbolClass::kOfV8;
}

std::string Inspector::root_name_of(uint64_t word) const {
  const std::vector<std::string>& names = heap_.root_names().names();
  for (const Isolate& isolate : heap_.isolates()) {
    const std::vector<uint64_t>& values = isolate.roots.values;
    auto found = std::ranges::find(values, word);
    auto index = static_cast<size_t>(found - values.begin());
    if (found != values.end() && index < names.size()) return names[index];
  }
  return "private";
}

void Inspector::add_properties(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  std::vector<ObjectReader::Property> found;
  objects_.for_each_property(word, [&](const ObjectReader::Property& property) {
    found.push_back(property);
    return true;
  });
  if (objects_.is_dictionary_map(map) && !filters()) {
    std::ranges::stable_sort(found, {}, [](const ObjectReader::Property& property) {
      return property.details >> kDictionaryIndexShift & 0x7fffff;
    });
  }
  for (const ObjectReader::Property& property : found) {
    NamedValue named;
    named.hidden = !property.enumerable;
    const MapInfo* key = objects_.map_of(property.key);
    named.symbol = key != nullptr && key->category == Category::kSymbol;
    SymbolClass symbol = named.symbol ? symbol_class(property.key) : SymbolClass::kPublic;
    named.is_private = symbol == SymbolClass::kPrivateName;
    bool of_v8 = symbol == SymbolClass::kOfV8;
    if (named.is_private && is_private_brand(property)) {
      add_private_members(property.value, false, word, depth, value);
      continue;
    }
    named.name = key == nullptr ? "???"
                 : named.symbol ? objects_.string(objects_.field(property.key, 16)).value_or("")
                                : objects_.string(property.key).value_or("???");
    if (of_v8 && named.name.empty()) named.name = root_name_of(property.key);
    if (named.is_private || of_v8) named.symbol = false;
    if (!of_v8 && !is_wanted(named)) continue;
    if (!of_v8 && value.properties.size() >= options_.max_properties) {
      ++value.more_properties;
      continue;
    }
    if (values_ > options_.max_values) {
      ++value.more_properties;
      continue;
    }
    named.value = property_value(property, depth - 1);
    (of_v8 ? value.internal : value.properties).push_back(std::move(named));
  }
}

/// Where elements are what a value holds, properties of its own that are called by an index are shown by name: first,
/// as JavaScript has them.
void Inspector::add_elements(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  if (value.kind == ValueKind::kTypedArray) return;  // add_buffer_elements; it has no other elements
  if (!holds_elements(value.kind)) return add_element_store(word, map, depth, value);
  Value indexed = of_kind(ValueKind::kObject);
  add_element_store(word, map, depth, indexed);
  std::vector<NamedValue> named;
  for (Entry& entry : indexed.elements) {
    NamedValue& property = named.emplace_back();
    property.name = std::to_string(entry.index);
    property.value = std::move(entry.value);
    property.hidden = entry.hidden;
  }
  value.properties.insert(value.properties.begin(), std::move_iterator(named.begin()), std::move_iterator(named.end()));
  value.more_properties += indexed.more_elements;
}

void Inspector::add_element_store(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  uint64_t store = objects_.field(word, 16);
  const MapInfo* store_map = objects_.map_of(store);
  if (store_map == nullptr) return;
  const std::string& name = heap_.types()[store_map->type].name;
  if (name == "FixedDoubleArray") return add_double_store(store, element_count(objects_, map, word), value);
  if (name == "NumberDictionary") return add_numbered(number_dictionary(store), depth, value);
  if (name == "SloppyArgumentsElements" ||
      store_map->map + 1 == heap_.root_near("sloppy_arguments_elements_map", store)) {
    return add_sloppy_arguments(store, depth, value);
  }
  if (store_map->backing_store) add_array_store(store, element_count(objects_, map, word), depth, value);
}

void Inspector::add_array_store(uint64_t store, uint64_t count, uint32_t depth, Value& value) {
  uint64_t capacity = objects_.field(store, 8);
  uint64_t have = is_smi(capacity) && smi_value(capacity) > 0 ? static_cast<uint64_t>(smi_value(capacity)) : 0;
  bool array = value.kind == ValueKind::kArray;
  // Beyond an array's capacity there are holes; other objects have no length of their own, and holes behind the last.
  uint64_t limit = array ? count : std::min(count, have);
  uint64_t hole = heap_.root_near("the_hole_value", store);
  if (!array) {
    while (limit > 0 && objects_.field(store, 8 + 8 * limit) == hole) --limit;
  }
  auto [first, end] = wanted_range(limit);
  for (uint64_t i = first; i < end; ++i) {
    if (elements_full(value) || values_ > options_.max_values) {
      value.more_elements = limit - i;
      return;
    }
    uint64_t element = i < have ? objects_.field(store, 16 + 8 * i) : hole;
    if (element == hole && !array) continue;
    Entry entry;
    entry.index = i;
    entry.value = tree(element, depth - 1);
    value.elements.push_back(std::move(entry));
  }
}

void Inspector::add_double_store(uint64_t store, uint64_t count, Value& value) {
  auto [first, end] = wanted_range(count);
  for (uint64_t i = first; i < end; ++i) {
    if (elements_full(value) || values_ > options_.max_values) {
      value.more_elements = count - i;
      return;
    }
    ++values_;
    uint64_t bits =
        objects_.heap().pages().object_bytes(store - 1, 16 + 8 * i, 8) ? objects_.field(store, 16 + 8 * i) : kHoleNan;
    Entry entry;
    entry.index = i;
    entry.value = bits == kHoleNan        ? of_kind(ValueKind::kHole)
                  : bits == kUndefinedNan ? of_kind(ValueKind::kUndefined)
                                          : number_value(std::bit_cast<double>(bits));
    value.elements.push_back(std::move(entry));
  }
}

/// HashTable (src/objects/hash-table.h): three counters, the prefix, then key, value, details of each entry.
std::vector<Inspector::NumberedSlot> Inspector::number_dictionary(uint64_t store) const {
  std::vector<NumberedSlot> slots;
  uint64_t capacity = objects_.field(store, 32);
  if (!is_smi(capacity) || smi_value(capacity) < 0) return slots;
  uint64_t at = 16 + 8 * (3 + kNumberDictionaryPrefix);
  for (int64_t i = 0; i < smi_value(capacity); ++i, at += 24) {
    if (!heap_.pages().object_bytes(store - 1, at, 24)) break;
    auto key = number(objects_.field(store, at));
    if (!key || *key < 0 || *key > 4294967295.0) continue;
    NumberedSlot slot;
    slot.index = static_cast<uint64_t>(*key);
    slot.property.value = objects_.field(store, at + 8);
    slot.property.details = static_cast<uint32_t>(smi_value(objects_.field(store, at + 16)));
    slot.property.accessor = (slot.property.details & heap_.layout().property.kind_mask) != 0;
    slot.property.enumerable = (slot.property.details & heap_.layout().property.dont_enum_mask) == 0;
    slots.push_back(slot);
  }
  return slots;
}

void Inspector::add_numbered(std::vector<NumberedSlot> slots, uint32_t depth, Value& value) {
  std::ranges::sort(slots, {}, &NumberedSlot::index);
  for (const NumberedSlot& slot : slots) {
    if (filters() && wanted_->index != slot.index) continue;
    if (elements_full(value) || values_ > options_.max_values) {
      ++value.more_elements;
      continue;
    }
    Entry entry;
    entry.index = slot.index;
    entry.value = property_value(slot.property, depth - 1);
    entry.hidden = !slot.property.enumerable;
    value.elements.push_back(std::move(entry));
  }
}

/// Parameters that live in the function's context are mapped to its slots (src/objects/arguments.h): a FixedArray of
/// context, arguments, mappings until 8.x, with a struct's header since.
void Inspector::add_sloppy_arguments(uint64_t store, uint32_t depth, Value& value) {
  uint64_t length = objects_.field(store, 8);
  if (!is_smi(length) || smi_value(length) < 0) return;
  bool array = heap_.layout().rules < V8Version{8, 5};
  uint64_t context = objects_.field(store, 16), arguments = objects_.field(store, 24);
  uint64_t mapped = static_cast<uint64_t>(smi_value(length)) - (array && smi_value(length) >= 2 ? 2 : 0);
  uint64_t hole = heap_.root_near("the_hole_value", store);
  if (is_named(arguments, "NumberDictionary"))
    return add_slow_arguments(store, std::min(mapped, kMaxMapped), depth, value);
  uint64_t count_word = objects_.field(arguments, 8);
  uint64_t count = is_smi(count_word) && smi_value(count_word) > 0 ? static_cast<uint64_t>(smi_value(count_word)) : 0;
  count = std::min(std::max(count, mapped), kMaxMapped);
  auto [first, end] = wanted_range(count);
  for (uint64_t i = first; i < end; ++i) {
    if (elements_full(value)) {
      value.more_elements = count - i;
      return;
    }
    uint64_t slot = i < mapped ? objects_.field(store, 32 + 8 * i) : hole;
    uint64_t element = is_smi(slot) && slot != hole && i < mapped
                           ? objects_.field(context, 16 + 8 * static_cast<uint64_t>(smi_value(slot)))
                           : objects_.field(arguments, 16 + 8 * i);
    if (element == hole) continue;
    Entry entry;
    entry.index = i;
    entry.value = tree(element, depth - 1);
    value.elements.push_back(std::move(entry));
  }
}

/// Arguments of which one was deleted or redefined. What is still mapped and has attributes of its own is an
/// AliasedArgumentsEntry in the dictionary: a Smi, the slot of the context.
void Inspector::add_slow_arguments(uint64_t store, uint64_t mapped, uint32_t depth, Value& value) {
  uint64_t context = objects_.field(store, 16);
  auto in_context = [&](uint64_t slot) {
    return objects_.field(context, 16 + 8 * static_cast<uint64_t>(smi_value(slot)));
  };
  std::vector<NumberedSlot> slots;
  std::vector<bool> is_mapped(mapped);
  for (uint64_t i = 0; i < mapped; ++i) {
    uint64_t slot = objects_.field(store, 32 + 8 * i);
    if (!is_smi(slot) || smi_value(slot) < 0) continue;
    is_mapped[i] = true;
    slots.push_back({.index = i, .property = {.value = in_context(slot)}});
  }
  for (NumberedSlot& slot : number_dictionary(objects_.field(store, 24))) {
    if (slot.index < mapped && is_mapped[slot.index]) continue;
    uint64_t alias = slot.property.accessor ? 0 : slot.property.value;
    if (is_named(alias, "AliasedArgumentsEntry") && is_smi(objects_.field(alias, 8))) {
      slot.property.value = in_context(objects_.field(alias, 8));
    }
    slots.push_back(slot);
  }
  add_numbered(std::move(slots), depth, value);
}

}  // namespace inquest::v8
