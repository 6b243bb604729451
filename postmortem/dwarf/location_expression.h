// Where a variable is, or what it is, by a DWARF expression (DWARF 5, 2.5 and 2.6; GNU's forerunners of DWARF 5 too).
//
// A location is a list of pieces, mostly one: memory, a register, a value that was computed, bytes written in the
// expression, a pointer to something that exists in debug information only, or nothing (optimised out).
//
// Typed operations are done on integers: a value is kept extended to 64 bits as its type says. Floating point types are
// refused. Vector registers are known in the first frame only, registers of the x87 stack not at all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "postmortem/dwarf/unit.h"
#include "postmortem/elf/expression_machine.h"
#include "postmortem/model/debug_info.h"

namespace inquest::dwarf {

/// Why there is no value.
struct Missing {
  enum class Reason : uint8_t {
    kNone,
    kOptimizedOut,
    kUnavailable,  ///< it is somewhere that we do not know, a vector register for one
    kMemory,       ///< at `address`, which cannot be read
    kUnsupported,  ///< an expression that is damaged or that we do not understand
  };
  Reason reason = Reason::kNone;
  Address address;

  explicit operator bool() const { return reason != Reason::kNone; }
};

struct Piece {
  enum class Kind : uint8_t { kNothing, kMemory, kRegister, kValue, kBytes, kPointer };
  Kind kind = Kind::kNothing;
  uint64_t value = 0;  ///< address, content of the register, or the value
  uint64_t size = 0;   ///< in bytes; 0: as large as the variable
  Bytes bytes;         ///< of kBytes; may be longer than what is wanted of it
  Die target;          ///< of kPointer: what is pointed at
};

struct Location {
  std::vector<Piece> pieces;
  Missing missing;
};

/// What expressions may ask of the activation they are evaluated in.
class ExpressionFrame {
 public:
  virtual ~ExpressionFrame() = default;
  virtual const FrameRegisters& registers() = 0;
  /// The bytes of a register that is no general one; empty where they are not known.
  virtual Bytes wide_register(uint64_t /*number*/) { return {}; }
  virtual const MemoryReader& memory() = 0;
  virtual uint64_t bias() = 0;
  virtual std::optional<uint64_t> cfa() = 0;
  virtual std::optional<uint64_t> frame_base() = 0;
  /// What `expression` (a register, mostly) was when the function was entered.
  virtual std::optional<uint64_t> entry_value(Bytes expression) = 0;
  /// The value that the caller passed for a parameter that the function does not have any more.
  virtual std::optional<uint64_t> passed_value(const Die& parameter) = 0;
  /// An expression has used registers, memory, the frame's address or base: another frame may give another answer.
  virtual void has_read() {}
};

/// `expression` is of a DIE of `unit`.
Location evaluate_location(const Unit& unit, Bytes expression, ExpressionFrame& frame);
/// An expression that computes a number: DW_AT_frame_base and the values of call sites.
std::optional<uint64_t> evaluate_number(const Unit& unit, Bytes expression, ExpressionFrame& frame);

/// The `size` bytes at a location.
std::vector<std::byte> fetch(const Location& location, uint64_t size, const MemoryReader& memory, Missing* missing);

}  // namespace inquest::dwarf
