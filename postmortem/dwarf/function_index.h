// The functions of one unit and what was inlined into them, by address.
//
// Two levels, because reading every DIE of 208 MB takes 0.3 s and most answers need few of them:
//   1. the functions with code among the children of the unit, everything else skipped over by DW_AT_sibling;
//   2. the DIEs below one function, when an address in it is asked for: a tree of inlined calls, flattened by address.
// g++ also puts functions with code inside types and below abstract functions, where level 1 does not look. So an
// address in no function found leads to a walk over the whole unit, once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "postmortem/dwarf/interval_map.h"
#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

struct FunctionName;

struct InlineNode {
  static constexpr uint32_t kNone = UINT32_MAX;
  uint64_t die = 0;
  uint64_t origin = 0;      ///< DW_AT_abstract_origin, when it is in the same unit
  uint32_t parent = kNone;  ///< what it is inlined into; kNone for the function itself
  uint32_t call_file = 0, call_line = 0, call_column = 0;
  uint64_t entry = 0;                  ///< DW_AT_entry_pc, or the start of its first range
  const FunctionName* name = nullptr;  ///< filled in by whoever asked for it
};

struct FunctionTree {
  uint64_t die = 0;
  std::vector<InlineNode> nodes;  ///< the function first
  IntervalMap<uint32_t> map;      ///< to numbers of nodes

  /// The innermost node at `address`; the function itself where nothing is inlined.
  uint32_t innermost(uint64_t address) const {
    const uint32_t* found = map.find(address);
    return found ? *found : 0;
  }
};

/// Not thread-safe.
class FunctionIndex {
 public:
  /// `unit` has the functions: for split DWARF the unit of the .dwo file.
  explicit FunctionIndex(const Unit& unit) : unit_(unit) {}

  /// The function whose code `address` is in, or null. Valid until the next call; addresses in ascending order mostly
  /// ask for the same function again.
  FunctionTree* find(uint64_t address);
  /// The DIE of that function.
  Die function_at(uint64_t address);
  /// The ranges of all functions: for a unit that does not say its own.
  std::vector<AddressRange> ranges();
  const Unit& unit() const { return unit_; }

 private:
  void add_functions(std::span<const uint64_t> offsets);
  void scan_whole();
  const uint64_t* lookup(uint64_t address);

  const Unit& unit_;
  IntervalMap<uint64_t> functions_;  ///< to offsets of DIEs
  std::vector<AddressRange> ranges_;
  bool scanned_ = false, whole_ = false;
  FunctionTree tree_;  ///< of the last function asked for
};

/// The tree of a DW_TAG_subprogram; uses the memory that `tree` has.
void parse_function(const Die& function, FunctionTree* tree);

}  // namespace inquest::dwarf
