// The frames of a call in optimised code, by what V8 keeps to leave that code: OptimizedFrame::Summarize and
// TranslatedState (src/execution/frames.cc, src/deoptimizer/translated-state.cc), which Error.stack is made from.
//
// The return address leads through the safepoint table to a row of DeoptimizationData (bytecode offset, index of the
// translation, pc), the translation to frames and values. What the formats are is tried: first the one of this V8's
// version, then the others, until the caller accepts what comes out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "v8/frames/code_finder.h"
#include "v8/frames/frame_offsets.h"
#include "v8/frames/safepoint_table.h"
#include "v8/frames/script_reader.h"
#include "v8/frames/translation.h"
#include "v8/frames/v8_frame.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

/// One function that a frame of optimised code runs.
struct DeoptFrame {
  enum class Kind : uint8_t { kJs, kBuiltin, kWasm };
  Kind kind = Kind::kJs;
  bool constructor = false;     ///< called by `new` from the frame around it; not known of the outermost
  uint64_t shared = 0;          ///< tagged SharedFunctionInfo; 0 for kWasm
  uint64_t function = 0;        ///< tagged JSFunction; 0: not allocated, or not kept
  int32_t bytecode_offset = 0;  ///< of kJs; -1: before the first bytecode
  FrameValue receiver{.kind = FrameValue::Kind::kOptimizedOut};
  std::vector<FrameValue> arguments;  ///< the first ones
  uint64_t argument_count = 0;
};

class DeoptReader {
 public:
  DeoptReader(const ObjectReader& objects, const ScriptReader& scripts, const FrameOffsets& offsets)
      : objects_(objects), scripts_(scripts), offsets_(offsets) {}

  /// Where the call really returns to, where the frame's return address is that of a trampoline.
  std::optional<Safepoint> safepoint(const CompiledCode& code, uint64_t return_offset, Tier tier) const;

  using Accepts = std::function<bool(const std::vector<DeoptFrame>&)>;
  /// Outermost first; empty when there is no translation, or none that is accepted. Before `accepts` is asked, all
  /// functions are known to be functions, all bytecode offsets to lie in their bytecodes, and that of the innermost one
  /// to be the row's.
  std::vector<DeoptFrame> frames(const CompiledCode& code, const Safepoint& safepoint, Address fp,
                                 const Accepts& accepts) const;

 private:
  struct Values;
  struct Row {
    int32_t bytecode_offset = 0;
    uint32_t translation = 0;
  };
  std::span<const std::byte> metadata(const CompiledCode& code, uint64_t size_at) const;
  std::vector<Row> rows(uint64_t data, uint32_t deopt_index, uint32_t pc) const;
  std::vector<DeoptFrame> resolve(const Translation& translation, uint64_t literals, Address fp) const;
  bool resolve_frame(const Translation& translation, size_t index, const Values& values, DeoptFrame& frame) const;

  const ObjectReader& objects_;
  const ScriptReader& scripts_;
  const FrameOffsets& offsets_;
  mutable size_t format_ = ~size_t{0};  ///< the last that was accepted
};

}  // namespace inquest::v8
