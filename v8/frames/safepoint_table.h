// Safepoint tables: what V8 keeps about the calls in optimised code, by return address.
//
// The table lies at the start of the code's metadata, behind the instructions (until 8.x inside them, at
// Code::safepoint_table_offset). Four layouts:
// * 7.4 to 9.x (src/codegen/safepoint-table.h of 8.x): u32 count, u32 bytes of each bitmap, then rows of three u32: pc,
//   deopt index (28 bits, all set: none), pc of the trampoline; bitmaps follow.
// * 9.7 and later: u32 count, u32 configuration (bit 0: has deopt data; 3 bits each: bytes of register indexes, of pcs,
//   of deopt indexes; 22 bits: bytes of a bitmap), then rows of that many bytes: pc, deopt index + 1, trampoline pc +
//   1, register indexes; bitmaps follow. From 13.x on the number of stack slots comes first.
// * Maglev (src/maglev/maglev-safepoint-table.h, 11.3 and later): the same with two more words in the header (the
// numbers
//   of tagged and untagged slots; in 13.x one of them became the number of stack slots, which comes first), a byte
//   behind each trampoline pc and no bitmaps.
// All input comes from the dump: a table is used only if its rows fit into the bytes and their pcs ascend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace inquest::v8 {

enum class SafepointLayout : uint8_t { kWords, kPacked, kPackedWithSlots, kMaglev, kMaglevWithSlots };

struct Safepoint {
  uint32_t pc = 0;  ///< offset that the call returns to, from the first instruction
  std::optional<uint32_t> deopt_index;
};

/// The row of the call that returns to `return_offset`, or to a trampoline at that offset that stands for it because
/// the code was given up. `table` begins with the table and may be longer.
std::optional<Safepoint> find_safepoint(std::span<const std::byte> table, SafepointLayout layout,
                                        uint64_t return_offset);

}  // namespace inquest::v8
