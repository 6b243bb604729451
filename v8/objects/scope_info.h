// ScopeInfo (src/objects/scope-info.h, .tq): the variables a scope keeps in its context, the name of its function, and
// where its source begins and ends.
//
// The layout in short, measured on Node.js 12 to 26: flags, parameter count, count n of context locals, (from 12.9
// start and end of the source, in modules from 12.0 the number of module variables,) then names and infos of the n
// locals and optional words by flags: a saved class variable, (until 9.x the receiver,) the function's name and its
// slot, its inferred name, (until 12.8 start and end). From 10.x on, where there are 75 locals or more, one
// NameToIndexHashTable stands in place of their names. Until 9.0 the whole is laid out as a FixedArray, with its length
// in front, and start and end lie behind all names and slots; only other objects (outer scope, module) follow them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

class ScopeInfo {
 public:
  /// Nothing when the tagged word is no ScopeInfo, or one that does not hold together.
  static std::optional<ScopeInfo> read(const ObjectReader& objects, uint64_t word);

  /// Names of the context locals in the order of their slots, "" where one is not in the dump.
  std::vector<std::string> local_names() const;

  /// Whether each of them is a static private method or accessor of a class: from 8.4 on.
  std::vector<bool> local_is_static() const;

  struct FunctionNames {
    std::string name;      ///< "" for none
    std::string inferred;  ///< from where the function was assigned
  };
  FunctionNames function_names() const;

  struct FunctionVariable {
    std::string name;
    uint64_t slot = 0;     ///< of the context, counted from its ScopeInfo
    bool certain = false;  ///< whether the flags say that it is there; until 9.x `slot` may be a register instead
  };
  /// The variable that holds a function under its own name, where it is kept in the context.
  std::optional<FunctionVariable> function_variable() const;

  /// Start and end as offsets in the source; nothing when it keeps no positions.
  std::optional<std::pair<int32_t, int32_t>> range() const;

 private:
  ScopeInfo(const ObjectReader& objects, uint64_t word) : objects_(objects), word_(word) {}

  uint64_t field(uint64_t offset) const { return objects_.field(word_, offset); }
  bool has_fixed_array_layout() const;
  bool has_name_table() const;
  /// The first of the optional words.
  uint64_t locals_end() const;
  uint64_t function_name_at() const;
  uint64_t function_name_in_fixed_array() const;
  FunctionNames function_names_in_fixed_array() const;
  std::optional<std::pair<int32_t, int32_t>> range_in_fixed_array() const;
  std::optional<std::pair<int32_t, int32_t>> range_at(uint64_t at) const;

  const ObjectReader& objects_;
  uint64_t word_;
  bool fixed_array_ = false;
  uint32_t flags_ = 0;
  uint64_t locals_ = 0;     ///< how many
  uint64_t locals_at_ = 0;  ///< offset of their names
};

}  // namespace inquest::v8
