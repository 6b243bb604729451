// What call frame information says at one address: how each register of the caller is got back (DWARF 5, 6.4.2-6.4.3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "postmortem/model/target.h"
#include "postmortem/unwind/cfi_section.h"

namespace inquest::unwind {

struct RegisterRule {
  enum class Kind : uint8_t {
    kUnspecified,
    kUndefined,
    kSame,
    kOffset,           ///< saved at CFA + value
    kValueOffset,      ///< is CFA + value
    kRegister,         ///< in register `value`
    kExpression,       ///< saved at the address that the expression computes
    kValueExpression,  ///< is what the expression computes
  };
  Kind kind = Kind::kUnspecified;
  int64_t value = 0;
  Bytes expression;
};

struct CfiRow {
  uint64_t cfa_register = 0;
  int64_t cfa_offset = 0;
  Bytes cfa_expression;  ///< not empty: instead of register and offset
  std::array<RegisterRule, Registers::kCount> registers;
};

/// The row of `fde` for the link-time address `pc`; nothing when the instructions are damaged.
std::optional<CfiRow> row_at(const Fde& fde, uint64_t pc);

}  // namespace inquest::unwind
