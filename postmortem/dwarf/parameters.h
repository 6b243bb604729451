// The parameters of frames and their values.
//
// A function that was inlined, or has code apart from its declaration, lists its parameters again and refers to the
// abstract ones for names and types; those it does not list are optimised out. Their order is that of the abstract
// ones.
//
// Which location counts: that of the pc in the innermost frame. In a caller first that of the call instruction; the
// compiler may keep the variable there in a register that the call destroyed, which then is not known, and the place
// after the call is asked (gdb asks only that; it lies outside the function when the callee does not return).
//
// Values at the entry of a function come from what its caller says about the call, when it is certain that this call
// led here and not to a function that then jumped here: the call must name the function, or be a direct call of it.
// Not done: callers in another ELF file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "postmortem/dwarf/call_sites.h"
#include "postmortem/dwarf/types.h"
#include "postmortem/dwarf/unit.h"
#include "postmortem/model/debug_info.h"

namespace inquest::dwarf {

/// Thread-safe.
class Parameters {
 public:
  /// `function_at` gives the function whose code a link-time address is in.
  explicit Parameters(std::function<Die(uint64_t)> function_at) : function_at_(std::move(function_at)) {}

  /// Of `scope`, a function or an inlined call in `function`, which has the code of the frame.
  std::vector<Variable> of(const Die& scope, const Die& function, const FrameContext& context);

 private:
  struct Parameter {
    std::string_view name;
    Die die;  ///< concrete where there is one
    Die type;
    std::optional<Attribute> location, constant;
  };
  struct List {
    std::vector<Parameter> all;
  };
  class Activation;

  const List& list_of(const Die& scope);
  Variable evaluate(const Parameter& parameter, Activation& activation, const FrameContext& context);

  std::function<Die(uint64_t)> function_at_;
  std::mutex mutex_;  ///< for all below
  std::unordered_map<const std::byte*, List> lists_;
  Types types_;
  CallSites calls_;
  uint64_t entries_ = 0;  ///< of location lists that may still be read for this frame
  /// By return address (link-time) and function: whether that call leads to that function.
  std::map<std::pair<uint64_t, const std::byte*>, std::optional<bool>> leads_;
};

}  // namespace inquest::dwarf
