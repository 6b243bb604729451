// What the builtin classes keep behind their JSObject header. Offsets are those of the objects' .tq files
// (src/objects/js-*.tq, src/objects/ordered-hash-table.h), the same in V8 7.4 to 14.6 unless said.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "postmortem/model/demangle.h"
#include "v8/errors/error_reader.h"
#include "v8/inspect/inspector.h"
#include "v8/inspect/numbers.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kAfterHeader = 24;  ///< of a JSObject: map, properties, elements
constexpr uint64_t kMaxReactions = 1000;
constexpr uint64_t kMaxBytes = 4096;        ///< of a buffer, in hexadecimal
constexpr uint64_t kHashTableEntries = 40;  ///< map, length, three counters
/// JSDate::value was a tagged number before.
constexpr V8Version kRawDate{12, 9};
constexpr V8Version kReactionHasContinuationData{12, 0};

uint64_t count_of(uint64_t word) {
  return is_smi(word) && smi_value(word) > 0 ? static_cast<uint64_t>(smi_value(word)) : 0;
}

/// The C++ class whose vtable `address` points into; empty when it is none, or has no symbol.
std::string class_of_vtable(const Target& target, Address address) {
  constexpr std::string_view kPrefix = "vtable for ";
  for (const Module& module : target.modules()) {
    if (address < module.start || address >= module.end || !module.symbols) continue;
    auto symbol = module.symbols->covering(module.link_time(address));
    if (!symbol || !symbol->name.starts_with("_ZTV")) continue;
    std::string name = demangle(symbol->name).value_or("");
    if (name.starts_with(kPrefix)) return name.substr(kPrefix.size());
  }
  return {};
}

Value element_value(ElementType type, const std::byte* bytes) {
  auto load = [&]<class T>(T value) {
    std::memcpy(&value, bytes, sizeof value);
    return value;
  };
  switch (type) {
    case ElementType::kInt8: return number_value(load(int8_t{}));
    case ElementType::kUint8:
    case ElementType::kUint8Clamped: return number_value(load(uint8_t{}));
    case ElementType::kInt16: return number_value(load(int16_t{}));
    case ElementType::kUint16: return number_value(load(uint16_t{}));
    case ElementType::kInt32: return number_value(load(int32_t{}));
    case ElementType::kUint32: return number_value(load(uint32_t{}));
    case ElementType::kFloat16: return number_value(half_float(load(uint16_t{})));
    case ElementType::kFloat32: return number_value(load(float{}));
    case ElementType::kFloat64: return number_value(load(double{}));
    case ElementType::kBigInt64: return text_value(ValueKind::kBigInt, fmt::format("{}", load(int64_t{})));
    case ElementType::kBigUint64: return text_value(ValueKind::kBigInt, fmt::format("{}", load(uint64_t{})));
  }
  return {};
}

}  // namespace

void Inspector::add_internal(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  switch (value.kind) {
    case ValueKind::kMap: return add_collection(word, true, depth, value);
    case ValueKind::kSet: return add_collection(word, false, depth, value);
    case ValueKind::kWeakMap: return add_weak_collection(word, true, depth, value);
    case ValueKind::kWeakSet: return add_weak_collection(word, false, depth, value);
    case ValueKind::kWeakRef: return internal(value, "target", objects_.field(word, 24), depth);
    case ValueKind::kFinalizationRegistry: return internal(value, "cleanup", objects_.field(word, 32), depth);
    case ValueKind::kPromise: return add_promise(word, depth, value);
    case ValueKind::kProxy:
      internal(value, "target", objects_.field(word, 16), depth);
      return internal(value, "handler", objects_.field(word, 24), depth);
    case ValueKind::kBoundFunction: {
      internal(value, "target", objects_.field(word, 24), depth);
      internal(value, "this", objects_.field(word, 32), depth);
      return internal(value, "arguments", objects_.field(word, 40), std::max(depth, 2u));
    }
    case ValueKind::kGenerator:
    case ValueKind::kAsyncFunction:
    case ValueKind::kAsyncGenerator: return add_generator(word, depth, value);
    case ValueKind::kPrimitiveWrapper: return internal(value, "value", objects_.field(word, 24), depth);
    case ValueKind::kTypedArray:
    case ValueKind::kDataView:
    case ValueKind::kArrayBuffer:
    case ValueKind::kSharedArrayBuffer: return add_buffer_elements(word, value);
    case ValueKind::kFunction:
    case ValueKind::kClass: return add_function(word, depth, value);
    case ValueKind::kError: return add_captured_stack(word, value);
    case ValueKind::kIterator: return internal(value, "iterated", objects_.field(word, 24), depth);
    case ValueKind::kModuleNamespace: return add_exports(word, map, depth, value);
    case ValueKind::kGlobal: return add_global(word, map, depth, value);
    case ValueKind::kWebAssembly: return add_webassembly(word, map, depth, value);
    case ValueKind::kObject: return add_internal_fields(word, map, value);
    default: return;
  }
}

