#include "postmortem/unwind/cfi_row.h"

#include <vector>

namespace inquest::unwind {
namespace {

// DWARF 5, table 7.29, and the extensions of GNU.
enum Opcode : uint8_t {
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvance1 = 0x02,
  kAdvance2 = 0x03,
  kAdvance4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kGnuArgsSize = 0x2e,
  kGnuNegativeOffsetExtended = 0x2f,
  kAdvance = 0x40,  // the upper two bits; the lower six are the operand
  kOffset = 0x80,
  kRestore = 0xc0,
};

// Compilers nest one or two deep; a damaged entry could ask for one row per byte.
constexpr size_t kMaxRemembered = 64;

class RowMachine {
 public:
  RowMachine(const Fde& fde, uint64_t pc) : fde_(fde), pc_(pc), location_(fde.start) {}

  std::optional<CfiRow> run() {
    if (!execute(fde_.cie.instructions)) return std::nullopt;
    initial_ = row_;
    location_ = fde_.start;
    if (!execute(fde_.instructions)) return std::nullopt;
    return row_;
  }

 private:
  using Kind = RegisterRule::Kind;

  /// False for damaged instructions.
  bool execute(Bytes instructions) {
    CfiReader reader(instructions);
    while (!reader.at_end()) {
      if (!execute_one(reader) || !reader.ok()) return false;
      if (location_ > pc_) return true;
    }
    return true;
  }

  void advance(uint64_t delta) { location_ += delta * fde_.cie.code_alignment; }
  int64_t factored(int64_t offset) const {
    return static_cast<int64_t>(static_cast<uint64_t>(offset) * static_cast<uint64_t>(fde_.cie.data_alignment));
  }
  int64_t factored(uint64_t offset) const { return factored(static_cast<int64_t>(offset)); }

  void set(uint64_t number, Kind kind, int64_t value = 0, Bytes expression = {}) {
    if (number < row_.registers.size()) row_.registers[number] = {kind, value, expression};
  }
  void restore(uint64_t number) {
    if (number < row_.registers.size()) row_.registers[number] = initial_.registers[number];
  }
  void define_cfa(uint64_t number, int64_t offset) {
    row_.cfa_register = number;
    row_.cfa_offset = offset;
    row_.cfa_expression = {};
  }

  bool execute_one(CfiReader& reader) {
    auto opcode = reader.fixed<uint8_t>();
    uint8_t operand = opcode & 0x3f;
    switch (opcode & 0xc0) {
      case kAdvance: advance(operand); return true;
      case kOffset: set(operand, Kind::kOffset, factored(reader.uleb())); return true;
      case kRestore: restore(operand); return true;
    }
    return opcode >= kDefCfa && opcode <= kDefCfaExpression ? execute_cfa(opcode, reader)
                                                            : execute_other(opcode, reader);
  }

  bool execute_cfa(uint8_t opcode, CfiReader& reader) {
    switch (opcode) {
      case kDefCfa: {
        uint64_t number = reader.uleb();
        define_cfa(number, static_cast<int64_t>(reader.uleb()));
        return true;
      }
      case kDefCfaRegister: define_cfa(reader.uleb(), row_.cfa_offset); return true;
      case kDefCfaOffset: define_cfa(row_.cfa_register, static_cast<int64_t>(reader.uleb())); return true;
      case kDefCfaExpression: row_.cfa_expression = reader.take(reader.uleb()); return !row_.cfa_expression.empty();
    }
    return false;
  }

  bool execute_other(uint8_t opcode, CfiReader& reader) {
    auto with_register = [&](Kind kind, auto&& operand) {
      uint64_t number = reader.uleb();
      set(number, kind, operand());
      return true;
    };
    auto with_expression = [&](Kind kind) {
      uint64_t number = reader.uleb();
      set(number, kind, 0, reader.take(reader.uleb()));
      return true;
    };
    switch (opcode) {
      case kNop: return true;
      case kSetLoc: location_ = reader.fixed<uint64_t>(); return (fde_.cie.address_encoding & 0x7f) == 0;
      case kAdvance1: advance(reader.fixed<uint8_t>()); return true;
      case kAdvance2: advance(reader.fixed<uint16_t>()); return true;
      case kAdvance4: advance(reader.fixed<uint32_t>()); return true;
      case kOffsetExtended: return with_register(Kind::kOffset, [&] { return factored(reader.uleb()); });
      case kOffsetExtendedSf: return with_register(Kind::kOffset, [&] { return factored(reader.sleb()); });
      case kGnuNegativeOffsetExtended:
        return with_register(Kind::kOffset, [&] { return factored(-static_cast<int64_t>(reader.uleb())); });
      case kValOffset: return with_register(Kind::kValueOffset, [&] { return factored(reader.uleb()); });
      case kValOffsetSf: return with_register(Kind::kValueOffset, [&] { return factored(reader.sleb()); });
      case kRestoreExtended: restore(reader.uleb()); return true;
      case kUndefined: set(reader.uleb(), Kind::kUndefined); return true;
      case kSameValue: set(reader.uleb(), Kind::kSame); return true;
      case kRegister: return with_register(Kind::kRegister, [&] { return static_cast<int64_t>(reader.uleb()); });
      case kExpression: return with_expression(Kind::kExpression);
      case kValExpression: return with_expression(Kind::kValueExpression);
      case kDefCfaSf: {
        uint64_t number = reader.uleb();
        define_cfa(number, factored(reader.sleb()));
        return true;
      }
      case kDefCfaOffsetSf: define_cfa(row_.cfa_register, factored(reader.sleb())); return true;
      case kRememberState:
        if (remembered_.size() >= kMaxRemembered) return false;
        remembered_.push_back(row_);
        return true;
      case kRestoreState:
        // The rule for the CFA comes back too, which DWARF leaves open: gcc relies on it (PR 29041).
        if (remembered_.empty()) return false;
        row_ = remembered_.back();
        remembered_.pop_back();
        return true;
      case kGnuArgsSize: reader.uleb(); return true;
    }
    return false;
  }

  const Fde& fde_;
  uint64_t pc_;
  uint64_t location_;
  CfiRow row_, initial_;
  std::vector<CfiRow> remembered_;
};

}  // namespace

std::optional<CfiRow> row_at(const Fde& fde, uint64_t pc) { return RowMachine(fde, pc).run(); }

}  // namespace inquest::unwind
