#include "v8/inspect/buffer_reader.h"

#include <algorithm>
#include <utility>

namespace inquest::v8 {
namespace {

constexpr std::pair<std::string_view, ElementType> kClasses[] = {
    {"Int8Array", ElementType::kInt8},         {"Uint8Array", ElementType::kUint8},
    {"Int16Array", ElementType::kInt16},       {"Uint8ClampedArray", ElementType::kUint8Clamped},
    {"Uint16Array", ElementType::kUint16},     {"Int32Array", ElementType::kInt32},
    {"Uint32Array", ElementType::kUint32},     {"Float16Array", ElementType::kFloat16},
    {"Float32Array", ElementType::kFloat32},   {"Float64Array", ElementType::kFloat64},
    {"BigInt64Array", ElementType::kBigInt64}, {"BigUint64Array", ElementType::kBigUint64},
};
constexpr uint32_t kIsShared = 1u << 4;  ///< JSArrayBuffer::IsSharedBit, after external, detachable, was-detached, ...
constexpr uint32_t kIsResizable = 1u << 5;     ///< JSArrayBuffer::IsResizableByJsBit, of shared ones: growable
constexpr uint32_t kTracksLength = 1;          ///< JSArrayBufferView::IsLengthTrackingBit
constexpr uint32_t kIsSharedBefore = 1u << 3;  ///< in 7.8 the bit behind it is IsWasmMemoryBit
constexpr V8Version kFlagsMoved{7, 9};
constexpr int kMaxPrototypes = 64;

uint16_t or_else(std::optional<int> value, int other) {
  return static_cast<uint16_t>(value && *value >= 0 && *value < 256 ? *value : other);
}

}  // namespace

std::optional<ElementType> element_type_of(std::string_view class_name) {
  for (auto [name, type] : kClasses) {
    if (name == class_name) return type;
  }
  return std::nullopt;
}

uint64_t element_size(ElementType type) {
  switch (type) {
    case ElementType::kInt8:
    case ElementType::kUint8:
    case ElementType::kUint8Clamped: return 1;
    case ElementType::kInt16:
    case ElementType::kUint16:
    case ElementType::kFloat16: return 2;
    case ElementType::kInt32:
    case ElementType::kUint32:
    case ElementType::kFloat32: return 4;
    case ElementType::kFloat64:
    case ElementType::kBigInt64:
    case ElementType::kBigUint64: return 8;
  }
  return 1;
}

/// v8dbg names these offsets in all versions. What it leaves out follows: the buffer stands in front of the offset
/// (two words in front of it from 12.9 on, where a bit field lies between), the base pointer behind the external one,
/// the flags behind the extension, which follows the backing store from 8.x on.
BufferReader::BufferReader(const SourcePositions& positions, const Constants& constants)
    : positions_(positions), objects_(positions.objects()) {
  const ObjectReader& objects = objects_;
  bool old = objects.heap().layout().version < V8Version{8, 0};
  data_in_elements_ =
      objects.heap().layout().version < V8Version{7, 8} && !constants.field("JSTypedArray", "external_pointer");
  length_ = or_else(constants.field("JSArrayBuffer", "byte_length"), 24);
  store_ = or_else(constants.field("JSArrayBuffer", "backing_store"), 32);
  flags_ = static_cast<uint16_t>(store_ + (old ? 8 : 16));
  view_offset_ = or_else(constants.field("JSArrayBufferView", "byte_offset"), 32);
  view_length_ = or_else(constants.field("JSArrayBufferView", "byte_length"), view_offset_ + 8);
  buffer_ = static_cast<uint16_t>(view_offset_ - (view_offset_ >= 48 ? 16 : 8));
  external_ = or_else(constants.field("JSTypedArray", "external_pointer"), 56);
  base_ = or_else(constants.field("JSTypedArray", "base_pointer"), external_ + 8);
  // The flags follow the length (of a typed array there are two, in bytes and in elements) or, from 12.9 on, stand in
  // front of the offset.
  bool behind_length = external_ == view_length_ + 24;
  view_flags_ = static_cast<uint16_t>(view_offset_ >= 48 ? view_offset_ - 8 : behind_length ? view_length_ + 8 : 0);
}

uint32_t BufferReader::flags_of(uint64_t array_buffer) const {
  return static_cast<uint32_t>(objects_.field(array_buffer, flags_));
}

/// A growable SharedArrayBuffer has no length of its own, because other threads may make it longer: that is in the
/// BackingStore (src/objects/backing-store.h: start, length, greatest length), behind the ArrayBufferExtension, which
/// is told from other memory by what the buffer knows itself.
std::optional<uint64_t> BufferReader::growable_size(uint64_t array_buffer) const {
  constexpr uint64_t kWords = 4;
  const MemoryReader& memory = objects_.heap().target().memory();
  uint64_t start = objects_.field(array_buffer, store_), greatest = objects_.field(array_buffer, length_ + 8u);
  Address extension(objects_.field(array_buffer, store_ + 8u));
  for (uint64_t i = 0; i < kWords; ++i) {
    auto word = memory.read_u64(extension + 8 * i);
    if (!word || *word == 0 || (*word & kTagMask) != 0) continue;
    Address backing_store(*word);
    auto first = memory.read_u64(backing_store), size = memory.read_u64(backing_store + 8);
    auto limit = memory.read_u64(backing_store + 16);
    if (first && size && limit && *first == start && *limit == greatest && *size <= *limit) return *size;
  }
  return std::nullopt;
}

Bytes BufferReader::array_buffer(uint64_t word) const {
  Bytes bytes{Address(objects_.field(word, store_)), objects_.field(word, length_)};
  constexpr uint32_t kGrowable = kIsShared | kIsResizable;
  if (view_flags_ != 0 && bytes.size == 0 && (flags_of(word) & kGrowable) == kGrowable) {
    bytes.size = growable_size(word).value_or(0);
  }
  return bytes;
}

bool BufferReader::is_shared(uint64_t array_buffer) const {
  uint32_t bit = objects_.heap().layout().version < kFlagsMoved ? kIsSharedBefore : kIsShared;
  return (flags_of(array_buffer) & bit) != 0;
}

bool BufferReader::tracks_length(uint64_t view) const {
  return view_flags_ != 0 && (static_cast<uint32_t>(objects_.field(view, view_flags_)) & kTracksLength) != 0;
}

Bytes BufferReader::view(uint64_t word, bool typed_array) const {
  uint64_t size = objects_.field(word, view_length_);
  uint64_t base = objects_.field(word, base_), external = objects_.field(word, external_);
  if (typed_array && data_in_elements_) {  // FixedTypedArrayBase: length 8, base pointer 16, external pointer 24
    uint64_t elements = objects_.field(word, 16);
    base = objects_.field(elements, 16);
    external = objects_.field(elements, 24);
  }
  // Elements in the heap: `external` is then what must be added to the tagged base to reach the data. The buffer of
  // such an array knows nothing of them.
  if (typed_array && is_heap_object(base)) return {Address(external + base), size};
  Bytes buffer = array_buffer(buffer_of(word));
  uint64_t offset = offset_of(word);
  if (offset > buffer.size) return {};
  if (tracks_length(word)) {
    size = buffer.size - offset;
    auto type = typed_array ? element_type(word) : std::nullopt;
    if (type) size -= size % element_size(*type);
  }
  if (size > buffer.size - offset) return {};
  return {typed_array ? Address(external) : buffer.address + offset, size};
}

/// By a constructor of V8's own, or one of a class that extends it.
std::optional<ElementType> BufferReader::type_made_by(uint64_t function) const {
  for (int i = 0; i < kMaxPrototypes && objects_.is_function(function); ++i) {
    bool builtin = positions_.script_of(positions_.shared_of(function)) == 0;
    auto type = builtin ? element_type_of(objects_.function_name(function)) : std::nullopt;
    if (type) return type;
    const MapInfo* map = objects_.map_of(function);
    function = objects_.field(map->map + 1, objects_.heap().layout().map.prototype);
  }
  return std::nullopt;
}

std::optional<ElementType> BufferReader::element_type(uint64_t typed_array) const {
  const MapInfo* own = objects_.map_of(typed_array);
  if (own == nullptr) return std::nullopt;
  if (auto type = type_made_by(objects_.constructor_of_map(*own))) return type;
  // The constructor that the prototypes tell.
  uint64_t constructor_key = objects_.heap().root_near("constructor_string", typed_array);
  uint64_t object = typed_array;
  for (int i = 0; i < kMaxPrototypes; ++i) {
    const MapInfo* map = objects_.map_of(object);
    if (map == nullptr) break;
    object = objects_.field(map->map + 1, objects_.heap().layout().map.prototype);
    auto constructor = objects_.own_data_property(object, constructor_key);
    if (!constructor || !objects_.is_function(*constructor)) continue;
    if (auto type = type_made_by(*constructor)) return type;
  }
  return type_by_elements_kind(*own);
}

/// Objects that became prototypes have Object for a constructor (JSObject::OptimizeAsPrototype,
/// src/objects/js-objects.cc), whose context is the native one. There stand the typed array classes with their first
/// maps, which tell what each elements kind means: the numbers changed several times (src/objects/elements-kind.h).
std::optional<ElementType> BufferReader::type_by_elements_kind(const MapInfo& map) const {
  uint64_t function = objects_.constructor_of_map(map);
  if (!learnt_ && objects_.is_function(function)) {
    constexpr int kContextAfterShared = 8;
    learn_elements_kinds(objects_.field(function, objects_.heap().layout().js_function_shared + kContextAfterShared));
  }
  return by_elements_kind_[objects_.elements_kind(map)];
}

void BufferReader::learn_elements_kinds(uint64_t native_context) const {
  const MapInfo* context_map = objects_.map_of(native_context);
  if (context_map == nullptr) return;
  if (!objects_.heap().types()[context_map->type].name.ends_with("Context")) return;
  constexpr int64_t kMostSlots = 4096;
  uint64_t length = objects_.field(native_context, 8);
  int64_t slots = is_smi(length) ? std::min<int64_t>(smi_value(length), kMostSlots) : 0;
  for (int64_t i = 0; i < slots; ++i) {
    uint64_t function = objects_.field(native_context, 16 + 8 * static_cast<uint64_t>(i));
    bool builtin = objects_.is_function(function) && positions_.script_of(positions_.shared_of(function)) == 0;
    if (!builtin) continue;
    auto type = element_type_of(objects_.function_name(function));
    const MapInfo* function_map = objects_.map_of(function);
    if (!type || function_map == nullptr) continue;
    for (uint64_t at = 24; at + 8 <= function_map->instance_size; at += 8) {  // JSFunction::prototype_or_initial_map
      const MapInfo* first = objects_.map_info(objects_.field(function, at));
      bool is_map = first != nullptr && objects_.heap().types()[first->type].name == "JSTypedArray";
      if (is_map) by_elements_kind_[objects_.elements_kind(*first)] = type;
      learnt_ |= is_map;
    }
  }
}

std::span<const std::byte> BufferReader::read(const Bytes& bytes, uint64_t from, uint64_t limit) const {
  if (from >= bytes.size) return {};
  uint64_t size = std::min(limit, bytes.size - from);
  if (const std::byte* own = objects_.heap().pages().bytes(bytes.address.value() + from, size)) return {own, size};
  return objects_.heap().target().memory().view(bytes.address + from, size);
}

}  // namespace inquest::v8
