#include "postmortem/dwarf/parameters.h"

#include <dwarf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "postmortem/dwarf/location_expression.h"
#include "postmortem/dwarf/location_lists.h"
#include "postmortem/dwarf/value_format.h"
#include "postmortem/model/demangle.h"

namespace inquest::dwarf {
namespace {

constexpr int kMaxOrigins = 8;  // concrete, abstract, declaration
constexpr size_t kMaxParameters = 256;
constexpr size_t kMaxLists = 1 << 15;
// Entries of location lists that are read for the parameters of one frame; single variables of g++ -O2 have lists of
// some thousand. In a hostile file every parameter may have the longest list of all.
constexpr uint64_t kMaxEntries = 1 << 18;
constexpr size_t kMaxKept = 1 << 18;  // of planned parameters, calls and frame bases each
constexpr uint64_t kMaxSize = 4096;   // of a value worth fetching: scalars have 32 at the most

bool is_parameter(const Die& die) { return die.tag() == DW_TAG_formal_parameter; }

/// What a concrete DIE was made of.
Die origin_of(const Die& die) { return die.reference(DW_AT_abstract_origin); }

/// The end of the chain of origins: the same for all that was made of one parameter or function.
Die root_of(Die die) {
  for (int i = 0; i < kMaxOrigins && die; ++i) {
    Die origin = origin_of(die);
    if (!origin) origin = die.reference(DW_AT_specification);
    if (!origin) break;
    die = origin;
  }
  return die;
}

bool same(const Die& a, const Die& b) { return a && b && a.key() == b.key(); }

std::string_view linkage_name(const Die& die) {
  for (uint16_t name : {uint16_t{DW_AT_linkage_name}, uint16_t{DW_AT_MIPS_linkage_name}, uint16_t{DW_AT_name}})
    if (auto found = die.inherited(name)) return found->second.unit().text(found->first);
  return {};
}

// Those of a parameter pack (DW_TAG_GNU_formal_parameter_pack) have no name of their own and are left out.
void collect_parameters(const Die& scope, std::vector<Die>& out) {
  for (Die child = scope.first_child(); child && out.size() < kMaxParameters; child = child.next_sibling()) {
    if (is_parameter(child)) out.push_back(child);
  }
}

size_t mix(uint64_t a, uint64_t b) {
  return (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xff51afd7ed558ccdu;
}

bool same_bytes(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
  return a.has_value() == b.has_value() && (!a || (a->data() == b->data() && a->size() == b->size()));
}

std::string symbol_at(const Target* target, uint64_t address) {
  if (!target) return {};
  for (const Module& module : target->modules()) {
    if (address < module.start.value() || address >= module.end.value() || !module.symbols) continue;
    uint64_t place = module.link_time(Address(address));
    auto symbol = module.symbols->covering(place);
    if (!symbol || symbol->is_tls || (symbol->size == 0 && !symbol->is_function)) continue;
    std::string name = demangle(symbol->name).value_or(std::string(symbol->name));
    return place == symbol->value ? "<" + name + ">" : fmt::format("<{}+{}>", name, place - symbol->value);
  }
  return {};
}

}  // namespace

// One physical frame, with those that called it.
class Parameters::Activation : public ExpressionFrame {
 public:
  Activation(Parameters& owner, const Die& function, const Frame& frame, std::span<const Frame> callers,
             const MemoryReader& memory, uint64_t bias, int depth = 0)
      : owner_(owner),
        function_(function),
        frame_(frame),
        callers_(callers),
        memory_(memory),
        bias_(bias),
        depth_(depth) {}

  const FrameRegisters& registers() override { return frame_.registers; }
  Bytes wide_register(uint64_t number) override {
    uint64_t index = number - VectorRegisters::kFirst;
    return frame_.vectors && index < VectorRegisters::kCount ? Bytes(frame_.vectors->xmm[index]) : Bytes();
  }
  const MemoryReader& memory() override { return memory_; }
  uint64_t bias() override { return bias_; }
  std::optional<uint64_t> cfa() override {
    return frame_.cfa.is_null() ? std::nullopt : std::optional(frame_.cfa.value());
  }
  uint64_t lookup_address() const { return frame_.lookup_pc().value() - bias_; }
  uint64_t exact_address() const { return frame_.pc.value() - bias_; }

  std::optional<uint64_t> frame_base() override {
    if (has_base_) return base_;
    has_base_ = true;  // an expression of a frame base that asks for the frame base gets nothing
    if (auto expression = owner_.frame_base_of(function_, lookup_address()))
      base_ = evaluate_number(function_.unit(), *expression, *this);
    return base_;
  }

