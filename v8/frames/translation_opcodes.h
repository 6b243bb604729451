// The instructions of deoptimisation translations, as data: which V8 numbers them how.
//
// Upstream: TRANSLATION_OPCODE_LIST in src/deoptimizer/deoptimizer.h (until 8.x) and
// src/deoptimizer/translation-opcode.h; the numbers of operands there or in Translation::NumberOfOperandsFor. Compared
// with the tables of operand counts that the binaries of Node.js 12.0 to 26.10 have compiled in.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "v8/layout/version.h"

namespace inquest::v8 {

/// What an instruction is to a reader of stacks.
enum class TranslationKind : uint8_t {
  kBegin,        ///< number of frames, number of JavaScript frames
  kBeginRepeat,  ///< the same behind the distance to the translation that this one repeats parts of, 0 for none
  kRepeat,       ///< as many instructions as it says are those of the repeated translation
  kFeedback,     ///< says nothing about frames
  // Frames.
  kJsFrame,         ///< bytecode offset, literal of its SharedFunctionInfo, ...
  kBuiltinJsFrame,  ///< a builtin that is a function of JavaScript would go on: builtin, SharedFunctionInfo, height
  kConstructFrame,  ///< the frame after it is called by `new`
  kArgumentsFrame,  ///< all arguments of the frame after it, which declares fewer: SharedFunctionInfo, height
  kOtherFrame,
  kWasmFrame,
  // Values; the first of a frame is the function, the second the receiver.
  kDuplicate,  ///< the object of that number
  kObject,     ///< not allocated: as many values as it says are its words from the map on
  kArguments,  ///< elements of an arguments object, not allocated
  kConcat,     ///< a string not put together yet, of two values
  kUnknown,    ///< nothing that can be read from the stack
  kOptimizedOut,
  kLiteral,
  kTaggedSlot,  ///< slots of the stack, by the type of what they hold
  kInt32Slot,
  kUint32Slot,
  kInt64Slot,
  kUint64Slot,
  kBoolSlot,
  kFloatSlot,
  kDoubleSlot,
};

struct TranslationOpcode {
  std::string_view name;  ///< as upstream spells it
  TranslationKind kind;
  uint8_t operands;
};

/// How numbers are written.
enum class TranslationNumbers : uint8_t {
  kLowBit,  ///< 7 bits a byte above a bit that says whether more follow; the lowest bit of the whole is the sign
  kLeb,     ///< LEB128; the lowest bit of signed operands is the sign
};

struct TranslationFormat {
  V8Version since;                                    ///< the first V8 that was found to use it
  std::span<const TranslationOpcode* const> opcodes;  ///< by number
  TranslationNumbers numbers = TranslationNumbers::kLeb;
  bool signed_opcodes = false;  ///< the number of an opcode is written like a signed operand
};

/// Oldest first.
std::span<const TranslationFormat> translation_formats();

}  // namespace inquest::v8
