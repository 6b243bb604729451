#include "postmortem/crash/scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace inquest::crash {
namespace {

constexpr int kMaxCallers = 6;  // an argument is rarely handed on further before somebody sets it
constexpr size_t kLongestInstruction = 15;
constexpr std::array kArgumentRegisters = {Registers::kRdi, Registers::kRsi, Registers::kRdx,
                                           Registers::kRcx, Registers::kR8,  Registers::kR9};

/// The argument that a value is, or is reached through.
const Value* argument_in(const Value& value) {
  const Value* at = &value;
  for (int depth = 0; depth < 16; ++depth) {
    if (at->kind == Value::Kind::kArgument) return at;
    bool passes = at->kind == Value::Kind::kField || at->kind == Value::Kind::kElement || at->kind == Value::Kind::kSum;
    if (!passes || at->parts.empty()) return nullptr;
    at = at->parts[0].get();
  }
  return nullptr;
}

ValuePtr with_parameter(const ValuePtr& value, const std::string& name) {
  auto copy = std::make_shared<Value>(*value);
  if (copy->kind == Value::Kind::kArgument) {
    copy->parameter = name;
  } else if (!copy->parts.empty()) {
    copy->parts[0] = with_parameter(copy->parts[0], name);
  }
  return copy;
}

OriginStep step_of(const Value& value, const std::string& function) {
  return {value.at, function, value.instruction, predicate(value), value.bits};
}

// Whether arguments of this type travel in vector registers, so that they do not count among the integer ones.
bool is_floating(const std::string& type) { return type == "float" || type == "double" || type == "long double"; }

}  // namespace

std::optional<Instruction> Scene::instruction_at(Address address) const {
  return disassembler_.decode(memory().view(address, kLongestInstruction), address);
}

std::optional<CodeFrame> Scene::open(const Frame& frame, size_t number) const {
  auto range = names_.range(frame.lookup_pc());
  if (!range) {
    // Nothing tells where the function begins (made at run time, or no unwind information): the instruction alone.
    auto alone = frame.exact_pc ? instruction_at(frame.pc) : std::nullopt;
    if (!alone) return std::nullopt;
    range = CodeRange{frame.pc, alone->end()};
  }
  CodeFrame result;
  result.frame = frame;
  result.number = number;
  result.code = std::make_unique<FunctionCode>(memory(), disassembler_, *range);
  bool exact = frame.exact_pc || frame.signal_trampoline;
  auto index = exact ? result.code->index_of(frame.pc) : result.code->ending_at(frame.pc);
  if (!index) return std::nullopt;
  result.index = *index;
  return result;
}

std::optional<CodeFrame> Scene::open_caller(size_t number) const {
  if (number + 1 >= stack_.frames.size()) return std::nullopt;
  const Frame& frame = stack_.frames[number + 1];
  bool certain = frame.found_by == FoundBy::kCfi || frame.found_by == FoundBy::kFramePointer;
  if (!certain || frame.exact_pc || frame.signal_trampoline) return std::nullopt;
  auto opened = open(frame, number + 1);
  if (!opened || opened->instruction().flow != Flow::kCall) return std::nullopt;
  return opened;
}

std::optional<CodeFrame> Scene::open_caller_by_stack() const {
  if (!frame().registers.knows(Registers::kRsp)) return std::nullopt;
  auto back = memory().read_pointer(Address(reg(Registers::kRsp)));
  if (!back) return std::nullopt;
  const MemoryRegion* region = memory().region_of(*back);
  if (!region || !region->executable) return std::nullopt;
  // Nothing ran at the bad address, so every register is as it was at the call.
  Frame caller = frame();
  caller.pc = *back;
  caller.exact_pc = false;
  caller.registers.set(Registers::kRip, back->value());
  caller.registers.set(Registers::kRsp, reg(Registers::kRsp) + 8);
  auto opened = open(caller, first_ + 1);
  if (!opened || opened->instruction().flow != Flow::kCall) return std::nullopt;
  return opened;
}

std::vector<CodeLine> Scene::code_around(Address address) const {
  constexpr size_t kBefore = 2, kAfter = 2;
  std::vector<CodeLine> lines;
  if (auto range = names_.range(address)) {
    FunctionCode code(memory(), disassembler_, *range);
    if (auto index = code.index_of(address)) {
      size_t begin = *index - std::min(*index, kBefore);
      size_t end = std::min(*index + kAfter + 1, code.instructions().size());
      for (size_t i = begin; i < end; ++i) lines.push_back({code.at(i).address, code.at(i).text, i == *index});
      return lines;
    }
  }
  Address at = address;
  for (size_t i = 0; i <= kAfter; ++i) {
    auto instruction = instruction_at(at);
    if (!instruction) break;
    lines.push_back({at, instruction->text, i == 0});
    at = instruction->end();
  }
  return lines;
}

