// ArrayBuffers and the views on them (src/objects/js-array-buffer.tq): where their bytes lie.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "postmortem/model/address.h"
#include "v8/frames/source_position.h"
#include "v8/layout/constants.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

struct Bytes {
  Address address;    ///< of the first byte, in native memory or in the heap
  uint64_t size = 0;  ///< bytes; 0 when detached
};

enum class ElementType : uint8_t {
  kInt8,
  kUint8,
  kUint8Clamped,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kFloat16,
  kFloat32,
  kFloat64,
  kBigInt64,
  kBigUint64
};

/// "Float64Array" and the like; nothing for other names.
std::optional<ElementType> element_type_of(std::string_view class_name);
uint64_t element_size(ElementType type);

class BufferReader {
 public:
  BufferReader(const SourcePositions& positions, const Constants& constants);

  Bytes array_buffer(uint64_t word) const;
  bool is_shared(uint64_t array_buffer) const;
  /// A JSTypedArray or JSDataView as JavaScript sees it: empty when its buffer was detached or has become too small,
  /// and as long as its buffer is now where it tracks that.
  Bytes view(uint64_t word, bool typed_array) const;
  uint64_t buffer_of(uint64_t view) const { return objects_.field(view, buffer_); }
  uint64_t offset_of(uint64_t view) const { return objects_.field(view, view_offset_); }

  /// The type of the elements: that of the typed array class of V8 it was made by, whatever its prototype is now.
  std::optional<ElementType> element_type(uint64_t typed_array) const;

  /// At most `limit` bytes from `from` on; shorter when the core does not have them.
  std::span<const std::byte> read(const Bytes& bytes, uint64_t from, uint64_t limit) const;

 private:
  uint32_t flags_of(uint64_t array_buffer) const;
  std::optional<uint64_t> growable_size(uint64_t array_buffer) const;
  bool tracks_length(uint64_t view) const;
  std::optional<ElementType> type_made_by(uint64_t function) const;
  std::optional<ElementType> type_by_elements_kind(const MapInfo& map) const;
  void learn_elements_kinds(uint64_t native_context) const;

  const SourcePositions& positions_;
  const ObjectReader& objects_;
  bool data_in_elements_;            ///< 7.4: the elements (FixedTypedArray) tell where the data are, not the view
  uint16_t length_, store_, flags_;  ///< in JSArrayBuffer
  uint16_t buffer_, view_offset_, view_length_, external_, base_;         ///< in views
  mutable std::array<std::optional<ElementType>, 256> by_elements_kind_;  ///< learnt from one realm
  mutable bool learnt_ = false;
  uint16_t view_flags_;  ///< 0: there are none, because no buffer can grow
};

}  // namespace inquest::v8
