// The part of DWARF expressions (DWARF 5, 2.5.1) that call frame information and locations of variables share: a stack
// of 64-bit numbers, arithmetic, registers and memory. Whoever needs more derives from it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "postmortem/elf/byte_reader.h"
#include "postmortem/model/frame.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::elf {

class ExpressionMachine {
 public:
  enum class Failure : uint8_t {
    kNone,
    kDamaged,      ///< the expression makes no sense, loops, or uses what is not known here
    kRegister,     ///< a register that is not known in this frame
    kNoRegister,   ///< a register that we never know (vector and floating point registers)
    kMemory,       ///< memory that cannot be read; see fault_address
    kUnavailable,  ///< something else of the frame that is not known
  };

  /// `bias` is added to addresses in the expression.
  ExpressionMachine(Bytes expression, const FrameRegisters& registers, const MemoryReader& memory, uint64_t bias = 0)
      : reader_(expression), registers_(registers), memory_(memory), bias_(bias) {}
  virtual ~ExpressionMachine() = default;

  /// Runs to the end; `initial` is on the stack at the start.
  bool run(std::optional<uint64_t> initial = std::nullopt);

  std::optional<uint64_t> top() const { return depth_ ? std::optional(stack_[depth_ - 1]) : std::nullopt; }
  Failure failure() const { return failure_; }
  Address fault_address() const { return fault_address_; }
  /// Whether it has asked for a register, memory or something else that differs from frame to frame.
  bool has_read() const { return has_read_; }

 protected:
  /// An operation that is not known here; false when the derived class does not know it either.
  virtual bool extension(uint8_t) { return false; }

  ByteReader& reader() { return reader_; }
  const FrameRegisters& registers() const { return registers_; }
  uint64_t bias() const { return bias_; }
  void push(uint64_t value);
  uint64_t pop();
  bool is_empty() const { return depth_ == 0; }
  void clear() { depth_ = 0; }
  void fail(Failure failure) {
    if (failure_ == Failure::kNone) failure_ = failure;
  }
  std::optional<uint64_t> register_value(uint64_t number);
  void dereference(uint64_t size);
  void note_read() { has_read_ = true; }

 private:
  void pick(uint64_t below);
  void push_register(uint64_t number, int64_t offset);
  void jump(int64_t distance) { reader_.seek(reader_.offset() + static_cast<uint64_t>(distance)); }
  bool execute(uint8_t operation);
  bool execute_constant(uint8_t operation);
  bool execute_stack(uint8_t operation);
  bool execute_unary(uint8_t operation);
  bool execute_binary(uint8_t operation);

  ByteReader reader_;
  const FrameRegisters& registers_;
  const MemoryReader& memory_;
  uint64_t bias_;
  std::array<uint64_t, 64> stack_;
  size_t depth_ = 0;
  Failure failure_ = Failure::kNone;
  bool has_read_ = false;
  Address fault_address_;
};

}  // namespace inquest::elf
