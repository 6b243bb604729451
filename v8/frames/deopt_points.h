// Where optimised code was, by what V8 keeps for deoptimisation: the way for Maglev code of 12.4 to 13.6, which has no
// table of source positions.
//
// At the end of the instructions lies the safepoint table (src/maglev/maglev-safepoint-table.h): a header of four words
// of 32 bits, among them the number of entries and their configuration (bit 0: has deopt data, then 3 bits each: bytes
// of register indexes, pc, deopt index), and entries: pc, deopt index + 1, trampoline pc, a byte, register indexes. The
// deopt index leads to a row of DeoptimizationData (bytecode offset, index of the translation, pc), the translation to
// the frames (src/deoptimizer/frame-translation-builder.cc): BEGIN, distance to the one it repeats, number of frames
// and of JavaScript frames, then for each frame its kind, bytecode offset, function (index of a literal) and values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace inquest::v8 {

/// The deopt index of the call that returns to `pc_offset`; the metadata of the code begin with the table.
std::optional<uint32_t> maglev_deopt_index(std::span<const std::byte> metadata, uint64_t pc_offset);

/// The outermost frame of a translation, which is the function that the code belongs to.
struct TranslatedFrame {
  int32_t frames = 0;  ///< with those of inlined functions
  int32_t bytecode_offset = 0;
  int32_t function = 0;  ///< index of a literal
};
std::optional<TranslatedFrame> outermost_frame(std::span<const std::byte> translations, uint32_t index);

}  // namespace inquest::v8
