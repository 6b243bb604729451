// Types of variables: what is needed to print a value, and their names in C++ spelling.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postmortem/dwarf/function_names.h"
#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

/// A type without its typedefs and qualifiers.
struct TypeInfo {
  enum class Kind : uint8_t {
    kUnknown,
    kVoid,
    kSigned,
    kUnsigned,
    kSignedChar,
    kUnsignedChar,
    kWideChar,  ///< wchar_t, char16_t, char32_t: see `prefix`
    kBool,
    kFloat,
    kComplex,
    kEnum,
    kPointer,
    kReference,
    kMemberPointer,
    kFunction,
    kAggregate,  ///< struct, class, union, array
  };
  Kind kind = Kind::kUnknown;
  uint64_t size = 0;
  bool is_signed = false;  ///< of enumerations
  char prefix = 0;         ///< of literals: L, u, U
  Die die;                 ///< the stripped type; none for void
  Die target;              ///< what is pointed at
};

/// Not thread-safe.
class Types {
 public:
  /// No DIE is void.
  const TypeInfo& of(const Die& type) { return of(type, 0); }
  /// "const char *", "ns::Widget<int> &"; empty when it is nested too deeply or too long.
  const std::string& name(const Die& type);
  /// The enumerators of a DW_TAG_enumeration_type.
  struct Enumerator {
    std::string name;
    uint64_t value = 0;
  };
  struct Enumeration {
    std::vector<Enumerator> all;
    bool is_flags = false;  ///< values are or-ed together, as gdb judges
  };
  const Enumeration& enumeration(const Die& type);

 private:
  const TypeInfo& of(const Die& type, int depth);
  std::string scope_of(const Die& die);
  std::string spell(const Die& type, const std::string& inner, int depth);
  std::string spell_function(const Die& type, const std::string& inner, int depth);
  std::string spell_array(const Die& type, const std::string& inner, int depth);
  void forget_if_many();

  int spelled_ = 0;  ///< types in the name that is being made
  bool too_long_ = false;
  std::unordered_map<const std::byte*, TypeInfo> infos_;
  std::unordered_map<const std::byte*, std::string> names_;
  std::unordered_map<const std::byte*, Enumeration> enumerations_;
  std::unordered_map<const Unit*, ScopeTree> scopes_;
};

}  // namespace inquest::dwarf
