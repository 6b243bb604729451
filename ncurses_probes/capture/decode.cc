#include "ncurses_probes/capture/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <optional>

#include "postmortem/model/signal_name.h"

namespace inquest::probes {
namespace {

Registers to_registers(const inquest_record& record) {
  static constexpr std::pair<Registers::Index, inquest_register> kOrder[] = {
      {Registers::kRax, INQUEST_AX},  {Registers::kRdx, INQUEST_DX},  {Registers::kRcx, INQUEST_CX},
      {Registers::kRbx, INQUEST_BX},  {Registers::kRsi, INQUEST_SI},  {Registers::kRdi, INQUEST_DI},
      {Registers::kRbp, INQUEST_BP},  {Registers::kRsp, INQUEST_SP},  {Registers::kR8, INQUEST_R8},
      {Registers::kR9, INQUEST_R9},   {Registers::kR10, INQUEST_R10}, {Registers::kR11, INQUEST_R11},
      {Registers::kR12, INQUEST_R12}, {Registers::kR13, INQUEST_R13}, {Registers::kR14, INQUEST_R14},
      {Registers::kR15, INQUEST_R15}, {Registers::kRip, INQUEST_IP},
  };
  Registers registers;
  for (const auto& [to, from] : kOrder) registers.gpr[to] = record.registers[from];
  registers.rflags = record.registers[INQUEST_FLAGS];
  registers.fs_base = record.fs_base;
  return registers;
}

// As core_notes.cc judges by the same siginfo.
bool has_fault_address(int signal, int code) {
  bool is_fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP;
  return is_fault && code > 0 && code != SI_KERNEL;
}

std::vector<ProbeArgument> arguments_of(const inquest_record& record, const ProbeSpec& spec,
                                        const std::vector<Parameter>& parameters) {
  static constexpr inquest_register kOrder[] = {INQUEST_DI, INQUEST_SI, INQUEST_DX, INQUEST_CX, INQUEST_R8, INQUEST_R9};
  std::vector<ProbeArgument> arguments;
  // Not those of the registers as they are.
  bool is_kept = spec.is_return || spec.kind == ProbeSpec::Kind::kStatic;
  if (!spec.wants_arguments || (is_kept && record.has_arguments == 0)) return arguments;
  size_t strings = 0;
  for (const Parameter& parameter : parameters) {
    if (parameter.place >= std::size(kOrder)) continue;
    uint64_t bits = is_kept ? record.arguments[parameter.place] : record.registers[kOrder[parameter.place]];
    std::optional<std::string> text;
    bool is_followed = &parameters == &spec.parameters && strings < INQUEST_MAX_STRINGS;
    if (parameter.type.kind == ParameterType::Kind::kText && is_followed) {
      uint32_t size = std::min<uint32_t>(record.string_sizes[strings], INQUEST_STRING);
      const char* from = record.strings[strings++];
      if (size > 0) text = std::string(from, strnlen(from, size));
    }
    arguments.push_back({.name = parameter.name,
                         .value = format_argument(parameter.type, bits, text),
                         .type = parameter.type.text,
                         .bits = bits});
  }
  return arguments;
}

/// Values that arguments lead to; those that could not be read say so.
void add_members(const inquest_record& record, const ProbeSpec& spec, std::vector<ProbeArgument>& arguments) {
  const inquest_members& found = record.members;
  for (size_t i = 0; i < spec.captures.size() && i < INQUEST_MAX_MEMBERS; ++i) {
    const ParameterType& type = spec.captures[i].place.field_type;
    ProbeArgument argument{.name = spec.captures[i].text, .value = "unreadable"};
    if (i < found.count && (found.known >> i & 1U) != 0) {
      std::optional<std::string> text;
      uint32_t size = std::min<uint32_t>(found.text_sizes[i], INQUEST_STRING);
      if (size > 0) text = std::string(found.texts[i], strnlen(found.texts[i], size));
      argument.type = type.text;
      argument.bits = found.values[i];
      argument.value = format_argument(type, argument.bits, text);
    }
    arguments.push_back(std::move(argument));
  }
}

/// What every record has.
ProbeEvent decode_capture(const inquest_record& record, std::span<const std::byte> room, int64_t boot_time) {
  ProbeEvent event;
  event.time = record.time;
  event.wall_time = boot_time + static_cast<int64_t>(record.time);
  event.pid = record.process.tgid;
  event.tid = record.tid;
  event.comm.assign(record.comm, strnlen(record.comm, sizeof record.comm));
  event.thread.tid = record.tid;
  event.thread.name = event.comm;
  event.thread.registers = to_registers(record);
  if (record.has_at_random != 0) {
    event.at_random.emplace();
    std::memcpy(event.at_random->data(), record.at_random, sizeof record.at_random);
  }
  event.stack_start = Address(record.stack_start);
  auto stack = room.first(std::min<size_t>(record.stack_size, room.size()));
  event.stack.assign(stack.begin(), stack.end());
  event.stack_is_whole = !stack.empty() && record.stack_start + stack.size() >= record.stack_top;
  if (record.other_size > 0 && room.size() > INQUEST_OTHER_STACK) {
    auto other = room.subspan(INQUEST_OTHER_STACK);
    other = other.first(std::min<size_t>(record.other_size, other.size()));
    event.other_start = Address(record.other_start);
    event.other_stack.assign(other.begin(), other.end());
    event.stack_is_whole &= record.other_start + other.size() >= record.other_top;
  }
  for (uint32_t i = 0; i < std::min<uint32_t>(record.return_count, INQUEST_MAX_RETURNS); ++i)
    event.replaced.push_back({Address(record.returns[i].slot), record.returns[i].address});
  return event;
}

}  // namespace

ProbeEvent decode(const inquest_record& record, std::span<const std::byte> room, const DecodeContext& context) {
  ProbeEvent event = decode_capture(record, room, context.boot_time);
  if (event.time > context.suspended) event.monotonic = event.time - context.suspended;
  event.kind = record.kind == INQUEST_SIGNAL   ? ProbeEvent::Kind::kSignal
               : record.kind == INQUEST_RETURN ? ProbeEvent::Kind::kReturn
                                               : ProbeEvent::Kind::kCall;
  if (event.kind == ProbeEvent::Kind::kSignal) {
    event.probe = "signal";
    event.function = signal_name(record.signal);
    event.signal = event.thread.signal = record.signal;
    event.signal_code = record.signal_code;
    event.is_fatal = record.is_fatal != 0;
    if (has_fault_address(record.signal, record.signal_code)) event.fault_address = Address(record.fault_address);
    return event;
  }
  if (record.probe >= context.probes.size()) return event;
  const ProbeSpec& spec = context.probes[record.probe];
  event.probe = spec.label;
  event.wants_stack = spec.wants_stack;
  if (record.place < context.places.size()) {
    const Place& place = context.places[record.place];
    event.function = place.function;
    event.arguments = arguments_of(record, spec, spec.parameters.empty() ? place.parameters : spec.parameters);
    add_members(record, spec, event.arguments);
  }
  if (event.kind == ProbeEvent::Kind::kReturn) event.returned = record.registers[INQUEST_AX];
  return event;
}

ProbeEvent decode_sample(const inquest_record& record, std::span<const std::byte> room, int64_t boot_time) {
  ProbeEvent event = decode_capture(record, room.first(std::min<size_t>(record.stack_room, room.size())), boot_time);
  event.kind = ProbeEvent::Kind::kSample;
  event.weight = record.weight;
  auto tail = room.subspan(std::min<size_t>(record.stack_room, room.size()));
  tail = tail.first(std::min<size_t>({record.tail_size, tail.size(), INQUEST_KERNEL_FRAMES * sizeof(uint64_t)}));
  for (; tail.size() >= sizeof(uint64_t); tail = tail.subspan(sizeof(uint64_t))) {
    uint64_t pc = 0;
    std::memcpy(&pc, tail.data(), sizeof pc);
    event.kernel.emplace_back(pc);
  }
  return event;
}

}  // namespace inquest::probes
