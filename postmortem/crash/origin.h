// Finds where a register of a frame got its value, by walking back through the code of its function.
//
// The walk follows every path that leads to the instruction. Where all give one answer it is sure; where a jump table
// or undecodable bytes leave room for others, or memory may have been changed in between, it says "probably".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "postmortem/crash/function_code.h"
#include "postmortem/crash/names.h"
#include "postmortem/crash/value.h"
#include "postmortem/model/frame.h"

namespace inquest::crash {

class OriginTracer {
 public:
  /// `index`: the instruction of `code` at which `frame` stands (for callers: the call). All must outlive the tracer.
  OriginTracer(const Names& names, const Disassembler& disassembler, const Thread& thread, const FunctionCode& code,
               size_t index, const Frame& frame);

  /// The value of a register before the instruction at which the frame stands.
  ValuePtr trace(Registers::Index reg);
  /// The value that the instruction reads from this memory operand.
  ValuePtr trace_operand(const Operand& operand);

  /// Computes the address of a memory operand from the frame's registers, if they are known.
  std::optional<Address> address_of(const Operand& operand) const;

  /// The function that a call or jump instruction leads to, through the procedure linkage table too.
  std::string callee_name(const Instruction& call) const;
  std::optional<Address> callee(const Instruction& call) const;
  /// The same for the call at which the frame stands, through the pointer in its operand as far as its value is known.
  std::optional<Address> called_now(const Instruction& call);

 private:
  struct Definitions {
    std::vector<uint32_t> where;
    bool entry = false;
    bool vague = false;  ///< a path from an unknown place joins
    bool operator==(const Definitions&) const = default;
  };
  template <class Defines>
  Definitions search(size_t index, Defines&& defines) const;
  Definitions definitions(Registers::Index reg, size_t index) const;
  Definitions stores(const StackSlot& slot, size_t index) const;

  ValuePtr value_before(Registers::Index reg, size_t index, int depth);
  ValuePtr resolve(Registers::Index reg, size_t index, int depth);
  ValuePtr defined_once(size_t index, Registers::Index reg, int depth);
  ValuePtr defined_by(size_t index, Registers::Index reg, int depth);
  ValuePtr moved_by(size_t index, Registers::Index reg, int depth);
  ValuePtr computed_by(size_t index, Registers::Index reg, int depth);
  ValuePtr lea(size_t index, int depth);
  ValuePtr load(size_t index, const Operand& operand, int depth);
  ValuePtr load_absolute(const Instruction& at, Address location, uint32_t size) const;
  ValuePtr load_thread_local(size_t index, const Operand& operand, int depth);
  ValuePtr load_stack(size_t index, const Operand& operand, const StackSlot& slot, int depth);
  ValuePtr load_field(size_t index, const Operand& operand, int depth);
  ValuePtr stored_by(size_t index, int depth);
  ValuePtr argument(Registers::Index reg) const;
  ValuePtr merge(std::vector<ValuePtr> values, std::optional<uint64_t> actual) const;
  static ValuePtr one_of(std::vector<ValuePtr> kept, std::optional<uint64_t> actual);

  std::optional<uint64_t> known(Registers::Index reg, size_t index) const;
  std::optional<uint64_t> read(Address location, uint32_t size) const;
  std::optional<Address> slot_address(const StackSlot& slot) const;
  void name_data(Value& value, Address location) const;

  const Names& names_;
  const Disassembler& disassembler_;
  const Thread& thread_;
  const FunctionCode& code_;
  size_t index_;
  const Frame& frame_;
  std::set<std::pair<int, size_t>> active_;  ///< registers and the instructions being traced that set them: loops
  int budget_ = 400;                         ///< definitions looked at: paths multiply in large functions
};

}  // namespace inquest::crash
