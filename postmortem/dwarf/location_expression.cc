#include "postmortem/dwarf/location_expression.h"

#include <dwarf.h>

#include <algorithm>
#include <cstring>

#include "postmortem/dwarf/dwarf_file.h"

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxPieces = 64;  // a struct of as many scalars

using Failure = elf::ExpressionMachine::Failure;

class LocationMachine : public elf::ExpressionMachine {
 public:
  LocationMachine(const Unit& unit, Bytes expression, ExpressionFrame& frame)
      : ExpressionMachine(expression, frame.registers(), frame.memory(), frame.bias()), unit_(unit), frame_(frame) {}

  Location finish(bool ok) {
    Location location;
    if (!ok) {
      location.missing = missing();
      return location;
    }
    if (pieces_.empty()) take_piece(0);
    location.pieces = std::move(pieces_);
    return location;
  }

  /// The number computed; the content where it is a register.
  std::optional<uint64_t> number() const {
    if (current_.kind == Piece::Kind::kRegister) return current_.value;
    return top();
  }

 protected:
  bool extension(uint8_t operation) override {
    if (operation >= DW_OP_reg0 && operation <= DW_OP_reg31) return set_register(operation - DW_OP_reg0);
    return place(operation) || composition(operation) || of_frame(operation) || typed(operation);
  }

 private:
  Missing missing() const {
    switch (failure()) {
      case Failure::kRegister: return {Missing::Reason::kOptimizedOut, {}};
      case Failure::kNoRegister: return {Missing::Reason::kUnavailable, {}};
      case Failure::kUnavailable: return {Missing::Reason::kOptimizedOut, {}};
      case Failure::kMemory: return {Missing::Reason::kMemory, fault_address()};
      default: return {Missing::Reason::kUnsupported, {}};
    }
  }

  void push_or_fail(std::optional<uint64_t> value) {
    if (value)
      push(*value);
    else
      fail(Failure::kUnavailable);
  }

  bool set_register(uint64_t number) {
    if (Bytes wide = number < Registers::kCount ? Bytes() : frame_.wide_register(number); !wide.empty()) {
      note_read();
      current_.kind = Piece::Kind::kBytes;
      current_.bytes = wide;
      return true;
    }
    current_.kind = Piece::Kind::kRegister;
    current_.value = register_value(number).value_or(0);
    return true;
  }

  bool place(uint8_t operation) {
    switch (operation) {
      case DW_OP_regx: return set_register(reader().uleb());
      case DW_OP_stack_value:
        current_.kind = Piece::Kind::kValue;
        current_.value = pop();
        return true;
      case DW_OP_implicit_value:
        current_.kind = Piece::Kind::kBytes;
        current_.bytes = reader().block(reader().uleb());
        return true;
      case DW_OP_implicit_pointer:
      case DW_OP_GNU_implicit_pointer: {
        // The offset had the size of an address in DWARF 2.
        Attribute reference;
        reference.form = DW_FORM_ref_addr;
        reference.value = reader().sized(unit_.sizes().version == 2 ? unit_.sizes().address : unit_.sizes().offset);
        int64_t distance = reader().sleb();
        current_.kind = Piece::Kind::kPointer;
        current_.target = distance == 0 ? unit_.reference(reference) : Die();
        return true;
      }
      case DW_OP_GNU_uninit: return true;
      default: return false;
    }
  }

  void take_piece(uint64_t size) {
    if (current_.kind == Piece::Kind::kNothing && !is_empty()) {
      current_.kind = Piece::Kind::kMemory;
      current_.value = pop();
    }
    current_.size = size;
    if (pieces_.size() == kMaxPieces) return fail(Failure::kDamaged);
    pieces_.push_back(current_);
    current_ = {};
    clear();
  }

  bool composition(uint8_t operation) {
    uint64_t size = 0;
    switch (operation) {
      case DW_OP_piece: size = reader().uleb(); break;
      case DW_OP_bit_piece: {
        uint64_t bits = reader().uleb(), offset = reader().uleb();
        if (bits % 8 != 0 || offset != 0) return false;
        size = bits / 8;
        break;
      }
      default: return false;
    }
    if (size == 0) return false;
    take_piece(size);
    return true;
  }

  bool of_frame(uint8_t operation) {
    switch (operation) {
      case DW_OP_fbreg: {
        int64_t offset = reader().sleb();
        note_read();
        auto base = frame_.frame_base();
        push_or_fail(base ? std::optional(*base + static_cast<uint64_t>(offset)) : std::nullopt);
        return true;
      }
      case DW_OP_call_frame_cfa:
        note_read();
        push_or_fail(frame_.cfa());
        return true;
      case DW_OP_entry_value:
      case DW_OP_GNU_entry_value: {
        Bytes expression = reader().block(reader().uleb());
        if (reader().ok()) push_or_fail(frame_.entry_value(expression));
        return true;
      }
      case DW_OP_GNU_parameter_ref: {
        Die parameter = unit_.die_at(unit_.offset() + reader().u32());
        push_or_fail(parameter ? frame_.passed_value(parameter) : std::nullopt);
        return true;
      }
      case DW_OP_addrx:
      case DW_OP_GNU_addr_index: {
        auto address = unit_.indexed_address(reader().uleb());
        push_or_fail(address ? std::optional(*address + bias()) : std::nullopt);
        return true;
      }
      case DW_OP_constx:
      case DW_OP_GNU_const_index: push_or_fail(unit_.indexed_address(reader().uleb())); return true;
      default: return false;
    }
  }

