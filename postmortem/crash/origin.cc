#include "postmortem/crash/origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>

namespace inquest::crash {
namespace {

using Kind = Instruction::Kind;
constexpr int kMaxDepth = 12;  // moves, spills and fields between a fault and its origin

// Calls leave only rbx, rbp, rsp and r12-r15 as they were (System V ABI, figure 3.4).
bool is_saved_by_callee(Registers::Index reg) {
  return reg == Registers::kRbx || reg == Registers::kRbp || reg == Registers::kRsp || reg >= Registers::kR12;
}

constexpr std::array kArgumentRegisters = {Registers::kRdi, Registers::kRsi, Registers::kRdx,
                                           Registers::kRcx, Registers::kR8,  Registers::kR9};

std::shared_ptr<Value> make(Value::Kind kind, const Instruction& at) {
  auto value = std::make_shared<Value>();
  value->kind = kind;
  value->at = at.address;
  value->instruction = at.text;
  return value;
}

ValuePtr constant(const Instruction& at, uint64_t bits) {
  auto value = make(Value::Kind::kConstant, at);
  value->bits = bits;
  return value;
}

ValuePtr unsure(const ValuePtr& value) {
  if (!value->sure) return value;
  auto copy = std::make_shared<Value>(*value);
  copy->sure = false;
  return copy;
}

ValuePtr sum(const Instruction& at, const ValuePtr& base, int64_t offset) {
  if (offset == 0) return base;
  auto value = make(Value::Kind::kSum, at);
  value->offset = offset;
  value->sure = base->sure;
  if (base->bits) value->bits = *base->bits + static_cast<uint64_t>(offset);
  value->parts = {base};
  if (base->kind == Value::Kind::kSum) {
    value->offset = static_cast<int64_t>(static_cast<uint64_t>(base->offset) + static_cast<uint64_t>(offset));
    value->parts = base->parts;
    if (value->offset == 0 && base->parts.size() == 1) return base->parts[0];
  }
  return value;
}

// The first of the two is the pointer, where their values tell.
ValuePtr sum_of_two(const Instruction& at, ValuePtr first, ValuePtr second, int64_t offset) {
  auto is_small = [](const ValuePtr& value) { return value->bits && *value->bits < 0x10000; };
  auto is_address = [](const ValuePtr& value) {
    return value->bits && *value->bits >= 0x10000 && *value->bits < 1ull << 47;
  };
  if (!is_address(first) && (is_address(second) || (is_small(first) && !is_small(second)))) std::swap(first, second);
  auto value = make(Value::Kind::kSum, at);
  value->offset = offset;
  value->sure = first->sure && second->sure;
  if (first->bits && second->bits) value->bits = *first->bits + *second->bits + static_cast<uint64_t>(offset);
  value->parts = {std::move(first), std::move(second)};
  return value;
}

bool same_registers(const Instruction& at) {
  return at.operands.size() > 1 && at.operands[0].is_register() && at.operands[1].is_register() &&
         at.operands[0].reg == at.operands[1].reg;
}

}  // namespace

OriginTracer::OriginTracer(const Names& names, const Disassembler& disassembler, const Thread& thread,
                           const FunctionCode& code, size_t index, const Frame& frame)
    : names_(names), disassembler_(disassembler), thread_(thread), code_(code), index_(index), frame_(frame) {}

ValuePtr OriginTracer::trace(Registers::Index reg) { return value_before(reg, index_, 0); }

ValuePtr OriginTracer::trace_operand(const Operand& operand) {
  if (operand.is_register()) return trace(*operand.reg);
  return load(index_, operand, 0);
}

// Definitions that reach an instruction: backwards over all predecessors, each path up to the first one that defines.
template <class Defines>
OriginTracer::Definitions OriginTracer::search(size_t index, Defines&& defines) const {
  Definitions result;
  std::vector<bool> seen(code_.instructions().size(), false);
  std::deque<size_t> pending = {index};
  while (!pending.empty()) {
    size_t at = pending.front();
    pending.pop_front();
    if (at == 0) result.entry = true;
    result.vague |= code_.has_unknown_predecessor(at);
    for (uint32_t before : code_.predecessors(at)) {
      if (seen[before]) continue;
      seen[before] = true;
      if (defines(before)) {
        result.where.push_back(before);
      } else {
        pending.push_back(before);
      }
    }
  }
  return result;
}

OriginTracer::Definitions OriginTracer::definitions(Registers::Index reg, size_t index) const {
  return search(index, [&](size_t i) {
    const Instruction& at = code_.at(i);
    return at.writes(reg) || (at.flow == Flow::kCall && !is_saved_by_callee(reg)) ||
           (at.kind == Kind::kPop && !at.operands.empty() && at.operands[0].reg == reg);
  });
}

OriginTracer::Definitions OriginTracer::stores(const StackSlot& slot, size_t index) const {
  return search(index, [&](size_t i) {
    const Instruction& at = code_.at(i);
    if (at.kind == Kind::kPush) {
      auto sp = code_.stack_pointer(i);
      return sp && sp->area == slot.area && sp->offset - 8 == slot.offset;
    }
    if (at.operands.empty() || !at.operands[0].is_memory()) return false;
    const Operand& target = at.operands[0];
    if (target.access != Access::kWrite && target.access != Access::kReadWrite) return false;
    auto written = code_.slot_of(i, target);
    return written && written->area == slot.area && written->offset <= slot.offset &&
           slot.offset - written->offset < target.size;
  });
}

std::optional<uint64_t> OriginTracer::known(Registers::Index reg, size_t index) const {
  if (!frame_.registers.knows(reg)) return std::nullopt;
  uint64_t value = frame_.registers.values.gpr[reg];
  if (index == index_) return value;
  if (reg == Registers::kRsp) return std::nullopt;
  // The register still holds it when the same definitions reach both places.
  auto here = definitions(reg, index);
  bool loops = std::ranges::find(here.where, index) != here.where.end();
  if (loops || here != definitions(reg, index_)) return std::nullopt;
  return value;
}

std::optional<uint64_t> OriginTracer::read(Address location, uint32_t size) const {
  const MemoryReader& memory = names_.memory();
  switch (size) {
    case 1:
      if (auto value = memory.read_value<uint8_t>(location)) return *value;
      break;
    case 2:
      if (auto value = memory.read_value<uint16_t>(location)) return *value;
      break;
    case 4:
      if (auto value = memory.read_value<uint32_t>(location)) return *value;
      break;
    default: return memory.read_u64(location);
  }
  return std::nullopt;
}

std::optional<Address> OriginTracer::slot_address(const StackSlot& slot) const {
  auto sp = code_.stack_pointer(index_);
  if (sp && sp->area == slot.area && frame_.registers.knows(Registers::kRsp))
    return frame_.registers.values.sp() + static_cast<uint64_t>(slot.offset - sp->offset);
  Operand frame_pointer;
  frame_pointer.kind = Operand::Kind::kMemory;
  frame_pointer.base = Registers::kRbp;
  auto fp = code_.slot_of(index_, frame_pointer);
  if (fp && fp->area == slot.area && frame_.registers.knows(Registers::kRbp))
    return frame_.registers.values.fp() + static_cast<uint64_t>(slot.offset - fp->offset);
  return std::nullopt;
}

std::optional<Address> OriginTracer::address_of(const Operand& operand) const {
  if (operand.vector_index) return std::nullopt;
  uint64_t address = static_cast<uint64_t>(operand.displacement);
  const FrameRegisters& registers = frame_.registers;
  if (operand.base) {
    if (!registers.knows(*operand.base)) return std::nullopt;
    address += registers.values.gpr[*operand.base];
  }
  if (operand.index) {
    if (!registers.knows(*operand.index)) return std::nullopt;
    address += registers.values.gpr[*operand.index] * operand.scale;
  }
  if (operand.segment == Operand::Segment::kFs) address += thread_.registers.fs_base;
  if (operand.segment == Operand::Segment::kGs) address += thread_.registers.gs_base;
  return Address(address);
}

ValuePtr OriginTracer::value_before(Registers::Index reg, size_t index, int depth) {
  auto actual = known(reg, index);
  if (depth > kMaxDepth || --budget_ < 0) {
    auto value = std::make_shared<Value>();
    value->bits = actual;
    return value;
  }
  ValuePtr value = resolve(reg, index, depth);
  if (!actual) return value;
  auto copy = std::make_shared<Value>(*value);
  // What the memory says now may differ from what was loaded; the register is right.
  bool from_memory = value->kind == Value::Kind::kGlobal || value->kind == Value::Kind::kField ||
                     value->kind == Value::Kind::kThreadLocal;
  if (from_memory && value->bits && *value->bits != *actual) copy->changed = true;
  copy->bits = actual;
  return copy;
}

ValuePtr OriginTracer::resolve(Registers::Index reg, size_t index, int depth) {
  Definitions found = definitions(reg, index);
  std::vector<ValuePtr> values;
  for (uint32_t at : found.where) values.push_back(defined_once(at, reg, depth + 1));
  if (found.entry) values.push_back(argument(reg));
  ValuePtr value = merge(std::move(values), known(reg, index));
  return found.vague ? unsure(value) : value;
}

// A loop leads to the same instruction again.
ValuePtr OriginTracer::defined_once(size_t index, Registers::Index reg, int depth) {
  auto key = std::make_pair(static_cast<int>(reg), index);
  if (!active_.insert(key).second) return make(Value::Kind::kAgain, code_.at(index));
  ValuePtr value = defined_by(index, reg, depth);
  active_.erase(key);
  // What only keeps its own earlier value is what it was at first.
  bool itself = value->kind == Value::Kind::kAgain && value->at == code_.at(index).address;
  if (!itself) return value;
  return value->parts.empty() ? std::make_shared<Value>() : value->parts[0];
}

ValuePtr OriginTracer::merge(std::vector<ValuePtr> values, std::optional<uint64_t> actual) const {
  if (values.empty()) return std::make_shared<Value>();
  std::vector<ValuePtr> kept;
  ValuePtr again;
  for (ValuePtr& value : values) {
    bool fixed = value->kind == Value::Kind::kConstant || value->kind == Value::Kind::kAddress;
    // A path that would have left another value is not the one taken.
    if (actual && fixed && value->bits && *value->bits != *actual) continue;
    bool local = value->kind == Value::Kind::kAddress && !value->bits;
    if (actual && local && *actual < 0x10000) continue;
    bool repeated = std::ranges::any_of(kept, [&](const ValuePtr& other) { return phrase(*other) == phrase(*value); });
    if (value->kind == Value::Kind::kAgain && value->parts.empty()) {
      again = value;
    } else if (!repeated) {
      kept.push_back(std::move(value));
    }
  }
  if (!again) return one_of(std::move(kept), actual);
  if (kept.empty()) return again;
  auto with_start = std::make_shared<Value>(*again);
  with_start->parts = {one_of(std::move(kept), std::nullopt)};
  with_start->sure = with_start->parts[0]->sure;
  return with_start;
}

ValuePtr OriginTracer::one_of(std::vector<ValuePtr> kept, std::optional<uint64_t> actual) {
  // A variable that holds something else is the less likely source.
  auto differs = [&](const ValuePtr& value) {
    return value->kind == Value::Kind::kGlobal && actual && value->bits && *value->bits != *actual;
  };
  if (kept.size() > 1 && std::ranges::any_of(kept, differs) && !std::ranges::all_of(kept, differs)) {
    std::erase_if(kept, differs);
    for (ValuePtr& value : kept) value = unsure(value);
  }
  if (kept.empty()) return std::make_shared<Value>();
  if (kept.size() == 1) return kept[0];
  auto either = std::make_shared<Value>();
  either->kind = Value::Kind::kEither;
  for (const ValuePtr& value : kept) either->sure &= value->sure;
  either->at = kept[0]->at;
  either->instruction = kept[0]->instruction;
  either->parts = std::move(kept);
  return either;
}

ValuePtr OriginTracer::argument(Registers::Index reg) const {
  auto value = std::make_shared<Value>();
  value->at = code_.range().start;
  auto found = std::ranges::find(kArgumentRegisters, reg);
  FunctionName function = names_.function(frame_.lookup_pc());
  bool is_entry = true;
  // The cold part of a function is entered by a jump, with anything in the registers.
  auto locations = names_.locate(frame_.lookup_pc());
  if (!locations.empty() && function.module) {
    uint64_t start = function.module->link_time(code_.range().start);
    is_entry = locations.back().function_start == 0 || locations.back().function_start == start;
  }
  if (found == kArgumentRegisters.end() || !is_entry) {
    value->name = fmt::format("what {} held when {} began", register_name(reg),
                              function.name.empty() ? "the function" : plain_name(function.name));
    return value;
  }
  value->kind = Value::Kind::kArgument;
  value->argument = static_cast<int>(found - kArgumentRegisters.begin()) + 1;
  value->name = plain_name(function.name);
  if (value->name.empty()) value->name = "the function";
  if (function.module && !function.module->is_executable) value->module = base_name(function.module->path);
  return value;
}

ValuePtr OriginTracer::defined_by(size_t index, Registers::Index reg, int depth) {
  const Instruction& at = code_.at(index);
  if (at.flow == Flow::kCall) {
    auto value = make(reg == Registers::kRax ? Value::Kind::kResult : Value::Kind::kUnknown, at);
    value->name = reg == Registers::kRax ? callee_name(at) : fmt::format("what a call left in {}", register_name(reg));
    return value;
  }
  if (at.kind == Kind::kPop) {
    auto sp = code_.stack_pointer(index);
    Operand top;
    top.kind = Operand::Kind::kMemory;
    top.base = Registers::kRsp;
    top.size = 8;
    if (sp) return load_stack(index, top, *sp, depth);
    return make(Value::Kind::kLocal, at);
  }
  if (at.operands.empty() || !at.operands[0].is_register() || at.operands[0].reg != reg) {
    auto value = make(Value::Kind::kComputed, at);
    return value;
  }
  return at.operands.size() > 1 && at.operands.size() < 3 ? moved_by(index, reg, depth)
                                                          : computed_by(index, reg, depth);
}

ValuePtr OriginTracer::moved_by(size_t index, Registers::Index reg, int depth) {
  const Instruction& at = code_.at(index);
  const Operand& from = at.operands[1];
  bool whole = at.operands[0].size >= 4;
  switch (at.kind) {
    case Kind::kMove:
    case Kind::kMoveSign:
    case Kind::kMoveZero:
      if (!whole) break;
      if (from.kind == Operand::Kind::kImmediate) return constant(at, static_cast<uint64_t>(from.displacement));
      if (from.is_register()) return value_before(*from.reg, index, depth);
      if (from.is_memory()) return load(index, from, depth);
      break;
    case Kind::kLea: return lea(index, depth);
    case Kind::kConditionalMove: {
      std::vector<ValuePtr> both = {value_before(reg, index, depth)};
      both.push_back(from.is_register() ? value_before(*from.reg, index, depth) : load(index, from, depth));
      return merge(std::move(both), std::nullopt);
    }
    case Kind::kXor:
    case Kind::kSub:
      if (same_registers(at)) return constant(at, 0);
      break;
    case Kind::kOr:
      if (from.kind == Operand::Kind::kImmediate && from.displacement == -1) return constant(at, UINT64_MAX);
      break;
    default: break;
  }
  return computed_by(index, reg, depth);
}

ValuePtr OriginTracer::computed_by(size_t index, Registers::Index reg, int depth) {
  const Instruction& at = code_.at(index);
  bool with_immediate = at.operands.size() > 1 && at.operands[1].kind == Operand::Kind::kImmediate;
  bool whole = at.operands[0].size == 8;
  if (whole && with_immediate && (at.kind == Kind::kAdd || at.kind == Kind::kSub)) {
    int64_t offset = at.operands[1].displacement;
    return sum(at, value_before(reg, index, depth), at.kind == Kind::kAdd ? offset : -offset);
  }
  if (whole && at.kind == Kind::kAdd && at.operands.size() == 2 && at.operands[0].is_register()) {
    const Operand& from = at.operands[1];
    if (from.is_register() || from.is_memory())
      return sum_of_two(at, value_before(reg, index, depth),
                        from.is_register() ? value_before(*from.reg, index, depth) : load(index, from, depth), 0);
  }
  if (whole && (at.kind == Kind::kIncrement || at.kind == Kind::kDecrement))
    return sum(at, value_before(reg, index, depth), at.kind == Kind::kIncrement ? 1 : -1);
  auto value = make(Value::Kind::kComputed, at);
  for (const Operand& operand : at.operands) {
    if (operand.is_register()) {
      value->parts.push_back(value_before(*operand.reg, index, depth));
    } else if (operand.is_memory() && at.kind != Kind::kLea) {
      value->parts.push_back(load(index, operand, depth));
    }
  }
  return value;
}

ValuePtr OriginTracer::lea(size_t index, int depth) {
  const Instruction& at = code_.at(index);
  const Operand& from = at.operands[1];
  if (from.is_absolute()) {
    auto value = make(Value::Kind::kAddress, at);
    Address location(static_cast<uint64_t>(from.displacement));
    value->bits = location.value();
    name_data(*value, location);
    if (value->name.empty()) value->name = names_.describe_code(location);
    return value;
  }
  if (code_.slot_of(index, from)) {
    auto value = make(Value::Kind::kAddress, at);
    value->name = "a local variable";
    return value;
  }
  if (from.base && !from.index) return sum(at, value_before(*from.base, index, depth), from.displacement);
  if (from.base && from.index && from.scale == 1)
    return sum_of_two(at, value_before(*from.base, index, depth), value_before(*from.index, index, depth),
                      from.displacement);
  auto value = make(Value::Kind::kComputed, at);
  for (Register reg : {from.base, from.index})
    if (reg) value->parts.push_back(value_before(*reg, index, depth));
  return value;
}

void OriginTracer::name_data(Value& value, Address location) const {
  const Module* module = names_.module_of(location);
  if (module && !module->is_executable) value.module = base_name(module->path);
  if (auto name = names_.data(location)) {
    value.name = name->name;
    value.offset = static_cast<int64_t>(name->offset);
  }
}

ValuePtr OriginTracer::load(size_t index, const Operand& operand, int depth) {
  const Instruction& at = code_.at(index);
  if (operand.segment != Operand::Segment::kNone) return load_thread_local(index, operand, depth);
  if (operand.is_absolute())
    return load_absolute(at, Address(static_cast<uint64_t>(operand.displacement)), operand.size);
  if (auto slot = code_.slot_of(index, operand)) return load_stack(index, operand, *slot, depth);
  return load_field(index, operand, depth);
}

ValuePtr OriginTracer::load_absolute(const Instruction& at, Address location, uint32_t size) const {
  auto value = make(Value::Kind::kGlobal, at);
  value->location = location;
  value->bits = read(location, size);
  name_data(*value, location);
  if (!value->name.empty() || size != 8 || !value->bits) return value;
  // A nameless word of a module that holds the very address of a symbol: its entry in the global offset table.
  Address pointed(*value->bits);
  auto symbol = names_.data(pointed);
  if (symbol && symbol->offset == 0) {
    value->kind = Value::Kind::kAddress;
    value->module.clear();
    name_data(*value, pointed);
  }
  return value;
}

ValuePtr OriginTracer::load_thread_local(size_t index, const Operand& operand, int depth) {
  const Instruction& at = code_.at(index);
  uint64_t offset = static_cast<uint64_t>(operand.displacement);
  auto value = make(Value::Kind::kThreadLocal, at);
  if (operand.segment == Operand::Segment::kGs || operand.index) return make(Value::Kind::kComputed, at);
  if (operand.base) {
    // The offset comes from the global offset table (R_X86_64_TPOFF64).
    auto base = value_before(*operand.base, index, depth);
    if (!base->bits) return value;
    offset += *base->bits;
  } else if (offset == 0) {
    value->kind = Value::Kind::kAddress;
    value->name = "this thread's control block";
    value->bits = thread_.registers.fs_base;
    return value;
  }
  value->location = Address(thread_.registers.fs_base + offset);
  value->bits = read(*value->location, operand.size);
  for (const Module& module : names_.target().modules()) {
    if (module.tls_image_size == 0 || !module.symbols || !value->name.empty()) continue;
    module.symbols->for_each_with_prefix("", [&](const Symbol& symbol) {
      if (!symbol.is_tls || !value->name.empty()) return;
      auto start = names_.target().tls_address(thread_, module, symbol);
      if (!start || *value->location - *start >= std::max<uint64_t>(symbol.size, 1)) return;
      value->name = demangle(symbol.name);
      value->offset = static_cast<int64_t>(*value->location - *start);
      if (!module.is_executable) value->module = base_name(module.path);
    });
  }
  return value;
}

ValuePtr OriginTracer::load_stack(size_t index, const Operand& operand, const StackSlot& slot, int depth) {
  const Instruction& at = code_.at(index);
  auto local = make(Value::Kind::kLocal, at);
  local->location = slot_address(slot);
  if (local->location) local->bits = read(*local->location, operand.size);
  if (depth > kMaxDepth || --budget_ < 0) return local;
  Definitions found = stores(slot, index);
  if (found.where.empty() && found.entry && slot.area == 0 && slot.offset >= 8) {
    // Seventh and later arguments lie above the return address.
    auto value = std::make_shared<Value>(*argument(Registers::kRdi));
    if (value->kind != Value::Kind::kArgument) return local;
    value->argument = 7 + static_cast<int>((slot.offset - 8) / 8);
    value->bits = local->bits;
    return value;
  }
  // Something called may write to it: then what is seen here is not all.
  bool shared = code_.address_taken(slot);
  if (found.where.empty() || (shared && found.entry)) return local;
  std::vector<ValuePtr> values;
  for (uint32_t store : found.where) values.push_back(stored_by(store, depth + 1));
  ValuePtr value = merge(std::move(values), local->bits);
  bool differs = value->kind == Value::Kind::kConstant && local->bits && value->bits &&
                 static_cast<uint32_t>(*value->bits) != static_cast<uint32_t>(*local->bits);
  if (differs || (value->kind == Value::Kind::kUnknown && value->name.empty())) return local;
  return shared || found.vague ? unsure(value) : value;
}

ValuePtr OriginTracer::stored_by(size_t index, int depth) {
  const Instruction& at = code_.at(index);
  size_t source = at.kind == Kind::kPush ? 0 : 1;
  bool moves = at.kind == Kind::kPush || at.kind == Kind::kMove;
  if (!moves || at.operands.size() <= source) return make(Value::Kind::kComputed, at);
  const Operand& from = at.operands[source];
  if (from.kind == Operand::Kind::kImmediate) return constant(at, static_cast<uint64_t>(from.displacement));
  if (from.is_register()) return value_before(*from.reg, index, depth);
  if (from.is_memory()) return load(index, from, depth);
  return make(Value::Kind::kComputed, at);
}

ValuePtr OriginTracer::load_field(size_t index, const Operand& operand, int depth) {
  const Instruction& at = code_.at(index);
  auto value = make(operand.index ? Value::Kind::kElement : Value::Kind::kField, at);
  value->offset = operand.displacement;
  if (!operand.base) {
    // A table at a fixed address, indexed by a register.
    auto table = make(Value::Kind::kAddress, at);
    Address start(static_cast<uint64_t>(operand.displacement));
    table->bits = start.value();
    name_data(*table, start);
    if (table->name.empty()) table->name = fmt::format("a table at {:#x}", start.value());
    value->parts = {table};
    return value;
  }
  ValuePtr base = value_before(*operand.base, index, depth);
  value->sure = base->sure;
  if (base->bits && !operand.index) {
    value->location = Address(*base->bits + static_cast<uint64_t>(operand.displacement));
    value->bits = read(*value->location, operand.size);
    if (base->kind == Value::Kind::kAddress) {
      Value named;
      name_data(named, *value->location);
      if (!named.name.empty()) {
        value->kind = Value::Kind::kGlobal;
        value->name = named.name;
        value->module = named.module;
        value->offset = named.offset;
        return value;
      }
    }
  }
  value->parts = {base};
  return value;
}

std::string OriginTracer::callee_name(const Instruction& call) const {
  auto target = callee(call);
  return target ? plain_name(names_.function(*target).name) : "";
}

std::optional<Address> OriginTracer::called_now(const Instruction& call) {
  if (auto target = callee(call)) return target;
  if (call.operands.empty()) return std::nullopt;
  if (call.operands[0].is_memory()) {
    if (auto location = address_of(call.operands[0])) return names_.memory().read_pointer(*location);
  }
  auto bits = trace_operand(call.operands[0])->bits;
  return bits ? std::optional(Address(*bits)) : std::nullopt;
}

std::optional<Address> OriginTracer::callee(const Instruction& call) const {
  std::optional<Address> target = call.target;
  if (!target && !call.operands.empty() && call.operands[0].is_memory() && call.operands[0].is_absolute())
    target = names_.memory().read_pointer(Address(static_cast<uint64_t>(call.operands[0].displacement)));
  if (!target) return std::nullopt;
  // An entry of the procedure linkage table: (endbr64) jmp *slot(%rip).
  Address at = *target;
  for (int i = 0; i < 3; ++i) {
    auto instruction = disassembler_.decode(names_.memory().view(at, 15), at);
    if (!instruction) break;
    if (instruction->kind == Kind::kJump && !instruction->target && instruction->operands.size() == 1 &&
        instruction->operands[0].is_absolute()) {
      auto slot = names_.memory().read_pointer(Address(static_cast<uint64_t>(instruction->operands[0].displacement)));
      if (slot) target = slot;
      break;
    }
    if (instruction->kind != Kind::kLandingMark) break;
    at = instruction->end();
  }
  return target;
}

}  // namespace inquest::crash
