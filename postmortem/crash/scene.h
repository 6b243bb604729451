// The place of a crash: the frame that is explained, its code, and the way back through its callers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/crash/explanation.h"
#include "postmortem/crash/function_code.h"
#include "postmortem/crash/names.h"
#include "postmortem/crash/origin.h"

namespace inquest::crash {

/// A frame whose code could be read.
struct CodeFrame {
  Frame frame;
  size_t number = 0;  ///< in the stack
  std::unique_ptr<FunctionCode> code;
  size_t index = 0;  ///< the instruction it stands at; for callers the call
  const Instruction& instruction() const { return code->at(index); }
};

class Scene {
 public:
  Scene(const Names& names, const Thread& thread, const Stack& stack, size_t first)
      : names_(names), thread_(thread), stack_(stack), first_(first) {}

  const Names& names() const { return names_; }
  const MemoryReader& memory() const { return names_.memory(); }
  const Thread& thread() const { return thread_; }
  const Stack& stack() const { return stack_; }
  size_t first() const { return first_; }
  const Frame& frame() const { return stack_.frames[first_]; }
  const Disassembler& disassembler() const { return disassembler_; }
  uint64_t reg(Registers::Index index) const { return frame().registers.values.gpr[index]; }

  /// The instruction that this frame is at, without the rest of its function.
  std::optional<Instruction> instruction_at(Address address) const;
  /// Nothing when the code cannot be read, or the frame stands between two instructions.
  std::optional<CodeFrame> open(const Frame& frame, size_t number) const;
  /// The frame that called number `number`; nothing at the end or where a frame is a guess.
  std::optional<CodeFrame> open_caller(size_t number) const;
  /// The frame that called through a bad pointer, when the program counter itself is the bad address.
  std::optional<CodeFrame> open_caller_by_stack() const;

  /// Instructions around `address`, two or three on each side.
  std::vector<CodeLine> code_around(Address address) const;

  /// Follows the value into callers as long as it is an argument, and writes the steps down.
  ValuePtr follow(const CodeFrame& at, ValuePtr value, std::vector<OriginStep>& steps) const;

  /// A name for the function of a frame.
  std::string where(const Frame& frame) const { return names_.describe_code(frame.lookup_pc()); }
  std::string parameter_name(const Frame& frame, size_t number, int argument) const;

 private:
  /// What a caller passed, and where.
  struct Passed {
    ValuePtr value;
    CodeFrame from;
  };

  bool begins_function_of(Address start, const Frame& frame) const;
  std::optional<Passed> passed_argument(const CodeFrame& callee, const Value& argument) const;
  /// The only jump out of `function` that leads to the function of `reached`.
  std::optional<CodeFrame> open_jump(Address function, const CodeFrame& reached) const;
  ValuePtr without_refuted(const CodeFrame& at, const ValuePtr& value) const;

  const Names& names_;
  const Thread& thread_;
  const Stack& stack_;
  size_t first_;
  Disassembler disassembler_;
};

}  // namespace inquest::crash
