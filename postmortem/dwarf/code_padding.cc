#include "postmortem/dwarf/code_padding.h"

#include <cstdint>

namespace inquest::dwarf {
namespace {

/// Bytes behind 0f 1f: ModRM with the displacement and the SIB byte that it asks for; 0 for other ModRM bytes.
size_t operand_size(uint8_t modrm) {
  switch (modrm) {
    case 0x00: return 1;  // nopl (%rax)
    case 0x40: return 2;  // nopl 0(%rax)
    case 0x44: return 3;  // nopl 0(%rax,%rax,1)
    case 0x80: return 5;
    case 0x84: return 6;
    default: return 0;
  }
}

/// Of the first instruction; 0 when it does something.
size_t nop_size(elf::Bytes code) {
  auto at = [&](size_t i) { return i < code.size() ? std::to_integer<uint8_t>(code[i]) : uint8_t{0}; };
  size_t opcode = 0;
  while (at(opcode) == 0x66 || at(opcode) == 0x2e) ++opcode;
  if (at(opcode) == 0x90 || (at(0) == 0xcc)) return opcode + 1;
  if (at(opcode) != 0x0f || at(opcode + 1) != 0x1f) return 0;
  size_t operand = operand_size(at(opcode + 2));
  return operand ? opcode + 2 + operand : 0;
}

}  // namespace

bool is_padding(elf::Bytes code) {
  bool any = !code.empty();
  while (!code.empty()) {
    size_t size = nop_size(code);
    if (size == 0 || size > code.size()) return false;
    code = code.subspan(size);
  }
  return any;
}

}  // namespace inquest::dwarf
