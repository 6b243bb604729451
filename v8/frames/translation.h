// Deoptimisation translations: the frames that one frame of optimised code stands for, and where their values are.
//
// A translation is a run of instructions in the bytes of a DeoptimizationFrameTranslation (a TranslationArray
// until 11.x, a ByteArray): BEGIN, then for each frame, outermost first, an instruction that says what frame it is and
// one for each of its values: function, receiver, parameters, context, registers. Objects that were never allocated are
// followed by their words. From 10.9 on, instructions equal to those of the translation that BEGIN names are left out:
// MATCH_PREVIOUS says how many follow; a byte above the number of opcodes says it too
// (src/deoptimizer/translation-array.cc, frame-translation-builder.cc, translated-state.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "v8/frames/translation_opcodes.h"

namespace inquest::v8 {

struct TranslatedValue {
  TranslationKind kind = TranslationKind::kUnknown;
  int32_t operand = 0;  ///< index of a literal, number of a slot or an object; of an object its words
  uint32_t size = 1;    ///< with the values it is made of, which follow it
};

struct TranslatedFrame {
  TranslationKind kind = TranslationKind::kOtherFrame;
  int32_t bytecode_offset = 0;  ///< of kJsFrame, -1: before the first bytecode; of builtins, a number that says which
  int32_t shared = -1;          ///< index of the literal that is its SharedFunctionInfo; -1: it has none
  std::vector<TranslatedValue> values;

  /// Index of the value behind the first `count` ones, the parts of objects not counted; at most values.size().
  size_t skip(size_t count) const;
  /// How many values it has, the parts of objects not counted.
  size_t count() const;
};

struct Translation {
  struct Place {
    uint32_t frame = 0, value = 0;
  };
  std::vector<TranslatedFrame> frames;  ///< outermost first
  std::vector<Place> objects;           ///< by number
};

/// The translation that begins at `index`; nothing when the bytes are not one in this format.
std::optional<Translation> decode_translation(std::span<const std::byte> bytes, uint32_t index,
                                              const TranslationFormat& format);

}  // namespace inquest::v8
