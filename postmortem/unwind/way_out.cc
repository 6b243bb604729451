#include "postmortem/unwind/way_out.h"

#include <utility>

namespace inquest::unwind {
namespace {

using code::Flow;
using code::Instruction;
using Kind = code::Instruction::Kind;

constexpr size_t kMaxInstructions = 1500;    // of one search: most functions are shorter
constexpr uint64_t kMaxDecoded = 4'000'000;  // of all searches: some seconds
constexpr size_t kMaxWays = 8;
constexpr uint64_t kLongestInstruction = 15;  // Intel SDM volume 2, 2.3.11
constexpr int64_t kMaxFrameBytes = 1 << 20;

bool is_rsp(const code::Operand& operand) { return operand.is_register() && operand.reg == Registers::kRsp; }

bool is_preserved(Registers::Index index) {
  switch (index) {
    case Registers::kRbx:
    case Registers::kRbp:
    case Registers::kR12:
    case Registers::kR13:
    case Registers::kR14:
    case Registers::kR15: return true;
    default: return false;
  }
}

/// Of "mov 16(%rsp),%rbx": where from, as a distance from rsp.
std::optional<int64_t> loaded_from(const Instruction& instruction) {
  if (instruction.kind != Kind::kMove || instruction.operands.size() != 2) return std::nullopt;
  const code::Operand& from = instruction.operands[1];
  if (!from.is_memory() || from.base != Registers::kRsp || from.index || from.size != 8) return std::nullopt;
  return from.displacement;
}

}  // namespace

bool WaysOut::apply(const Instruction& instruction, Path& path) {
  const auto& operands = instruction.operands;
  if (instruction.kind == Kind::kPush) {
    path.rsp -= 8;
    if (operands.size() == 1 && operands[0].is_register()) {
      auto index = *operands[0].reg;
      bool untouched = is_preserved(index) && !path.pushed[index] && (path.way.changed >> index & 1U) == 0;
      if (untouched) path.pushed[index] = path.rsp;
    }
    return operands.empty() || operands[0].size == 8 || operands[0].kind == code::Operand::Kind::kImmediate;
  }
  std::optional<int64_t> source = loaded_from(instruction);
  if (source) *source += path.rsp;
  bool pops = instruction.kind == Kind::kPop;
  if (pops) {
    if (operands.size() != 1 || !operands[0].is_register() || operands[0].size != 8 || is_rsp(operands[0]))
      return false;
    source = path.rsp;
    path.rsp += 8;
  } else if (instruction.writes(Registers::kRsp) && instruction.flow != Flow::kCall) {
    bool adds = instruction.kind == Kind::kAdd, subtracts = instruction.kind == Kind::kSub;
    if ((!adds && !subtracts) || operands.size() != 2 || !is_rsp(operands[0]) ||
        operands[1].kind != code::Operand::Kind::kImmediate) {
      return false;
    }
    path.rsp += adds ? operands[1].displacement : -operands[1].displacement;
  }
  if (instruction.flow == Flow::kCall) return true;
  for (uint8_t i = 0; i < path.way.restored.size(); ++i) {
    auto index = static_cast<Registers::Index>(i);
    if (!is_preserved(index) || !instruction.writes(index)) continue;
    // What was pushed on the way itself, or lies in the caller's frame, is no saved register.
    bool restores = source && *source >= 0 && !operands.empty() && operands[0].reg == index;
    path.way.restored[i] = restores ? source : std::nullopt;
    path.way.changed = restores ? path.way.changed & ~(1U << i) : path.way.changed | 1U << i;
  }
  return path.rsp > -kMaxFrameBytes && path.rsp < kMaxFrameBytes;
}

void WaysOut::follow(Path path, const MemoryReader& memory, Search& search) {
  while (seen_.size() < kMaxInstructions && ++decoded_ < kMaxDecoded) {
    if (path.at == search.wanted) return search.found.push_back(std::move(path));
    if (!seen_.insert(path.at.value()).second) return;
    std::span<const std::byte> bytes = memory.view(path.at, kLongestInstruction);
    auto instruction = disassembler_.decode(bytes, path.at);
    if (!instruction) return;
    if (instruction->kind == Kind::kReturn) {
      if (!search.wanted && path.rsp >= 0) search.found.push_back(std::move(path));
      return;
    }
    if (instruction->flow == Flow::kEnd || !apply(*instruction, path)) return;
    if (instruction->flow == Flow::kJump) {
      if (!instruction->target) return;
      path.at = *instruction->target;
      continue;
    }
    if (instruction->flow == Flow::kBranch && instruction->target) {
      search.open.push_back(path);
      search.open.back().at = *instruction->target;
    }
    path.at = instruction->end();
  }
}

void WaysOut::run(Search& search, size_t limit, const MemoryReader& memory) {
  seen_.clear();
  for (size_t next = 0; next < search.open.size() && search.found.size() < limit; ++next) {
    Path path = search.open[next];
    follow(std::move(path), memory, search);
  }
}

const std::vector<WayOut>& WaysOut::of(Address pc, const MemoryReader& memory) {
  auto [place, fresh] = known_.try_emplace(pc.value());
  if (!fresh) return place->second;
  Search search;
  search.open.push_back({.at = pc, .way = {}, .pushed = {}});
  run(search, kMaxWays, memory);
  for (Path& path : search.found) {
    path.way.return_address = path.rsp;
    place->second.push_back(path.way);
  }
  return place->second;
}

const std::optional<WayIn>& WaysOut::from(Address entry, Address pc, const MemoryReader& memory) {
  auto [place, fresh] = ways_in_.try_emplace({entry, pc});
  if (!fresh) return place->second;
  Search search{.wanted = pc, .open = {}, .found = {}};
  search.open.push_back({.at = entry, .way = {}, .pushed = {}});
  run(search, 1, memory);
  if (search.found.empty() || search.found[0].rsp > 0) return place->second;
  const Path& path = search.found[0];
  WayIn way{.return_address = -path.rsp, .pushed = path.pushed, .changed = path.way.changed};
  for (auto& pushed : way.pushed) {
    if (pushed) *pushed -= path.rsp;
  }
  return place->second = way;
}

}  // namespace inquest::unwind
