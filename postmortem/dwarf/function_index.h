// The functions of one unit and what was inlined into them, by address.
//
// Two levels, because reading every DIE of 208 MB takes 0.3 s and most answers need few of them:
//   1. the functions with code among the children of the unit, everything else skipped over by DW_AT_sibling;
//   2. the DIEs below one function, when an address in it is asked for: a tree of inlined calls, flattened by address.
// g++ also puts functions with code inside types and below abstract functions, where level 1 does not look. So an
// address in no function found leads to a walk over the whole unit, once, unless there is only padding.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "postmortem/dwarf/interval_map.h"
#include "postmortem/dwarf/unit.h"
#include "postmortem/elf/elf_image.h"

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

/// What is inlined at some addresses of a function. Of the ranges around an address the one that begins last is the
/// innermost, of equal ones the last.
struct FunctionTree {
  /// For so many addresses it is less work to remember the innermost node of each than to sort all ranges.
  static constexpr size_t kFew = 24;
  struct Answer {
    uint64_t address, low;
    uint32_t node;
  };

  uint64_t die = 0;
  std::vector<InlineNode> nodes;  ///< the function first
  std::vector<Answer> answers;    ///< for each of a few addresses; empty: `map` answers for all
  IntervalMap<uint32_t> map;      ///< to numbers of nodes

  /// Whether code in `ranges` can matter to an answer.
  bool concerns(std::span<const AddressRange> ranges) const {
    return answers.empty() || std::ranges::any_of(ranges, [this](const AddressRange& range) {
             return std::ranges::any_of(answers, [&](const Answer& answer) {
               return answer.address >= range.low && answer.address < range.high;
             });
           });
  }
  bool knows(uint64_t address) const { return answers.empty() || answer_for(address) != nullptr; }
  /// The innermost node at `address`, which is known; the function itself where nothing is inlined.
  uint32_t innermost(uint64_t address) const {
    if (const Answer* answer = answer_for(address)) return answer->node;
    const uint32_t* found = map.find(address);
    return found ? *found : 0;
  }
  void add(const AddressRange& range, uint32_t node) {
    if (answers.empty()) return map.add(range.low, range.high, node);
    for (Answer& answer : answers)
      if (answer.address >= range.low && answer.address < range.high && range.low >= answer.low)
        answer.low = range.low, answer.node = node;
  }

 private:
  const Answer* answer_for(uint64_t address) const {
    auto found = std::ranges::find(answers, address, &Answer::address);
    return found == answers.end() ? nullptr : &*found;
  }
};

/// Not thread-safe.
class FunctionIndex {
 public:
  /// `unit` has the functions: for split DWARF the unit of the .dwo file.
  /// `program` has its code, where that is at hand; else null.
  explicit FunctionIndex(const Unit& unit, const elf::ElfImage* program = nullptr) : unit_(unit), program_(program) {}

  /// The function whose code the first of `addresses` is in, or null. Valid until the next call. The others are those
  /// that will be asked next, in ascending order: mostly for the same function again.
  FunctionTree* find(std::span<const uint64_t> addresses);
  /// The DIE of that function.
  Die function_at(uint64_t address);
  /// The ranges of all functions: for a unit that does not say its own.
  std::vector<AddressRange> ranges();
  const Unit& unit() const { return unit_; }
  /// Gives back the memory of the last answer, which is not valid any more.
  void forget_last() { tree_ = {}; }

 private:
  void add_functions(std::span<const uint64_t> offsets);
  void scan_whole();
  const uint64_t* lookup(uint64_t address);
  bool is_in_padding(uint64_t address) const;

  const Unit& unit_;
  const elf::ElfImage* program_;
  IntervalMap<uint64_t> functions_;  ///< to offsets of DIEs
  std::vector<AddressRange> ranges_;
  bool scanned_ = false, whole_ = false;
  FunctionTree tree_;  ///< of the last function asked for
};

/// The tree of a DW_TAG_subprogram, for `addresses` of it or, when these are more than a few, for all; uses the memory
/// that `tree` has.
void parse_function(const Die& function, std::span<const uint64_t> addresses, FunctionTree* tree);

}  // namespace inquest::dwarf
