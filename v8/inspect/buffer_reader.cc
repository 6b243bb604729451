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
constexpr uint32_t kIsSharedBefore = 1u << 3;  ///< until 7.8 the bit behind it was IsWasmMemoryBit
constexpr V8Version kFlagsMoved{8, 0};
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
BufferReader::BufferReader(const ObjectReader& objects, const Constants& constants) : objects_(objects) {
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
}

Bytes BufferReader::array_buffer(uint64_t word) const {
  return {Address(objects_.field(word, store_)), objects_.field(word, length_)};
}

bool BufferReader::is_shared(uint64_t array_buffer) const {
  uint32_t bit = objects_.heap().layout().rules < kFlagsMoved ? kIsSharedBefore : kIsShared;
  return (static_cast<uint32_t>(objects_.field(array_buffer, flags_)) & bit) != 0;
}

Bytes BufferReader::view(uint64_t word, bool typed_array) const {
  uint64_t size = objects_.field(word, view_length_);
  if (!typed_array) {
    Bytes buffer = array_buffer(buffer_of(word));
    uint64_t offset = offset_of(word);
    if (offset > buffer.size || size > buffer.size - offset) return {};
    return {buffer.address + offset, size};
  }
  // Elements in the heap: `external` is then what must be added to the tagged base to reach the data.
  uint64_t base = objects_.field(word, base_), external = objects_.field(word, external_);
  if (data_in_elements_) {  // FixedTypedArrayBase: length 8, base pointer 16, external pointer 24
    uint64_t elements = objects_.field(word, 16);
    base = objects_.field(elements, 16);
    external = objects_.field(elements, 24);
  }
  return {Address(external + (is_heap_object(base) ? base : 0)), size};
}

std::optional<ElementType> BufferReader::element_type(uint64_t typed_array) const {
  uint64_t constructor_key = objects_.heap().root_near("constructor_string", typed_array);
  uint64_t object = typed_array;
  for (int i = 0; i < kMaxPrototypes; ++i) {
    const MapInfo* map = objects_.map_of(object);
    if (map == nullptr) break;
    object = objects_.field(map->map + 1, objects_.heap().layout().map.prototype);
    auto constructor = objects_.own_data_property(object, constructor_key);
    if (!constructor || !objects_.is_function(*constructor)) continue;
    if (auto type = element_type_of(objects_.function_name(*constructor))) return type;
  }
  return std::nullopt;
}

std::span<const std::byte> BufferReader::read(const Bytes& bytes, uint64_t from, uint64_t limit) const {
  if (from >= bytes.size) return {};
  uint64_t size = std::min(limit, bytes.size - from);
  if (const std::byte* own = objects_.heap().pages().bytes(bytes.address.value() + from, size)) return {own, size};
  return objects_.heap().target().memory().view(bytes.address + from, size);
}

}  // namespace inquest::v8
