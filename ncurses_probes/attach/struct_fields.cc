#include "ncurses_probes/attach/struct_fields.h"

#include <dwarf.h>
#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "ncurses_probes/bpf/record.h"
#include "postmortem/dwarf/types.h"

namespace inquest::probes {
namespace {

using dwarf::Die;
using dwarf::TypeInfo;

constexpr int kMaxNesting = 16;         // of anonymous members and base classes
constexpr size_t kMaxMembers = 10'000;  // of one structure

Die type_of(const Die& die) {
  auto type = die.inherited(DW_AT_type);
  return type ? type->second.unit().reference(type->first) : Die();
}

/// By name, else by position: the specification may have given names of its own.
Die find_parameter(const Die& function, const Comparison& comparison) {
  Die by_position;
  size_t position = 0;
  for (Die child = function.first_child(); child && position < kMaxMembers; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_formal_parameter) continue;
    auto name = child.inherited(DW_AT_name);
    if (name && name->second.unit().text(name->first) == comparison.name) return child;
    if (position++ == comparison.argument) by_position = child;
  }
  return by_position;
}

struct Member {
  uint64_t offset = 0;
  Die die;
};

class MemberFinder {
 public:
  explicit MemberFinder(dwarf::Types& types) : types_(types) {}

  std::optional<Member> find(const Die& structure, std::string_view name, int nesting = 0) {
    if (nesting > kMaxNesting) return std::nullopt;
    for (Die child = structure.first_child(); child && seen_ < kMaxMembers; child = child.next_sibling()) {
      bool is_base = child.tag() == DW_TAG_inheritance;
      if (child.tag() != DW_TAG_member && !is_base) continue;
      ++seen_;
      std::string_view own = child.text(DW_AT_name);
      if (!is_base && !own.empty() && own != name) continue;
      auto offset = child.number(DW_AT_data_member_location);
      // An expression instead of a number: a virtual base. Of unions it is left out.
      if (!offset && child.attribute(DW_AT_data_member_location)) continue;
      if (!is_base && own == name) return Member{offset.value_or(0), child};
      const TypeInfo inside = types_.of(type_of(child));
      auto found = inside.kind == TypeInfo::Kind::kAggregate ? find(inside.die, name, nesting + 1) : std::nullopt;
      if (found) return Member{offset.value_or(0) + found->offset, found->die};
    }
    return std::nullopt;
  }

 private:
  dwarf::Types& types_;
  size_t seen_ = 0;
};

bool is_bit_field(const Die& member) {
  return member.attribute(DW_AT_bit_size).has_value() || member.attribute(DW_AT_data_bit_offset).has_value();
}

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

}  // namespace

Result<FieldPlace> find_field(const Die& function, const Comparison& comparison) {
  std::string so_far = comparison.name;
  auto no = [&](const std::string& why, const std::string& hint = {}) { return usage_error(so_far + " " + why, hint); };
  if (!function) return no("has no known type: there is no debug information", "p[16] compares the 8 bytes at byte 16");
  Die parameter = find_parameter(function, comparison);
  if (!parameter) return no("is no argument that debug information tells");
  dwarf::Types types;
  TypeInfo type = types.of(type_of(parameter));
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
    if (type.die.flag(DW_AT_declaration)) return no("points to a structure that is only declared there");
    auto member = MemberFinder(types).find(type.die, step.name);
    if (!member) return no(fmt::format("has no member {}", step.name));
    so_far += (step.through_pointer ? "->" : ".") + step.name;
    if (is_bit_field(member->die)) return no("is a bit field", "p[16] & 4 tests bits of the 8 bytes at byte 16");
    offset += member->offset;
    if (offset > INT32_MAX) return no("lies too far away");
    type = types.of(type_of(member->die));
  }
  place.offsets.push_back(static_cast<int32_t>(offset));
  if (place.offsets.size() > INQUEST_MAX_LOADS)
    return no(fmt::format("follows more than {} pointers", INQUEST_MAX_LOADS));
  auto number = number_type(type);
  if (!number) return no("is no number and no pointer");
  place.type = std::move(*number);
  return place;
}

}  // namespace inquest::probes
