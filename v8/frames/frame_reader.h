// Stacks through code made by V8: stepping over such frames, and saying what each is.
//
// V8's frames on x64 are chains of saved rbp (src/execution/frame-constants.h): [fp] caller's fp, [fp + 8] return pc,
// [fp - 8] a context (JavaScript frame) or a frame marker, type << 1 (typed frame); JavaScript frames have their
// JSFunction at [fp - 16]. What the code is follows from the pc: Builtins_* symbols (wherever the builtins are mapped)
// or an object of code space. Only objects that the frame points to are read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postmortem/model/unwinder.h"
#include "v8/frames/code_tables.h"
#include "v8/frames/v8_frame.h"
#include "v8/heap/heap.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

class FrameReader : public FrameStepper {
 public:
  explicit FrameReader(const Heap& heap);

  bool owns(const Frame& frame) const override;
  std::optional<FrameRegisters> caller(const Frame& frame) const override;

  /// The functions of one physical frame that it owns, innermost first; at least one.
  std::vector<V8Frame> describe(const Frame& frame) const;

 private:
  /// Numbers of this version (docs: v8/frames/frame_reader.cc).
  struct Offsets {
    int bytecode_array, bytecode_offset;  ///< slots of interpreted frames, from fp
    uint16_t source_positions;            ///< in BytecodeArray
    uint16_t script;                      ///< in SharedFunctionInfo
    uint16_t deopt_data, positions;       ///< in Code
    uint16_t flags;                       ///< in Code
    uint8_t baseline, maglev, turbofan;   ///< CodeKind; 255: none
    uint8_t literals, inlining;           ///< indexes in DeoptimizationData
  };
  /// A compiled function in code space.
  struct CompiledCode {
    uint64_t start = 0, end = 0;  ///< of the instructions
    uint64_t code = 0;            ///< tagged Code object
  };
  struct ScriptLines {
    std::string name;
    std::vector<uint32_t> ends;
    int32_t first_line = 0, first_column = 0;
  };

  static Offsets offsets_of(const V8Version& version);
  std::string_view frame_type(uint64_t marker) const;
  std::string builtin_at(Address pc) const;
  std::string builtin_of(const Frame& frame) const;
  const Page* code_page(Address pc) const;
  std::optional<CompiledCode> compiled_at(Address pc) const;
  const ScriptLines* lines_of(uint64_t script) const;
  std::span<const std::byte> byte_array(uint64_t word) const;
  uint64_t script_of(uint64_t shared) const;
  uint64_t slot(Address fp, int64_t offset) const;

  void name(V8Frame& frame, uint64_t shared) const;
  void place(V8Frame& frame, uint64_t shared, int32_t script_offset) const;
  void add_arguments(V8Frame& frame, Address fp) const;
  V8Frame interpreted(Address fp, uint64_t shared, std::optional<int64_t> offset) const;
  std::vector<V8Frame> optimized(const CompiledCode& code, uint64_t pc_offset, uint64_t shared, Tier tier) const;
  std::optional<int64_t> baseline_offset(const CompiledCode& code, uint64_t bytecode_array, uint64_t pc_offset) const;

  const Heap& heap_;
  Offsets offsets_;
  mutable MapCache maps_;
  ObjectReader objects_;
  BytecodeSizes bytecode_sizes_;
  std::map<int, std::string> frame_types_;  ///< by number
  mutable std::map<uint64_t, std::vector<CompiledCode>> code_of_pages_;
  mutable std::map<uint64_t, std::unique_ptr<ScriptLines>> lines_;
};

}  // namespace inquest::v8
