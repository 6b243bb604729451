// Decoding by capstone 4.0 (docs: capstone/x86.h). What it gets wrong is corrected here:
// - in AT&T syntax its operands come in reverse for some instructions only, so details are taken from the Intel decoder
//   and the text from a second one;
// - the access of a memory destination is "read" for stores of vector registers (movups, movdqa, vmovdqu) and for
//   cmpxchg, and "write" for test (lib/Target of 4.0.2, measured): the kind of instruction decides instead.
#include "postmortem/code/instruction.h"

#include <capstone/capstone.h>

#include <array>
#include <string_view>

namespace inquest::code {
namespace {

struct RegisterName {
  x86_reg id;
  Registers::Index index;
};

constexpr std::array kRegisterNames = {
    RegisterName{X86_REG_RAX, Registers::kRax},  RegisterName{X86_REG_EAX, Registers::kRax},
    RegisterName{X86_REG_AX, Registers::kRax},   RegisterName{X86_REG_AL, Registers::kRax},
    RegisterName{X86_REG_AH, Registers::kRax},   RegisterName{X86_REG_RDX, Registers::kRdx},
    RegisterName{X86_REG_EDX, Registers::kRdx},  RegisterName{X86_REG_DX, Registers::kRdx},
    RegisterName{X86_REG_DL, Registers::kRdx},   RegisterName{X86_REG_DH, Registers::kRdx},
    RegisterName{X86_REG_RCX, Registers::kRcx},  RegisterName{X86_REG_ECX, Registers::kRcx},
    RegisterName{X86_REG_CX, Registers::kRcx},   RegisterName{X86_REG_CL, Registers::kRcx},
    RegisterName{X86_REG_CH, Registers::kRcx},   RegisterName{X86_REG_RBX, Registers::kRbx},
    RegisterName{X86_REG_EBX, Registers::kRbx},  RegisterName{X86_REG_BX, Registers::kRbx},
    RegisterName{X86_REG_BL, Registers::kRbx},   RegisterName{X86_REG_BH, Registers::kRbx},
    RegisterName{X86_REG_RSI, Registers::kRsi},  RegisterName{X86_REG_ESI, Registers::kRsi},
    RegisterName{X86_REG_SI, Registers::kRsi},   RegisterName{X86_REG_SIL, Registers::kRsi},
    RegisterName{X86_REG_RDI, Registers::kRdi},  RegisterName{X86_REG_EDI, Registers::kRdi},
    RegisterName{X86_REG_DI, Registers::kRdi},   RegisterName{X86_REG_DIL, Registers::kRdi},
    RegisterName{X86_REG_RBP, Registers::kRbp},  RegisterName{X86_REG_EBP, Registers::kRbp},
    RegisterName{X86_REG_BP, Registers::kRbp},   RegisterName{X86_REG_BPL, Registers::kRbp},
    RegisterName{X86_REG_RSP, Registers::kRsp},  RegisterName{X86_REG_ESP, Registers::kRsp},
    RegisterName{X86_REG_SP, Registers::kRsp},   RegisterName{X86_REG_SPL, Registers::kRsp},
    RegisterName{X86_REG_R8, Registers::kR8},    RegisterName{X86_REG_R8D, Registers::kR8},
    RegisterName{X86_REG_R8W, Registers::kR8},   RegisterName{X86_REG_R8B, Registers::kR8},
    RegisterName{X86_REG_R9, Registers::kR9},    RegisterName{X86_REG_R9D, Registers::kR9},
    RegisterName{X86_REG_R9W, Registers::kR9},   RegisterName{X86_REG_R9B, Registers::kR9},
    RegisterName{X86_REG_R10, Registers::kR10},  RegisterName{X86_REG_R10D, Registers::kR10},
    RegisterName{X86_REG_R10W, Registers::kR10}, RegisterName{X86_REG_R10B, Registers::kR10},
    RegisterName{X86_REG_R11, Registers::kR11},  RegisterName{X86_REG_R11D, Registers::kR11},
    RegisterName{X86_REG_R11W, Registers::kR11}, RegisterName{X86_REG_R11B, Registers::kR11},
    RegisterName{X86_REG_R12, Registers::kR12},  RegisterName{X86_REG_R12D, Registers::kR12},
    RegisterName{X86_REG_R12W, Registers::kR12}, RegisterName{X86_REG_R12B, Registers::kR12},
    RegisterName{X86_REG_R13, Registers::kR13},  RegisterName{X86_REG_R13D, Registers::kR13},
    RegisterName{X86_REG_R13W, Registers::kR13}, RegisterName{X86_REG_R13B, Registers::kR13},
    RegisterName{X86_REG_R14, Registers::kR14},  RegisterName{X86_REG_R14D, Registers::kR14},
    RegisterName{X86_REG_R14W, Registers::kR14}, RegisterName{X86_REG_R14B, Registers::kR14},
    RegisterName{X86_REG_R15, Registers::kR15},  RegisterName{X86_REG_R15D, Registers::kR15},
    RegisterName{X86_REG_R15W, Registers::kR15}, RegisterName{X86_REG_R15B, Registers::kR15},
};

Register to_register(unsigned id) {
  for (const RegisterName& name : kRegisterNames)
    if (static_cast<unsigned>(name.id) == id) return name.index;
  return std::nullopt;
}

bool is_vector(unsigned id) {
  return (id >= X86_REG_XMM0 && id <= X86_REG_XMM31) || (id >= X86_REG_YMM0 && id <= X86_REG_YMM31) ||
         (id >= X86_REG_ZMM0 && id <= X86_REG_ZMM31);
}

using Kind = Instruction::Kind;

Kind kind_of(unsigned id, std::string_view mnemonic) {
  switch (id) {
    case X86_INS_MOV:
    case X86_INS_MOVABS: return Kind::kMove;
    case X86_INS_MOVSX:
    case X86_INS_MOVSXD: return Kind::kMoveSign;
    case X86_INS_MOVZX: return Kind::kMoveZero;
    case X86_INS_LEA: return Kind::kLea;
    case X86_INS_ADD: return Kind::kAdd;
    case X86_INS_SUB: return Kind::kSub;
    case X86_INS_XOR: return Kind::kXor;
    case X86_INS_AND: return Kind::kAnd;
    case X86_INS_OR: return Kind::kOr;
    case X86_INS_INC: return Kind::kIncrement;
    case X86_INS_DEC: return Kind::kDecrement;
    case X86_INS_PUSH: return Kind::kPush;
    case X86_INS_POP: return Kind::kPop;
    case X86_INS_CALL: return Kind::kCall;
    case X86_INS_RET: return Kind::kReturn;
    case X86_INS_JMP: return Kind::kJump;
    case X86_INS_LEAVE: return Kind::kLeave;
    case X86_INS_DIV:
    case X86_INS_IDIV: return Kind::kDivide;
    case X86_INS_IMUL:
    case X86_INS_MUL: return Kind::kMultiply;
    case X86_INS_SHL:
    case X86_INS_SAL:
    case X86_INS_SHR:
    case X86_INS_SAR: return Kind::kShift;
    case X86_INS_UD0:
    case X86_INS_UD2:
    case X86_INS_UD2B: return Kind::kUndefined;
    case X86_INS_INT3:
    case X86_INS_INT1: return Kind::kBreakpoint;
    case X86_INS_CMP:
    case X86_INS_TEST:
    case X86_INS_BT: return Kind::kCompare;
    case X86_INS_ENDBR64: return Kind::kLandingMark;
    case X86_INS_NOP: return Kind::kNop;
    case X86_INS_HLT:
    case X86_INS_CLI:
    case X86_INS_STI:
    case X86_INS_IN:
    case X86_INS_OUT:
    case X86_INS_RDMSR:
    case X86_INS_WRMSR:
    case X86_INS_LGDT:
    case X86_INS_LIDT:
    case X86_INS_INVD:
    case X86_INS_WBINVD:
    case X86_INS_CLTS: return Kind::kPrivileged;
    default: break;
  }
  if (mnemonic.starts_with("cmov")) return Kind::kConditionalMove;
  for (std::string_view name : {"movsb", "movsw", "movsd", "movsq", "stosb", "stosw", "stosd", "stosq", "lodsb",
                                "lodsd", "lodsq", "scasb", "scasd", "scasq", "cmpsb", "cmpsd", "cmpsq"})
    if (mnemonic.ends_with(name)) return Kind::kString;
  return Kind::kOther;
}

Access access_of(const cs_x86_op& operand, size_t position, Kind kind, std::string_view mnemonic) {
  bool stores = mnemonic.starts_with("mov") || mnemonic.starts_with("vmov") || mnemonic.find("store") != mnemonic.npos;
  if (operand.type == X86_OP_MEM && position == 0 && kind != Kind::kString) {
    if (kind == Kind::kCompare) return Access::kRead;
    if (stores) return Access::kWrite;
    if (mnemonic.find("cmpxchg") != mnemonic.npos) return Access::kReadWrite;
  }
  switch (operand.access) {
    case CS_AC_READ: return Access::kRead;
    case CS_AC_WRITE: return Access::kWrite;
    case CS_AC_READ | CS_AC_WRITE: return Access::kReadWrite;
    default: return Access::kNone;
  }
}

Operand to_operand(const cs_x86_op& from, size_t position, Kind kind, std::string_view mnemonic, Address next) {
  Operand to;
  to.size = from.size;
  to.access = access_of(from, position, kind, mnemonic);
  switch (from.type) {
    case X86_OP_REG:
      to.kind = Operand::Kind::kRegister;
      to.reg = to_register(from.reg);
      to.high_byte =
          from.reg == X86_REG_AH || from.reg == X86_REG_BH || from.reg == X86_REG_CH || from.reg == X86_REG_DH;
      break;
    case X86_OP_IMM:
      to.kind = Operand::Kind::kImmediate;
      to.displacement = from.imm;
      break;
    case X86_OP_MEM:
      to.kind = Operand::Kind::kMemory;
      to.base = to_register(from.mem.base);
      to.index = to_register(from.mem.index);
      to.vector_index = is_vector(from.mem.index);
      to.scale = static_cast<uint8_t>(from.mem.scale);
      to.displacement = from.mem.disp;
      if (from.mem.segment == X86_REG_FS) to.segment = Operand::Segment::kFs;
      if (from.mem.segment == X86_REG_GS) to.segment = Operand::Segment::kGs;
      if (from.mem.base == X86_REG_RIP || from.mem.base == X86_REG_EIP) {
        to.pc_relative = true;
        to.displacement += static_cast<int64_t>(next.value());
      }
      break;
    default: break;
  }
  return to;
}

// SSE instructions whose memory operand must be aligned (Intel SDM volume 2, exception class 1): the others take any.
uint32_t alignment_of(std::string_view mnemonic, const std::vector<Operand>& operands) {
  uint32_t size = 0;
  for (const Operand& operand : operands)
    if (operand.is_memory()) size = operand.size;
  if (size < 16) return 0;
  for (std::string_view name : {"movaps", "movapd", "movdqa", "movntps", "movntpd", "movntdq"})
    if (mnemonic.starts_with(name) || (mnemonic.starts_with('v') && mnemonic.substr(1).starts_with(name))) return size;
  bool any = mnemonic.starts_with('v') || mnemonic.starts_with("movu") || mnemonic == "movdqu" || mnemonic == "lddqu" ||
             mnemonic.find("cmpistr") != mnemonic.npos || mnemonic.find("cmpestr") != mnemonic.npos ||
             mnemonic.find("save") != mnemonic.npos || mnemonic.find("rstor") != mnemonic.npos;
  if (mnemonic.find("cmpxchg16b") != mnemonic.npos) return 16;
  return any || size > 16 ? 0 : 16;
}

Flow flow_of(csh handle, const cs_insn& raw, Kind kind) {
  if (kind == Kind::kCall) return Flow::kCall;
  if (kind == Kind::kJump) return Flow::kJump;
  if (kind == Kind::kReturn || kind == Kind::kUndefined || raw.id == X86_INS_HLT) return Flow::kEnd;
  bool branches = cs_insn_group(handle, &raw, CS_GRP_JUMP) || raw.id == X86_INS_LOOP || raw.id == X86_INS_LOOPE ||
                  raw.id == X86_INS_LOOPNE;
  return branches ? Flow::kBranch : Flow::kNext;
}

// AVX-512 instructions that capstone 4.0 does not know, as far as it matters here: length and memory operand. Layout:
// Intel SDM volume 2, 2.7.1: 62, three payload bytes, opcode, ModRM, SIB, displacement (8 bits count in units of the
// vector's length, for the instructions that access whole vectors), immediate. The C library's string functions are
// made of them.
std::optional<Instruction> decode_evex(std::span<const std::byte> bytes, Address address) {
  auto byte = [&](size_t i) { return i < bytes.size() ? std::to_integer<uint32_t>(bytes[i]) : 0u; };
  if (bytes.size() < 7 || byte(0) != 0x62) return std::nullopt;
  uint32_t p0 = byte(1), p2 = byte(3), opcode = byte(4), modrm = byte(5);
  uint32_t map = p0 & 7, mod = modrm >> 6, rm = modrm & 7;
  uint32_t length = 16u << (p2 >> 5 & 3);
  if (map == 0 || map > 3 || length > 64) return std::nullopt;
  static constexpr std::array kOrder = {Registers::kRax, Registers::kRcx, Registers::kRdx, Registers::kRbx,
                                        Registers::kRsp, Registers::kRbp, Registers::kRsi, Registers::kRdi,
                                        Registers::kR8,  Registers::kR9,  Registers::kR10, Registers::kR11,
                                        Registers::kR12, Registers::kR13, Registers::kR14, Registers::kR15};
  Instruction to;
  to.address = address;
  size_t size = 6;
  Operand memory;
  memory.kind = Operand::Kind::kMemory;
  memory.size = length;
  uint32_t high_base = (p0 & 0x20) ? 0 : 8, high_index = (p0 & 0x40) ? 0 : 8;
  bool relative = mod == 0 && rm == 5, no_base = false;
  if (mod != 3) {
    if (rm == 4) {
      uint32_t sib = byte(size++), index = (sib >> 3 & 7) | high_index;
      no_base = mod == 0 && (sib & 7) == 5;
      if (!no_base) memory.base = kOrder[(sib & 7) | high_base];
      if (index != 4) memory.index = kOrder[index];
      memory.scale = static_cast<uint8_t>(1u << (sib >> 6));
    } else if (!relative) {
      memory.base = kOrder[rm | high_base];
    }
    if (mod == 1) {
      memory.displacement = static_cast<int8_t>(byte(size++)) * static_cast<int64_t>(length);
    } else if (mod == 2 || relative || no_base) {
      uint32_t wide = byte(size) | byte(size + 1) << 8 | byte(size + 2) << 16 | byte(size + 3) << 24;
      memory.displacement = static_cast<int32_t>(wide);
      size += 4;
    }
  }
  bool immediate =
      map == 3 ||
      (map == 1 && (opcode == 0xc2 || (opcode >= 0x70 && opcode <= 0x73) || (opcode >= 0xc4 && opcode <= 0xc6)));
  size += immediate ? 1 : 0;
  if (size > bytes.size()) return std::nullopt;
  to.size = static_cast<uint32_t>(size);
  memory.pc_relative = relative;
  if (relative) memory.displacement += static_cast<int64_t>(to.end().value());
  bool stores = map == 1 && (opcode == 0x11 || opcode == 0x29 || opcode == 0x7f || opcode == 0xe7);
  memory.access = stores ? Access::kWrite : Access::kRead;
  if (mod != 3) to.operands.push_back(memory);
  to.mnemonic = "evex";
  to.text = "(AVX-512)";
  for (size_t i = 0; i < size; ++i) {
    constexpr std::string_view kHex = "0123456789abcdef";
    to.text += {' ', kHex[byte(i) >> 4], kHex[byte(i) & 15]};
  }
  return to;
}

}  // namespace

const char* register_name(Registers::Index index) {
  static constexpr std::array<const char*, Registers::kCount> kNames = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                                                        "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                                        "r12", "r13", "r14", "r15", "rip"};
  return kNames[index];
}

struct Disassembler::Handles {
  csh details = 0;
  csh text = 0;
};

Disassembler::Disassembler() : handles_(std::make_unique<Handles>()) {
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &handles_->details) == CS_ERR_OK)
    cs_option(handles_->details, CS_OPT_DETAIL, CS_OPT_ON);
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &handles_->text) == CS_ERR_OK)
    cs_option(handles_->text, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
}

