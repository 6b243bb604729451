#include "v8/inspect/inspector.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include "v8/inspect/big_integer.h"
#include "v8/objects/bigint.h"
#include "v8/objects/scope_info.h"
#include "v8/objects/shape.h"

namespace inquest::v8 {
namespace {
constexpr uint64_t kMaxName = 1024;          ///< UTF-16 units of a property's name
constexpr uint64_t kMaxBigIntDigits = 1024;  ///< of 64 bits
constexpr int kContextAfterShared = 8;
/// Surrogates that are no pair as U+FFFD.
std::u16string well_formed(std::u16string text) {
  auto is = [&](size_t i, char16_t first) { return i < text.size() && (text[i] & 0xfc00) == first; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (is(i, 0xd800) && is(i + 1, 0xdc00)) {
      ++i;
    } else if (is(i, 0xd800) || is(i, 0xdc00)) {
      text[i] = 0xfffd;
    }
  }
  return text;
}

}  // namespace

Value number_value(double number) {
  Value value;
  value.kind = ValueKind::kNumber;
  value.value = number;
  return value;
}

Value text_value(ValueKind kind, std::string text) {
  Value value;
  value.kind = kind;
  value.value = std::move(text);
  return value;
}

std::string_view to_string(ValueKind kind) {
  switch (kind) {
    case ValueKind::kUnreadable: return "unreadable";
    case ValueKind::kUndefined: return "undefined";
    case ValueKind::kNull: return "null";
    case ValueKind::kBoolean: return "boolean";
    case ValueKind::kNumber: return "number";
    case ValueKind::kBigInt: return "bigint";
    case ValueKind::kString: return "string";
    case ValueKind::kSymbol: return "symbol";
    case ValueKind::kHole: return "hole";
    case ValueKind::kAccessor: return "accessor";
    case ValueKind::kNativeAccessor: return "native-accessor";
    case ValueKind::kObject: return "object";
    case ValueKind::kArray: return "array";
    case ValueKind::kFunction: return "function";
    case ValueKind::kClass: return "class";
    case ValueKind::kBoundFunction: return "bound-function";
    case ValueKind::kMap: return "map";
    case ValueKind::kSet: return "set";
    case ValueKind::kWeakMap: return "weakmap";
    case ValueKind::kWeakSet: return "weakset";
    case ValueKind::kWeakRef: return "weakref";
    case ValueKind::kFinalizationRegistry: return "finalization-registry";
    case ValueKind::kIterator: return "iterator";
    case ValueKind::kPromise: return "promise";
    case ValueKind::kProxy: return "proxy";
    case ValueKind::kGenerator: return "generator";
    case ValueKind::kAsyncFunction: return "async-function";
    case ValueKind::kAsyncGenerator: return "async-generator";
    case ValueKind::kDate: return "date";
    case ValueKind::kRegExp: return "regexp";
    case ValueKind::kError: return "error";
    case ValueKind::kArguments: return "arguments";
    case ValueKind::kPrimitiveWrapper: return "primitive-wrapper";
    case ValueKind::kArrayBuffer: return "arraybuffer";
    case ValueKind::kSharedArrayBuffer: return "sharedarraybuffer";
    case ValueKind::kTypedArray: return "typedarray";
    case ValueKind::kDataView: return "dataview";
    case ValueKind::kModuleNamespace: return "module-namespace";
    case ValueKind::kGlobal: return "global";
    case ValueKind::kExternal: return "external";
    case ValueKind::kWebAssembly: return "webassembly";
    case ValueKind::kInternal: return "internal";
  }
  return "unreadable";
}

Inspector::Inspector(const Heap& heap)
    : heap_(heap),
      maps_(heap.new_map_cache()),
      objects_(heap, maps_),
      kinds_(objects_),
      positions_(objects_),
      buffers_(positions_, heap.constants()),
      context_offset_(static_cast<uint16_t>(heap.layout().js_function_shared + kContextAfterShared)) {
  for (const Isolate& isolate : heap.isolates()) names_.emplace_back(objects_, isolate.index);
}

const ConstructorNames& Inspector::names_for(uint64_t word) const {
  const Page* page = heap_.pages().page_of(word - 1);
  return names_[page && page->isolate < names_.size() ? page->isolate : 0];
}

bool Inspector::is_named(uint64_t word, std::string_view type) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && heap_.types()[map->type].name == type;
}

std::optional<double> Inspector::number(uint64_t word) const {
  if (is_smi(word)) return smi_value(word);
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr || map->category != Category::kNumber) return std::nullopt;
  return std::bit_cast<double>(objects_.field(word, 8));
}

