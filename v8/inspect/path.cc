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

/// Whether a key of a Map is written like this: texts as they are, other primitives as JavaScript writes them.
bool is_key(const Value& key, std::string_view name) {
  const auto* text = std::get_if<std::string>(&key.value);
  switch (key.kind) {
    case ValueKind::kString: return text != nullptr && *text == name;
    case ValueKind::kNumber: {
      std::string number = number_text(std::get<double>(key.value));
      return number == name || (number == "-0" && name == "0");
    }
    case ValueKind::kBigInt: return text != nullptr && *text + "n" == name;
    case ValueKind::kSymbol: return text != nullptr && fmt::format("Symbol({})", *text) == name;
    case ValueKind::kBoolean: return name == (std::get<bool>(key.value) ? "true" : "false");
    case ValueKind::kNull: return name == "null";
    case ValueKind::kUndefined: return name == "undefined";
    default: return false;
  }
}

/// Of entries, the one with this index or, of a Map, with this key: a text rather than another value written alike.
const Value* find_entry(const Value& value, std::string_view name) {
  auto index = array_index(name);
  const Value* found = nullptr;
  for (const Entry& entry : value.elements) {
    if (entry.key.empty()) {
      if (index && entry.index == *index) return &entry.value;
      continue;
    }
    if (!is_key(entry.key[0], name)) continue;
    if (entry.key[0].kind == ValueKind::kString) return &entry.value;
    if (found == nullptr) found = &entry.value;
  }
  return found;
}

/// What JavaScript computes from the value when it is asked for, and no property keeps.
std::optional<Value> computed_length(const Value& value, std::string_view name) {
  if (!value.has_length) return std::nullopt;
  bool counted = value.kind == ValueKind::kMap || value.kind == ValueKind::kSet;
  bool bytes = value.kind == ValueKind::kArrayBuffer || value.kind == ValueKind::kSharedArrayBuffer ||
               value.kind == ValueKind::kDataView;
  if (name != (counted ? "size" : bytes ? "byteLength" : "length")) return std::nullopt;
  return number_value(static_cast<double>(value.length));
}

const Value* find_member(const Value& here, std::string_view name) {
  for (const NamedValue& member : here.properties) {
    if (is_called(member, name)) return &member.value;
  }
  if (const Value* entry = find_entry(here, name)) return entry;
  for (const NamedValue& member : here.internal) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

/// What V8 shows together though it is no object: the reactions of a promise.
bool has_members(const Value& value) {
  return !value.elements.empty() || !value.properties.empty() || !value.internal.empty();
}

}  // namespace

bool Inspector::is_wanted(const NamedValue& member) const { return !filters() || is_called(member, wanted_->name); }

bool Inspector::is_wanted_key(uint64_t key) {
  uint64_t before = values_;
  Value value = tree(key, 0);
  values_ = before;
  return is_key(value, wanted_->name);
}

std::pair<uint64_t, uint64_t> Inspector::wanted_range(uint64_t count) const {
  if (!filters()) return {0, count};
  if (!wanted_->index || *wanted_->index >= count) return {0, 0};
  return {*wanted_->index, *wanted_->index + 1};
}

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
  std::optional<Value> without_address;
  for (const std::string& name : path) {
    bool last = &name == &path.back();
    if (auto index = array_index(name); index && *index < kMany << 12 && !without_address) {
      if (auto element = array_element(word, *index)) {
        if (last) return inspect(*element, options);
        word = *element;
        continue;
      }
    }
    InspectOptions one_level;
    one_level.max_elements = one_level.max_properties = one_level.max_values = kMany;
    one_level.max_text = 1024;
    wanted_ = Wanted{name, array_index(name)};
    Value here = without_address ? std::move(*without_address) : inspect(word, one_level);
    wanted_.reset();
    without_address.reset();
    const Value* found = find_member(here, name);
    auto length = found == nullptr || found->kind == ValueKind::kNativeAccessor ? computed_length(here, name)
                                                                                : std::optional<Value>();
    if (length) found = &*length;
    if (found == nullptr) {
      return usage_error(fmt::format("{:#x} has no member '{}'", word, name),
                         "v8 inspect without --path shows what it has");
    }
    if (found->address.value() == 0) {
      if (last) return *found;
      if (has_members(*found)) {
        without_address = *found;
        continue;
      }
      return usage_error(fmt::format("'{}' is a plain value and has no members", name));
    }
    word = found->address.value();
  }
  return inspect(word, options);
}

}  // namespace inquest::v8
