#include "postmortem/crash/evaluator.h"

#include <array>
#include <map>

namespace inquest::crash {
namespace {

using Kind = Instruction::Kind;
constexpr int kMaxSteps = 200;                       // accessors take 2 to 40
constexpr uint64_t kStackTop = 0x7ff000000000'0000;  // not canonical: no address of the process
constexpr uint64_t kReturn = 0x7ff000000000'1000;

class Evaluator {
 public:
  Evaluator(const MemoryReader& memory, const Disassembler& disassembler, uint64_t fs_base)
      : memory_(memory), disassembler_(disassembler), fs_base_(fs_base) {}

  std::optional<uint64_t> call(Address function, uint64_t argument) {
    reg(Registers::kRdi) = argument;
    reg(Registers::kRsp) = kStackTop;
    push(kReturn);
    pc_ = function.value();
    for (int step = 0; step < kMaxSteps; ++step) {
      if (pc_ == kReturn) return reg(Registers::kRax);
      auto instruction = disassembler_.decode(memory_.view(Address(pc_), 15), Address(pc_));
      if (!instruction) return std::nullopt;
      pc_ = instruction->end().value();
      if (!run(*instruction)) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  uint64_t& reg(Registers::Index index) { return registers_[index]; }

  void push(uint64_t value) {
    reg(Registers::kRsp) -= 8;
    written_[reg(Registers::kRsp)] = value;
  }

  static uint64_t cut(uint64_t value, uint32_t size) { return size >= 8 ? value : value & ((1ull << size * 8) - 1); }

  std::optional<uint64_t> read(uint64_t address, uint32_t size) {
    if (auto own = written_.find(address); own != written_.end()) return cut(own->second, size);
    uint64_t value = 0;
    if (size > 8 || memory_.read(Address(address), std::as_writable_bytes(std::span(&value, 1)).first(size)))
      return std::nullopt;
    return value;
  }

  std::optional<uint64_t> address_of(const Operand& operand) {
    if (operand.vector_index || operand.segment == Operand::Segment::kGs) return std::nullopt;
    uint64_t address = static_cast<uint64_t>(operand.displacement);
    if (operand.base) address += reg(*operand.base);
    if (operand.index) address += reg(*operand.index) * operand.scale;
    if (operand.segment == Operand::Segment::kFs) address += fs_base_;
    return address;
  }

  std::optional<uint64_t> value_of(const Operand& operand) {
    if (operand.kind == Operand::Kind::kImmediate) return static_cast<uint64_t>(operand.displacement);
    if (operand.is_register() && !operand.high_byte) return cut(reg(*operand.reg), operand.size);
    if (!operand.is_memory()) return std::nullopt;
    auto address = address_of(operand);
    return address ? read(*address, operand.size) : std::nullopt;
  }

  bool assign(const Operand& operand, uint64_t value) {
    if (operand.is_register() && operand.size >= 4) {
      reg(*operand.reg) = cut(value, operand.size);
      return true;
    }
    auto address = operand.is_memory() && operand.size == 8 ? address_of(operand) : std::nullopt;
    if (!address) return false;
    written_[*address] = value;
    return true;
  }

  bool jump(const Instruction& at) {
    if (at.target) {
      pc_ = at.target->value();
      return true;
    }
    auto target = at.operands.empty() ? std::nullopt : value_of(at.operands[0]);
    if (target) pc_ = *target;
    return target.has_value();
  }

  // The stack protector's comparison is the only one in most accessors.
  bool branch(const Instruction& at) {
    if (!zero_ || !at.target || (at.mnemonic != "je" && at.mnemonic != "jne")) return false;
    if (*zero_ == (at.mnemonic == "je")) pc_ = at.target->value();
    return true;
  }

  bool pop_into(const Operand& operand) {
    auto value = read(reg(Registers::kRsp), 8);
    reg(Registers::kRsp) += 8;
    return value && assign(operand, *value);
  }

  bool run(const Instruction& at) {
    const auto& operands = at.operands;
    if (at.flow == Flow::kBranch) return branch(at);
    switch (at.kind) {
      case Kind::kNop:
      case Kind::kLandingMark: return true;
      case Kind::kPush: {
        auto value = operands.empty() ? std::nullopt : value_of(operands[0]);
        if (value) push(*value);
        return value.has_value();
      }
      case Kind::kPop: return !operands.empty() && pop_into(operands[0]);
      case Kind::kCall: push(pc_); return jump(at);
      case Kind::kJump: return jump(at);
      case Kind::kReturn: {
        auto target = read(reg(Registers::kRsp), 8);
        reg(Registers::kRsp) += 8;
        if (target) pc_ = *target;
        return target.has_value();
      }
      case Kind::kLeave: {
        reg(Registers::kRsp) = reg(Registers::kRbp);
        auto saved = read(reg(Registers::kRsp), 8);
        reg(Registers::kRsp) += 8;
        if (saved) reg(Registers::kRbp) = *saved;
        return saved.has_value();
      }
      case Kind::kMove:
      case Kind::kLea:
      case Kind::kAdd:
      case Kind::kSub:
      case Kind::kXor:
      case Kind::kAnd:
      case Kind::kOr:
      case Kind::kCompare: return operands.size() == 2 && compute(at);
      default: return false;
    }
  }

  bool compute(const Instruction& at) {
    auto from = at.kind == Kind::kLea ? address_of(at.operands[1]) : value_of(at.operands[1]);
    if (!from) return false;
    if (at.kind == Kind::kMove || at.kind == Kind::kLea) return assign(at.operands[0], *from);
    auto old = value_of(at.operands[0]);
    if (!old) return false;
    auto result = combined(at, *old, *from);
    if (!result) return false;
    zero_ = cut(*result, at.operands[0].size) == 0;
    return at.kind == Kind::kCompare || assign(at.operands[0], *result);
  }

  static std::optional<uint64_t> combined(const Instruction& at, uint64_t old, uint64_t from) {
    switch (at.kind) {
      case Kind::kAdd: return old + from;
      case Kind::kSub: return old - from;
      case Kind::kXor: return old ^ from;
      case Kind::kAnd: return old & from;
      case Kind::kOr: return old | from;
      default: break;
    }
    if (at.mnemonic == "cmp") return old - from;
    return at.mnemonic == "test" ? std::optional(old & from) : std::nullopt;
  }

  const MemoryReader& memory_;
  const Disassembler& disassembler_;
  uint64_t fs_base_;
  uint64_t pc_ = 0;
  std::optional<bool> zero_;  ///< the zero flag
  std::array<uint64_t, Registers::kCount> registers_{};
  std::map<uint64_t, uint64_t> written_;
};

}  // namespace

std::optional<uint64_t> evaluate_call(const MemoryReader& memory, const Disassembler& disassembler, Address function,
                                      uint64_t argument, uint64_t fs_base) {
  return Evaluator(memory, disassembler, fs_base).call(function, argument);
}

}  // namespace inquest::crash
