// A division raises the same processor exception (#DE, SIGFPE with FPE_INTDIV) for a divisor of 0 and for a quotient
// that does not fit (INT_MIN / -1; Intel SDM volume 2, DIV and IDIV): the values tell which.
//
// Compilers use undefined instructions on purpose: ud2 for __builtin_trap and for paths they proved impossible; clang
// uses ud1 with a number in its operand for -fsanitize-trap (the check that failed, clang's SanitizerHandler order).
#include "postmortem/crash/instruction_fault.h"

#include <fmt/format.h>

#include "postmortem/crash/memory_fault.h"
#include "postmortem/crash/signal_words.h"

namespace inquest::crash {
namespace {

using Kind = Instruction::Kind;

int64_t sign_extended(uint64_t value, uint32_t size) {
  if (size >= 8) return static_cast<int64_t>(value);
  int shift = 64 - static_cast<int>(size) * 8;
  return static_cast<int64_t>(value << shift) >> shift;
}

std::optional<uint64_t> operand_value(const Scene& scene, const Operand& operand) {
  if (operand.is_register()) return scene.reg(*operand.reg) >> (operand.high_byte ? 8 : 0);
  if (!operand.is_memory()) return std::nullopt;
  uint64_t address = static_cast<uint64_t>(operand.displacement);
  if (operand.base) address += scene.reg(*operand.base);
  if (operand.index) address += scene.reg(*operand.index) * operand.scale;
  uint64_t value = 0;
  auto bytes = std::as_writable_bytes(std::span(&value, 1)).first(std::min<size_t>(operand.size, 8));
  if (scene.memory().read(Address(address), bytes)) return std::nullopt;
  return value;
}

void add_origin(const Scene& scene, Explanation& out, const Operand& operand, const std::string& subject) {
  auto opened = scene.open(scene.frame(), scene.first());
  if (!opened) {
    out.detail = "in " + scene.where(scene.frame());
    return;
  }
  OriginTracer tracer(scene.names(), scene.disassembler(), scene.thread(), *opened->code, opened->index, opened->frame);
  scene.follow(*opened, tracer.trace_operand(operand), out.origin);
  out.detail = detail_of(scene, subject, out.origin);
}

std::string hex_bytes(std::span<const std::byte> bytes) {
  std::string text;
  for (std::byte byte : bytes)
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", std::to_integer<unsigned>(byte));
  return text;
}

}  // namespace

void explain_division(const Scene& scene, Explanation& out) {
  out.kind = "arithmetic";
  out.instruction = scene.instruction_at(scene.frame().pc);
  out.code = scene.code_around(scene.frame().pc);
  std::string where = scene.where(scene.frame());
  if (!out.instruction || out.instruction->kind != Kind::kDivide || out.instruction->operands.empty()) {
    std::string what =
        out.signal.code == kFpeIntegerDivision || out.code_words.empty() ? "arithmetic error" : out.code_words;
    out.cause = fmt::format("{}: {}{}", out.signal_name, what,
                            out.instruction ? fmt::format(" at `{}`", out.instruction->text) : "");
    out.detail = "in " + where;
    if (out.signal.code >= 3 && out.signal.code <= 7)
      out.remarks.push_back("The program has unmasked floating-point exceptions (feenableexcept).");
    return;
  }
  const Operand& divisor = out.instruction->operands[0];
  auto value = operand_value(scene, divisor);
  std::string subject =
      divisor.is_register() ? fmt::format("the divisor, {}", register_name(*divisor.reg)) : "the divisor";
  if (divisor.is_register()) out.bad_register = divisor.reg;
  bool is_signed = out.instruction->mnemonic == "idiv";
  int64_t number_value = value ? sign_extended(*value, divisor.size) : 1;
  if (value && number_value == 0) {
    out.kind = "division-by-zero";
    int64_t low = sign_extended(scene.reg(Registers::kRax), divisor.size);
    std::string dividend = is_signed ? fmt::format("{}", low) : fmt::format("{}", static_cast<uint64_t>(low));
    out.cause = fmt::format("{}: integer division by zero: {} / 0", out.signal_name, dividend);
    return add_origin(scene, out, divisor, subject + ", 0,");
  }
  out.kind = "division-overflow";
  int64_t dividend = sign_extended(scene.reg(Registers::kRax), divisor.size);
  out.cause = value ? fmt::format("{}: the quotient of {} / {} does not fit into {} bytes", out.signal_name, dividend,
                                  number_value, divisor.size)
                    : fmt::format("{}: integer division failed; the divisor cannot be read", out.signal_name);
  add_origin(scene, out, divisor, subject + (value ? fmt::format(", {},", number_value) : ""));
}

void explain_illegal_instruction(const Scene& scene, Explanation& out) {
  Address pc = scene.frame().pc;
  auto bytes = scene.memory().view(pc, 8);
  out.instruction = scene.instruction_at(pc);
  out.code = scene.code_around(pc);
  out.address = pc;
  out.detail = "in " + scene.where(scene.frame());
  if (bytes.empty()) {
    out.kind = "unknown";
    out.cause = fmt::format("{}: the instruction at {:#x} cannot be read", out.signal_name, pc.value());
    out.incomplete = true;
    return;
  }
  auto byte = [&](size_t i) { return i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0u; };
  if (byte(0) == 0x0f && byte(1) == 0x0b) {
    out.kind = "trap";
    out.cause =
        fmt::format("{}: ud2, a trap of the compiler: __builtin_trap, a failed check, or a path it took for impossible",
                    out.signal_name);
  } else if (byte(0) == 0x67 && byte(1) == 0x0f && byte(2) == 0xb9) {
    out.kind = "trap";
    out.cause = fmt::format("{}: ud1, a failed check of -fsanitize-trap (number {})", out.signal_name, byte(4));
  } else if (out.instruction) {
    out.kind = "unsupported-instruction";
    out.cause = fmt::format("{}: this processor does not know, or may not run, `{}` ({})", out.signal_name,
                            out.instruction->text,
                            hex_bytes(bytes.first(std::min<size_t>(out.instruction->size, bytes.size()))));
  } else {
    out.kind = "no-instruction";
    out.cause = fmt::format("{}: the bytes {} are no instruction", out.signal_name, hex_bytes(bytes));
    const Module* module = scene.names().module_of(pc);
    if (!module) out.remarks.push_back("The code lies in no file: it was made at run time, or a jump went astray.");
  }
}

void explain_trap(const Scene& scene, Explanation& out) {
  // int3 is a trap: the program counter is behind it already.
  Address pc = scene.frame().pc;
  Address before = pc - 1;
  bool behind = scene.memory().read_value<uint8_t>(before) == 0xcc;
  Address at = behind ? before : pc;
  out.instruction = scene.instruction_at(at);
  out.code = scene.code_around(at);
  out.address = at;
  out.kind = "breakpoint";
  bool is_breakpoint = out.instruction && out.instruction->kind == Kind::kBreakpoint;
  out.cause =
      is_breakpoint
          ? fmt::format("{}: a breakpoint instruction ({}) without a debugger", out.signal_name, out.instruction->text)
          : fmt::format("{}: {}", out.signal_name, out.code_words.empty() ? "trace trap" : out.code_words);
  if (is_breakpoint)
    out.remarks.push_back(
        "Programs raise it themselves: __builtin_debugtrap, a failed CHECK (V8, Chromium), glib's G_BREAKPOINT.");
  out.detail = "in " + scene.names().describe_code(at);
}

}  // namespace inquest::crash
