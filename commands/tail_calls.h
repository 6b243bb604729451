// Frames that are missing from a stack because their functions jumped to the next one instead of calling it.
//
//   main calls outer, outer jumps to middle, middle jumps to inner: the stack has inner and main.
//
// It shows when the call in main does not go to the function that the frame above it is in. Then the tail calls that
// debug information lists are followed from the function that was called. Where they lead to the other one in one way
// only, that way was taken, and each jump becomes a frame. Where there are several ways, the jumps that all begin with
// and those that all end with are certain still (gdb shows the same, gdb/dwarf2/loc.c, call_site_find_chain). Where a
// jump on the way goes through a pointer, or to code without debug information, nothing is certain and nothing is
// added.
//
// Only callers with a direct call are looked at; the target of an indirect one is seldom known any more.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "commands/module_finder.h"
#include "commands/session.h"
#include "postmortem/model/debug_info.h"
#include "postmortem/model/frame.h"

namespace inquest::commands {

class TailCallFinder {
 public:
  TailCallFinder(Session& session, const ModuleFinder& modules) : session_(session), modules_(modules) {}

  /// The frames between `callee`, in the function whose code begins at `callee_entry`, and `caller`, innermost first.
  std::vector<Frame> between(const Frame& callee, Address callee_entry, const Frame& caller);

 private:
  struct Jump {
    Address pc;
    bool is_return_pc = false;
    Address target;  ///< null: not known

    bool operator==(const Jump& other) const { return pc == other.pc; }
  };
  using Jumps = std::vector<Jump>;
  struct Search;

  std::optional<Address> call_target(Address return_address);
  Address behind_stub(Address target) const;
  const std::optional<Jumps>& jumps_of(Address function);
  Address function_named(std::string_view name);
  void follow(Search& search, Address function);
  Jumps path(Address from, Address to);

  Session& session_;
  const ModuleFinder& modules_;
  std::unordered_map<Address, std::optional<Address>> targets_;  ///< by return address
  std::unordered_map<Address, std::optional<Jumps>> jumps_;      ///< by entry address
  std::map<std::pair<Address, Address>, Jumps> paths_;
};

}  // namespace inquest::commands
