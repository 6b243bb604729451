// WebAssembly objects (src/wasm/wasm-objects.tq) and namespaces of modules (src/objects/module.tq).
//
// Their fields move from version to version, and few versions name their types, so that fields are told by what they
// point to. What held on Node.js 12 to 26:
// * Memory: the first ArrayBuffer among its fields is its memory.
// * Table: the first FixedArray holds the entries; the Smi behind it (not in 12.x) is how many of them count. Functions
//   are JSFunctions or, from 10.x on, stand behind a WasmInternalFunction (from 12.x behind a WasmFuncRef too).
// * Global: an ArrayBuffer for numbers or a FixedArray for references, then the offset in it and the type as Smis.
// * Instance: the object of its exports is the one without a prototype.
// * Namespace: its properties are accessors; the module has a hash table from names to the Cells of its exports.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "v8/inspect/inspector.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kAfterHeader = 24;  ///< of a JSObject: map, properties, elements
constexpr uint64_t kMostFields = 128;  ///< an instance of 10.x has 60
constexpr uint64_t kHashTableEntries = 40;
constexpr uint64_t kMostExports = 1u << 20;
constexpr uint64_t kCellValue = 8, kScriptName = 16;

enum class WasmType : uint8_t { kI32, kI64, kF32, kF64 };

/// ValueType (src/wasm/value-type.h): a kind in the low five bits until 13.0, from 13.6 on (24.x) one in bits 8 to 15,
/// where i32 is 0x16. Nothing for references and vectors.
std::optional<WasmType> wasm_type(int32_t raw, bool numeric_bits) {
  int32_t kind = numeric_bits ? (raw >> 8 & 0xff) - 0x16 : (raw & 0x1f) - 1;
  if (kind < 0 || kind > 3) return std::nullopt;
  return static_cast<WasmType>(kind);
}

Value wasm_number(WasmType type, const std::byte* bytes) {
  auto load = [&]<class T>(T value) {
    std::memcpy(&value, bytes, sizeof value);
    return value;
  };
  switch (type) {
    case WasmType::kI32: return number_value(load(int32_t{}));
    case WasmType::kI64: return text_value(ValueKind::kBigInt, fmt::format("{}", load(int64_t{})));
    case WasmType::kF32: return number_value(load(float{}));
    case WasmType::kF64: return number_value(load(double{}));
  }
  return {};
}

uint64_t count_of(uint64_t word) {
  return is_smi(word) && smi_value(word) > 0 ? static_cast<uint64_t>(smi_value(word)) : 0;
}

}  // namespace

/// Constructors that V8 made, not a script: "Module" may be a class of Node.js.
bool Inspector::has_builtin_constructor(const MapInfo& map) const {
  uint64_t constructor = objects_.constructor_of_map(map);
  if (!objects_.is_function(constructor)) return false;
  return positions_.script_of(objects_.field(constructor, heap_.layout().js_function_shared)) == 0;
}

ValueKind Inspector::kind_by_name(uint64_t word, const MapInfo& map, std::string_view type) const {
  constexpr std::string_view kWebAssembly[] = {"Module", "Instance", "Memory", "Table", "Global", "Tag"};
  if (type == "Module" && module_of_namespace(word, map) != 0) return ValueKind::kModuleNamespace;
  bool wasm = std::ranges::find(kWebAssembly, type) != std::ranges::end(kWebAssembly);
  if (!wasm && type != "Arguments") return ValueKind::kObject;
  if (!has_builtin_constructor(map)) return ValueKind::kObject;
  return wasm ? ValueKind::kWebAssembly : ValueKind::kArguments;
}

/// Calls `visit` with each tagged word of the object behind its header until it returns true.
template <class Visit>
void Inspector::for_each_field(uint64_t word, const MapInfo& map, Visit visit) const {
  uint64_t end = std::min<uint64_t>(map.instance_size, kAfterHeader + 8 * kMostFields);
  for (uint64_t at = kAfterHeader; at + 8 <= end; at += 8) {
    if (visit(at, objects_.field(word, at))) return;
  }
}

