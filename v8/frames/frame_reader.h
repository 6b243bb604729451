// Stacks through code made by V8: stepping over such frames, and saying what each is.
//
// V8's frames on x64 are chains of saved rbp (src/execution/frame-constants.h): [fp] caller's fp, [fp + 8] return pc,
// [fp - 8] a context (JavaScript frame) or a frame marker, type << 1 (typed frame); JavaScript frames have their
// JSFunction at [fp - 16]. What the code is follows from the pc: Builtins_* symbols (wherever the builtins are mapped)
// or an object of code space. Only objects that the frame points to are read.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "postmortem/model/earlier_stack.h"
#include "postmortem/model/unwinder.h"
#include "v8/frames/call_site_names.h"
#include "v8/frames/code_finder.h"
#include "v8/frames/code_tables.h"
#include "v8/frames/deopt_frames.h"
#include "v8/frames/frame_offsets.h"
#include "v8/frames/script_reader.h"
#include "v8/frames/v8_frame.h"
#include "v8/heap/heap.h"
#include "v8/heap/last_collection.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {

class FrameReader : public FrameStepper {
 public:
  explicit FrameReader(const Heap& heap);

  bool owns(const Frame& frame) const override;
  std::optional<FrameRegisters> caller(const Frame& frame) const override;

  /// The functions of one physical frame that it owns, innermost first; at least one.
  std::vector<V8Frame> describe(const Frame& frame) const;

  /// What needs more reading of one of them.
  V8FrameDetails details(const Frame& frame, const V8Frame& described) const;

  const ScriptReader& scripts() const { return scripts_; }

 private:
  static constexpr size_t kMaxArguments = 16;     ///< shown of one frame
  static constexpr uint64_t kMaxCount = 1 << 20;  ///< of arguments; more is no count

  struct Arguments {
    uint64_t count = 0;
    std::optional<FrameValue> receiver;
    std::vector<FrameValue> first;
  };
  /// A call in optimised code, as the code's table of source positions tells it.
  struct PositionedCall {
    uint64_t shared = 0;
    std::optional<SourcePosition> position;
    bool inlined = false;
  };
  static void set_receiver(CallSite& site, const std::optional<FrameValue>& receiver);
  static FrameOffsets offsets_for(const Heap& heap, std::map<int, std::string>& frame_types);
  std::string_view frame_type(Address fp) const;
  bool continues_builtin(Address fp) const;
  bool in_wasm_code(const Frame& frame) const;
  uint64_t slot(Address fp, int64_t offset) const;

  bool called_by_new(Address fp) const;
  Arguments arguments_of(Address fp, uint64_t shared) const;
  V8Frame typed(const Frame& at, const std::string& builtin) const;
  bool builtin_exit(V8Frame& frame, Address fp) const;
  bool is_unmarked_api_call(Address fp) const;
  uint64_t function_of_template(uint64_t receiver, uint64_t info) const;
  void api_callback_exit(V8Frame& frame, Address fp) const;
  void inlined_api_call(V8Frame& frame, const Frame& at) const;
  uint64_t function_by_feedback(uint64_t caller, int32_t bytecode_offset) const;
  void arguments_by_info(V8Frame& frame, const Frame& at) const;
  uint64_t function_data(uint64_t shared) const;
  bool is_template(uint64_t word) const;
  void place(V8Frame& frame, int64_t script_offset) const;
  V8Frame interpreted(Address fp, uint64_t shared, std::optional<int64_t> bytecode_offset) const;
  std::vector<V8Frame> compiled(const CompiledCode& code, const Frame& frame, uint64_t shared) const;
  V8Frame baseline(const CompiledCode& code, Address fp, uint64_t shared, uint64_t bytecodes, uint64_t pc_offset) const;
  std::vector<PositionedCall> calls_by_position(const CompiledCode& code, uint64_t pc_offset, uint64_t shared) const;
  uint64_t before_deferred_code(const CompiledCode& code, uint64_t pc_offset) const;
  bool agree(const std::vector<DeoptFrame>& frames, const std::vector<PositionedCall>& calls) const;
  std::vector<V8Frame> by_position(const std::vector<PositionedCall>& calls, Tier tier) const;
  std::vector<V8Frame> by_translation(const std::vector<DeoptFrame>& frames, Tier tier) const;
  std::vector<V8Frame> optimized(const CompiledCode& code, const Frame& frame, uint64_t shared, Tier tier) const;
  std::vector<V8FrameDetails::Variable> registers_of(Address fp) const;
  std::vector<V8FrameDetails::Variable> context_variables(uint64_t context) const;
  bool constructs_without_stub(uint64_t function, const Arguments& arguments) const;
  const BytecodeSizes& bytecode_sizes() const;
  uint64_t bytecodes_in(const Frame& frame, const std::optional<CompiledCode>& code) const;
  uint64_t shared_by_code(const Frame& frame, const std::optional<CompiledCode>& code) const;
  void forget_past() const;
  bool may_have_moved(uint64_t word) const;
  const LastCollections* collections_of(const Page& page) const;
  bool stayed(uint64_t old_object) const;
  bool is_where_it_was(uint64_t word) const;
  void note_old(uint64_t old_object) const;
  void note_old_parts(Address fp, uint64_t shared) const;
  bool is_doubtful(uint64_t receiver) const;
  bool function_may_have_moved(uint64_t function) const;
  bool may_be_another(const CallSite& site) const;
  bool is_shared(uint64_t word) const;
  uint64_t shared_of_code(const CompiledCode& code) const;
  bool is_offset_in(uint64_t bytecodes, uint64_t offset) const;
  void find_owners_of_bytecodes() const;
  void check_receiver(V8Frame& frame, bool moved) const;
  V8Frame checked(V8Frame frame, const std::string& builtin) const;
  bool still_fits(const CallSite& site, const Frame& frame, const std::optional<CompiledCode>& code) const;
  uint64_t baseline_bytecodes(uint64_t code, Address fp) const;

  const Heap& heap_;
  const EarlierStack* earlier_;             ///< null: stacks and heap are of the same moment
  std::map<int, std::string> frame_types_;  ///< by number
  FrameOffsets offsets_;
  mutable MapCache maps_;
  ObjectReader objects_;
  ScriptReader scripts_;
  mutable CallSiteNames names_;
  CodeFinder code_;
  DeoptReader deopt_;
  mutable std::optional<BytecodeSizes> bytecode_sizes_;
  mutable uint64_t generation_ = 0;  ///< of a live process's memory, that is remembered
  mutable std::unordered_map<uint64_t, uint64_t> shared_of_bytecodes_;  ///< where the stack is earlier, as seen so far
  mutable bool has_owners_ = false;                                     ///< that all are in it
  mutable std::unordered_map<uint64_t, uint64_t> old_pages_;  ///< pages of old space, and since when for certain
  mutable std::unordered_set<uint64_t> noted_;                ///< SharedFunctionInfos whose pages are in it
  struct Collections {
    std::optional<size_t> word;  ///< find_last_collections
    std::optional<LastCollections> last;
    bool was_read = false;
    uint64_t generation = 0;  ///< of the memory that they were read from
  };
  mutable std::vector<Collections> collections_;  ///< by isolate, once needed
};

}  // namespace inquest::v8
