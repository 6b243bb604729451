// What each instance type is to the walk: how its size is computed and where it keeps references.
//
// Numbers of instance types change with every V8, the names of the roots do not. So the table is filled from the maps
// in the roots table ("fixed_array_map" is the map of every FixedArray: its instance type is FIXED_ARRAY_TYPE of this
// version), completed by v8dbg_type_* constants. Upstream: src/roots/roots.h,
// src/objects/objects-body-descriptors-inl.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "v8/layout/constants.h"
#include "v8/layout/layout.h"

namespace inquest::v8 {

/// How the size of an object follows from its map and its header.
enum class SizeRule : uint8_t {
  kInstanceSize,   ///< map.instance_size_in_words
  kArray16,        ///< 16 + 8 * Smi at 8
  kContext,        ///< 16 + 8 * low 30 bits of the Smi at 8 (7.9 keeps a flag above them)
  kNativeContext,  ///< the same and one word more: the microtask queue
  kArray24,        ///< 24 + 8 * Smi at 8
  kArray32,        ///< 32 + 8 * Smi at 8
  kArray40,        ///< 40 + 8 * Smi at 8
  kBytes16,        ///< 16 + Smi at 8 bytes
  kBytecodeArray,  ///< header + Smi at 8 bytes
  kSeqOneByte,     ///< 16 + u32 at 12
  kSeqTwoByte,     ///< 16 + 2 * u32 at 12
  kBigInt,         ///< 16 + 8 * digits, digits in bits 1..30 of u32 at 8
  kPropertyArray,  ///< 16 + 8 * (Smi at 8 & 0x3ff)
  kFeedbackMetadata,
  kFeedbackVector,
  kDescriptorArray,
  kPreparseData,
  kCoverageInfo,
  kFreeSpace,
  kCode,
  kInstructionStream,
  kHole,  ///< 14.x: one word in front of unreadable memory, 0x10008 bytes
  kSwissNameDictionary,
  kWasmTypeInfo,
  kDoubleStringCache,
  kUntilNextMap,  ///< ScopeInfo and unknown kinds: up to the next word that is a map (their bodies hold none)
};

/// Where an object keeps references, for tracing.
enum class Body : uint8_t {
  kTagged,      ///< every word behind the map; raw words are told apart by not being object starts
  kData,        ///< none: strings, numbers, bytes
  kMap,         ///< like kTagged from the second word pair on (sizes and flags skipped)
  kWeakTarget,  ///< first field behind the header is weak: WeakCell, JSWeakRef
  kEphemerons,  ///< EphemeronHashTable: a value lives when its key lives
  kCode,        ///< instructions: embedded pointers at any byte, weak for receivers, maps and contexts
  kWeakTable,   ///< table of strings that does not keep them (on-heap StringTable)
};

enum class Category : uint8_t { kReceiver, kString, kSymbol, kBigInt, kNumber, kInternal, kFiller };

struct TypeInfo {
  SizeRule size = SizeRule::kInstanceSize;
  Body body = Body::kTagged;
  Category category = Category::kInternal;
  bool known = false;          ///< met in the roots table or in v8dbg
  bool backing_store = false;  ///< may be owned by one object: elements, properties
  std::string name;            ///< "FixedArray"; empty when unknown
};

class TypeTable {
 public:
  static constexpr size_t kTypes = 4096;  ///< instance types are below 2200 in all versions

  /// `root_types`: instance type of every root map by root name.
  static TypeTable build(const Layout& layout, const Constants& constants,
                         const std::vector<std::pair<std::string, uint16_t>>& root_types);

  const TypeInfo& operator[](uint16_t type) const { return types_[type < kTypes ? type : 0xfff]; }

  // Types that code asks for by name; 0xffff when this version has none or it is not known.
  uint16_t map = 0xffff;
  uint16_t free_space = 0xffff;
  uint16_t js_array = 0xffff;
  uint16_t js_bound_function = 0xffff;
  uint16_t js_weak_ref = 0xffff;
  uint16_t js_proxy = 0xffff;
  uint16_t shared_function_info = 0xffff;
  uint16_t function_template_info = 0xffff;
  uint16_t name_dictionary = 0xffff;
  uint16_t global_dictionary = 0xffff;
  uint16_t property_cell = 0xffff;
  uint16_t first_js_receiver = 0xffff;
  uint16_t last_context = 0xffff;
  uint16_t first_context = 0xffff;
  uint16_t context_cell = 0xffff;         ///< from 14.x on, a variable of a closure
  uint16_t mutable_heap_number = 0xffff;  ///< until 7.5 the box of a double field outside of its object

 private:
  std::array<TypeInfo, kTypes> types_;
};

}  // namespace inquest::v8
