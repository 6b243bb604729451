#include "postmortem/unwind/cfi_step.h"

#include <fmt/format.h>

#include "postmortem/unwind/cfi_expression.h"

namespace inquest::unwind {
namespace {

using Kind = RegisterRule::Kind;

/// System V ABI for x86-64, figure 3.4: what a callee has to preserve.
bool is_preserved(size_t number) {
  return number == Registers::kRbx || number == Registers::kRbp ||
         (number >= Registers::kR12 && number <= Registers::kR15);
}

std::string_view register_name(uint64_t number) {
  static constexpr std::string_view kNames[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                                "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
  return number < std::size(kNames) ? kNames[number] : "a vector register";
}

class RowApplier {
 public:
  RowApplier(const CodeMap& code, const Frame& frame, const CfiRow& row)
      : memory_(code.memory()), frame_(frame), row_(row) {}

  /// Empty, or why it cannot be done.
  std::string apply(Step& step) {
    auto cfa = this->cfa();
    if (!cfa) return problem_;
    step.cfa = Address(*cfa);
    for (size_t number = 0; number < Registers::kCount; ++number) {
      auto value = value_of(number, *cfa);
      if (value) step.caller.set(static_cast<Registers::Index>(number), *value);
    }
    return {};
  }

 private:
  bool knows(uint64_t number) const {
    return number < Registers::kCount && frame_.registers.knows(static_cast<Registers::Index>(number));
  }

  std::optional<uint64_t> cfa() {
    if (!row_.cfa_expression.empty()) {
      auto value = evaluate(row_.cfa_expression, frame_.registers, memory_, std::nullopt);
      if (!value) problem_ = "the expression for its frame address cannot be computed";
      return value;
    }
    if (!knows(row_.cfa_register)) {
      problem_ = fmt::format("its frame is found by {}, which is not known", register_name(row_.cfa_register));
      return std::nullopt;
    }
    return frame_.registers.values.gpr[row_.cfa_register] + static_cast<uint64_t>(row_.cfa_offset);
  }

  std::optional<uint64_t> value_of(size_t number, uint64_t cfa) const {
    const RegisterRule& rule = row_.registers[number];
    uint64_t relative = cfa + static_cast<uint64_t>(rule.value);
    switch (rule.kind) {
      case Kind::kUnspecified:
        if (number == Registers::kRsp) return cfa;
        return is_preserved(number) ? same(number) : std::nullopt;
      case Kind::kUndefined: return std::nullopt;
      case Kind::kSame: return same(number);
      case Kind::kOffset: return memory_.read_u64(Address(relative));
      case Kind::kValueOffset: return relative;
      case Kind::kRegister: return same(static_cast<uint64_t>(rule.value));
      case Kind::kExpression: {
        auto place = evaluate(rule.expression, frame_.registers, memory_, cfa);
        return place ? memory_.read_u64(Address(*place)) : std::nullopt;
      }
      case Kind::kValueExpression: return evaluate(rule.expression, frame_.registers, memory_, cfa);
    }
    return std::nullopt;
  }
  std::optional<uint64_t> same(uint64_t number) const {
    if (!knows(number)) return std::nullopt;
    return frame_.registers.values.gpr[number];
  }

  const MemoryReader& memory_;
  const Frame& frame_;
  const CfiRow& row_;
  std::string problem_;
};

std::string memory_problem(const MemoryReader& memory, Address address) {
  return fmt::format("the stack at {:#x} cannot be read: {}", address.value(),
                     to_string(memory.fault_at(address, 8).cause));
}

/// Why nothing describes the code at `pc`.
std::string undescribed(const CodeMap& code, Address pc) {
  std::string text = "no call frame information for " + place_text(code, pc);
  FaultCause cause = code.memory().fault_at(pc, 1).cause;
  // Files that are missing have notes of their own.
  bool is_cut = code.memory().view(pc, 1).empty() && cause == FaultCause::kTruncated;
  return is_cut ? fmt::format("{}, which is {}", text, to_string(cause)) : text;
}

/// Null, with the reason in `outcome`, where nothing describes the frame or what does is damaged.
const RowMemo::Entry* look_up(const CodeMap& code, const Frame& frame, RowMemo& memo, CfiOutcome& outcome) {
  Address lookup = frame.lookup_pc();
  const ModuleCode* module = code.module_at(lookup);
  auto fde = module ? module->find(module->module().link_time(lookup)) : std::nullopt;
  // A return address that was put on the stack by hand, as makecontext does, may be the first byte of a function.
  if (!fde && lookup != frame.pc && (module = code.module_at(frame.pc)) != nullptr) {
    lookup = frame.pc;
    fde = module->find(module->module().link_time(lookup));
    if (fde && fde->start != module->module().link_time(lookup)) fde.reset();
  }
  if (!fde) {
    outcome.problem = undescribed(code, frame.pc);
    return nullptr;
  }
  outcome.described = true;
  if (!code.may_execute(fde->cie.instructions.size() + fde->instructions.size())) {
    outcome.problem = "too much call frame information for " + place_text(code, frame.pc);
    return nullptr;
  }
  auto row = row_at(*fde, module->module().link_time(lookup));
  if (!row || fde->cie.return_register >= Registers::kCount) {
    outcome.problem = "damaged call frame information for " + place_text(code, frame.pc);
    return nullptr;
  }
  return &memo.keep({.pc = frame.pc,
                     .lookup = lookup,
                     .exact_pc = frame.lookup_pc() == frame.pc,
                     .return_register = fde->cie.return_register,
                     .signal_frame = fde->cie.signal_frame,
                     .row = *row});
}

}  // namespace

std::string place_text(const CodeMap& code, Address pc) {
  const ModuleCode* module = code.module_at(pc);
  if (module == nullptr) return fmt::format("{:#x} in no module", pc.value());
  const std::string& path = module->module().path;
  return fmt::format("{:#x} in {}", pc.value(), path.substr(path.rfind('/') + 1));
}

CfiOutcome step_by_cfi(const CodeMap& code, const Frame& frame, RowMemo& memo) {
  CfiOutcome outcome;
  const RowMemo::Entry* entry = memo.find(frame);
  if (entry == nullptr && (entry = look_up(code, frame, memo, outcome)) == nullptr) return outcome;
  outcome.described = true;
  Step step;
  step.placed_by_hand = !frame.exact_pc && entry->lookup == frame.pc;
  step.signal_frame = entry->signal_frame;
  const RegisterRule& return_rule = entry->row.registers[entry->return_register];
  if (return_rule.kind == Kind::kUndefined) {
    step.outermost = true;
    outcome.step = step;
    return outcome;
  }
  if (std::string problem = RowApplier(code, frame, entry->row).apply(step); !problem.empty()) {
    outcome.problem = place_text(code, frame.pc) + ": " + problem;
    return outcome;
  }
  auto index = static_cast<Registers::Index>(entry->return_register);
  if (!step.caller.knows(index)) {
    bool saved = return_rule.kind == Kind::kOffset;
    outcome.problem = saved ? memory_problem(code.memory(), step.cfa + static_cast<uint64_t>(return_rule.value))
                            : "the return address of " + place_text(code, frame.pc) + " cannot be computed";
    return outcome;
  }
  step.caller.set(Registers::kRip, step.caller.values.gpr[entry->return_register]);
  step.outermost = step.caller.values.gpr[Registers::kRip] == 0;
  outcome.step = step;
  return outcome;
}

}  // namespace inquest::unwind