uint64_t Inspector::module_of_namespace(uint64_t word, const MapInfo& map) const {
  uint64_t module = 0;
  for_each_field(word, map, [&](uint64_t, uint64_t field) {
    const MapInfo* field_map = objects_.map_of(field);
    if (field_map == nullptr) return false;
    const std::string& name = heap_.types()[field_map->type].name;
    if (name == "SourceTextModule" || name == "SyntheticModule" || name == "Module") module = field;
    return module != 0;
  });
  return module;
}

/// Cell of the export that is called like the tagged name `key`, or 0.
uint64_t Inspector::export_cell(uint64_t module, uint64_t key) const {
  const MapInfo* map = objects_.map_of(module);
  if (map == nullptr) return 0;
  for (uint64_t at = 8; at + 8 <= map->instance_size; at += 8) {
    uint64_t table = objects_.field(module, at);
    const MapInfo* table_map = objects_.map_of(table);
    if (table_map == nullptr || table_map->rule != SizeRule::kArray16) continue;
    uint64_t capacity = count_of(objects_.field(table, 32));
    if (!is_smi(objects_.field(table, 16)) || !is_smi(objects_.field(table, 24)) || capacity > kMostExports) continue;
    for (uint64_t i = 0; i < capacity; ++i) {
      if (!heap_.pages().object_bytes(table - 1, kHashTableEntries + 16 * i, 16)) break;
      if (objects_.field(table, kHashTableEntries + 16 * i) != key) continue;
      uint64_t cell = objects_.field(table, kHashTableEntries + 16 * i + 8);
      if (is_named(cell, "Cell")) return cell;
    }
  }
  return 0;
}

void Inspector::add_exports(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  uint64_t module = module_of_namespace(word, map);
  std::vector<ObjectReader::Property> found;
  objects_.for_each_property(word, [&](const ObjectReader::Property& property) {
    found.push_back(property);
    return true;
  });
  for (const ObjectReader::Property& property : found) {
    if (!property.accessor || module == 0) continue;
    uint64_t cell = export_cell(module, property.key);
    if (cell == 0) continue;
    std::string name = objects_.string(property.key).value_or("");
    for (NamedValue& member : value.properties) {
      if (member.name != name || member.symbol || member.value.kind != ValueKind::kNativeAccessor) continue;
      member.value = tree(objects_.field(cell, kCellValue), depth - 1);
    }
  }
}

/// The global object lies behind a proxy, so that it can be exchanged.
void Inspector::add_global(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  if (heap_.types()[map.type].name != "JSGlobalProxy") return;
  uint64_t global = objects_.field(map.map + 1, heap_.layout().map.prototype);
  const MapInfo* global_map = objects_.map_of(global);
  if (global_map == nullptr || global == word || kinds_.of(*global_map, global) != ValueKind::kGlobal) return;
  add_properties(global, *global_map, depth, value);
  add_elements(global, *global_map, depth, value);
}

uint64_t Inspector::first_field(uint64_t word, const MapInfo& map, ValueKind kind) const {
  uint64_t found = 0;
  for_each_field(word, map, [&](uint64_t, uint64_t field) {
    const MapInfo* field_map = objects_.map_of(field);
    if (field_map != nullptr && field_map->category == Category::kReceiver && kinds_.of(*field_map, field) == kind) {
      found = field;
    }
    return found != 0;
  });
  return found;
}

void Inspector::add_webassembly(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  if (value.type == "Memory") {
    uint64_t buffer = first_field(word, map, ValueKind::kArrayBuffer);
    if (buffer != 0) return internal(value, "buffer", buffer, depth);
    value.remark = "JavaScript has not asked for its buffer yet, and there is no ArrayBuffer";
  } else if (value.type == "Table") {
    add_wasm_table(word, map, depth, value);
  } else if (value.type == "Global") {
    add_wasm_global(word, map, depth, value);
  } else if (value.type == "Instance") {
    for_each_field(word, map, [&](uint64_t, uint64_t field) {
      const MapInfo* field_map = objects_.map_of(field);
      bool plain = field_map != nullptr && field_map->category == Category::kReceiver && field_map->has_properties &&
                   kinds_.of(*field_map, field) == ValueKind::kObject;
      if (!plain ||
          objects_.field(field_map->map + 1, heap_.layout().map.prototype) != heap_.root_near("null_value", field)) {
        return false;
      }
      internal(value, "exports", field, std::max(depth, 2u));
      return true;
    });
  } else if (value.type == "Module") {
    for_each_field(word, map, [&](uint64_t, uint64_t field) {
      if (!is_named(field, "Script")) return false;
      auto url = objects_.string(objects_.field(field, kScriptName));
      if (url) internal(value, "url", text_value(ValueKind::kString, *url));
      return true;
    });
  }
}

