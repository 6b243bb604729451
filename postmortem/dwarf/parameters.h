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
//
// Deep recursion asks for the same parameters at the same pc for every frame. So what does not depend on registers and
// memory is worked out once per pc and kept: the expressions that count there, what each call passes, and which values
// cannot be had whatever the registers hold.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "postmortem/dwarf/call_sites.h"
#include "postmortem/dwarf/location_expression.h"
#include "postmortem/dwarf/types.h"
#include "postmortem/dwarf/unit.h"
#include "postmortem/model/debug_info.h"

namespace inquest::dwarf {

/// Thread-safe.
class Parameters {
 public:
  /// `function_at` gives the function whose code a link-time address is in.
  explicit Parameters(std::function<Die(uint64_t)> function_at) : function_at_(std::move(function_at)) {}

  /// Of the function or inlined call whose DIE is at offset `scope` in the unit that has the code of `address`
  /// (link-time). Empty where there is no such DIE.
  std::vector<Variable> of(uint64_t address, uint64_t scope, const FrameContext& context);

 private:
  static constexpr int kMaxCallers = 4;  ///< an entry value may be that of the caller, and so on: recursion never ends

  struct Parameter {
    std::string_view name;
    Die die;  ///< concrete where there is one
    Die type;
    std::optional<Attribute> location, constant;
  };
  using List = std::vector<Parameter>;

  /// What a frame and those that called it are, but for their registers.
  struct Surroundings {
    std::array<uint64_t, kMaxCallers> callers{};      ///< their pcs, innermost first
    std::array<uint8_t, kMaxCallers + 1> kinds = {};  ///< how the frame and they were found; 0: there is none

    bool operator==(const Surroundings&) const = default;
  };
  static Surroundings surroundings(const Frame& frame, std::span<const Frame> callers);

  /// The expression of a location that counts at one pc.
  struct Expression {
    std::optional<Bytes> bytes;
    bool is_known = true;  ///< false: its location list is too long to be read
  };
  /// A parameter at one pc.
  struct Planned {
    Parameter parameter;
    TypeInfo type;
    bool summarised = false;                       ///< shown as "..." without being read
    Expression at_call, at_exact;                  ///< for the call instruction, and for the pc behind it
    std::optional<bool> differs_at_exact = false;  ///< nothing: not asked so far
    std::optional<Surroundings> hopeless;  ///< where it was found not to depend on registers that there is no value
  };
  struct Plan {
    Die function;
    std::vector<Planned> all;
  };
  struct Place {
    uint64_t address, scope, lookup, exact;

    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    size_t operator()(const Place& place) const;
  };

  /// A call and what it passes.
  struct Call {
    struct Passed {
      Die die;
      std::optional<Bytes> place, value;
    };
    Die caller;  ///< the function that makes it
    Die site;
    std::optional<bool> leads;  ///< whether it leads to the function; nothing: that depends on values in the caller
    std::vector<Passed> passed;
  };
  /// A link-time address: of code in a function, or one that returns from it.
  struct InFunction {
    uint64_t address;
    const std::byte* function;

    bool operator==(const InFunction&) const = default;
  };
  struct InFunctionHash {
    size_t operator()(const InFunction& place) const;
  };
  class Activation;

  const List& list_of(const Die& scope);
  Plan& plan_of(const Place& place);
  Expression expression_at(const Die& die, const Attribute& location, uint64_t address);
  bool differs_at_exact(Planned& planned, uint64_t exact);
  static Location locate(const Parameter& parameter, const Expression& expression, ExpressionFrame& frame);
  Location pointee(const Die& target, uint64_t address, ExpressionFrame& frame);
  std::optional<Bytes> frame_base_of(const Die& function, uint64_t address);
  Variable evaluate(Planned& planned, Activation& activation, const Surroundings& around, const FrameContext& context);

  std::function<Die(uint64_t)> function_at_;
  std::mutex mutex_;  ///< for all below
  std::unordered_map<const std::byte*, List> lists_;
  std::unordered_map<Place, Plan, PlaceHash> plans_;
  size_t planned_ = 0;  ///< parameters in `plans_`
  std::unordered_map<InFunction, std::optional<Bytes>, InFunctionHash> frame_bases_;
  std::unordered_map<InFunction, Call, InFunctionHash> calls_;  ///< by return address and the function called
  Types types_;
  CallSites sites_;
  uint64_t entries_ = 0;  ///< of location lists that may still be read for this frame
  uint64_t reads_ = 0;    ///< how often an expression has used a register or memory
};

}  // namespace inquest::dwarf
