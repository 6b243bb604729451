// Reading single objects: strings, properties, functions. Works on the heap's pages and, for external strings, on
// native memory. Nothing here trusts a length or an offset from the core.
#pragma once

#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "v8/heap/heap.h"

namespace inquest::v8 {

class ObjectReader {
 public:
  ObjectReader(const Heap& heap, MapCache& maps) : heap_(heap), maps_(maps) {}

  const Heap& heap() const { return heap_; }

  /// From now on words that point to objects that a collector had moved, but not yet updated (a core from the middle of
  /// a collection), are read where the object went.
  void follow_forwarding() { follows_ = true; }
  /// The word of the object now; `word` itself unless forwarding is followed and it was moved.
  uint64_t resolved(uint64_t word) const { return follows_ ? forwarded(word) : word; }

  /// The map of a tagged object, or nullptr when `word` is no object.
  const MapInfo* map_of(uint64_t word) const;
  /// What a tagged Map says; nullptr when `word` is none.
  const MapInfo* map_info(uint64_t word) const { return maps_.find(word); }
  /// The word at `offset` of a tagged object; 0 (Smi zero) when it cannot be read.
  uint64_t field(uint64_t word, uint64_t offset) const {
    if (follows_) word = forwarded(word);
    const std::byte* bytes = heap_.pages().object_bytes(word - 1, offset, 8);
    uint64_t value = 0;
    if (bytes) std::memcpy(&value, bytes, sizeof value);
    return value;
  }

  bool is_string(uint64_t word) const;
  /// The characters as `to_utf8` makes them, at most `limit` UTF-16 units; nothing for non-strings.
  std::optional<std::string> string(uint64_t word, size_t limit = 1024) const;
  /// The characters as they are, at most `limit` units; empty for non-strings.
  std::u16string utf16(uint64_t word, size_t limit) const;
  /// Length in UTF-16 units.
  std::optional<uint32_t> string_length(uint64_t word) const;

  bool is_function(uint64_t word) const;
  /// SharedFunctionInfo::Name of a JSFunction: "" when it has none.
  std::string function_name(uint64_t function) const;
  /// SharedFunctionInfo::DebugName: the name, else the name inferred from where the function was assigned.
  std::string function_debug_name(uint64_t function) const;
  /// The same of a SharedFunctionInfo.
  std::string shared_debug_name(uint64_t shared) const;

  /// Follows back pointers from a map to its constructor: a JSFunction, FunctionTemplateInfo, or something else.
  uint64_t constructor_of_map(const MapInfo& map) const;

  /// One own property of an object in fast mode or of its dictionary.
  struct Property {
    uint64_t key = 0;       ///< tagged Name
    uint64_t value = 0;     ///< tagged, or raw double bits
    uint32_t details = 0;   ///< PropertyDetails; 0 for entries of a global dictionary
    bool accessor = false;  ///< value is an AccessorPair or AccessorInfo
    bool raw_double = false;
    bool enumerable = true;
  };
  /// Calls `visit` for each own named property until it returns false.
  void for_each_property(uint64_t object, const std::function<bool(const Property&)>& visit) const;
  /// The value of an own data property, by its key's address (names are unique).
  std::optional<uint64_t> own_data_property(uint64_t object, uint64_t key) const;

  bool has_own_property(uint64_t object, uint64_t key) const;

  bool is_dictionary_map(const MapInfo& map) const {
    return map.bit_field3 >> heap_.layout().map.dictionary_map_bit & 1;
  }
  bool is_prototype_map(const MapInfo& map) const {
    const MapLayout& layout = heap_.layout().map;
    return (layout.prototype_bit_in_bit_field2 ? map.bit_field2 : map.bit_field3) >> layout.prototype_map_bit & 1;
  }
  bool new_target_is_base(const MapInfo& map) const {
    const MapLayout& layout = heap_.layout().map;
    return (layout.new_target_bit_in_bit_field3 ? map.bit_field3 : map.bit_field2) >> layout.new_target_is_base_bit & 1;
  }
  uint32_t own_descriptors(const MapInfo& map) const {
    return (map.bit_field3 & heap_.layout().map.own_descriptors_mask) >> heap_.layout().map.own_descriptors_shift;
  }
  uint8_t elements_kind(const MapInfo& map) const {
    return (map.bit_field2 & heap_.layout().map.elements_kind_mask) >> heap_.layout().map.elements_kind_shift;
  }
  /// Key of the i-th own descriptor.
  uint64_t descriptor_key(const MapInfo& map, uint32_t i) const;

 private:
  std::string shared_name(uint64_t shared) const;
  void append_string(uint64_t word, size_t from, size_t count, std::u16string& out, int depth) const;
  Property fast_property(uint64_t object, const MapInfo& map, uint32_t descriptor) const;
  void for_each_dictionary_entry(uint64_t dictionary, bool global,
                                 const std::function<bool(const Property&)>& visit) const;

  uint64_t forwarded(uint64_t word) const;

  const Heap& heap_;
  MapCache& maps_;
  bool follows_ = false;
};

/// UTF-16 to UTF-8. Surrogates that are no pair become three bytes each, as other code points do (WTF-8), so that
/// strings which differ stay different; who writes text escapes them.
std::string to_utf8(std::u16string_view text);

}  // namespace inquest::v8