  struct BaseType {
    uint64_t size = 8;
    bool is_signed = false;
  };
  /// Offset 0 is the generic type.
  std::optional<BaseType> base_type(uint64_t offset) {
    if (offset == 0) return BaseType{};
    Die die = offset < unit_.end() ? unit_.die_at(unit_.offset() + offset) : Die();
    if (!die || die.tag() != DW_TAG_base_type) return std::nullopt;
    BaseType type{die.number(DW_AT_byte_size).value_or(0), false};
    uint64_t encoding = die.number(DW_AT_encoding).value_or(0);
    type.is_signed = encoding == DW_ATE_signed || encoding == DW_ATE_signed_char;
    bool is_integer = type.is_signed || encoding == DW_ATE_unsigned || encoding == DW_ATE_unsigned_char ||
                      encoding == DW_ATE_boolean || encoding == DW_ATE_address || encoding == DW_ATE_UTF;
    return is_integer && type.size >= 1 && type.size <= 8 ? std::optional(type) : std::nullopt;
  }
  static uint64_t extended(uint64_t value, const BaseType& type) {
    unsigned unused = static_cast<unsigned>(64 - 8 * type.size);
    value <<= unused;
    return type.is_signed ? static_cast<uint64_t>(static_cast<int64_t>(value) >> unused) : value >> unused;
  }

  bool typed(uint8_t operation) {
    uint64_t size = 0;
    switch (operation) {
      case DW_OP_regval_type:
      case DW_OP_GNU_regval_type:
        if (auto value = register_value(reader().uleb())) push(*value);
        break;
      case DW_OP_deref_type:
      case DW_OP_GNU_deref_type: dereference(reader().u8()); break;
      case DW_OP_convert:
      case DW_OP_GNU_convert:
      case DW_OP_reinterpret:
      case DW_OP_GNU_reinterpret: break;
      case DW_OP_const_type:
      case DW_OP_GNU_const_type: {
        auto type = base_type(reader().uleb());
        size = reader().u8();
        if (!type || size != type->size) return false;
        push(extended(reader().sized(static_cast<unsigned>(size)), *type));
        return true;
      }
      default: return false;
    }
    auto type = base_type(reader().uleb());
    if (!type) return false;
    push(extended(pop(), *type));
    return true;
  }

  const Unit& unit_;
  ExpressionFrame& frame_;
  Piece current_;
  std::vector<Piece> pieces_;
};

}  // namespace

Location evaluate_location(const Unit& unit, Bytes expression, ExpressionFrame& frame) {
  LocationMachine machine(unit, expression, frame);
  bool ok = machine.run();
  if (machine.has_read()) frame.has_read();
  return machine.finish(ok);
}

std::optional<uint64_t> evaluate_number(const Unit& unit, Bytes expression, ExpressionFrame& frame) {
  LocationMachine machine(unit, expression, frame);
  bool ok = machine.run();
  if (machine.has_read()) frame.has_read();
  return ok ? machine.number() : std::nullopt;
}

std::vector<std::byte> fetch(const Location& location, uint64_t size, const MemoryReader& memory, Missing* missing) {
  std::vector<std::byte> all;
  *missing = location.missing;
  if (*missing) return {};
  for (const Piece& piece : location.pieces) {
    uint64_t part = piece.size == 0 ? size : std::min(piece.size, size - all.size());
    size_t begin = all.size();
    all.resize(begin + part);
    if (part == 0) continue;
    auto out = std::span(all).subspan(begin);
    switch (piece.kind) {
      case Piece::Kind::kNothing: missing->reason = Missing::Reason::kOptimizedOut; break;
      case Piece::Kind::kPointer: missing->reason = Missing::Reason::kUnavailable; break;
      case Piece::Kind::kMemory:
        if (auto fault = memory.read(Address(piece.value), out)) *missing = {Missing::Reason::kMemory, fault->address};
        break;
      case Piece::Kind::kRegister:
      case Piece::Kind::kValue:
        if (part > sizeof piece.value)
          missing->reason = Missing::Reason::kUnsupported;
        else
          std::memcpy(out.data(), &piece.value, part);
        break;
      case Piece::Kind::kBytes:
        if (piece.bytes.size() < part)
          missing->reason = Missing::Reason::kUnsupported;
        else
          std::memcpy(out.data(), piece.bytes.data(), part);
        break;
    }
    if (*missing) return {};
  }
  if (all.size() < size) missing->reason = Missing::Reason::kOptimizedOut;
  return all;
}

}  // namespace inquest::dwarf
