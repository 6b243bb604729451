#include "postmortem/dwarf/members.h"

#include <dwarf.h>

namespace inquest::dwarf {
namespace {

constexpr int kMaxNesting = 16;         // of anonymous members and base classes
constexpr size_t kMaxMembers = 10'000;  // of one structure

class MemberFinder {
 public:
  explicit MemberFinder(Types& types) : types_(types) {}

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
      if (!is_base && own == name) return Member{offset.value_or(0), type_of(child), is_bit_field(child)};
      const TypeInfo inside = types_.of(type_of(child));
      auto found = inside.kind == TypeInfo::Kind::kAggregate ? find(inside.die, name, nesting + 1) : std::nullopt;
      if (!found) continue;
      found->offset += offset.value_or(0);
      return found;
    }
    return std::nullopt;
  }

 private:
  static bool is_bit_field(const Die& member) {
    return member.attribute(DW_AT_bit_size).has_value() || member.attribute(DW_AT_data_bit_offset).has_value();
  }

  Types& types_;
  size_t seen_ = 0;
};

}  // namespace

Die type_of(const Die& die) {
  auto type = die.inherited(DW_AT_type);
  return type ? type->second.unit().reference(type->first) : Die();
}

Die find_parameter(const Die& function, std::string_view name, size_t position) {
  Die by_position;
  size_t at = 0;
  for (Die child = function.first_child(); child && at < kMaxMembers; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_formal_parameter) continue;
    auto own = child.inherited(DW_AT_name);
    if (own && own->second.unit().text(own->first) == name) return child;
    if (at++ == position) by_position = child;
  }
  return by_position;
}

std::optional<Member> find_member(Types& types, const Die& structure, std::string_view name) {
  return MemberFinder(types).find(structure, name);
}

bool is_array(const Die& type) { return type.tag() == DW_TAG_array_type; }

bool is_declaration(const Die& structure) { return structure.flag(DW_AT_declaration); }

}  // namespace inquest::dwarf
