// The way out of a function that no call frame information describes (C built with -fno-asynchronous-unwind-tables):
// its own code says where the return address is. From the pc on every path ends at a ret, and what is popped until then
// lies between rsp and the return address. The beginning of the function need not be known, and a jump to another
// function at the end is followed like any other.
//
// Where there is no way out, behind a call of abort, a way in may be proved: a word of the stack behind a direct call
// is the return address if the code from that call's target on leads to the pc, with as much pushed as lies between.
//
// Not seen: code that takes rsp from another register (frame pointers have their own way), calls that pop arguments of
// theirs. Behind a call that never returns other code follows; so there may be several ways, and each has to be
// checked.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "postmortem/code/instruction.h"
#include "postmortem/model/address.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::unwind {

struct WayOut {
  int64_t return_address = 0;  ///< distance from rsp at the pc, bytes, >= 0
  /// By Registers::Index: where the caller's value was restored from, as a distance from rsp.
  std::array<std::optional<int64_t>, 16> restored;
  uint32_t changed = 0;  ///< bit i: Registers::Index i is overwritten, but not restored
};

/// How the code at an entry came to a pc further on.
struct WayIn {
  int64_t return_address = 0;  ///< distance from rsp at the pc, bytes, >= 0
  /// By Registers::Index: where the caller's value was pushed, as a distance from rsp.
  std::array<std::optional<int64_t>, 16> pushed;
  uint32_t changed = 0;  ///< bit i: Registers::Index i is overwritten
};

class WaysOut {
 public:
  /// Of the code at `pc`, the shortest first; empty where instructions cannot be read or decoded. Kept for each pc.
  const std::vector<WayOut>& of(Address pc, const MemoryReader& memory);
  /// From the entry of a function to `pc` in it; nothing where its code does not lead there. Kept for each pair.
  const std::optional<WayIn>& from(Address entry, Address pc, const MemoryReader& memory);

 private:
  struct Path {
    Address at;
    int64_t rsp = 0;
    WayOut way;
    std::array<std::optional<int64_t>, 16> pushed;
  };
  struct Search {
    std::optional<Address> wanted;  ///< ends there, else at every ret
    std::vector<Path> open, found;
  };
  /// Goes on to the end of `path`; branches are added to those that are open.
  void follow(Path path, const MemoryReader& memory, Search& search);
  void run(Search& search, size_t limit, const MemoryReader& memory);
  /// Whether rsp is still known behind the instruction.
  static bool apply(const code::Instruction& instruction, Path& path);

  code::Disassembler disassembler_;
  std::unordered_map<uint64_t, std::vector<WayOut>> known_;
  std::map<std::pair<Address, Address>, std::optional<WayIn>> ways_in_;
  std::unordered_set<uint64_t> seen_;  ///< instructions of the search at hand
  uint64_t decoded_ = 0;               ///< of all searches
};

}  // namespace inquest::unwind
