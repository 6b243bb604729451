// The instructions of one function, which may follow which, and where the stack pointer stands at each.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "postmortem/crash/code_names.h"
#include "postmortem/crash/function_bounds.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::crash {

/// A place in the frame of a function: bytes above (or below) the stack pointer at its entry. After the stack has been
/// aligned that distance is unknown, and `area` tells the two coordinate systems apart.
struct StackSlot {
  int area = 0;
  int64_t offset = 0;
  bool operator==(const StackSlot&) const = default;
};

class FunctionCode {
 public:
  /// Decodes linearly from `range.start`; ends early where bytes cannot be had.
  FunctionCode(const MemoryReader& memory, const Disassembler& disassembler, CodeRange range);

  const CodeRange& range() const { return range_; }
  const std::vector<Instruction>& instructions() const { return instructions_; }
  const Instruction& at(size_t index) const { return instructions_[index]; }
  /// The instruction that begins at `address`, or the one that ends there.
  std::optional<size_t> index_of(Address address) const;
  std::optional<size_t> ending_at(Address address) const;

  const std::vector<uint32_t>& predecessors(size_t index) const { return predecessors_[index]; }
  /// Flow into this instruction may come from places that are not known (jump tables, exceptions).
  bool has_unknown_predecessor(size_t index) const { return unknown_predecessor_[index]; }
  /// Something about the flow of the whole function is unknown: a jump through a table, bytes that are no instruction.
  bool is_partly_known() const { return partly_known_; }

  /// Of a memory operand relative to rsp or rbp.
  std::optional<StackSlot> slot_of(size_t index, const Operand& operand) const;
  /// Where rsp points before the instruction runs.
  std::optional<StackSlot> stack_pointer(size_t index) const { return sp_[index]; }
  /// Whether the function takes the address of something in its frame at or below this slot: calls may change it then.
  bool address_taken(const StackSlot& slot) const;

 private:
  void decode(const MemoryReader& memory, const Disassembler& disassembler);
  void connect();
  void follow_stack();

  CodeRange range_;
  std::vector<Instruction> instructions_;
  std::vector<std::vector<uint32_t>> predecessors_, successors_;
  std::vector<bool> unknown_predecessor_;
  bool partly_known_ = false;
  std::vector<std::optional<StackSlot>> sp_, fp_;
};

}  // namespace inquest::crash