Disassembler::~Disassembler() {
  if (handles_->details) cs_close(&handles_->details);
  if (handles_->text) cs_close(&handles_->text);
}

std::optional<Instruction> Disassembler::decode(std::span<const std::byte> bytes, Address address) const {
  if (!handles_->details || !handles_->text || bytes.empty()) return std::nullopt;
  auto data = reinterpret_cast<const uint8_t*>(bytes.data());
  cs_insn* raw = nullptr;
  if (cs_disasm(handles_->details, data, bytes.size(), address.value(), 1, &raw) != 1)
    return decode_evex(bytes, address);
  std::unique_ptr<cs_insn, void (*)(cs_insn*)> release(raw, [](cs_insn* insn) { cs_free(insn, 1); });
  Instruction to;
  to.address = address;
  to.size = raw->size;
  to.mnemonic = raw->mnemonic;
  to.kind = kind_of(raw->id, to.mnemonic);
  const cs_x86& detail = raw->detail->x86;
  for (size_t i = 0; i < detail.op_count; ++i)
    to.operands.push_back(to_operand(detail.operands[i], i, to.kind, to.mnemonic, to.end()));
  to.aligned = to.kind == Kind::kLea || to.kind == Kind::kNop ? 0 : alignment_of(to.mnemonic, to.operands);
  to.flow = flow_of(handles_->details, *raw, to.kind);
  bool direct = to.flow == Flow::kCall || to.flow == Flow::kJump || to.flow == Flow::kBranch;
  if (direct && !to.operands.empty() && to.operands[0].kind == Operand::Kind::kImmediate)
    to.target = Address(static_cast<uint64_t>(to.operands[0].displacement));
  cs_regs read, written;
  uint8_t reads = 0, writes = 0;
  if (cs_regs_access(handles_->details, raw, read, &reads, written, &writes) == CS_ERR_OK)
    for (uint8_t i = 0; i < writes; ++i)
      if (auto index = to_register(written[i])) to.written |= 1U << *index;

  cs_insn* shown = nullptr;
  if (cs_disasm(handles_->text, data, bytes.size(), address.value(), 1, &shown) == 1) {
    to.text = shown->mnemonic;
    if (shown->op_str[0]) to.text += std::string(" ") + shown->op_str;
    while (!to.text.empty() && to.text.back() == ' ') to.text.pop_back();
    cs_free(shown, 1);
  }
  return to;
}

}  // namespace inquest::code
