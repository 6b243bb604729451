#include "postmortem/crash/writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "postmortem/crash/function_code.h"
#include "postmortem/crash/origin.h"

namespace inquest::crash {
namespace {

using Kind = Instruction::Kind;
using Bytes = std::span<const std::byte>;

constexpr std::array kArgumentRegisters = {Registers::kRdi, Registers::kRsi, Registers::kRdx,
                                           Registers::kRcx, Registers::kR8,  Registers::kR9};
constexpr size_t kMaxFunctions = 2000;      // decoded for one variable; more share it only by a wrong guess
constexpr size_t kMaxInstructions = 20000;  // of one function: the walk back takes time square to it
constexpr size_t kMaxSlots = 4096;          // words that hold the variable's address
constexpr size_t kMaxWriters = 40;          // a tracer takes 64 probes
constexpr int kMaxHops = 3;                 // functions that only pass an argument on
constexpr uint64_t kMaxImmediate = 4;       // bytes of an instruction behind its displacement
constexpr uint64_t kMaxVariable = 1 << 20;
constexpr uint64_t kChunk = 64 << 20;  // of a module's memory looked at in one piece

/// Addresses from `low` to below `high`.
struct Span {
  Address low, high;
  bool contains(Address address) const { return address >= low && address < high; }
};

template <class T>
T value_at(Bytes bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// jmp rel8 and the conditional jumps (Intel SDM, volume 2, table A-2).
bool is_short_jump(std::byte opcode) {
  return opcode == std::byte{0xeb} || (opcode & std::byte{0xf0}) == std::byte{0x70};
}

class WriterFinder {
 public:
  WriterFinder(const Names& names, const Thread& thread, const GlobalVariable& variable)
      : names_(names), thread_(thread), location_(variable.location), variable_{location_, location_ + 8} {
    const Module* owner = names_.module_of(location_);
    if (!owner || !owner->symbols) return;
    auto symbol = owner->symbols->covering(owner->link_time(location_));
    if (!symbol || symbol->is_function || symbol->size < 8 || symbol->size > kMaxVariable) return;
    Address start = owner->runtime(symbol->value);
    if (location_ >= start && location_ - start < symbol->size) variable_ = {start, start + symbol->size};
  }

  WriterSearch search() {
    for (const Module& module : names_.target().modules()) {
      if (module.is_copy || module.path.starts_with('[')) continue;
      bool owns = names_.module_of(location_) == &module;
      slots_ = words_of(module, {variable_.low, location_});
      if (!owns && slots_.empty()) continue;
      search_stores(module);
    }
    for (size_t i = 0, hop_end = result_.writers.size(), hops = 0; i < result_.writers.size(); ++i) {
      if (i == hop_end) hop_end = result_.writers.size(), ++hops;
      if (hops < kMaxHops && result_.writers[i].argument) search_callers(Writer(result_.writers[i]));
    }
    if (decoded_ >= kMaxFunctions)
      result_.notes.push_back(fmt::format("Only {} functions that may write it were looked at.", kMaxFunctions));
    if (result_.writers.size() >= kMaxWriters)
      result_.notes.push_back(fmt::format("More than {} functions write it; the others are left out.", kMaxWriters));
    if (too_large_ > 0)
      result_.notes.push_back(fmt::format("{} functions are too large to be searched for writers.", too_large_));
    return std::move(result_);
  }

 private:
  /// Addresses of words of the module's data that hold one of `values`, sorted.
  std::vector<Address> words_of(const Module& module, const std::vector<Address>& values) const {
    std::vector<Address> found;
    for_each_piece(module, false, [&](Address start, Bytes bytes) {
      size_t first = (8 - start.value() % 8) % 8;
      for (size_t i = first; i + 8 <= bytes.size() && found.size() < kMaxSlots; i += 8) {
        Address word(value_at<uint64_t>(bytes, i));
        if (std::ranges::find(values, word) != values.end()) found.push_back(start + i);
      }
    });
    return found;
  }

  template <class Visit>
  void for_each_piece(const Module& module, bool code, Visit visit) const {
    for (const MemoryRegion& region : names_.memory().regions()) {
      if (region.end() <= module.start || region.start >= module.end || region.executable != code) continue;
      Address start = std::max(region.start, module.start), end = std::min(region.end(), module.end);
      while (start < end) {
        Bytes bytes = names_.memory().view(start, std::min<uint64_t>(end - start, kChunk));
        if (bytes.empty()) break;
        visit(start, bytes);
        start += bytes.size();
      }
    }
  }

  /// Functions with an instruction whose displacement, at any of the given addresses, satisfies `wanted`.
  template <class Wanted>
  std::map<Address, CodeRange> functions_where(const Module& module, Wanted wanted) {
    std::map<Address, CodeRange> functions;
    CodeRange last{};
    for_each_piece(module, true, [&](Address start, Bytes bytes) {
      for (size_t i = 0; i + 4 <= bytes.size(); ++i) {
        if (!wanted(start + i, bytes, i)) continue;
        Address at = start + i;
        if (last.contains(at) || functions.size() >= kMaxFunctions) continue;
        auto range = range_of(module, at);
        if (!range) continue;
        last = *range;
        functions.emplace(range->start, *range);
      }
    });
    return functions;
  }

  /// The function around an address; nothing where only a symbol without a size tells, which may be far away.
  std::optional<CodeRange> range_of(const Module& module, Address at) const {
    if (auto range = frame_entry_range(names_.memory(), module, at)) return range;
    auto symbol = module.symbols ? module.symbols->covering(module.link_time(at)) : std::nullopt;
    if (!symbol || !symbol->is_function || symbol->size == 0) return std::nullopt;
    Address start = module.runtime(symbol->value);
    return at - start < symbol->size ? std::optional(CodeRange{start, start + symbol->size}) : std::nullopt;
  }

  void search_stores(const Module& module) {
    auto names_variable = [&](Address at, Bytes bytes, size_t i) {
      int64_t displacement = value_at<int32_t>(bytes, i);
      Address target = at + 4 + static_cast<uint64_t>(displacement);
      if (target + kMaxImmediate >= variable_.low && target < variable_.high) return true;
      // Code that is not position-independent names it by its address.
      if (displacement > 0 && variable_.contains(Address(static_cast<uint64_t>(displacement)))) return true;
      return !slots_.empty() && target >= slots_.front() && target <= slots_.back() &&
             std::ranges::binary_search(slots_, target);
    };
    for (const auto& [start, range] : functions_where(module, names_variable)) add_stores(module, range);
  }

  void add_stores(const Module& module, const CodeRange& range) {
    if (++decoded_ > kMaxFunctions || result_.writers.size() >= kMaxWriters) return;
    FunctionCode code(names_.memory(), disassembler_, range);
    if (code.instructions().size() > kMaxInstructions) {
      ++too_large_;
      return;
    }
    for (size_t i = 0; i < code.instructions().size(); ++i) {
      const Instruction& at = code.at(i);
      if (at.operands.empty() || !at.operands[0].is_memory() || at.kind == Kind::kCompare) continue;
      const Operand& to = at.operands[0];
      bool writes = to.access == Access::kWrite || to.access == Access::kReadWrite;
      if (!writes || to.index || to.segment != Operand::Segment::kNone) continue;
      auto target = target_of(code, i, to);
      if (!target || *target >= location_ + 8 || *target + std::max<uint64_t>(to.size, 1) <= location_) continue;
      add(module, code, i, at.operands.size() > 1 ? value_of(code, i, at.operands[1]) : nullptr, {});
    }
  }

  /// Where a memory operand leads to, if that is the variable.
  std::optional<Address> target_of(const FunctionCode& code, size_t index, const Operand& to) {
    uint64_t displacement = static_cast<uint64_t>(to.displacement);
    if (!to.base) return Address(displacement);
    if (*to.base == Registers::kRsp || code.slot_of(index, to)) return std::nullopt;
    ValuePtr base = trace(code, index, *to.base);
    auto start = address_in(*base, 0);
    return start ? std::optional(*start + displacement) : std::nullopt;
  }

  /// The address in the variable that a pointer was made from.
  std::optional<Address> address_in(const Value& value, int depth) const {
    if (depth > 4) return std::nullopt;
    bool is_slot = value.kind == Value::Kind::kGlobal && value.location &&
                   std::ranges::binary_search(slots_, *value.location) && value.bits;
    if ((value.kind == Value::Kind::kAddress && value.bits) || is_slot) {
      Address address(*value.bits);
      return variable_.contains(address) ? std::optional(address) : std::nullopt;
    }
    if (value.kind == Value::Kind::kSum && value.parts.size() == 1) {
      auto start = address_in(*value.parts[0], depth + 1);
      return start ? std::optional(*start + static_cast<uint64_t>(value.offset)) : std::nullopt;
    }
    if (value.kind != Value::Kind::kEither) return std::nullopt;
    for (const ValuePtr& part : value.parts) {
      if (auto start = address_in(*part, depth + 1)) return start;
    }
    return std::nullopt;
  }

  /// Nothing is known of any register but what the code says.
  static Frame frame_at(const FunctionCode& code, size_t index) {
    Frame frame;
    frame.pc = code.at(index).address;
    frame.exact_pc = true;
    return frame;
  }

  ValuePtr trace(const FunctionCode& code, size_t index, Registers::Index reg) const {
    Frame frame = frame_at(code, index);
    OriginTracer tracer(names_, disassembler_, thread_, code, index, frame);
    return tracer.trace(reg);
  }

  ValuePtr value_of(const FunctionCode& code, size_t index, const Operand& from) const {
    if (from.is_register()) return trace(code, index, *from.reg);
    if (from.kind != Operand::Kind::kImmediate) return nullptr;
    auto value = std::make_shared<Value>();
    value->kind = Value::Kind::kConstant;
    value->bits = static_cast<uint64_t>(from.displacement);
    return value;
  }

  void add(const Module& module, const FunctionCode& code, size_t index, const ValuePtr& value,
           const std::string& passes_to) {
    Address start = code.range().start;
    Writer writer{.module = &module,
                  .function = start,
                  .symbol = symbol_of(module, start),
                  .at = code.at(index).address,
                  .instruction = code.at(index).text,
                  .passes_to = passes_to};
    bool is_plain = code.at(index).kind == Kind::kMove || !passes_to.empty();
    if (!value || !is_plain) {
      writer.source = "something computed";
    } else if (value->kind == Value::Kind::kArgument && value->argument <= int(kArgumentRegisters.size())) {
      writer.argument = value->argument - 1;
      writer.source = fmt::format("its argument {}", value->argument);
    } else if (value->kind == Value::Kind::kConstant && value->bits) {
      writer.constant = value->bits;
      writer.source = number(static_cast<int64_t>(*value->bits));
    } else {
      writer.source = phrase(*value);
    }
    bool known = std::ranges::any_of(result_.writers, [&](const Writer& other) {
      return other.function == writer.function && other.passes_to == writer.passes_to && other.source == writer.source;
    });
    if (!known && result_.writers.size() < kMaxWriters) result_.writers.push_back(std::move(writer));
  }

  static std::string symbol_of(const Module& module, Address function) {
    if (!module.symbols) return {};
    uint64_t value = module.link_time(function);
    auto symbol = module.symbols->covering(value);
    if (!symbol || !symbol->is_function || (symbol->value != value && symbol->size == 0)) return {};
    std::string name(symbol->name.substr(0, symbol->name.find('@')));
    // The part of a function that was moved away is entered from the rest of it.
    return name.substr(0, name.find(".cold"));
  }

  /// Functions of the writer's module that hand one of their own arguments on to it, by a call or as a tail call, maybe
  /// through the procedure linkage table.
  void search_callers(const Writer& callee) {
    const Module& module = *callee.module;
    std::vector<Address> slots = words_of(module, {callee.function});
    std::set<Address> targets = stubs_of(module, slots);
    targets.insert(callee.function);
    auto leads_there = [&](Address at, Bytes bytes, size_t i) {
      Address target = at + 4 + static_cast<uint64_t>(int64_t{value_at<int32_t>(bytes, i)});
      // Functions beside each other are reached by a jump of two bytes.
      if (is_short_jump(bytes[i])) {
        Address near = at + 2 + static_cast<uint64_t>(int64_t{value_at<int8_t>(bytes, i + 1)});
        if (targets.contains(near)) return true;
      }
      return targets.contains(target) || std::ranges::binary_search(slots, target);
    };
    std::string name = callee.symbol.empty() ? fmt::format("{:#x}", callee.function.value()) : callee.symbol;
    for (const auto& [start, range] : functions_where(module, leads_there)) {
      // The procedure linkage table itself jumps there too.
      auto inside = targets.lower_bound(start);
      bool is_target = inside != targets.end() && *inside < range.end;
      if (is_target || ++decoded_ > kMaxFunctions) continue;
      FunctionCode code(names_.memory(), disassembler_, range);
      if (code.instructions().size() > kMaxInstructions) continue;
      for (size_t i = 0; i < code.instructions().size(); ++i) {
        const Instruction& at = code.at(i);
        if (at.flow != Flow::kCall && at.flow != Flow::kJump && at.flow != Flow::kBranch) continue;
        bool direct = at.target && targets.contains(*at.target) && !range.contains(*at.target);
        bool by_slot = !at.target && at.operands.size() == 1 && at.operands[0].is_absolute() &&
                       std::ranges::binary_search(slots, Address(static_cast<uint64_t>(at.operands[0].displacement)));
        if (!direct && !by_slot) continue;
        ValuePtr passed = trace(code, i, kArgumentRegisters[static_cast<size_t>(*callee.argument)]);
        if (passed->kind == Value::Kind::kArgument && passed->argument <= int(kArgumentRegisters.size()))
          add(module, code, i, passed, name);
      }
    }
  }

  /// Entries of the procedure linkage table that jump through one of `slots`: (endbr64) (bnd) jmp *slot(%rip).
  std::set<Address> stubs_of(const Module& module, const std::vector<Address>& slots) const {
    std::set<Address> stubs;
    if (slots.empty()) return stubs;
    constexpr std::byte kGroup5{0xff}, kJumpRelative{0x25}, kBound{0xf2};
    constexpr std::array kMark = {std::byte{0xf3}, std::byte{0x0f}, std::byte{0x1e}, std::byte{0xfa}};
    for_each_piece(module, true, [&](Address start, Bytes bytes) {
      for (size_t i = 0; i + 6 <= bytes.size() && stubs.size() < kMaxSlots; ++i) {
        if (bytes[i] != kGroup5 || bytes[i + 1] != kJumpRelative) continue;
        Address slot = start + i + 6 + static_cast<uint64_t>(int64_t{value_at<int32_t>(bytes, i + 2)});
        if (!std::ranges::binary_search(slots, slot)) continue;
        size_t begin = i > 0 && bytes[i - 1] == kBound ? i - 1 : i;
        if (begin >= 4 && std::ranges::equal(bytes.subspan(begin - 4, 4), kMark)) begin -= 4;
        stubs.insert(start + begin);
      }
    });
    return stubs;
  }

  const Names& names_;
  const Thread& thread_;
  Address location_;
  Span variable_;
  Disassembler disassembler_;
  std::vector<Address> slots_;  ///< of the module that is searched: words that hold the variable's address
  size_t decoded_ = 0, too_large_ = 0;
  WriterSearch result_;
};

}  // namespace

WriterSearch find_writers(const Names& names, const Thread& thread, const GlobalVariable& variable) {
  return WriterFinder(names, thread, variable).search();
}

}  // namespace inquest::crash