/// What the program would have seen had it asked for `stack`.
void Inspector::add_captured_stack(uint64_t word, Value& value) {
  const Page* page = heap_.pages().page_of(word - 1);
  StackLines lines(positions_);
  ErrorObject error = ErrorReader(positions_, lines, page != nullptr ? page->isolate : 0).read(word);
  if (error.source != ErrorObject::Source::kCaptured) return;
  internal(value, "stack", text_value(ValueKind::kString, std::move(error.stack)));
  Value calls;
  calls.kind = ValueKind::kArray;
  for (const ErrorFrame& frame : error.frames) {
    Entry entry;
    entry.index = calls.elements.size();
    entry.value = tree(frame.function_word, 0);
    calls.elements.push_back(std::move(entry));
  }
  internal(value, "error stack", std::move(calls));
}

uint64_t Inspector::collection_size(uint64_t word) const {
  return count_of(objects_.field(objects_.field(word, kAfterHeader), 16));
}

/// OrderedHashTable: length, elements, deleted elements, buckets, heads of the buckets, entries in order of insertion.
void Inspector::add_collection(uint64_t word, bool pairs, uint32_t depth, Value& value) {
  uint64_t table = objects_.field(word, kAfterHeader);
  uint64_t present = count_of(objects_.field(table, 16));
  uint64_t used = present + count_of(objects_.field(table, 24));
  uint64_t at = 40 + 8 * count_of(objects_.field(table, 32));
  uint64_t size = pairs ? 24 : 16;  // key, (value,) next in the chain
  uint64_t hole = heap_.root_near("the_hole_value", table);
  uint64_t table_hole = heap_.root_near("hash_table_hole_value", table);
  uint64_t shown = 0;
  for (uint64_t i = 0; i < used && shown < present; ++i, at += size) {
    if (!heap_.pages().object_bytes(table - 1, at, size)) {
      value.remark = "not all entries are in the core";
      break;
    }
    uint64_t key = objects_.field(table, at);
    if (key == hole || (table_hole != 0 && key == table_hole)) continue;
    if (filters() && !(pairs ? is_wanted_key(key) : wanted_->index == shown)) {
      ++shown;
      continue;
    }
    if (elements_full(value) || values_ > options_.max_values) break;
    Entry entry;
    entry.index = shown++;
    if (pairs) entry.key.push_back(tree(key, depth - 1));
    entry.value = tree(pairs ? objects_.field(table, at + 8) : key, depth - 1);
    value.elements.push_back(std::move(entry));
  }
  value.more_elements = present - shown;
}

/// EphemeronHashTable: keys and values; the entries of collected keys are holes.
void Inspector::add_weak_collection(uint64_t word, bool pairs, uint32_t depth, Value& value) {
  uint64_t table = objects_.field(word, kAfterHeader);
  uint64_t capacity = count_of(objects_.field(table, 32));
  uint64_t at = kHashTableEntries;
  for (uint64_t i = 0; i < capacity; ++i, at += 16) {
    if (!heap_.pages().object_bytes(table - 1, at, 16)) break;
    const MapInfo* key = objects_.map_of(objects_.field(table, at));
    if (key == nullptr || (key->category != Category::kReceiver && key->category != Category::kSymbol)) continue;
    ++value.length;
    if (elements_full(value) || values_ > options_.max_values) {
      ++value.more_elements;
      continue;
    }
    Entry entry;
    entry.index = value.elements.size();
    Value key_value = tree(objects_.field(table, at), depth - 1);
    if (pairs) {
      entry.key.push_back(std::move(key_value));
      entry.value = tree(objects_.field(table, at + 8), depth - 1);
    } else {
      entry.value = std::move(key_value);
    }
    value.elements.push_back(std::move(entry));
  }
  value.has_length = true;
}

std::string_view Inspector::promise_state(uint64_t word) const {
  switch (smi_value(objects_.field(word, 32)) & 3) {
    case 0: return "pending";
    case 1: return "fulfilled";
    case 2: return "rejected";
    default: return "";
  }
}

