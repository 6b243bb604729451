// The three byte tables that lead from a pc or a bytecode offset to a place in the source.
//
// * Source position table (src/codegen/source-position-table.cc): pairs of LEB128 varints, one pair per entry: delta of
//   the code offset, zigzag delta of the position. Until 14.1 the first varint is zigzag and its sign says whether the
//   entry is an expression (v < 0: delta is -(v + 1)); in 14.6 it is unsigned, delta << 2 with the flag below it.
//   Tables begin at offset 0 in 7.x and at -1 later.
// * Inlining positions (src/objects/code.h, InliningPosition): 16 bytes each, the SourcePosition of the call (i64) and
//   the index of the inlined function in the literals (i32).
// * Bytecode offset table of baseline code (src/baseline/bytecode-offset-iterator.h): LEB128 sizes of machine code, the
//   first that of the prologue, then one per bytecode in order. In 9.0: pairs, for calls only.
// All input comes from the dump: every decoder stops at the end of its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "v8/layout/version.h"

namespace inquest::v8 {

/// SourcePosition::raw(): bits 1..30 hold the script offset + 1, bits 31..46 the inlining id + 1.
struct SourcePosition {
  int32_t script_offset = -1;  ///< -1: none
  int32_t inlining_id = -1;    ///< -1: not inlined
  static SourcePosition from_raw(int64_t raw);
};

/// The last entry at or before `offset`.
std::optional<SourcePosition> find_source_position(std::span<const std::byte> table, const V8Version& version,
                                                   int64_t offset);

/// Where in the code the last entry begins; -1 for an empty table.
int64_t last_position_offset(std::span<const std::byte> table, const V8Version& version);

/// The jump (x86-64, with a 32-bit distance) that leads forward to the nearest place at or before `offset`; `offset`
/// when there is none. Bytes are not decoded as instructions: what looks like a jump but is none may be taken for one
/// where no real one leads nearer.
uint64_t jump_to_block_around(std::span<const std::byte> code, uint64_t offset);

struct InliningPosition {
  SourcePosition call;
  int32_t function = -1;  ///< index of its SharedFunctionInfo in the literals; -1: the function of the code itself
};
std::optional<InliningPosition> inlining_position(std::span<const std::byte> table, int32_t id);

/// Sizes of bytecodes by operand scale: Bytecodes::kBytecodeSizes of the binary, [3][count].
struct BytecodeSizes {
  std::vector<uint8_t> sizes;
  size_t count() const { return sizes.size() / 3; }
};

/// The bytecode whose code ends at or behind `pc_offset`; -1 in the prologue.
std::optional<int64_t> baseline_bytecode_offset(std::span<const std::byte> table, std::span<const std::byte> bytecodes,
                                                const BytecodeSizes& sizes, const V8Version& version,
                                                uint64_t pc_offset);

/// The last operand of the bytecode that begins at `at`, of calls the slot of their feedback; nothing when it has none
/// or does not end within `bytecodes`.
std::optional<uint32_t> last_operand(std::span<const std::byte> bytecodes, const BytecodeSizes& sizes, size_t at);

/// Offsets of the line terminators in `source`, and the length at the end, as Script::line_ends has them.
std::vector<uint32_t> line_ends(std::u16string_view source);

}  // namespace inquest::v8
