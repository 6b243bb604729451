#include "postmortem/crash/function_code.h"

#include <algorithm>
#include <deque>

namespace inquest::crash {
namespace {

// Interpreters' main loops have about 100 KB; beyond this a walk would take longer than an answer is worth.
constexpr uint64_t kMaxCode = 512 * 1024;
constexpr uint64_t kLongestInstruction = 15;

using Kind = Instruction::Kind;

std::optional<StackSlot> moved(std::optional<StackSlot> slot, int64_t by) {
  if (slot) slot->offset = static_cast<int64_t>(static_cast<uint64_t>(slot->offset) + static_cast<uint64_t>(by));
  return slot;
}

bool is_register(const Instruction& instruction, size_t operand, Registers::Index index) {
  return instruction.operands.size() > operand && instruction.operands[operand].is_register() &&
         instruction.operands[operand].reg == index;
}

bool is_immediate(const Instruction& instruction, size_t operand) {
  return instruction.operands.size() > operand && instruction.operands[operand].kind == Operand::Kind::kImmediate;
}

struct StackState {
  std::optional<StackSlot> sp, fp;
};

// What one instruction does to rsp and rbp.
void step(const Instruction& at, StackState& state) {
  int64_t immediate = is_immediate(at, 1) ? at.operands[1].displacement : 0;
  switch (at.kind) {
    case Kind::kPush: state.sp = moved(state.sp, -8); return;
    case Kind::kPop:
      state.sp = is_register(at, 0, Registers::kRsp) ? std::nullopt : moved(state.sp, 8);
      if (is_register(at, 0, Registers::kRbp)) state.fp.reset();
      return;
    case Kind::kCall: return;
    case Kind::kLeave:
      state.sp = moved(state.fp, 8);
      state.fp.reset();
      return;
    default: break;
  }
  if (is_register(at, 0, Registers::kRbp) && at.writes(Registers::kRbp)) {
    bool from_sp = at.kind == Kind::kMove && is_register(at, 1, Registers::kRsp);
    bool near_sp = at.kind == Kind::kLea && at.operands.size() > 1 && at.operands[1].base == Registers::kRsp &&
                   !at.operands[1].index;
    state.fp = from_sp ? state.sp : near_sp ? moved(state.sp, at.operands[1].displacement) : std::nullopt;
    return;
  }
  if (!is_register(at, 0, Registers::kRsp) || !at.writes(Registers::kRsp)) return;
  if (at.kind == Kind::kSub && is_immediate(at, 1)) {
    state.sp = moved(state.sp, -immediate);
  } else if (at.kind == Kind::kAdd && is_immediate(at, 1)) {
    state.sp = moved(state.sp, immediate);
  } else if (at.kind == Kind::kAnd && is_immediate(at, 1)) {
    state.sp = StackSlot{1, 0};
  } else if (at.kind == Kind::kMove && is_register(at, 1, Registers::kRbp)) {
    state.sp = state.fp;
  } else if (at.kind == Kind::kLea && at.operands.size() > 1 && !at.operands[1].index) {
    bool from_fp = at.operands[1].base == Registers::kRbp;
    bool from_sp = at.operands[1].base == Registers::kRsp;
    state.sp = from_fp   ? moved(state.fp, at.operands[1].displacement)
               : from_sp ? moved(state.sp, at.operands[1].displacement)
                         : std::nullopt;
  } else {
    state.sp.reset();
  }
}

}  // namespace

FunctionCode::FunctionCode(const MemoryReader& memory, const Disassembler& disassembler, CodeRange range)
    : range_(range) {
  if (range_.end - range_.start > kMaxCode) {
    range_.end = range_.start + kMaxCode;
    partly_known_ = true;
  }
  decode(memory, disassembler);
  connect();
  follow_stack();
}

void FunctionCode::decode(const MemoryReader& memory, const Disassembler& disassembler) {
  for (Address at = range_.start; at < range_.end;) {
    auto bytes = memory.view(at, kLongestInstruction);
    if (bytes.empty()) {
      partly_known_ = true;
      break;
    }
    auto instruction = disassembler.decode(bytes, at);
    if (!instruction) {
      partly_known_ = true;
      at += 1;
      continue;
    }
    at = instruction->end();
    instructions_.push_back(std::move(*instruction));
  }
}

void FunctionCode::connect() {
  size_t count = instructions_.size();
  predecessors_.resize(count);
  successors_.resize(count);
  unknown_predecessor_.assign(count, false);
  std::vector<uint32_t> table_jumps;
  auto link = [&](size_t from, size_t to) {
    predecessors_[to].push_back(static_cast<uint32_t>(from));
    successors_[from].push_back(static_cast<uint32_t>(to));
  };
  for (size_t i = 0; i < count; ++i) {
    const Instruction& at = instructions_[i];
    bool falls_through = at.flow == Flow::kNext || at.flow == Flow::kCall || at.flow == Flow::kBranch;
    if (falls_through && i + 1 < count && instructions_[i + 1].address == at.end()) link(i, i + 1);
    if (at.flow != Flow::kJump && at.flow != Flow::kBranch) continue;
    if (!at.target) {
      table_jumps.push_back(static_cast<uint32_t>(i));
    } else if (auto target = index_of(*at.target)) {
      link(i, *target);
    }
  }
  // A block that nothing known leads to is reached through a jump table, or is where an exception lands.
  for (size_t i = 1; i < count; ++i) {
    if (!predecessors_[i].empty()) continue;
    unknown_predecessor_[i] = true;
    for (uint32_t from : table_jumps) link(from, i);
  }
  if (!table_jumps.empty()) partly_known_ = true;
}

void FunctionCode::follow_stack() {
  size_t count = instructions_.size();
  sp_.resize(count);
  fp_.resize(count);
  if (count == 0) return;
  std::vector<bool> visited(count, false);
  std::deque<size_t> pending = {0};
  visited[0] = true;
  sp_[0] = StackSlot{};
  while (!pending.empty()) {
    size_t i = pending.front();
    pending.pop_front();
    StackState state{sp_[i], fp_[i]};
    step(instructions_[i], state);
    for (uint32_t next : successors_[i]) {
      if (visited[next]) continue;
      visited[next] = true;
      sp_[next] = state.sp;
      fp_[next] = state.fp;
      pending.push_back(next);
    }
  }
}

std::optional<size_t> FunctionCode::index_of(Address address) const {
  auto found = std::lower_bound(instructions_.begin(), instructions_.end(), address,
                                [](const Instruction& i, Address a) { return i.address < a; });
  if (found == instructions_.end() || found->address != address) return std::nullopt;
  return static_cast<size_t>(found - instructions_.begin());
}

std::optional<size_t> FunctionCode::ending_at(Address address) const {
  auto found = std::lower_bound(instructions_.begin(), instructions_.end(), address,
                                [](const Instruction& i, Address a) { return i.end() < a; });
  if (found == instructions_.end() || found->end() != address) return std::nullopt;
  return static_cast<size_t>(found - instructions_.begin());
}

std::optional<StackSlot> FunctionCode::slot_of(size_t index, const Operand& operand) const {
  if (!operand.is_memory() || operand.index || operand.vector_index || operand.segment != Operand::Segment::kNone)
    return std::nullopt;
  if (operand.base == Registers::kRsp) return moved(sp_[index], operand.displacement);
  if (operand.base == Registers::kRbp) return moved(fp_[index], operand.displacement);
  return std::nullopt;
}

bool FunctionCode::address_taken(const StackSlot& slot) const {
  for (size_t i = 0; i < instructions_.size(); ++i) {
    const Instruction& at = instructions_[i];
    if (at.kind != Kind::kLea || at.operands.size() < 2 || is_register(at, 0, Registers::kRsp)) continue;
    auto taken = slot_of(i, at.operands[1]);
    // An object lies from its address upwards; 256 bytes are more than most locals have.
    if (taken && taken->area == slot.area && taken->offset <= slot.offset && slot.offset - taken->offset < 256)
      return true;
  }
  return false;
}

}  // namespace inquest::crash
