// Code objects: machine code that V8 compiled, which function it belongs to, in which tier, how large.
//
// src/objects/code.h, deoptimization-data.h. The numbers are those of v8/frames/frame_reader.cc, which reads the same
// objects on the stack: flags with the code's kind, and the array of deoptimization data, in which the
// SharedFunctionInfo lies five words behind the literals, and the bytecode offset of OSR entries one behind.
#pragma once

#include <cstdint>
#include <optional>

#include "v8/frames/v8_frame.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

class CodeObjects {
 public:
  explicit CodeObjects(const ObjectReader& objects);

  bool is_code(const MapInfo& map) const;
  /// Sparkplug, Maglev, TurboFan; kNone for everything else.
  Tier tier(uint64_t code) const;
  /// The function of optimised code, tagged SharedFunctionInfo; 0 when there is none.
  uint64_t shared_of(uint64_t code) const;
  /// Made to be entered in the middle of a loop (on-stack replacement), not by calls.
  bool is_osr(uint64_t code) const;
  /// Bytes of instructions.
  uint64_t size(uint64_t code) const;
  /// The JSFunction's code; 0 where functions hold a number instead (13.x and later).
  uint64_t code_of_function(uint64_t function) const;

 private:
  uint64_t deopt_field(uint64_t code, unsigned index) const;

  const ObjectReader& objects_;
  uint16_t deopt_data_, flags_, size_, function_code_;
  unsigned literals_;
};

}  // namespace inquest::v8
