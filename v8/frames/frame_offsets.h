// Where frames of code made by V8 and the objects they lead to keep things. v8dbg_* constants where the binary has
// them, else what was measured on cores of Node.js 12.0 to 26.10; which of two kinds a Code object is follows from what
// its fields hold, not from a number. Upstream: src/execution/frame-constants.h, src/objects/code.h,
// src/objects/script.tq, src/objects/shared-function-info.tq, src/objects/deoptimization-data.h.
#pragma once

#include <cstdint>

#include "v8/layout/constants.h"
#include "v8/layout/layout_table.h"
#include "v8/layout/version.h"

namespace inquest::v8 {

/// Offsets from the untagged start of an object unless said otherwise.
struct FrameOffsets {
  // Slots of JavaScript frames, from fp.
  int bytecode_array = -32;    ///< of interpreted and baseline code; the bytecode offset (a Smi) lies below it
  int argument_count = -24;    ///< raw; before 9.0 in frames of builtins only
  int registers = -48;         ///< r0 of an interpreted frame; the next ones lie below it
  bool receiver_first = true;  ///< receiver at fp + 16, arguments above; before 9.0 the last argument lies at fp + 16
  bool count_has_receiver = true;

  uint16_t bytecode_header = 54;    ///< of BytecodeArray: where its bytes begin
  uint16_t frame_size = 40;         ///< in BytecodeArray: i32, bytes that its registers take in a frame
  uint16_t source_positions = 32;   ///< in BytecodeArray
  uint16_t script = 32;             ///< in SharedFunctionInfo
  uint16_t formal_parameters = 42;  ///< in SharedFunctionInfo: u16, 0xffff for builtins that take any number
  uint16_t function_flags = 48;     ///< in SharedFunctionInfo: u32, FunctionKind in the low five bits
  uint16_t deopt_data = 16;         ///< in Code: DeoptimizationData, or the bytecodes of baseline code
  uint16_t positions = 24;          ///< in Code: source positions, or the bytecode offsets of baseline code
  uint16_t code_flags = 48;         ///< in Code: u32, CodeKind in the low four bits (from 10.x on)
  uint16_t instruction_size = 40;   ///< in Code: i32, from 9.x on followed by the size of metadata
  uint8_t maglev = 12;              ///< CodeKind::MAGLEV; kNoMaglev before 10.x
  uint8_t literals = 2;             ///< index of the literals in DeoptimizationData
  uint8_t inlining = 7;             ///< index of the inlining positions in DeoptimizationData
  uint8_t deopt_entries = 11;       ///< index of the first entry in DeoptimizationData

  // In Script.
  uint16_t eval_from_shared = 72;
  uint16_t eval_from_position = 80;  ///< Smi; negative: offset of a bytecode of eval_from_shared
  uint16_t source_url = 104;
  uint16_t source_mapping_url = 112;

  static constexpr uint8_t kNoMaglev = 255;

  static FrameOffsets resolve(const Constants& constants, const V8Version& version, const LayoutTable& table);
};

}  // namespace inquest::v8