  std::optional<uint64_t> entry_value(Bytes expression) override {
    return passed([&](const Call::Passed& one) {
      return one.place && std::equal(one.place->begin(), one.place->end(), expression.begin(), expression.end());
    });
  }

  std::optional<uint64_t> passed_value(const Die& parameter) override {
    return passed([&](const Call::Passed& one) {
      Die named = one.die.reference(DW_AT_call_parameter);
      if (!named) named = origin_of(one.die);
      return same(root_of(named), root_of(parameter));
    });
  }

  void has_read() override { ++owner_.reads_; }

 private:
  template <class Match>
  std::optional<uint64_t> passed(Match&& matches) {
    if (callers_.empty() || depth_ >= kMaxCallers || frame_.signal_trampoline) return std::nullopt;
    const Frame& caller = callers_.front();
    // What a signal interrupted, or a guess found, has called nothing.
    if (caller.exact_pc || caller.signal_trampoline || caller.found_by == FoundBy::kScan) return std::nullopt;
    const Call& call = call_by(caller);
    if (!call.site) return std::nullopt;
    Activation outer(owner_, call.caller, caller, callers_.subspan(1), memory_, bias_, depth_ + 1);
    if (!leads_here(call, outer)) return std::nullopt;
    for (const Call::Passed& one : call.passed) {
      if (!matches(one)) continue;
      return one.value ? evaluate_number(one.die.unit(), *one.value, outer) : std::nullopt;
    }
    return std::nullopt;
  }

  const Call& call_by(const Frame& caller) {
    uint64_t return_address = caller.pc.value() - bias_;
    auto [known, is_new] = owner_.calls_.try_emplace({return_address, function_.key()});
    Call& call = known->second;
    if (!is_new) return call;
    call.caller = owner_.function_at_(caller.lookup_pc().value() - bias_);
    if (call.caller) call.site = owner_.sites_.returning_to(call.caller, return_address);
    if (!call.site) return call;
    call.leads = leads_by_itself(call.site, caller);
    for (Die child = call.site.first_child(); child; child = child.next_sibling()) {
      if (child.tag() != DW_TAG_call_site_parameter && child.tag() != DW_TAG_GNU_call_site_parameter) continue;
      auto place = child.attribute(DW_AT_location), value = child.attribute(DW_AT_call_value);
      if (!value) value = child.attribute(DW_AT_GNU_call_site_value);
      call.passed.push_back({child, place ? std::optional(place->block()) : std::nullopt,
                             value ? std::optional(value->block()) : std::nullopt});
    }
    return call;
  }

  bool is_entry(uint64_t link_time) const {
    if (auto low = function_.address(DW_AT_low_pc)) return link_time == *low;
    auto first = function_.first_range();
    return first && link_time == first->low;
  }

  /// Whether the call went to this function and not to one that jumped here.
  bool leads_here(const Call& call, Activation& outer) const {
    if (call.leads) return *call.leads;
    auto target = call.site.attribute(DW_AT_call_target);
    if (!target) target = call.site.attribute(DW_AT_GNU_call_site_target);
    if (!target || !target->data) return false;
    auto address = evaluate_number(call.site.unit(), target->block(), outer);
    return address && is_entry(*address - bias_);
  }

  /// Nothing where that depends on values in the caller.
  std::optional<bool> leads_by_itself(const Die& site, const Frame& caller) const {
    constexpr uint64_t kCallSize = 5;  // e8 and a 32-bit distance
    auto opcode = memory_.read_value<uint8_t>(caller.pc - kCallSize);
    auto distance = memory_.read_value<int32_t>(caller.pc - 4);
    if (opcode && distance && *opcode == 0xe8) {
      uint64_t target = caller.pc.value() + static_cast<uint64_t>(int64_t{*distance}) - bias_;
      if (is_entry(target)) return true;
      if (owner_.function_at_(target)) return false;  // else it goes through the procedure linkage table
    }
    Die callee = site.reference(DW_AT_call_origin);
    if (!callee) callee = origin_of(site);
    if (callee) {
      if (same(root_of(callee), root_of(function_))) return true;
      std::string_view name = linkage_name(callee);
      return !name.empty() && name == linkage_name(function_);
    }
    return std::nullopt;
  }

