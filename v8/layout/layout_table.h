// What no binary says about itself: the numbers that inquest carries for each V8, keyed by major.minor.
//
// Everything here was measured on cores of official Node.js binaries (v12.0 to v26) and is only a starting point: a
// table is used after it has been validated against the core in hand (heap/page_finder, heap/walker).
// Columns follow V8's own names; offsets are bytes from the untagged start of the object or structure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "v8/layout/version.h"

namespace inquest::v8 {

/// BasicMemoryChunk / MemoryChunk (src/heap/basic-memory-chunk.h, memory-chunk.h). From 13.x on the fields live in a
/// MemoryChunkMetadata allocated by malloc; the chunk keeps flags at 0 and the pointer to it at 8.
struct PageHeaderLayout {
  bool separate_metadata = false;
  uint16_t size;
  uint16_t flags;  ///< always in the chunk
  uint16_t heap;
  uint16_t area_start;
  uint16_t area_end;
  uint16_t owner;
  constexpr bool operator==(const PageHeaderLayout&) const = default;
};

/// How ScopeInfo, Code and friends are laid out; see heap/object_size.cc.
enum class CodeLayout : uint8_t {
  kInline,               ///< Code with its instructions: 7.x to 10.x
  kInstructionStream16,  ///< InstructionStream, header 16, sizes in its Code object: 11.x
  kInstructionStream32,  ///< InstructionStream, header 32, body size at 24: 12.x and later
};

struct LayoutTable {
  int major;
  int minor;  ///< first V8 this row fits; it holds until the next row
  PageHeaderLayout page;
  uint32_t page_size = 0x40000;  ///< of a regular page: 512 KiB in 7.4, 256 KiB since
  CodeLayout code = CodeLayout::kInline;
  uint16_t code_header = 64;  ///< Code::kHeaderSize (kInline)
  uint16_t code_alignment = 32;
  uint16_t code_instruction_size = 40;                        ///< Code::instruction_size
  std::optional<uint16_t> code_metadata_size = std::nullopt;  ///< Code::metadata_size
  uint16_t bytecode_array_header = 54;
  uint16_t feedback_vector_length = 8;
  uint16_t feedback_vector_header = 48;
  uint16_t feedback_metadata_header = 16;
  bool feedback_metadata_has_closure_slots = false;  ///< create_closure_slot_count at 12: 12.x and later
  uint16_t descriptor_array_header = 24;
  bool unboxed_doubles = false;  ///< double fields lie raw in the object: until 8.3
  /// JS_FUNCTION_TYPE and how many types from it on are functions (class constructors and others have their own).
  uint16_t first_js_function_type;
  uint16_t js_function_types = 1;
  uint8_t large_page_flag_bit;  ///< bit number of LARGE_PAGE in flags
  uint8_t read_only_flag_bit;   ///< bit number of READ_ONLY_HEAP
};

std::span<const LayoutTable> layout_tables();

/// The row for `version`: the last one not above it; the first when `version` is older than all.
const LayoutTable& layout_table_for(const V8Version& version);

/// Versions outside the measured range use the nearest row.
bool is_measured(const V8Version& version);

}  // namespace inquest::v8