/// The function that an entry of a table stands for; the entry itself when none is found.
uint64_t Inspector::table_entry(uint64_t entry) const {
  uint64_t word = entry;
  for (int step = 0; step < 3; ++step) {
    const MapInfo* map = objects_.map_of(word);
    bool inner = map != nullptr && (is_named(word, "WasmFuncRef") || is_named(word, "WasmInternalFunction"));
    if (!inner) return entry;
    uint64_t next = 0;
    for (uint64_t at = 8; at + 8 <= std::min<uint64_t>(map->instance_size, 128); at += 8) {
      uint64_t field = objects_.field(word, at);
      if (objects_.is_function(field)) return field;
      if (next == 0 && field != word && is_named(field, "WasmInternalFunction")) next = field;
    }
    word = next;
  }
  return entry;
}

void Inspector::add_wasm_table(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  uint64_t entries = 0, count = 0;
  for_each_field(word, map, [&](uint64_t at, uint64_t field) {
    if (!is_named(field, "FixedArray")) return false;
    entries = field;
    count = count_of(objects_.field(field, 8));
    uint64_t current = at + 16 <= map.instance_size ? objects_.field(word, at + 8) : heap_.root("undefined_value");
    if (is_smi(current)) count = std::min(count, count_of(current));
    return true;
  });
  value.length = count;
  value.has_length = entries != 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (elements_full(value) || values_ > options_.max_values) {
      value.more_elements = count - i;
      return;
    }
    if (!heap_.pages().object_bytes(entries - 1, 16 + 8 * i, 8)) {
      value.remark = "not all of its entries are in the core";
      return;
    }
    Entry entry;
    entry.index = i;
    entry.value = tree(table_entry(objects_.field(entries, 16 + 8 * i)), depth - 1);
    if (is_named(entry.value.address.value(), "WasmNull")) {
      entry.value = {};
      entry.value.kind = ValueKind::kNull;
    }
    value.elements.push_back(std::move(entry));
  }
}

void Inspector::add_wasm_global(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  uint64_t store = 0, place = 0;
  for_each_field(word, map, [&](uint64_t at, uint64_t field) {
    const MapInfo* field_map = objects_.map_of(field);
    bool buffer = field_map != nullptr && field_map->category == Category::kReceiver &&
                  kinds_.of(*field_map, field) == ValueKind::kArrayBuffer;
    if (store == 0 && (buffer || is_named(field, "FixedArray"))) {
      store = field;
    } else if (store != 0 && is_smi(field)) {
      place = at;
    }
    return place != 0;
  });
  uint64_t offset_word = objects_.field(word, place), type_word = objects_.field(word, place + 8);
  if (place == 0 || place + 16 > map.instance_size || !is_smi(type_word) || smi_value(offset_word) < 0) {
    value.remark = "its value was not found";
    return;
  }
  auto offset = static_cast<uint64_t>(smi_value(offset_word));
  if (is_named(store, "FixedArray")) return internal(value, "value", objects_.field(store, 16 + 8 * offset), depth);
  bool numeric_bits = (smi_value(type_word) & ~0x1ff) != 0;
  auto type = wasm_type(smi_value(type_word), numeric_bits);
  auto bytes = buffers_.read(buffers_.array_buffer(store), offset, 8);
  if (bytes.size() < 8 && type && *type != WasmType::kI64 && *type != WasmType::kF64) {
    bytes = buffers_.read(buffers_.array_buffer(store), offset, 4);
  }
  uint64_t wanted = type && (*type == WasmType::kI64 || *type == WasmType::kF64) ? 8 : 4;
  if (!type || bytes.size() < wanted) {
    value.remark = type ? "its value is not in the core" : "a type of WebAssembly that is not shown";
    return;
  }
  internal(value, "value", wasm_number(*type, bytes.data()));
}

}  // namespace inquest::v8
