// Walking from a value to one of its members by name.
#include <fmt/format.h>

#include <bit>

#include "v8/inspect/inspector.h"
#include "v8/inspect/numbers.h"
#include "v8/objects/context_locals.h"

namespace inquest::v8 {
namespace {

bool is_called(const NamedValue& member, std::string_view name) {
  return member.name == name || (member.symbol && fmt::format("Symbol({})", member.name) == name);
}

/// Of entries, the one with this index or, of a Map, with this string or number as its key.
const Value* find_entry(const Value& value, std::string_view name) {
  auto index = array_index(name);
  for (const Entry& entry : value.elements) {
    if (entry.key.empty()) {
      if (index && entry.index == *index) return &entry.value;
      continue;
    }
    const Value& key = entry.key[0];
    const auto* text = std::get_if<std::string>(&key.value);
    const auto* number = std::get_if<double>(&key.value);
    if (key.kind == ValueKind::kString && text != nullptr && *text == name) return &entry.value;
    if (number != nullptr && index && *number == static_cast<double>(*index)) return &entry.value;
  }
  return nullptr;
}

}  // namespace

/// Elements of plain arrays are read by themselves: a million values need not be made for one.
std::optional<uint64_t> Inspector::array_element(uint64_t word, uint64_t index) const {
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr || map->type != heap_.types().js_array) return std::nullopt;
  uint64_t store = objects_.field(word, 16);
  const MapInfo* store_map = objects_.map_of(store);
  if (store_map == nullptr || heap_.types()[store_map->type].name != "FixedArray") return std::nullopt;
  if (!heap_.pages().object_bytes(store - 1, 16 + 8 * index, 8)) return std::nullopt;
  uint64_t length = objects_.field(store, 8);
  if (!is_smi(length) || smi_value(length) < 0 || index >= static_cast<uint64_t>(smi_value(length)))
    return std::nullopt;
  return objects_.field(store, 16 + 8 * index);
}

/// The members of each step are read one level deep and hardly limited; only then is the next step known.
Result<Value> Inspector::inspect(uint64_t word, std::span<const std::string> path, const InspectOptions& options) {
  constexpr uint64_t kMany = 1u << 20;
  // An address without its tag, as V8's own printers and debuggers show it.
  if ((word & kTagMask) == 0 && objects_.map_of(word + kHeapObjectTag) != nullptr) word += kHeapObjectTag;
  for (const std::string& name : path) {
    bool last = &name == &path.back();
    if (auto index = array_index(name); index && *index < kMany << 12) {
      if (auto element = array_element(word, *index)) {
        if (last) return inspect(*element, options);
        word = *element;
        continue;
      }
    }
    InspectOptions one_level;
    one_level.max_elements = one_level.max_properties = one_level.max_values = kMany;
    one_level.max_text = 1024;
    Value here = inspect(word, one_level);
    const Value* found = nullptr;
    for (const NamedValue& member : here.properties) {
      if (found == nullptr && is_called(member, name)) found = &member.value;
    }
    if (found == nullptr) found = find_entry(here, name);
    for (const NamedValue& member : here.internal) {
      if (found == nullptr && member.name == name) found = &member.value;
    }
    if (found == nullptr) {
      return usage_error(fmt::format("{:#x} has no member '{}'", word, name),
                         "v8 inspect without --path shows what it has");
    }
    if (found->address.value() == 0) {
      if (last) return *found;
      return usage_error(fmt::format("'{}' is a plain value and has no members", name));
    }
    word = found->address.value();
  }
  return inspect(word, options);
}

}  // namespace inquest::v8
