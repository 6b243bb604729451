#include "postmortem/dwarf/entry_parameters.h"

#include <dwarf.h>

#include <algorithm>
#include <iterator>

#include "postmortem/dwarf/location_lists.h"

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxParameters = 64;
constexpr uint8_t kIntegerRegisters[] = {5, 4, 1, 2, 8, 9};  // rdi, rsi, rdx, rcx, r8, r9 in DWARF's numbers
constexpr uint64_t kMaxEntries = 100'000;                    // of location lists

bool is_integer_class(TypeInfo::Kind kind) {
  using Kind = TypeInfo::Kind;
  switch (kind) {
    case Kind::kSigned:
    case Kind::kUnsigned:
    case Kind::kSignedChar:
    case Kind::kUnsignedChar:
    case Kind::kWideChar:
    case Kind::kBool:
    case Kind::kEnum:
    case Kind::kPointer:
    case Kind::kReference: return true;
    default: return false;
  }
}

/// DW_FORM_exprloc, and the blocks of DWARF 2 and 3: one expression for all of the function.
bool is_expression(const Attribute& attribute) {
  switch (attribute.form) {
    case DW_FORM_exprloc:
    case DW_FORM_block:
    case DW_FORM_block1:
    case DW_FORM_block2:
    case DW_FORM_block4: return true;
    default: return false;
  }
}

/// The number of an argument register, where the expression is that register and nothing else.
std::optional<uint8_t> register_of(const std::optional<Bytes>& expression) {
  if (!expression || expression->size() != 1) return std::nullopt;
  auto operation = static_cast<uint8_t>((*expression)[0]);
  if (operation < DW_OP_reg0 || operation > DW_OP_reg31) return std::nullopt;
  const auto* found = std::ranges::find(kIntegerRegisters, operation - DW_OP_reg0);
  if (found == std::end(kIntegerRegisters)) return std::nullopt;
  return static_cast<uint8_t>(found - std::begin(kIntegerRegisters));
}

Die type_of(const Die& die) {
  auto type = die.inherited(DW_AT_type);
  return type ? type->second.unit().reference(type->first) : Die();
}

/// Gives out the registers in order until something comes whose class is too intricate to follow.
class Convention {
 public:
  /// A large value is returned in memory whose address comes first.
  explicit Convention(const TypeInfo& returned) {
    if (returned.kind == TypeInfo::Kind::kAggregate && returned.size > kTwoWords) ++next_;
  }
  std::optional<uint8_t> place(const TypeInfo& type) {
    if (type.kind == TypeInfo::Kind::kFloat) return std::nullopt;
    // Small structures share registers by the classes of their members; large ones lie on the stack.
    lost_ |= !is_integer_class(type.kind) && !(type.kind == TypeInfo::Kind::kAggregate && type.size > kTwoWords);
    if (lost_ || !is_integer_class(type.kind)) return std::nullopt;
    if (type.size > 8) next_ += 2;  // __int128
    if (type.size > 8 || next_ >= std::size(kIntegerRegisters)) return std::nullopt;
    return next_++;
  }

 private:
  static constexpr uint64_t kTwoWords = 16;
  bool lost_ = false;
  uint8_t next_ = 0;
};

}  // namespace

std::vector<EntryParameter> entry_parameters(const Die& function, uint64_t entry) {
  std::vector<EntryParameter> result;
  if (!function) return result;
  Types types;
  Convention convention(types.of(type_of(function)));
  uint64_t entries = kMaxEntries;
  for (Die child = function.first_child(); child && result.size() < kMaxParameters; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_formal_parameter) continue;
    const TypeInfo type = types.of(type_of(child));
    EntryParameter parameter;
    if (auto name = child.inherited(DW_AT_name)) parameter.name = name->second.unit().text(name->first);
    parameter.type = types.name(type_of(child));
    parameter.kind = type.kind;
    parameter.size = type.size;
    parameter.is_signed = type.is_signed || type.kind == TypeInfo::Kind::kSigned;
    if (type.kind == TypeInfo::Kind::kPointer) {
      TypeInfo::Kind target = types.of(type.target).kind;
      parameter.is_text = target == TypeInfo::Kind::kSignedChar || target == TypeInfo::Kind::kUnsignedChar;
    }
    auto by_convention = convention.place(type);
    auto location = child.attribute(DW_AT_location);
    if (location && is_expression(*location))
      parameter.integer_register = by_convention;
    else if (location && is_integer_class(type.kind))
      parameter.integer_register = register_of(location_at(child.unit(), *location, entry, entries));
    if (!parameter.name.empty()) result.push_back(std::move(parameter));
  }
  return result;
}

}  // namespace inquest::dwarf