Value Inspector::inspect(uint64_t word, const InspectOptions& options) {
  options_ = options;
  values_ = 0;
  above_.clear();
  return tree(word, options.depth);
}

Value Inspector::tree(uint64_t word, uint32_t depth) {
  ++values_;
  if (is_smi(word)) return number_value(smi_value(word));
  Value value;
  bool weak = (word & kTagMask) == kWeakTag;
  if (weak) word = word - kWeakTag + kHeapObjectTag;  // in V8's own arrays; a cleared one is no object
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr) {
    value.remark = is_heap_object(word) ? fmt::format("{:#x} is no object, or not in the core", word)
                                        : fmt::format("{:#x} is no tagged value", word);
    return value;
  }
  value.address = Address(word);
  value.kind = kinds_.of(*map, word);
  set_type(word, *map, value);
  set_primitive(word, value);
  if (map->category != Category::kReceiver && value.kind != ValueKind::kInternal) return value;
  set_summary(word, *map, value);
  if (std::ranges::find(above_, word) != above_.end()) {
    value.cycle = true;
    return value;
  }
  if (depth == 0 || values_ > options_.max_values) {
    value.brief = true;
    return value;
  }
  above_.push_back(word);
  add_members(word, *map, depth, value);
  above_.pop_back();
  return value;
}

std::string_view Inspector::plain_type(uint64_t word) {
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr) return {};
  if (map->index >= plain_.size()) plain_.resize(map->index + 1);
  std::optional<bool>& plain = plain_[map->index];
  if (!plain) plain = is_plain(word, *map);
  return *plain ? std::string_view(*type_names_[map->index]) : std::string_view();
}

/// Fields are looked at where V8 does not name the instance type, or names it as modules' namespaces are called.
bool Inspector::is_plain(uint64_t word, const MapInfo& map) {
  if (map.category != Category::kReceiver || heap_.types()[map.type].name.empty()) return false;
  if (names_for(word).depends_on_object(map)) return false;
  Value value;
  value.kind = kinds_.of(map, word);
  set_type(word, map, value);
  return value.kind == ValueKind::kObject && value.type != "Module" && !value.type.empty();
}

void Inspector::add_members(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  if (map.category != Category::kReceiver) return add_internal_object(word, map, depth, value);
  if (map.has_properties) {
    add_properties(word, map, depth, value);
    if (value.kind == ValueKind::kClass) add_static_private_members(word, depth, value);
    add_elements(word, map, depth, value);
  }
  add_internal(word, map, depth, value);
  if (options_.map) internal(value, "map", map.map + 1, 0);
}

void Inspector::set_type(uint64_t word, const MapInfo& map, Value& value) {
  if (map.category == Category::kReceiver) {
    value.type = type_name(word, map);
    if (value.kind == ValueKind::kObject) value.kind = kind_by_name(word, map, value.type);
    if (value.kind == ValueKind::kWeakMap && value.type == "WeakSet") value.kind = ValueKind::kWeakSet;
    if (value.kind == ValueKind::kArrayBuffer && buffers_.is_shared(word)) value.kind = ValueKind::kSharedArrayBuffer;
  } else if (value.kind == ValueKind::kInternal) {
    value.type = heap_.types()[map.type].name;
    if (value.type.empty()) value.type = fmt::format("type {}", map.type);
  }
}

void Inspector::set_primitive(uint64_t word, Value& value) {
  switch (value.kind) {
    case ValueKind::kNumber: value.value = std::bit_cast<double>(objects_.field(word, 8)); break;
    case ValueKind::kBoolean: value.value = heap_.root_near("true_value", word) == word; break;
    case ValueKind::kString: {
      value.length = objects_.string_length(word).value_or(0);
      value.has_length = true;
      value.text_cut = value.length > options_.max_text;
      value.value = objects_.string(word, options_.max_text).value_or("");
      break;
    }
    case ValueKind::kSymbol: {
      uint64_t description = objects_.field(word, 16);  // Symbol::description, v8dbg Symbol::name
      value.value = objects_.string(description, std::max<uint64_t>(options_.max_text, kMaxName)).value_or("");
      break;
    }
    case ValueKind::kBigInt: {
      BigInt bigint = read_bigint(objects_, word, kMaxBigIntDigits);
      if (bigint.count > kMaxBigIntDigits)
        value.remark = fmt::format("{} bits, of which the highest are not shown", bigint.count * 64);
      value.value = decimal(std::move(bigint.digits), bigint.negative);
      break;
    }
    default: break;
  }
}