void Inspector::add_promise(uint64_t word, uint32_t depth, Value& value) {
  uint64_t result = objects_.field(word, 24);
  if (promise_state(word) != "pending") return internal(value, "result", result, depth);
  uint64_t next_at = heap_.layout().rules < kReactionHasContinuationData ? 8 : 16;
  Value reactions;
  reactions.kind = ValueKind::kInternal;
  reactions.type = "PromiseReactions";
  reactions.has_length = true;
  uint64_t reaction = result;
  while (is_named(reaction, "PromiseReaction")) {
    if (++reactions.length > kMaxReactions) break;
    Value one;
    one.kind = ValueKind::kInternal;
    one.type = "PromiseReaction";
    one.address = Address(reaction);
    for (auto [name, offset] : {std::pair("fulfill", 16), std::pair("reject", 8), std::pair("promise", 24)}) {
      internal(one, name, objects_.field(reaction, next_at + static_cast<uint64_t>(offset)), 0);
    }
    if (elements_full(reactions)) {
      ++reactions.more_elements;
    } else {
      Entry entry;
      entry.index = reactions.elements.size();
      entry.value = std::move(one);
      reactions.elements.push_back(std::move(entry));
    }
    reaction = objects_.field(reaction, next_at);
  }
  internal(value, "reactions", std::move(reactions));
}

void Inspector::add_generator(uint64_t word, uint32_t depth, Value& value) {
  internal(value, "function", objects_.field(word, 24), 0);
  internal(value, "receiver", objects_.field(word, 40), 0);
  uint64_t continuation = objects_.field(word, 64);
  if (!is_smi(continuation)) return;
  // JSGeneratorObject::kGeneratorExecuting is -2, kGeneratorClosed -1; what is suspended has the number of a state.
  const char* state = smi_value(continuation) >= 0 ? "suspended" : smi_value(continuation) == -1 ? "closed" : "running";
  value.value = std::string(state);
  if (value.kind == ValueKind::kAsyncFunction) internal(value, "promise", objects_.field(word, 80), depth);
}

void Inspector::add_date(uint64_t word, Value& value) {
  uint64_t bits = objects_.field(word, 24);
  auto time = heap_.layout().rules < kRawDate ? number(bits) : std::optional(std::bit_cast<double>(bits));
  value.value = time ? iso_date(*time) : "";
  if (time) internal(value, "time", number_value(*time));
}

std::string Inspector::regexp_text(uint64_t word) const {
  // JSRegExp::Flags (src/regexp/regexp-flags.h); 64 is 'l', which only a command line flag allows.
  constexpr std::pair<uint32_t, char> kFlags[] = {{128, 'd'}, {1, 'g'},  {2, 'i'},   {64, 'l'}, {4, 'm'},
                                                  {32, 's'},  {16, 'u'}, {256, 'v'}, {8, 'y'}};
  std::string text = "/" + objects_.string(objects_.field(word, 32), 1 << 20).value_or("") + "/";
  uint64_t flags = objects_.field(word, 40);
  for (auto [bit, letter] : kFlags) {
    if (is_smi(flags) && (static_cast<uint32_t>(smi_value(flags)) & bit) != 0) text += letter;
  }
  return text;
}

void Inspector::add_buffer_facts(uint64_t word, Value& value) {
  bool typed = value.kind == ValueKind::kTypedArray, view = typed || value.kind == ValueKind::kDataView;
  Bytes bytes = view ? buffers_.view(word, typed) : buffers_.array_buffer(word);
  auto type = typed ? buffers_.element_type(word) : std::nullopt;
  value.length = bytes.size / (type ? element_size(*type) : 1);
  value.has_length = true;
  internal(value, "backing_store", text_value(ValueKind::kExternal, fmt::format("{:#x}", bytes.address.value())));
  internal(value, "byte_length", number_value(static_cast<double>(bytes.size)));
  if (view) internal(value, "byte_offset", number_value(static_cast<double>(buffers_.offset_of(word))));
}

