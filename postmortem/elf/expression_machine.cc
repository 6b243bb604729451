#include "postmortem/elf/expression_machine.h"

namespace inquest::elf {
namespace {

// DWARF 5, table 7.9.
enum Operation : uint8_t {
  kAddr = 0x03,
  kDeref = 0x06,
  kConst1u = 0x08,
  kConst1s = 0x09,
  kConst2u = 0x0a,
  kConst2s = 0x0b,
  kConst4u = 0x0c,
  kConst4s = 0x0d,
  kConst8u = 0x0e,
  kConst8s = 0x0f,
  kConstu = 0x10,
  kConsts = 0x11,
  kDup = 0x12,
  kDrop = 0x13,
  kOver = 0x14,
  kPick = 0x15,
  kSwap = 0x16,
  kRot = 0x17,
  kAbs = 0x19,
  kAnd = 0x1a,
  kDiv = 0x1b,
  kMinus = 0x1c,
  kMod = 0x1d,
  kMul = 0x1e,
  kNeg = 0x1f,
  kNot = 0x20,
  kOr = 0x21,
  kPlus = 0x22,
  kPlusUconst = 0x23,
  kShl = 0x24,
  kShr = 0x25,
  kShra = 0x26,
  kXor = 0x27,
  kBra = 0x28,
  kEq = 0x29,
  kGe = 0x2a,
  kGt = 0x2b,
  kLe = 0x2c,
  kLt = 0x2d,
  kNe = 0x2e,
  kSkip = 0x2f,
  kLit0 = 0x30,
  kLit31 = 0x4f,
  kBreg0 = 0x70,
  kBreg31 = 0x8f,
  kBregx = 0x92,
  kDerefSize = 0x94,
  kNop = 0x96,
};

// Branches allow loops; real expressions have a dozen operations, some of inlined code a hundred.
constexpr int kMaxOperations = 1000;

bool is_binary(uint8_t operation) {
  return (operation >= kAnd && operation <= kMul) || operation == kOr || operation == kPlus ||
         (operation >= kShl && operation <= kXor) || (operation >= kEq && operation <= kNe);
}

}  // namespace

bool ExpressionMachine::run(std::optional<uint64_t> initial) {
  if (initial) push(*initial);
  for (int count = 0; !reader_.at_end() && failure_ == Failure::kNone; ++count) {
    if (count == kMaxOperations || !execute(reader_.u8()) || !reader_.ok()) fail(Failure::kDamaged);
  }
  return failure_ == Failure::kNone && reader_.ok();
}

void ExpressionMachine::push(uint64_t value) {
  if (depth_ == stack_.size()) return fail(Failure::kDamaged);
  stack_[depth_++] = value;
}

uint64_t ExpressionMachine::pop() {
  if (depth_ > 0) return stack_[--depth_];
  fail(Failure::kDamaged);
  return 0;
}

void ExpressionMachine::pick(uint64_t below) {
  if (below >= depth_) return fail(Failure::kDamaged);
  push(stack_[depth_ - 1 - below]);
}

std::optional<uint64_t> ExpressionMachine::register_value(uint64_t number) {
  note_read();
  if (number >= Registers::kCount) {
    fail(Failure::kNoRegister);
  } else if (!registers_.knows(static_cast<Registers::Index>(number))) {
    fail(Failure::kRegister);
  } else {
    return registers_.values.gpr[number];
  }
  return std::nullopt;
}

void ExpressionMachine::push_register(uint64_t number, int64_t offset) {
  if (auto value = register_value(number)) push(*value + static_cast<uint64_t>(offset));
}

void ExpressionMachine::dereference(uint64_t size) {
  uint64_t value = 0;
  if (size == 0 || size > sizeof value) return fail(Failure::kDamaged);
  note_read();
  Address address(pop());
  auto out = std::as_writable_bytes(std::span(&value, 1)).first(size);
  if (failure_ == Failure::kNone && memory_.read(address, out)) {
    fail(Failure::kMemory);
    fault_address_ = address;
  }
  push(value);
}

bool ExpressionMachine::execute(uint8_t operation) {
  if (operation >= kLit0 && operation <= kLit31) {
    push(operation - kLit0);
    return true;
  }
  if (operation >= kBreg0 && operation <= kBreg31) {
    push_register(operation - kBreg0, reader_.sleb());
    return true;
  }
  return execute_constant(operation) || execute_stack(operation) || execute_unary(operation) ||
         execute_binary(operation) || extension(operation);
}

bool ExpressionMachine::execute_constant(uint8_t operation) {
  auto wide = [](int64_t value) { return static_cast<uint64_t>(value); };
  switch (operation) {
    case kAddr: push(reader_.u64() + bias_); return true;
    case kConst8u:
    case kConst8s: push(reader_.fixed<uint64_t>()); return true;
    case kConst1u: push(reader_.fixed<uint8_t>()); return true;
    case kConst1s: push(wide(reader_.fixed<int8_t>())); return true;
    case kConst2u: push(reader_.fixed<uint16_t>()); return true;
    case kConst2s: push(wide(reader_.fixed<int16_t>())); return true;
    case kConst4u: push(reader_.fixed<uint32_t>()); return true;
    case kConst4s: push(wide(reader_.fixed<int32_t>())); return true;
    case kConstu: push(reader_.uleb()); return true;
    case kConsts: push(wide(reader_.sleb())); return true;
  }
  return false;
}

bool ExpressionMachine::execute_stack(uint8_t operation) {
  switch (operation) {
    case kNop: return true;
    case kDup: pick(0); return true;
    case kOver: pick(1); return true;
    case kPick: pick(reader_.u8()); return true;
    case kDrop: pop(); return true;
    case kSwap: {
      uint64_t top = pop(), second = pop();
      push(top);
      push(second);
      return true;
    }
    case kRot: {
      uint64_t top = pop(), second = pop(), third = pop();
      push(top);
      push(third);
      push(second);
      return true;
    }
    case kBregx: {
      uint64_t number = reader_.uleb();
      push_register(number, reader_.sleb());
      return true;
    }
    case kSkip: jump(reader_.fixed<int16_t>()); return true;
    case kBra: {
      auto distance = reader_.fixed<int16_t>();
      if (pop() != 0) jump(distance);
      return true;
    }
  }
  return false;
}

bool ExpressionMachine::execute_unary(uint8_t operation) {
  switch (operation) {
    case kDeref: dereference(8); return true;
    case kDerefSize: dereference(reader_.u8()); return true;
    case kAbs: {
      uint64_t value = pop();
      push(static_cast<int64_t>(value) < 0 ? -value : value);
      return true;
    }
    case kNeg: push(-pop()); return true;
    case kNot: push(~pop()); return true;
    case kPlusUconst: push(pop() + reader_.uleb()); return true;
  }
  return false;
}

bool ExpressionMachine::execute_binary(uint8_t operation) {
  if (!is_binary(operation)) return false;
  uint64_t right = pop(), left = pop();
  auto a = static_cast<int64_t>(left), b = static_cast<int64_t>(right);
  switch (operation) {
    case kAnd: push(left & right); return true;
    case kOr: push(left | right); return true;
    case kXor: push(left ^ right); return true;
    case kPlus: push(left + right); return true;
    case kMinus: push(left - right); return true;
    case kMul: push(left * right); return true;
    case kDiv:
      if (b == 0) return fail(Failure::kDamaged), true;
      push(b == -1 ? -left : static_cast<uint64_t>(a / b));
      return true;
    case kMod:
      if (right == 0) return fail(Failure::kDamaged), true;
      push(left % right);
      return true;
    case kShl: push(right < 64 ? left << right : 0); return true;
    case kShr: push(right < 64 ? left >> right : 0); return true;
    case kShra: push(static_cast<uint64_t>(a >> (right < 64 ? right : 63))); return true;
    case kEq: push(a == b); return true;
    case kNe: push(a != b); return true;
    case kGe: push(a >= b); return true;
    case kGt: push(a > b); return true;
    case kLe: push(a <= b); return true;
    case kLt: push(a < b); return true;
  }
  return false;
}

}  // namespace inquest::elf
