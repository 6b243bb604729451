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
constexpr uint64_t kMaxSize = 4096;  // of a value worth fetching: scalars have 32 at the most
constexpr int kMaxCallers = 4;  // an entry value may be the entry value of the caller, and so on: recursion never ends

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
    auto attribute = function_.attribute(DW_AT_frame_base);
    if (!attribute) return std::nullopt;
    if (auto expression = location_at(function_.unit(), *attribute, lookup_address(), owner_.entries_))
      base_ = evaluate_number(function_.unit(), *expression, *this);
    return base_;
  }

  std::optional<uint64_t> entry_value(Bytes expression) override {
    return passed([&](const Die& site_parameter) {
      auto location = site_parameter.attribute(DW_AT_location);
      if (!location) return false;
      Bytes bytes = location->block();
      return bytes.size() == expression.size() && std::equal(bytes.begin(), bytes.end(), expression.begin());
    });
  }

  std::optional<uint64_t> passed_value(const Die& parameter) override {
    return passed([&](const Die& site_parameter) {
      Die named = site_parameter.reference(DW_AT_call_parameter);
      if (!named) named = origin_of(site_parameter);
      return same(root_of(named), root_of(parameter));
    });
  }

 private:
  template <class Match>
  std::optional<uint64_t> passed(Match&& matches) {
    if (callers_.empty() || depth_ >= kMaxCallers || frame_.signal_trampoline) return std::nullopt;
    const Frame& caller = callers_.front();
    // What a signal interrupted, or a guess found, has called nothing.
    if (caller.exact_pc || caller.signal_trampoline || caller.found_by == FoundBy::kScan) return std::nullopt;
    Die function = owner_.function_at_(caller.lookup_pc().value() - bias_);
    if (!function) return std::nullopt;
    Die site = owner_.calls_.returning_to(function, caller.pc.value() - bias_);
    if (!site) return std::nullopt;
    Activation outer(owner_, function, caller, callers_.subspan(1), memory_, bias_, depth_ + 1);
    if (!leads_here(site, caller, outer)) return std::nullopt;
    for (Die child = site.first_child(); child; child = child.next_sibling()) {
      if (child.tag() != DW_TAG_call_site_parameter && child.tag() != DW_TAG_GNU_call_site_parameter) continue;
      if (!matches(child)) continue;
      auto value = child.attribute(DW_AT_call_value);
      if (!value) value = child.attribute(DW_AT_GNU_call_site_value);
      return value ? evaluate_number(child.unit(), value->block(), outer) : std::nullopt;
    }
    return std::nullopt;
  }

  bool is_entry(uint64_t link_time) const {
    if (auto low = function_.address(DW_AT_low_pc)) return link_time == *low;
    auto first = function_.first_range();
    return first && link_time == first->low;
  }

  /// Whether the call went to this function and not to one that jumped here. What the code and the call site say by
  /// themselves is remembered: deep recursion asks the same for every frame.
  bool leads_here(const Die& site, const Frame& caller, Activation& outer) const {
    auto [known, is_new] = owner_.leads_.try_emplace({caller.pc.value() - bias_, function_.key()});
    if (is_new) known->second = leads_by_itself(site, caller);
    if (known->second) return *known->second;
    auto target = site.attribute(DW_AT_call_target);
    if (!target) target = site.attribute(DW_AT_GNU_call_site_target);
    if (!target || !target->data) return false;
    auto address = evaluate_number(site.unit(), target->block(), outer);
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
    list.all.push_back(parameter);
  }
  return lists_.emplace(scope.key(), std::move(list)).first->second;
}

namespace {

Location locate_parameter(const Die& die, const std::optional<Attribute>& location,
                          const std::optional<Attribute>& constant, uint64_t address, uint64_t& entries,
                          ExpressionFrame& frame) {
  Location result;
  if (location) {
    if (auto expression = location_at(die.unit(), *location, address, entries))
      return evaluate_location(die.unit(), *expression, frame);
    if (entries == 0) {
      result.missing.reason = Missing::Reason::kUnsupported;
      return result;
    }
  } else if (constant) {
    Piece piece;
    piece.kind = constant->data ? Piece::Kind::kBytes : Piece::Kind::kValue;
    piece.value = constant->value;
    piece.bytes = constant->block();
    result.pieces.push_back(piece);
    return result;
  }
  result.missing.reason = Missing::Reason::kOptimizedOut;
  return result;
}

/// What a synthetic pointer points at, where that is a variable with a value.
Location pointee(const Die& target, uint64_t address, uint64_t& entries, ExpressionFrame& frame) {
  return locate_parameter(target, target.attribute(DW_AT_location), target.attribute(DW_AT_const_value), address,
                          entries, frame);
}

}  // namespace

Variable Parameters::evaluate(const Parameter& parameter, Activation& activation, const FrameContext& context) {
  Variable variable;
  variable.name = parameter.name;
  if (context.with_types) variable.type = types_.name(parameter.type);
  const TypeInfo& type = types_.of(parameter.type);
  // A type without a size is incomplete or cannot be read.
  if (is_summarised(types_, type) || type.size == 0) {
    variable.value = "...";
    return variable;
  }
  uint64_t size = std::min(type.size, kMaxSize);
  std::function<std::string(uint64_t)> symbol = [&](uint64_t address) { return symbol_at(context.target, address); };
  FormatContext format{types_, context.memory, symbol};
  Missing missing;
  std::vector<std::byte> bytes;
  auto attempt = [&](uint64_t address) {
    Location location =
        locate_parameter(parameter.die, parameter.location, parameter.constant, address, entries_, activation);
    if (location.pieces.size() == 1 && location.pieces[0].kind == Piece::Kind::kPointer) {
      variable.value = "<synthetic pointer>";
      const TypeInfo& target = types_.of(type.target);
      if (type.kind == TypeInfo::Kind::kReference && location.pieces[0].target) {
        Missing none;
        auto value = fetch(pointee(location.pieces[0].target, address, entries_, activation),
                           std::min(target.size, kMaxSize), context.memory, &none);
        variable.value =
            "@" + variable.value + ": " + (none ? format_missing(none) : format_value(format, target, value));
      }
      return;
    }
    bytes = fetch(location, size, context.memory, &missing);
  };
  attempt(activation.lookup_address());
  if (missing.reason == Missing::Reason::kOptimizedOut && activation.exact_address() != activation.lookup_address())
    attempt(activation.exact_address());
  if (!variable.value.empty()) return variable;
  if (missing) {
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

std::vector<Variable> Parameters::of(const Die& scope, const Die& function, const FrameContext& context) {
  std::lock_guard lock(mutex_);
  std::vector<Variable> variables;
  const List& list = list_of(scope);
  if (list.all.empty()) return variables;
  std::span<const Frame> callers = context.callers;
  if (callers.empty() && context.caller) callers = std::span(context.caller, 1);
  Activation activation(*this, function, context.frame, callers, context.memory, context.bias);
  entries_ = kMaxEntries;
  variables.reserve(list.all.size());
  for (const Parameter& parameter : list.all) variables.push_back(evaluate(parameter, activation, context));
  return variables;
}

}  // namespace inquest::dwarf