  Parameters& owner_;
  Die function_;
  const Frame& frame_;
  std::span<const Frame> callers_;
  const MemoryReader& memory_;
  uint64_t bias_;
  int depth_;
  bool has_base_ = false;
  std::optional<uint64_t> base_;
};

const Parameters::List& Parameters::list_of(const Die& scope) {
  if (auto known = lists_.find(scope.key()); known != lists_.end()) return known->second;
  if (lists_.size() >= kMaxLists) lists_.clear();
  std::vector<Die> concrete, abstract;
  collect_parameters(scope, concrete);
  Die origin = origin_of(scope);
  if (origin) collect_parameters(origin, abstract);
  // In the order of the abstract function, then what only the concrete one has.
  std::vector<Die> ordered;
  std::vector<bool> used(concrete.size());
  for (const Die& one : abstract) {
    size_t i = 0;
    while (i < concrete.size() && !(!used[i] && same(origin_of(concrete[i]), one))) ++i;
    if (i < concrete.size()) used[i] = true;
    ordered.push_back(i < concrete.size() ? concrete[i] : one);
  }
  for (size_t i = 0; i < concrete.size(); ++i)
    if (!used[i]) ordered.push_back(concrete[i]);
  List list;
  for (const Die& die : ordered) {
    Parameter parameter;
    parameter.die = die;
    if (auto name = die.inherited(DW_AT_name)) parameter.name = name->second.unit().text(name->first);
    if (parameter.name.empty()) continue;
    if (auto type = die.inherited(DW_AT_type)) parameter.type = type->second.unit().reference(type->first);
    parameter.location = die.attribute(DW_AT_location);
    if (auto constant = die.inherited(DW_AT_const_value)) parameter.constant = constant->first;
    list.push_back(parameter);
  }
  return lists_.emplace(scope.key(), std::move(list)).first->second;
}

std::optional<Bytes> Parameters::frame_base_of(const Die& function, uint64_t address) {
  auto [known, is_new] = frame_bases_.try_emplace({address, function.key()});
  if (!is_new) return known->second;
  if (auto attribute = function.attribute(DW_AT_frame_base))
    known->second = expression_at(function, *attribute, address).bytes;
  return known->second;
}

size_t Parameters::PlaceHash::operator()(const Place& place) const {
  return mix(mix(place.address, place.scope), mix(place.lookup, place.exact));
}

size_t Parameters::InFunctionHash::operator()(const InFunction& place) const {
  return mix(place.address, reinterpret_cast<uintptr_t>(place.function));
}

Parameters::Surroundings Parameters::surroundings(const Frame& frame, std::span<const Frame> callers) {
  auto kind = [](const Frame& one) {
    return static_cast<uint8_t>(1 | one.exact_pc << 1 | one.signal_trampoline << 2 |
                                (one.found_by == FoundBy::kScan) << 3);
  };
  Surroundings around;
  around.kinds[0] = kind(frame);
  for (size_t i = 0; i < std::min(callers.size(), around.callers.size()); ++i) {
    around.callers[i] = callers[i].pc.value();
    around.kinds[i + 1] = kind(callers[i]);
  }
  return around;
}

Parameters::Expression Parameters::expression_at(const Die& die, const Attribute& location, uint64_t address) {
  Expression expression;
  expression.bytes = location_at(die.unit(), location, address, entries_);
  expression.is_known = expression.bytes || entries_ > 0;
  return expression;
}

Parameters::Plan& Parameters::plan_of(const Place& place) {
  auto [known, is_new] = plans_.try_emplace(place);
  Plan& plan = known->second;
  if (!is_new) return plan;
  plan.function = function_at_(place.address);
  Die scope = plan.function ? plan.function.unit().die_at(place.scope) : Die();
  if (!scope) return plan;
  for (const Parameter& parameter : list_of(scope)) {
    Planned planned;
    planned.parameter = parameter;
    planned.type = types_.of(parameter.type);
    // A type without a size is incomplete or cannot be read.
    planned.summarised = is_summarised(types_, planned.type) || planned.type.size == 0;
    if (parameter.location && !planned.summarised) {
      planned.at_call = expression_at(parameter.die, *parameter.location, place.lookup);
      planned.differs_at_exact = place.exact == place.lookup ? std::optional(false) : std::nullopt;
    }
    plan.all.push_back(std::move(planned));
  }
  planned_ += plan.all.size();
  return plan;
}

Location Parameters::locate(const Parameter& parameter, const Expression& expression, ExpressionFrame& frame) {
  Location result;
  result.missing.reason = Missing::Reason::kOptimizedOut;
  if (parameter.location) {
    if (expression.bytes) return evaluate_location(parameter.die.unit(), *expression.bytes, frame);
    if (!expression.is_known) result.missing.reason = Missing::Reason::kUnsupported;
  } else if (parameter.constant) {
    Piece piece;
    piece.kind = parameter.constant->data ? Piece::Kind::kBytes : Piece::Kind::kValue;
    piece.value = parameter.constant->value;
    piece.bytes = parameter.constant->block();
    result.pieces.push_back(piece);
    result.missing = {};
  }
  return result;
}

/// What a synthetic pointer points at, where that is a variable with a value.
Location Parameters::pointee(const Die& target, uint64_t address, ExpressionFrame& frame) {
  Parameter variable;
  variable.die = target;
  variable.location = target.attribute(DW_AT_location);
  variable.constant = target.attribute(DW_AT_const_value);
  Expression expression;
  if (variable.location) expression = expression_at(target, *variable.location, address);
  return locate(variable, expression, frame);
}

bool Parameters::differs_at_exact(Planned& planned, uint64_t exact) {
  if (!planned.differs_at_exact) {
    const Parameter& parameter = planned.parameter;
    planned.at_exact = expression_at(parameter.die, *parameter.location, exact);
    planned.differs_at_exact = !planned.at_exact.is_known || !same_bytes(planned.at_call.bytes, planned.at_exact.bytes);
  }
  return *planned.differs_at_exact;
}

Variable Parameters::evaluate(Planned& planned, Activation& activation, const Surroundings& around,
                              const FrameContext& context) {
  const Parameter& parameter = planned.parameter;
  const TypeInfo& type = planned.type;
  Variable variable;
  variable.name = parameter.name;
  if (context.with_types) variable.type = types_.name(parameter.type);
  if (planned.summarised) {
    variable.value = "...";
    return variable;
  }
  Missing missing;
  missing.reason = Missing::Reason::kOptimizedOut;
  if (planned.hopeless == around) {
    variable.value = format_missing(missing);
    return variable;
  }
  uint64_t size = std::min(type.size, kMaxSize), reads_before = reads_;
  std::function<std::string(uint64_t)> symbol = [&](uint64_t address) { return symbol_at(context.target, address); };
  FormatContext format{types_, context.memory, symbol};
  std::vector<std::byte> bytes;
  auto attempt = [&](uint64_t address, const Expression& expression) {
    Location location = locate(parameter, expression, activation);
    if (location.pieces.size() == 1 && location.pieces[0].kind == Piece::Kind::kPointer) {
      variable.value = "<synthetic pointer>";
      const TypeInfo& target = types_.of(type.target);
      if (type.kind == TypeInfo::Kind::kReference && location.pieces[0].target) {
        Missing none;
        auto value = fetch(pointee(location.pieces[0].target, address, activation), std::min(target.size, kMaxSize),
                           context.memory, &none);
        variable.value =
            "@" + variable.value + ": " + (none ? format_missing(none) : format_value(format, target, value));
      }
      return;
    }
    bytes = fetch(location, size, context.memory, &missing);
  };
  attempt(activation.lookup_address(), planned.at_call);
  if (missing.reason == Missing::Reason::kOptimizedOut && variable.value.empty() &&
      differs_at_exact(planned, activation.exact_address()))
    attempt(activation.exact_address(), planned.at_exact);
  if (!variable.value.empty()) return variable;
  if (missing) {
    bool by_itself = missing.reason == Missing::Reason::kOptimizedOut && reads_ == reads_before;
    if (by_itself) planned.hopeless = around;
    variable.value = format_missing(missing);
    return variable;
  }
  variable.available = true;
  uint64_t bits = 0;
  std::memcpy(&bits, bytes.data(), std::min(bytes.size(), sizeof bits));
  variable.bits = bits;
  variable.value = format_value(format, type, bytes);
  return variable;
}

std::vector<Variable> Parameters::of(uint64_t address, uint64_t scope, const FrameContext& context) {
  std::lock_guard lock(mutex_);
  if (plans_.size() + planned_ >= kMaxKept || calls_.size() >= kMaxKept || frame_bases_.size() >= kMaxKept) {
    plans_.clear();
    planned_ = 0;
    calls_.clear();
    frame_bases_.clear();
  }
  entries_ = kMaxEntries;
  std::vector<Variable> variables;
  Plan& plan = plan_of(
      {address, scope, context.frame.lookup_pc().value() - context.bias, context.frame.pc.value() - context.bias});
  if (plan.all.empty()) return variables;
  std::span<const Frame> callers = context.callers;
  if (callers.empty() && context.caller) callers = std::span(context.caller, 1);
  Activation activation(*this, plan.function, context.frame, callers, context.memory, context.bias);
  Surroundings around = surroundings(context.frame, callers);
  variables.reserve(plan.all.size());
  for (Planned& planned : plan.all) variables.push_back(evaluate(planned, activation, around, context));
  return variables;
}

}  // namespace inquest::dwarf
