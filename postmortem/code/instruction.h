// One decoded x86-64 instruction, reduced to what explanations of crashes and steps up the stack need:
// text, operands, control flow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postmortem/model/address.h"
#include "postmortem/model/target.h"

namespace inquest::code {

/// A general-purpose register as part of an instruction: `rax` for eax, ax and al too.
using Register = std::optional<Registers::Index>;

enum class Access : uint8_t { kNone, kRead, kWrite, kReadWrite, kExecute };

struct Operand {
  enum class Kind : uint8_t { kRegister, kMemory, kImmediate, kOther };
  enum class Segment : uint8_t { kNone, kFs, kGs };

  Kind kind = Kind::kOther;
  uint32_t size = 0;  ///< bytes
  Access access = Access::kNone;

  Register reg;            ///< of kRegister, when it is a general-purpose one
  bool high_byte = false;  ///< ah, bh, ch, dh

  // of kMemory; `pc_relative` operands have `displacement` made absolute
  Register base, index;
  uint8_t scale = 1;
  int64_t displacement = 0;  ///< also the value of kImmediate
  bool pc_relative = false;
  bool vector_index = false;  ///< gather, scatter: the address depends on vector registers
  Segment segment = Segment::kNone;

  bool is_memory() const { return kind == Kind::kMemory; }
  bool is_register() const { return kind == Kind::kRegister && reg.has_value(); }
  bool is_absolute() const { return is_memory() && !base && !index && segment == Segment::kNone; }
};

enum class Flow : uint8_t {
  kNext,    ///< goes on behind itself
  kCall,    ///< and comes back
  kJump,    ///< goes elsewhere, `target` says where when it is fixed
  kBranch,  ///< may go to `target`
  kEnd,     ///< return, ud2, hlt
};

struct Instruction {
  /// What has a meaning of its own here; all others are kOther.
  enum class Kind : uint8_t {
    kOther,
    kMove,
    kMoveSign,
    kMoveZero,
    kLea,
    kAdd,
    kSub,
    kXor,
    kAnd,
    kOr,
    kPush,
    kPop,
    kCall,
    kReturn,
    kJump,
    kConditionalMove,
    kLeave,
    kDivide,
    kUndefined,
    kBreakpoint,
    kNop,
    kPrivileged,
    kShift,
    kMultiply,
    kCompare,
    kIncrement,
    kDecrement,
    kString,
    kLandingMark
  };

  Address address;
  uint32_t size = 0;
  Kind kind = Kind::kOther;
  Flow flow = Flow::kNext;
  std::optional<Address> target;  ///< of a direct call, jump or branch
  std::string text;               ///< AT&T syntax, as gdb shows it
  std::string mnemonic;           ///< Intel's name, lower case
  std::vector<Operand> operands;  ///< destination first
  uint32_t written = 0;           ///< bit i: Registers::Index i is changed (calls: by the ABI, not here)
  uint32_t aligned = 0;           ///< the alignment that its memory operand must have, 0: any

  Address end() const { return address + size; }
  bool writes(Registers::Index index) const { return (written >> index & 1U) != 0; }
};

/// "rdi"
const char* register_name(Registers::Index index);

class Disassembler {
 public:
  Disassembler();
  ~Disassembler();
  Disassembler(const Disassembler&) = delete;
  Disassembler& operator=(const Disassembler&) = delete;

  /// The instruction whose bytes `bytes` begins with; nothing when they are none.
  std::optional<Instruction> decode(std::span<const std::byte> bytes, Address address) const;

 private:
  struct Handles;
  std::unique_ptr<Handles> handles_;
};

}  // namespace inquest::code
