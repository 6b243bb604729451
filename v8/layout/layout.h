// Every number needed to read V8's objects in one core, resolved: v8dbg first, then the table for its version.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "v8/layout/constants.h"
#include "v8/layout/layout_table.h"

namespace inquest::v8 {

/// Tagging (include/v8-internal.h): no pointer compression, 8-byte words.
constexpr uint64_t kTagMask = 7;
constexpr uint64_t kHeapObjectTag = 1;
constexpr uint64_t kWeakTag = 3;
constexpr uint64_t kPageAlignment = 0x40000;  ///< pages begin at multiples of this (7.4: of twice this)

/// (w & 7) == 1: the low three bits, because objects are 8-byte aligned; (w & 3) == 1 lets odd raw data through.
constexpr bool is_heap_object(uint64_t word) { return (word & kTagMask) == kHeapObjectTag; }
/// Smis keep their value in the upper 32 bits.
constexpr bool is_smi(uint64_t word) { return (word & 0xffffffffu) == 0; }
constexpr int32_t smi_value(uint64_t word) { return static_cast<int32_t>(word >> 32); }

struct MapLayout {
  uint16_t instance_size_in_words = 8;
  uint16_t inobject_start = 9;  ///< in-object properties start in words (JSObjects), else constructor function index
  uint16_t instance_type = 12;
  uint16_t bit_field2 = 15;
  uint16_t bit_field3 = 16;
  uint16_t prototype = 24;
  uint16_t constructor = 32;  ///< constructor or back pointer
  uint16_t descriptors = 40;
  uint8_t elements_kind_shift = 3;
  uint8_t elements_kind_mask = 0xf8;
  uint32_t own_descriptors_shift = 10;
  uint32_t own_descriptors_mask = 1023u << 10;
  uint8_t dictionary_map_bit = 21;
  /// IsPrototypeMap and NewTargetIsBase changed places between bit_field2 and bit_field3 within 7.x.
  bool prototype_bit_in_bit_field2 = false;
  uint8_t prototype_map_bit = 20;
  bool new_target_bit_in_bit_field3 = false;
  uint8_t new_target_is_base_bit = 0;
};

/// Encoding of PropertyDetails (src/objects/property-details.h), from v8dbg prop_*.
struct PropertyLayout {
  uint32_t kind_mask = 1;         ///< 0 data, 1 accessor
  uint32_t location_mask = 2;     ///< 0 field, otherwise descriptor
  uint32_t dont_enum_mask = 0x8;  ///< DONT_ENUM of the attributes
  uint32_t representation_mask = 0x1c0;
  uint32_t representation_shift = 6;
  uint32_t representation_double = 2;
  uint32_t index_mask = 1023u << 19;
  uint32_t index_shift = 19;
};

struct StringLayout {
  uint16_t length = 12;
  uint16_t chars = 16;
  uint16_t first = 16;
  uint16_t second = 24;
  uint16_t parent = 16;
  uint16_t offset = 24;
  uint16_t actual = 16;
  uint16_t resource_data = 24;
};

struct Layout {
  V8Version version;
  /// The version whose rules for object sizes hold: `version`, or that of the neighbouring table that fits better.
  V8Version rules;
  LayoutTable table;
  bool exact = true;  ///< false when the version lies outside the measured range
  MapLayout map;
  PropertyLayout property;
  StringLayout string;
  uint16_t first_nonstring_type = 64;
  uint16_t js_function_shared = 24;
  uint16_t shared_name_or_scope_info = 16;
  uint16_t oddball_kind = 40;
  uint16_t name_dictionary_prefix = 2;  ///< words before the first entry, behind the three counters
  uint16_t first_js_function_type = 0;
  uint16_t last_js_function_type = 0;
  /// v8dbg constants that were looked for and are absent, by name.
  std::vector<std::string> missing;

  static Layout resolve(const Constants& constants, const V8Version& version);
  /// The same with another table than the one for `version`.
  static Layout resolve(const Constants& constants, const V8Version& version, const LayoutTable& table);
};

}  // namespace inquest::v8
