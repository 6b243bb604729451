#include "ncurses_probes/attach/struct_fields.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "ncurses_probes/bpf/record.h"
#include "postmortem/dwarf/members.h"
#include "postmortem/dwarf/types.h"

namespace inquest::probes {
namespace {

using dwarf::Die;
using dwarf::TypeInfo;

std::optional<ParameterType> number_type(const TypeInfo& type) {
  using From = TypeInfo::Kind;
  bool fits = type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8;
  bool is_signed = type.is_signed || type.kind == From::kSigned || type.kind == From::kSignedChar;
  switch (type.kind) {
    case From::kSigned:
    case From::kUnsigned:
    case From::kSignedChar:
    case From::kUnsignedChar:
    case From::kWideChar:
    case From::kBool:
    case From::kEnum:
    case From::kPointer:
    case From::kReference: break;
    default: return std::nullopt;
  }
  if (!fits) return std::nullopt;
  return ParameterType{
      is_signed ? ParameterType::Kind::kSigned : ParameterType::Kind::kUnsigned, static_cast<uint8_t>(type.size), {}};
}

bool is_character(const TypeInfo& type) {
  return type.kind == TypeInfo::Kind::kSignedChar || type.kind == TypeInfo::Kind::kUnsignedChar;
}

/// What a recorded member is printed as, with its name in `text`; nothing for structures and long double.
std::optional<ParameterType> shown_type(dwarf::Types& types, const TypeInfo& type, const Die& named) {
  using To = ParameterType::Kind;
  using From = TypeInfo::Kind;
  if (type.kind == From::kFloat && (type.size == sizeof(float) || type.size == sizeof(double)))
    return ParameterType{To::kFloat, static_cast<uint8_t>(type.size), types.name(named)};
  auto shown = number_type(type);
  if (!shown) return std::nullopt;
  shown->text = types.name(named);
  if (type.kind == From::kPointer || type.kind == From::kReference) shown->kind = To::kPointer;
  if (type.kind == From::kPointer && is_character(types.of(type.target))) shown->kind = To::kText;
  if (type.kind == From::kBool) shown->kind = To::kBool;
  if (is_character(type)) shown->kind = To::kCharacter;
  return shown;
}

/// Whether it is `char name[N]`, which is text itself.
bool is_text_array(dwarf::Types& types, const TypeInfo& type) {
  return type.kind == TypeInfo::Kind::kAggregate && dwarf::is_array(type.die) &&
         is_character(types.of(dwarf::type_of(type.die)));
}

}  // namespace

Result<FieldPlace> find_field(const Die& function, const Comparison& comparison, FieldUse use) {
  std::string so_far = comparison.name;
  auto no = [&](const std::string& why, const std::string& hint = {}) { return usage_error(so_far + " " + why, hint); };
  if (!function) return no("has no known type: there is no debug information", "p[16] compares the 8 bytes at byte 16");
  // By name, else by position: the specification may have given names of its own.
  Die parameter = dwarf::find_parameter(function, comparison.name, comparison.argument);
  if (!parameter) return no("is no argument that debug information tells");
  dwarf::Types types;
  Die named = dwarf::type_of(parameter);
  TypeInfo type = types.of(named);
  FieldPlace place;
  uint64_t offset = 0;
  for (const FieldStep& step : comparison.fields) {
    bool is_reference = type.kind == TypeInfo::Kind::kReference, is_first = so_far == comparison.name;
    bool is_pointer = type.kind == TypeInfo::Kind::kPointer || is_reference;
    if (!is_pointer && (step.through_pointer || is_first)) return no("is no pointer");
    if (is_pointer && !is_reference && !step.through_pointer) return no("is a pointer", "write ->");
    if (is_pointer) {
      // It is an argument the first time, and is loaded from then on.
      if (!is_first) place.offsets.push_back(static_cast<int32_t>(offset));
      offset = 0;
      type = types.of(type.target);
    }
    if (type.kind != TypeInfo::Kind::kAggregate) return no("points to no structure");
    if (dwarf::is_declaration(type.die)) return no("points to a structure that is only declared there");
    auto member = dwarf::find_member(types, type.die, step.name);
    if (!member) return no(fmt::format("has no member {}", step.name));
    so_far += (step.through_pointer ? "->" : ".") + step.name;
    if (member->is_bit_field) return no("is a bit field", "p[16] & 4 tests bits of the 8 bytes at byte 16");
    offset += member->offset;
    if (offset > INT32_MAX) return no("lies too far away");
    named = member->type;
    type = types.of(named);
  }
  size_t max_loads = use == FieldUse::kCompare ? INQUEST_MAX_LOADS : INQUEST_MEMBER_LOADS;
  if (use == FieldUse::kRecord && is_text_array(types, type)) {
    if (place.offsets.size() > max_loads) return no(fmt::format("follows more than {} pointers", max_loads));
    place.add = static_cast<int32_t>(offset);
    place.type = {ParameterType::Kind::kText, 8, types.name(named)};
    return place;
  }
  place.offsets.push_back(static_cast<int32_t>(offset));
  if (place.offsets.size() > max_loads) return no(fmt::format("follows more than {} pointers", max_loads));
  auto number = use == FieldUse::kCompare ? number_type(type) : shown_type(types, type, named);
  if (!number) return no("is no number and no pointer");
  place.type = std::move(*number);
  return place;
}

}  // namespace inquest::probes