std::string Scene::parameter_name(const Frame& frame, size_t number, int argument) const {
  Address pc = frame.lookup_pc();
  const Module* module = names_.module_of(pc);
  auto locations = names_.locate(pc);
  if (!module || locations.empty()) return {};
  const Frame* caller = number + 1 < stack_.frames.size() ? &stack_.frames[number + 1] : nullptr;
  auto variables = names_.debug_info().of(*module).arguments(
      module->link_time(pc), locations.back(),
      {.memory = memory(), .frame = frame, .bias = module->bias, .caller = caller});
  int position = 0;
  for (const Variable& variable : variables) {
    if (is_floating(variable.type)) continue;
    if (++position == argument) return variable.name;
  }
  return {};
}

bool Scene::begins_function_of(Address start, const Frame& frame) const {
  auto range = names_.range(frame.lookup_pc());
  if (range && range->contains(start)) return true;
  std::string name = names_.function(start).name;
  return !name.empty() && name == names_.function(frame.lookup_pc()).name;  // the cold part of a function
}

std::optional<CodeFrame> Scene::open_jump(Address function, const CodeFrame& reached) const {
  auto range = names_.range(function);
  if (!range || range->start != function) return std::nullopt;
  CodeFrame result;
  result.code = std::make_unique<FunctionCode>(memory(), disassembler_, *range);
  result.number = reached.number;
  OriginTracer tracer(names_, disassembler_, thread_, *result.code, 0, reached.frame);
  std::optional<size_t> jump;
  for (size_t i = 0; i < result.code->instructions().size(); ++i) {
    const Instruction& at = result.code->at(i);
    if (at.flow != Flow::kJump && at.flow != Flow::kBranch) continue;
    auto target = tracer.callee(at);
    if (!target || range->contains(*target) || !begins_function_of(*target, reached.frame)) continue;
    if (jump) return std::nullopt;  // which of them it was is not known
    jump = i;
  }
  if (!jump) return std::nullopt;
  result.index = *jump;
  result.frame.pc = result.instruction().address;
  result.frame.exact_pc = true;
  result.frame.registers.set(Registers::kRip, result.frame.pc.value());
  return result;
}

std::optional<Scene::Passed> Scene::passed_argument(const CodeFrame& callee, const Value& argument) const {
  auto caller = open_caller(callee.number);
  if (!caller) return std::nullopt;
  // What arrived as the argument was in its register at the call: paths that would have put another value there drop
  // out.
  bool in_register = argument.argument <= static_cast<int>(kArgumentRegisters.size());
  auto reg = in_register ? kArgumentRegisters[static_cast<size_t>(argument.argument - 1)] : Registers::kRax;
  bool sure = true;
  {
    OriginTracer tracer(names_, disassembler_, thread_, *caller->code, caller->index, caller->frame);
    auto called = tracer.called_now(caller->instruction());
    sure = called.has_value();
    if (called && !begins_function_of(*called, callee.frame)) {
      // A function that ended in a jump to this one has left no frame, and its arguments count.
      caller = in_register ? open_jump(*called, callee) : std::nullopt;
      if (!caller) return std::nullopt;
    }
  }
  if (in_register && argument.bits) caller->frame.registers.set(reg, *argument.bits);
  OriginTracer tracer(names_, disassembler_, thread_, *caller->code, caller->index, caller->frame);
  ValuePtr value;
  if (in_register) {
    value = tracer.trace(reg);
  } else {
    Operand slot;
    slot.kind = Operand::Kind::kMemory;
    slot.base = Registers::kRsp;
    slot.displacement = (argument.argument - 7) * 8;
    slot.size = 8;
    value = tracer.trace_operand(slot);
  }
  if (value->kind == Value::Kind::kUnknown && value->name.empty()) return std::nullopt;
  if (!sure) {
    auto copy = std::make_shared<Value>(*value);
    copy->sure = false;
    value = copy;
  }
  return Passed{std::move(value), std::move(*caller)};
}

// An argument that was passed with another value is not where this one came from.
ValuePtr Scene::without_refuted(const CodeFrame& at, const ValuePtr& value) const {
  if (value->kind != Value::Kind::kEither || !value->bits) return value;
  auto copy = std::make_shared<Value>(*value);
  std::erase_if(copy->parts, [&](const ValuePtr& part) {
    if (part->kind != Value::Kind::kArgument) return false;
    auto passed = passed_argument(at, *part);
    return passed && passed->value->sure && passed->value->bits && *passed->value->bits != *value->bits;
  });
  if (copy->parts.size() == 1) {
    auto rest = std::make_shared<Value>(*copy->parts[0]);
    rest->bits = value->bits;
    return rest;
  }
  return copy->parts.empty() ? value : copy;
}

ValuePtr Scene::follow(const CodeFrame& at, ValuePtr value, std::vector<OriginStep>& steps) const {
  const CodeFrame* now = &at;
  std::optional<Passed> passed;
  for (int hop = 0; hop <= kMaxCallers; ++hop) {
    value = without_refuted(*now, value);
    const Value* argument = argument_in(*value);
    if (argument) value = with_parameter(value, parameter_name(now->frame, now->number, argument->argument));
    steps.push_back(step_of(*value, where(now->frame)));
    argument = argument_in(*value);
    if (!argument) return value;
    auto next = passed_argument(*now, *argument);
    if (!next) return value;
    passed = std::move(next);
    value = passed->value;
    now = &passed->from;
  }
  return value;
}

}  // namespace inquest::crash
