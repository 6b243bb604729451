// The way out of a function that no call frame information describes (C built with -fno-asynchronous-unwind-tables):
// its own code says where the return address is. From the pc on every path ends at a ret, and what is popped until then
// lies between rsp and the return address. The beginning of the function need not be known, and a jump to another
// function at the end is followed like any other.
//
// Not seen: code that takes rsp from another register (frame pointers have their own way), calls that pop arguments of
// theirs. Behind a call that never returns other code follows; so there may be several ways, and each has to be
// checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "postmortem/crash/instruction.h"
#include "postmortem/model/address.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::unwind {

struct WayOut {
  int64_t return_address = 0;  ///< distance from rsp at the pc, bytes, >= 0
  /// By Registers::Index: where the caller's value was restored from, as a distance from rsp.
  std::array<std::optional<int64_t>, 16> restored;
  uint32_t changed = 0;  ///< bit i: Registers::Index i is overwritten, but not restored
};

class WaysOut {
 public:
  /// Of the code at `pc`, the shortest first; empty where instructions cannot be read or decoded. Kept for each pc.
  const std::vector<WayOut>& of(Address pc, const MemoryReader& memory);

 private:
  struct Path {
    Address at;
    int64_t rsp = 0;
    WayOut way;
  };
  /// Goes on to the end of `path`; branches are added to `open`.
  void follow(Path path, const MemoryReader& memory, std::vector<Path>& open, std::vector<WayOut>& found);
  /// Whether rsp is still known behind the instruction.
  static bool apply(const crash::Instruction& instruction, Path& path);

  crash::Disassembler disassembler_;
  std::unordered_map<uint64_t, std::vector<WayOut>> known_;
  std::unordered_map<uint64_t, bool> seen_;  ///< instructions of the search at hand
  uint64_t decoded_ = 0;                     ///< of all searches
};

}  // namespace inquest::unwind
