// What functions are called, from their DIEs.
//
// A function with code, or a call inlined, mostly refers to an abstract one, and that to the declaration in its class
// or namespace: the name stands in one of them (DW_AT_abstract_origin, DW_AT_specification; DWARF 5, 3.3.8). Where
// there is a linker name it says everything. Without one (g++ gives none to lambdas and other local functions) the
// namespaces and classes around the declaration are put before DW_AT_name, as gdb does.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postmortem/dwarf/pointer_map.h"
#include "postmortem/dwarf/text_arena.h"
#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

struct FunctionName {
  std::string_view function;  ///< "ns::foo<int>"
  std::string_view linkage;   ///< mangled, or DW_AT_name
  bool has_linkage = false;   ///< `linkage` is DW_AT_linkage_name
  bool whole = true;          ///< false: a scope around it has a name that cannot be read, and is left out
  uint64_t declaration_line = 0;
};

/// DIEs with children among the children of others: finds what is around a DIE without reading everything again.
/// Thread-safe.
class ScopeTree {
 public:
  explicit ScopeTree(const Unit& unit) : unit_(unit) {}
  /// The DIEs around the one at `offset`, outermost first, without the unit's own.
  /// Sets `gave_up` when the unit nests so deeply without DW_AT_sibling that the rest of it is not looked at.
  std::vector<Die> around(uint64_t offset, bool* gave_up);

 private:
  using Extent = UnitOutline::Extent;
  const std::vector<Extent>& parents_below(const Die& die);

  const Unit& unit_;
  std::mutex mutex_;      ///< for all below
  uint64_t visited_ = 0;  ///< DIEs
  bool gave_up_ = false;
  std::unordered_map<uint64_t, std::vector<Extent>> children_;  ///< by offset of the DIE
};

/// Texts live as long as the table. Thread-safe.
class FunctionNames {
 public:
  /// Of a DW_TAG_subprogram or DW_TAG_inlined_subroutine.
  const FunctionName& of(const Die& die);
  /// Of an ELF symbol.
  FunctionName of_symbol(std::string_view symbol);
  /// A copy that lives as long as the table.
  std::string_view keep(std::string_view text);

 private:
  struct Texts {
    std::mutex mutex;
    TextArena all;
  };
  struct Shard {
    std::mutex mutex;
    PointerMap<FunctionName> by_die;  ///< by the address of the DIE
    std::deque<FunctionName> names;   ///< what it refers to
    std::unordered_map<std::string_view, FunctionName> by_linkage;
  };
  FunctionName make(const Die& die);
  FunctionName from_linkage(std::string_view linkage);
  /// Clears `whole` when the name of a scope cannot be read.
  std::string_view qualified(const Die& die, std::string_view name, bool* whole);

  std::array<Shard, 32> shards_;
  std::array<Texts, 16> texts_;
  std::mutex scopes_mutex_;  ///< for the map, not for what it holds
  std::unordered_map<const Unit*, std::unique_ptr<ScopeTree>> scopes_;
};

}  // namespace inquest::dwarf
