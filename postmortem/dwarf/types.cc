#include "postmortem/dwarf/types.h"

#include <dwarf.h>

#include <algorithm>
#include <bit>

namespace inquest::dwarf {
namespace {

constexpr int kMaxLayers = 64;             // typedefs, qualifiers and pointers above a type; a cycle must end
constexpr size_t kMaxEnumerators = 65536;  // register lists of hardware have some thousand
constexpr size_t kMaxParameters = 256;
constexpr size_t kMaxName = 64 * 1024;  // names of expression templates reach 10 KB
// Functions that take functions that take functions ...: each type in a name may be there many times over.
constexpr int kMaxSpelled = 4096;
constexpr int kMaxBases = 4;  // the base of an enumeration is an integer, what a member pointer points at a member

bool is_layer(uint16_t tag) {
  switch (tag) {
    case DW_TAG_typedef:
    case DW_TAG_const_type:
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
    case DW_TAG_immutable_type:
    case DW_TAG_packed_type:
    case DW_TAG_shared_type:
    case DW_TAG_template_alias: return true;
    default: return false;
  }
}

// A declaration that names a type unit stands for the type there.
Die completed(const Die& type) {
  if (Die full = type.reference(DW_AT_signature)) return full;
  return type;
}

TypeInfo::Kind base_kind(uint64_t encoding, uint64_t size, std::string_view name, char* prefix) {
  using Kind = TypeInfo::Kind;
  switch (encoding) {
    case DW_ATE_boolean: return Kind::kBool;
    case DW_ATE_float: return Kind::kFloat;
    case DW_ATE_complex_float: return Kind::kComplex;
    case DW_ATE_UTF:
      if (size == 1) return Kind::kUnsignedChar;
      *prefix = size == 2 ? 'u' : 'U';
      return Kind::kWideChar;
    case DW_ATE_signed_char: return Kind::kSignedChar;
    case DW_ATE_unsigned_char: return Kind::kUnsignedChar;
    case DW_ATE_signed:
      if (name == "wchar_t") *prefix = 'L';
      return name == "wchar_t" ? Kind::kWideChar : Kind::kSigned;
    case DW_ATE_address:
    case DW_ATE_unsigned: return Kind::kUnsigned;
    default: return Kind::kUnknown;
  }
}

Die type_of(const Die& die) { return die.reference(DW_AT_type); }

std::string_view name_of(const Die& die) {
  auto found = die.inherited(DW_AT_name);
  return found ? found->second.unit().text(found->first) : std::string_view();
}

// "const" behind a pointer, in front of anything else.
bool is_derived(const Die& type) {
  if (!type) return false;
  switch (type.tag()) {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
    case DW_TAG_ptr_to_member_type: return true;
    default: return false;
  }
}

std::string joined(std::string text, const std::string& inner) {
  if (!inner.empty()) text += (text.empty() ? "" : " ") + inner;
  return text;
}

}  // namespace

void Types::forget_if_many() {
  constexpr size_t kMaxKept = 1 << 17;  // each some 100 bytes
  if (infos_.size() < kMaxKept && names_.size() < kMaxKept) return;
  infos_.clear();
  names_.clear();
}

const TypeInfo& Types::of(const Die& given, int depth) {
  static const TypeInfo kVoid{.kind = TypeInfo::Kind::kVoid, .die = {}, .target = {}};
  static const TypeInfo kUnknown;
  if (!given) return kVoid;
  if (depth > kMaxBases) return kUnknown;
  auto [entry, is_new] = infos_.try_emplace(given.key());
  TypeInfo& info = entry->second;
  if (!is_new) return info;
  Die type = given;
  for (int i = 0; i < kMaxLayers && type && is_layer(type.tag()); ++i) {
    // wchar_t is a typedef of int in C.
    if (type.tag() == DW_TAG_typedef && info.prefix == 0) {
      std::string_view name = type.text(DW_AT_name);
      if (name == "wchar_t") info.prefix = 'L';
      if (name == "char16_t") info.prefix = 'u';
      if (name == "char32_t") info.prefix = 'U';
    }
    type = type_of(type);
  }
  if (!type) return info = kVoid;
  if (is_layer(type.tag())) return info;
  type = completed(type);
  info.die = type;
  info.size = type.number(DW_AT_byte_size).value_or(0);
  using Kind = TypeInfo::Kind;
  switch (type.tag()) {
    case DW_TAG_base_type:
      info.kind = base_kind(type.number(DW_AT_encoding).value_or(0), info.size, type.text(DW_AT_name), &info.prefix);
      if (info.prefix && (info.kind == Kind::kSigned || info.kind == Kind::kUnsigned)) info.kind = Kind::kWideChar;
      break;
    case DW_TAG_enumeration_type:
      info.kind = Kind::kEnum;
      if (Die base = type_of(type)) {
        const TypeInfo& under = of(base, depth + 1);  // may move nothing: references into an unordered_map stay
        info.is_signed = under.kind == Kind::kSigned || under.kind == Kind::kSignedChar;
        if (info.size == 0) info.size = under.size;
      }
      break;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
      info.kind = type.tag() == DW_TAG_pointer_type ? Kind::kPointer : Kind::kReference;
      if (info.size == 0) info.size = type.unit().sizes().address;
      info.target = type_of(type);
      break;
    case DW_TAG_ptr_to_member_type:
      info.kind = Kind::kMemberPointer;
      info.target = type_of(type);
      // Itanium C++ ABI, 2.3: an offset, or address and adjustment of a function.
      if (info.size == 0) info.size = of(info.target, depth + 1).kind == Kind::kFunction ? 16 : 8;
      break;
    case DW_TAG_subroutine_type: info.kind = Kind::kFunction; break;
    case DW_TAG_unspecified_type:  // decltype(nullptr)
      info.kind = Kind::kPointer;
      info.size = type.unit().sizes().address;
      break;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_interface_type:
    case DW_TAG_union_type:
    case DW_TAG_array_type:
    case DW_TAG_set_type:
    case DW_TAG_string_type: info.kind = Kind::kAggregate; break;
    default: break;
  }
  return info;
}

std::string Types::scope_of(const Die& die) {
  if (die.unit().is_c()) return {};
  std::string text;
  bool gave_up = false;
  auto& tree = scopes_.try_emplace(&die.unit(), die.unit()).first->second;
  for (const Die& scope : tree.around(die.offset(), &gave_up)) {
    switch (scope.tag()) {
      case DW_TAG_namespace:
      case DW_TAG_module:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_interface_type:
      case DW_TAG_union_type: break;
      case DW_TAG_enumeration_type:
        if (!scope.flag(DW_AT_enum_class)) continue;
        break;
      default: continue;
    }
    if (scope.offset() == die.offset()) continue;
    std::string_view name = name_of(scope);
    if (name.empty() && scope.tag() == DW_TAG_namespace) name = "(anonymous namespace)";
    if (!name.empty()) text.append(name) += "::";
  }
  return text;
}

const std::string& Types::name(const Die& type) {
  static const std::string kVoid = "void";
  if (!type) return kVoid;
  if (auto known = names_.find(type.key()); known != names_.end()) return known->second;
  forget_if_many();
  spelled_ = 0;
  too_long_ = false;
  std::string text = spell(type, "", 0);
  if (too_long_) text.clear();
  return names_[type.key()] = std::move(text);
}

std::string Types::spell(const Die& type, const std::string& inner, int depth) {
  too_long_ |= depth > kMaxLayers || inner.size() > kMaxName || ++spelled_ > kMaxSpelled;
  if (too_long_) return {};
  if (!type) return joined("void", inner);
  auto qualified = [&](std::string_view word) {
    Die below = type_of(type);
    if (is_derived(below)) return spell(below, joined(std::string(word), inner), depth + 1);
    return std::string(word) + " " + spell(below, inner, depth + 1);
  };
  auto pointed = [&](std::string mark) {
    Die below = type_of(type);
    bool wraps = below && (below.tag() == DW_TAG_subroutine_type || below.tag() == DW_TAG_array_type);
    // "const" and the like keep their distance from the star.
    mark += !inner.empty() && std::isalpha(static_cast<unsigned char>(inner.front())) ? " " + inner : inner;
    return spell(below, wraps ? "(" + mark + ")" : mark, depth + 1);
  };
  switch (type.tag()) {
    case DW_TAG_const_type: return qualified("const");
    case DW_TAG_volatile_type: return qualified("volatile");
    case DW_TAG_atomic_type: return qualified("_Atomic");
    case DW_TAG_restrict_type: return spell(type_of(type), joined("restrict", inner), depth + 1);
    case DW_TAG_pointer_type: return pointed("*");
    case DW_TAG_reference_type: return pointed("&");
    case DW_TAG_rvalue_reference_type: return pointed("&&");
    case DW_TAG_ptr_to_member_type: {
      Die owner = type.reference(DW_AT_containing_type);
      return pointed((owner ? spell(owner, "", depth + 1) : std::string("?")) + "::*");
    }
    case DW_TAG_subroutine_type: return spell_function(type, inner, depth);
    case DW_TAG_array_type: return spell_array(type, inner, depth);
    case DW_TAG_base_type:
    case DW_TAG_unspecified_type: return joined(std::string(type.text(DW_AT_name)), inner);
    default: break;
  }
  Die full = completed(type);
  std::string_view name = full.text(DW_AT_name);
  if (!name.empty()) return joined(scope_of(full) + std::string(name), inner);
  const char* word = "{...}";
  switch (full.tag()) {
    case DW_TAG_structure_type: word = "struct {...}"; break;
    case DW_TAG_class_type: word = "class {...}"; break;
    case DW_TAG_union_type: word = "union {...}"; break;
    case DW_TAG_enumeration_type: word = "enum {...}"; break;
    default: break;
  }
  return joined(word, inner);
}

std::string Types::spell_function(const Die& type, const std::string& inner, int depth) {
  std::string parameters;
  size_t count = 0;
  for (Die child = type.first_child(); child && count < kMaxParameters; child = child.next_sibling()) {
    bool rest = child.tag() == DW_TAG_unspecified_parameters;
    if ((child.tag() != DW_TAG_formal_parameter && !rest) || child.flag(DW_AT_artificial)) continue;
    if (count++ > 0) parameters += ", ";
    parameters += rest ? "..." : spell(type_of(child), "", depth + 1);
    too_long_ |= parameters.size() > kMaxName;
    if (too_long_) return {};
  }
  if (count == 0 && type.unit().is_c() && type.flag(DW_AT_prototyped)) parameters = "void";
  return spell(type_of(type), inner + "(" + parameters + ")", depth + 1);
}

std::string Types::spell_array(const Die& type, const std::string& inner, int depth) {
  std::string sizes = inner;
  for (Die child = type.first_child(); child; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_subrange_type) continue;
    auto count = child.number(DW_AT_count), last = child.number(DW_AT_upper_bound);
    if (!count && last) count = *last + 1;
    sizes += count ? "[" + std::to_string(*count) + "]" : "[]";
    too_long_ |= sizes.size() > kMaxName;
    if (too_long_) return {};
  }
  return spell(type_of(type), sizes, depth + 1);
}

// gdb takes an enumeration for flags when no value is negative and each is one run of bits.
const Types::Enumeration& Types::enumeration(const Die& type) {
  auto [entry, is_new] = enumerations_.try_emplace(type.key());
  Enumeration& found = entry->second;
  if (!is_new) return found;
  std::string scope = scope_of(type);
  if (type.flag(DW_AT_enum_class)) scope.append(name_of(type)) += "::";
  found.is_flags = true;
  for (Die child = type.first_child(); child; child = child.next_sibling()) {
    if (child.tag() != DW_TAG_enumerator || found.all.size() == kMaxEnumerators) continue;
    auto value = child.attribute(DW_AT_const_value);
    if (!value || value->data) continue;
    found.all.push_back({scope + std::string(child.text(DW_AT_name)), value->value});
    uint64_t bits = value->value;
    if (static_cast<int64_t>(bits) < 0) found.is_flags = false;
    if (bits != 0) bits >>= std::countr_zero(bits);
    if ((bits & (bits + 1)) != 0) found.is_flags = false;
  }
  return found;
}

}  // namespace inquest::dwarf