void Inspector::add_buffer_elements(uint64_t word, Value& value) {
  bool typed = value.kind == ValueKind::kTypedArray, view = typed || value.kind == ValueKind::kDataView;
  Bytes bytes = view ? buffers_.view(word, typed) : buffers_.array_buffer(word);
  if (view) internal(value, "buffer", buffers_.buffer_of(word), 0);
  auto type = typed ? buffers_.element_type(word) : ElementType::kUint8;
  if (!type) value.remark = "the type of the elements is not known: shown as bytes";
  uint64_t size = type ? element_size(*type) : 1;
  uint64_t count = bytes.size / size;
  auto [first, end] = wanted_range(count);
  if (filters() && !wanted_->index) end = std::min(count, kMaxBytes);  // the bytes themselves may be meant
  uint64_t wanted = std::min(end - first, options_.max_elements);
  auto data = buffers_.read(bytes, first * size, wanted * size);
  std::string shown;
  for (uint64_t i = 0; i < std::min<uint64_t>({data.size(), options_.max_elements, kMaxBytes}); ++i) {
    shown += fmt::format("{}{:02x}", i == 0 ? "" : ", ", std::to_integer<unsigned>(data[i]));
  }
  Value hexadecimal = text_value(ValueKind::kExternal, std::move(shown));
  hexadecimal.text_cut = bytes.size > std::min<uint64_t>(options_.max_elements, kMaxBytes);
  internal(value, "bytes", std::move(hexadecimal));
  for (uint64_t i = 0; (i + 1) * size <= data.size() && values_ <= options_.max_values; ++i, ++values_) {
    Entry entry;
    entry.index = first + i;
    entry.value = element_value(type.value_or(ElementType::kUint8), data.data() + i * size);
    value.elements.push_back(std::move(entry));
  }
  value.more_elements = count - value.elements.size();
  if (data.size() < wanted * size) value.remark = "not all of its bytes are in the core";
}

/// A pointer to native memory, with the class of the C++ object there, where its vtable tells it.
std::string Inspector::pointer_text(uint64_t pointer) const {
  std::string text = fmt::format("{:#018x}", pointer);
  bool aligned = pointer != 0 && (pointer & kTagMask) == 0;
  auto vtable = aligned ? heap_.target().memory().read_u64(Address(pointer)) : std::nullopt;
  std::string name = vtable ? class_of_vtable(heap_.target(), Address(*vtable)) : "";
  return name.empty() ? text : text + " (" + name + ")";
}

/// What v8::External wraps: an embedder field with a Foreign (until 9.x, Factory::NewExternal in
/// src/heap/factory.cc), or the pointer itself (JSExternalObject::value, src/objects/js-objects.tq).
uint64_t Inspector::external_pointer(uint64_t word) const {
  uint64_t field = objects_.field(word, kAfterHeader);
  return is_named(field, "Foreign") ? objects_.field(field, 8) : field;
}

/// Objects made by C++ have words of its own between the header and the in-object properties: values of JavaScript
/// (v8::Object::SetInternalField), or pointers, as Node.js keeps one to the C++ object.
void Inspector::add_internal_fields(uint64_t word, const MapInfo& map, Value& value) {
  uint64_t first = kAfterHeader;
  uint64_t end = 8ull * map.inobject_start;
  const std::string& type = heap_.types()[map.type].name;
  bool of_api = type.empty() || type == "JSObjectWithEmbedderSlots" || type.find("Api") != type.npos;
  if (!of_api || end <= first || end > map.instance_size) return;
  for (uint64_t at = first; at < end; at += 8) {
    uint64_t field = objects_.field(word, at);
    std::string name = fmt::format("field {}", (at - first) / 8);
    if (is_heap_object(field) && objects_.map_of(field) != nullptr) {
      internal(value, std::move(name), field, 0);
    } else {
      internal(value, std::move(name), text_value(ValueKind::kExternal, pointer_text(field)));
    }
  }
}

void Inspector::add_slots(uint64_t word, uint64_t first, uint64_t count, uint32_t depth, Value& value) {
  auto [from, end] = wanted_range(count);
  for (uint64_t i = from; i < end; ++i) {
    if (elements_full(value) || values_ > options_.max_values) {
      value.more_elements = count - i;
      return;
    }
    if (!heap_.pages().object_bytes(word - 1, first + 8 * i, 8)) {
      value.remark = "the rest is not in the core";
      return;
    }
    Entry entry;
    entry.index = i;
    entry.value = tree(objects_.field(word, first + 8 * i), depth - 1);
    value.elements.push_back(std::move(entry));
  }
}

/// Objects of V8's own: arrays by element, contexts by variable, the rest word by word.
void Inspector::add_internal_object(uint64_t word, const MapInfo& map, uint32_t depth, Value& value) {
  if (value.type.ends_with("Context")) return add_context(word, depth, value);
  if (map.rule == SizeRule::kArray16 && map.body != Body::kData) {
    value.length = count_of(objects_.field(word, 8));
    value.has_length = true;
    return add_slots(word, 16, value.length, depth, value);
  }
  if (map.body == Body::kTagged && map.rule == SizeRule::kInstanceSize && map.instance_size > 8) {
    add_slots(word, 8, map.instance_size / 8 - 1, depth, value);
  }
}

}  // namespace inquest::v8
