#include "commands/tail_calls.h"

#include <algorithm>

namespace inquest::commands {
namespace {

// The ways through functions that all jump to each other are countless.
constexpr int kMaxSteps = 4096;
constexpr size_t kMaxPath = 64;

/// What a jump instead of a call leaves as it was (System V ABI for x86-64, figure 3.4), with the stack pointer as it
/// is then: at the return address.
FrameRegisters at_jump(const Frame& callee, const Frame& caller) {
  FrameRegisters registers;
  for (auto index :
       {Registers::kRbx, Registers::kRbp, Registers::kR12, Registers::kR13, Registers::kR14, Registers::kR15}) {
    if (caller.registers.knows(index)) registers.set(index, caller.registers.values.gpr[index]);
  }
  if (!callee.cfa.is_null()) registers.set(Registers::kRsp, callee.cfa.value() - 8);
  return registers;
}

}  // namespace

struct TailCallFinder::Search {
  Address wanted;
  Jumps path;                   ///< to the function that is looked at
  std::optional<Jumps> found;   ///< the first way
  size_t begins = 0, ends = 0;  ///< how much of it all ways share
  int steps = 0;
  bool failed = false;

  void add() {
    if (!found) {
      found = path;
      begins = ends = path.size();
      return;
    }
    auto [mine, theirs] = std::mismatch(found->begin(), found->end(), path.begin(), path.end());
    begins = std::min(begins, static_cast<size_t>(mine - found->begin()));
    auto [my_end, their_end] = std::mismatch(found->rbegin(), found->rend(), path.rbegin(), path.rend());
    ends = std::min(ends, static_cast<size_t>(my_end - found->rbegin()));
    // A jump counts once, also where the shorter way begins and ends with it.
    ends = std::min(ends, std::min(found->size(), path.size()) - begins);
    failed |= begins + ends == 0;
  }
};

std::optional<Address> TailCallFinder::call_target(Address return_address) {
  auto [known, is_new] = targets_.try_emplace(return_address);
  if (!is_new) return known->second;
  constexpr uint8_t kCall = 0xe8;  // Intel SDM volume 2, CALL rel32
  const MemoryReader& memory = session_.target().memory();
  auto distance = memory.read_value<int32_t>(return_address - 4);
  if (distance && memory.read_value<uint8_t>(return_address - 5) == kCall)
    known->second = return_address + static_cast<uint64_t>(int64_t{*distance});
  return known->second;
}

/// Where a stub of a procedure linkage table leads: endbr64 and bnd may stand before its "jmp *disp(%rip)".
Address TailCallFinder::behind_stub(Address target) const {
  constexpr uint32_t kEndbr64 = 0xfa1e0ff3;
  constexpr uint8_t kBnd = 0xf2;
  constexpr uint16_t kJump = 0x25ff;
  const MemoryReader& memory = session_.target().memory();
  Address at = target;
  if (memory.read_value<uint32_t>(at) == kEndbr64) at += sizeof kEndbr64;
  if (memory.read_value<uint8_t>(at) == kBnd) at += 1;
  auto opcode = memory.read_value<uint16_t>(at);
  auto distance = memory.read_value<int32_t>(at + 2);
  if (!distance || opcode != kJump) return target;
  return memory.read_pointer(at + 6 + static_cast<uint64_t>(int64_t{*distance})).value_or(target);
}

/// As the dynamic linker finds it, but for libraries loaded in scopes of their own.
Address TailCallFinder::function_named(std::string_view name) {
  if (name.empty()) return {};
  for (const Module& module : session_.target().modules()) {
    auto symbol = module.symbols ? module.symbols->find(name) : std::nullopt;
    if (symbol && symbol->is_function) return module.runtime(symbol->value);
  }
  return {};
}

const std::optional<TailCallFinder::Jumps>& TailCallFinder::jumps_of(Address function) {
  auto [known, is_new] = jumps_.try_emplace(function);
  if (!is_new) return known->second;
  const Module* module = modules_.at(function);
  if (module == nullptr) return known->second;
  auto calls = session_.debug_info().of(*module).tail_calls(module->link_time(function));
  if (!calls) return known->second;
  Jumps jumps;
  for (const TailCall& call : *calls) {
    Address target = call.target != 0 ? module->runtime(call.target) : function_named(call.name);
    jumps.push_back({module->runtime(call.pc), call.is_return_pc, target});
  }
  return jumps_[function] = std::move(jumps);
}

void TailCallFinder::follow(Search& search, Address function) {
  const std::optional<Jumps>& jumps = jumps_of(function);
  if (!jumps || search.path.size() >= kMaxPath) {
    search.failed = true;
    return;
  }
  for (const Jump& jump : *jumps) {
    if (std::ranges::find(search.path, jump) != search.path.end()) continue;
    if (++search.steps > kMaxSteps || jump.target.is_null()) search.failed = true;
    if (search.failed) return;
    search.path.push_back(jump);
    if (jump.target == search.wanted)
      search.add();
    else
      follow(search, jump.target);
    search.path.pop_back();
  }
}

TailCallFinder::Jumps TailCallFinder::path(Address from, Address to) {
  auto [known, is_new] = paths_.try_emplace({from, to});
  if (!is_new) return known->second;
  Search search{.wanted = to, .path = {}, .found = {}};
  follow(search, from);
  if (search.failed || !search.found) return {};
  Jumps& certain = known->second;
  certain.assign(search.found->begin(), search.found->begin() + static_cast<ptrdiff_t>(search.begins));
  if (search.begins < search.found->size())
    certain.insert(certain.end(), search.found->end() - static_cast<ptrdiff_t>(search.ends), search.found->end());
  return certain;
}

std::vector<Frame> TailCallFinder::between(const Frame& callee, Address callee_entry, const Frame& caller) {
  if (callee.signal_trampoline || caller.signal_trampoline || caller.exact_pc) return {};
  if (caller.found_by != FoundBy::kCfi && caller.found_by != FoundBy::kFramePointer) return {};
  auto target = call_target(caller.pc);
  if (!target || *target == callee_entry) return {};
  Address called = behind_stub(*target);
  if (called == callee_entry) return {};
  std::vector<Frame> frames;
  for (const Jump& jump : path(called, callee_entry)) {
    frames.push_back({.pc = jump.pc,
                      .cfa = callee.cfa,
                      .registers = at_jump(callee, caller),
                      .found_by = FoundBy::kTailCall,
                      .exact_pc = !jump.is_return_pc});
  }
  std::ranges::reverse(frames);
  return frames;
}

}  // namespace inquest::commands