/// What `name` is, where it is no getter: JSFunction::GetDebugName. Else the name in the source.
std::string Inspector::function_name(uint64_t word) const {
  auto own = objects_.own_data_property(word, heap_.root_near("name_string", word));
  if (own && objects_.is_string(*own)) return objects_.string(*own, kMaxName).value_or("");
  std::string name = objects_.function_name(word);
  return name.empty() && is_dynamic(word) ? "anonymous" : name;
}

/// Constructor names; most follow from the map alone.
std::string Inspector::type_name(uint64_t word, const MapInfo& map) {
  const ConstructorNames& names = names_for(word);
  if (map.index >= type_names_.size()) type_names_.resize(map.index + 1);
  std::optional<std::string>& known = type_names_[map.index];
  if (known) return *known;
  std::string name = names.name(map, word);
  if (!names.depends_on_object(map)) known = name;
  return name;
}

/// What is said of an object in one line.
void Inspector::set_summary(uint64_t word, const MapInfo& map, Value& value) {
  auto has_length = [&](uint64_t length) {
    value.length = length;
    value.has_length = true;
  };
  switch (value.kind) {
    case ValueKind::kArray: has_length(element_count(objects_, map, word)); break;
    case ValueKind::kMap:
    case ValueKind::kSet: has_length(collection_size(word)); break;
    case ValueKind::kTypedArray:
    case ValueKind::kDataView:
    case ValueKind::kArrayBuffer:
    case ValueKind::kSharedArrayBuffer: return add_buffer_facts(word, value);
    case ValueKind::kDate: return add_date(word, value);
    case ValueKind::kGlobal:
      if (heap_.types()[map.type].name == "JSGlobalProxy") value.value = std::string("proxy");
      break;
    case ValueKind::kInternal:
      if (value.type == "Map") add_hidden_class(word, value);
      if (value.type == "ScopeInfo") {
        if (auto scope = ScopeInfo::read(objects_, word)) value.value = scope->function_names().name;
      }
      break;
    case ValueKind::kRegExp: value.value = regexp_text(word); break;
    case ValueKind::kExternal: value.value = pointer_text(external_pointer(word)); break;
    case ValueKind::kPromise: value.value = std::string(promise_state(word)); break;
    case ValueKind::kFunction:
    case ValueKind::kClass:
      value.value = function_name(word);
      set_place(word, value);
      break;
    default: break;
  }
}

/// What llnode tells of a hidden class.
void Inspector::add_hidden_class(uint64_t word, Value& value) {
  const MapInfo* map = objects_.map_info(word);
  if (map == nullptr) return;
  auto add = [&](const char* name, uint64_t number) {
    internal(value, name, number_value(static_cast<double>(number)));
  };
  add("own_descriptors", objects_.own_descriptors(*map));
  uint64_t words = map->instance_size / 8;
  if (map->category != Category::kReceiver) {
    add("constructor_index", map->inobject_start);
  } else {
    add("in_object_size", words > map->inobject_start ? words - map->inobject_start : 0);
  }
  add("instance_size", map->instance_size);
  uint64_t descriptors = objects_.field(word, heap_.layout().map.descriptors);
  internal(value, "descriptors", text_value(ValueKind::kExternal, fmt::format("{:#x}", descriptors)));
}

void Inspector::internal(Value& value, std::string name, uint64_t word, uint32_t depth) {
  internal(value, std::move(name), tree(word, depth > 0 ? depth - 1 : 0));
}

void Inspector::internal(Value& value, std::string name, Value inner) {
  NamedValue named;
  named.name = std::move(name);
  named.value = std::move(inner);
  value.internal.push_back(std::move(named));
}

std::optional<std::string> Inspector::bytes(uint64_t word) {
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr) return std::nullopt;
  ValueKind kind = kinds_.of(*map, word);
  if (kind == ValueKind::kString) {
    std::u16string text = objects_.utf16(word, objects_.string_length(word).value_or(0));
    return to_utf8(well_formed(std::move(text)));  // as Buffer.from has it
  }
  Bytes bytes;
  if (kind == ValueKind::kTypedArray || kind == ValueKind::kDataView) {
    bytes = buffers_.view(word, kind == ValueKind::kTypedArray);
  } else if (kind == ValueKind::kArrayBuffer || kind == ValueKind::kSharedArrayBuffer) {
    bytes = buffers_.array_buffer(word);
  } else {
    return std::nullopt;
  }
  std::string content;
  while (content.size() < bytes.size) {
    auto piece = buffers_.read(bytes, content.size(), bytes.size - content.size());
    if (piece.empty()) return std::nullopt;
    content.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  return content;
}

}  // namespace inquest::v8
