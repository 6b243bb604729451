#include "postmortem/unwind/guess.h"

#include <array>
#include <cstring>
#include <string_view>

namespace inquest::unwind {
namespace {

using Evidence = CodeMap::Evidence;

// Frames without description are rarely larger; the search must end somewhere before it meets foreign frames only.
constexpr uint64_t kScanBytes = 64 * 1024;
// Keeps a core full of undescribed frames from being scanned for minutes.
constexpr uint64_t kMaxScannedWords = 16 << 20;
// How far back from pc the beginning of its function is looked for.
constexpr uint64_t kPrologueBytes = 4096;
// Below a stack that has overflown: a frame that there was no room for.
constexpr uint64_t kLargestFrame = 1 << 20;
// Steps that a scanned return address has to allow before it convinces.
constexpr int kConvincingSteps = 3;

FrameRegisters preserved(const FrameRegisters& callee) {
  FrameRegisters caller;
  for (auto index :
       {Registers::kRbx, Registers::kRbp, Registers::kR12, Registers::kR13, Registers::kR14, Registers::kR15}) {
    if (callee.knows(index)) caller.set(index, callee.values.gpr[index]);
  }
  return caller;
}

Frame caller_frame(const Step& step) {
  Frame frame;
  frame.pc = step.caller.values.pc();
  frame.registers = step.caller;
  frame.found_by = step.found_by;
  return frame;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::optional<Step> Guesser::out_of_signal(const Frame& frame) const {
  if (frame.exact_pc || !frame.registers.knows(Registers::kRsp)) return std::nullopt;
  // struct ucontext: flags, link, stack (3 words), then struct sigcontext_64.
  constexpr uint64_t kContext = 40;
  static constexpr Registers::Index kOrder[] = {
      Registers::kR8,  Registers::kR9,  Registers::kR10, Registers::kR11, Registers::kR12, Registers::kR13,
      Registers::kR14, Registers::kR15, Registers::kRdi, Registers::kRsi, Registers::kRbp, Registers::kRbx,
      Registers::kRdx, Registers::kRax, Registers::kRcx, Registers::kRsp, Registers::kRip};
  constexpr uint64_t kFlags = kContext + 8 * std::size(kOrder);
  constexpr uint16_t kUserCode = 0x33, kUserStack = 0x2b;
  Address context = frame.registers.values.sp();
  const MemoryReader& memory = code_.memory();
  auto cs = memory.read_value<uint16_t>(context + kFlags + 8);
  auto ss = memory.read_value<uint16_t>(context + kFlags + 14);
  auto flags = memory.read_u64(context + kFlags);
  // Bit 1 of rflags is always set, interrupts are on in user mode, nothing above bit 21 exists.
  if (cs != kUserCode || ss != kUserStack || !flags || (*flags & ~uint64_t{0x3fffff}) || (*flags & 0x202) != 0x202) {
    return std::nullopt;
  }
  Step step;
  for (size_t i = 0; i < std::size(kOrder); ++i) {
    auto value = memory.read_u64(context + kContext + 8 * i);
    if (!value) return std::nullopt;
    step.caller.set(kOrder[i], *value);
  }
  step.cfa = step.caller.values.sp();
  step.signal_frame = true;
  return step;
}

std::optional<Step> Guesser::step(const Frame& frame) {
  if (!frame.registers.knows(Registers::kRsp)) return std::nullopt;
  Address sp = frame.registers.values.sp();
  if (frame.exact_pc) {
    if (!code_.is_code(frame.pc)) {
      if (auto step = by_pushed_address(frame, sp)) return step;
      return by_scan(frame, Trust::kPlausible, kScanBytes);
    }
    if (auto step = at_function_edge(frame)) return step;
  } else if (!code_.is_code(frame.pc)) {
    return std::nullopt;
  }
  auto by_pointer = by_frame_pointer(frame);
  Code style = code_style(frame);
  if (by_pointer && style == Code::kWithFramePointer) return by_pointer;
  // rbp may be the frame pointer of a caller further up: a convincing return address below it comes first.
  if (auto step = by_code(frame)) return step;
  if (auto step = by_way_in(frame)) return step;
  uint64_t limit = by_pointer ? by_pointer->cfa - sp - 8 : kScanBytes;
  if (auto step = by_scan(frame, Trust::kConvincing, limit)) return step;
  if (by_pointer) return by_pointer;
  return by_scan(frame, Trust::kPlausible, kScanBytes);
}

std::optional<Step> Guesser::by_pushed_address(const Frame& frame, Address at) const {
  auto address = code_.memory().read_pointer(at);
  if (!address || !code_.is_code(*address) || code_.behind_call(*address) == Evidence::kNo) return std::nullopt;
  Step step;
  step.caller = preserved(frame.registers);
  step.caller.set(Registers::kRip, address->value());
  step.caller.set(Registers::kRsp, at.value() + 8);
  step.cfa = at + 8;
  return step;
}

std::optional<Step> Guesser::at_function_edge(const Frame& frame) const {
  using namespace std::string_view_literals;
  std::string_view next = text_of(code_.memory().view(frame.pc, 16));
  std::string_view before = text_of(code_.memory().view(frame.pc - 1, 1));
  constexpr auto kEndbr = "\xf3\x0f\x1e\xfa"sv, kPush = "\x55"sv, kMove = "\x48\x89\xe5"sv, kMoveToo = "\x48\x8b\xec"sv;
  Address sp = frame.registers.values.sp();
  auto moves = [&](std::string_view text) { return text.starts_with(kMove) || text.starts_with(kMoveToo); };
  std::string_view entry = next;
  if (entry.starts_with(kEndbr)) entry.remove_prefix(kEndbr.size());
  bool at_entry = entry.starts_with(kPush) && moves(entry.substr(1));
  bool at_end = next.starts_with('\xc3');
  if (at_entry || at_end) {
    auto step = by_pushed_address(frame, sp);
    if (step) step->found_by = FoundBy::kFramePointer;
    return step;
  }
  if (before != kPush || !moves(next)) return std::nullopt;
  auto step = by_pushed_address(frame, sp + 8);
  auto rbp = code_.memory().read_u64(sp);
  if (!step || !rbp) return std::nullopt;
  step->caller.set(Registers::kRbp, *rbp);
  step->found_by = FoundBy::kFramePointer;
  return step;
}

std::optional<Step> Guesser::by_frame_pointer(const Frame& frame) const {
  if (!frame.registers.knows(Registers::kRbp)) return std::nullopt;
  Address rbp = frame.registers.values.fp(), sp = frame.registers.values.sp();
  const MemoryRegion* stack = code_.memory().region_of(sp);
  // A frame that the stack has no room for begins below it.
  bool has_overflown = stack == nullptr && rbp >= sp && rbp - sp < kLargestFrame;
  if (has_overflown) stack = code_.memory().region_of(rbp);
  if (rbp < sp || rbp.value() % 8 != 0 || stack == nullptr || !stack->contains(rbp)) return std::nullopt;
  auto saved = code_.memory().read_u64(rbp);
  if (!saved || (*saved != 0 && *saved <= rbp.value() && stack->contains(Address(*saved)))) return std::nullopt;
  auto step = by_pushed_address(frame, rbp + 8);
  if (!step) return std::nullopt;
  step->caller.set(Registers::kRbp, *saved);
  step->found_by = FoundBy::kFramePointer;
  return step;
}

Guesser::Code Guesser::code_style(const Frame& frame) const {
  using namespace std::string_view_literals;
  const MemoryRegion* region = code_.memory().region_of(frame.pc);
  if (region == nullptr) return Code::kUnreadable;
  uint64_t back = std::min(kPrologueBytes, frame.pc - region->start);
  std::string_view text = text_of(code_.memory().view(frame.pc - back, back));
  if (text.size() < back || back == 0) return Code::kUnreadable;
  for (auto prologue : {"\x55\x48\x89\xe5"sv, "\x55\x48\x8b\xec"sv}) {
    if (text.find(prologue) != std::string_view::npos) return Code::kWithFramePointer;
  }
  return Code::kWithoutFramePointer;
}

bool Guesser::may_lead_to(Address target, Address callee) const {
  const ModuleCode* called = code_.module_at(target);
  if (called != nullptr && called->is_stub(called->module().link_time(target))) {
    auto landing = code_.stub_target(target);
    // Not bound yet, or of an unknown shape: it may lead anywhere in a module.
    if (!landing || code_.module_at(*landing) == called) return code_.module_at(callee) != nullptr;
    target = *landing;
    called = code_.module_at(target);
  }
  if (called != code_.module_at(callee)) return false;
  if (called != nullptr) return true;
  const MemoryRegion* region = code_.memory().region_of(callee);
  return region != nullptr && region->contains(target);
}

Guesser::Trust Guesser::trust(const Frame& caller, Address callee) const {
  const ModuleCode* module = code_.module_at(caller.lookup_pc());
  if (module == nullptr || !module->find(module->module().link_time(caller.lookup_pc()))) return Trust::kNone;
  if (auto target = code_.call_target(caller.pc); target && !may_lead_to(*target, callee)) return Trust::kNone;
  Frame frame = caller;
  for (int steps = 0; steps < kConvincingSteps; ++steps) {
    RowMemo memo;
    CfiOutcome outcome = step_by_cfi(code_, frame, memo);
    if (!outcome.step) return steps == 0 ? Trust::kNone : Trust::kPlausible;
    if (outcome.step->outermost || outcome.step->signal_frame) return Trust::kConvincing;
    Address next = outcome.step->caller.values.pc();
    if (outcome.step->cfa <= frame.registers.values.sp() || !code_.is_code(next) ||
        code_.behind_call(next) == Evidence::kNo) {
      return steps == 0 ? Trust::kNone : Trust::kPlausible;
    }
    frame = caller_frame(*outcome.step);
  }
  return Trust::kConvincing;
}

Step Guesser::to_caller(const Frame& frame, Address slot, Address return_address, const SavedRegisters& saved,
                        uint32_t changed) const {
  Address sp = frame.registers.values.sp();
  Step step;
  FrameRegisters kept = preserved(frame.registers);
  for (uint8_t i = 0; i < saved.size(); ++i) {
    auto index = static_cast<Registers::Index>(i);
    if (saved[i]) {
      if (auto value = code_.memory().read_u64(sp + static_cast<uint64_t>(*saved[i]))) step.caller.set(index, *value);
    } else if ((changed >> i & 1U) == 0 && kept.knows(index)) {
      step.caller.set(index, kept.values.gpr[i]);
    }
  }
  step.caller.set(Registers::kRip, return_address.value());
  step.caller.set(Registers::kRsp, slot.value() + 8);
  step.cfa = slot + 8;
  step.found_by = FoundBy::kScan;
  return step;
}

std::optional<Step> Guesser::by_code(const Frame& frame) {
  for (const WayOut& way : ways_out_.of(frame.pc, code_.memory())) {
    Address slot = frame.registers.values.sp() + static_cast<uint64_t>(way.return_address);
    auto address = code_.memory().read_pointer(slot);
    if (!address || !code_.is_code(*address) || code_.behind_call(*address) != Evidence::kYes) continue;
    if (auto target = code_.call_target(*address); target && !may_lead_to(*target, frame.pc)) continue;
    return to_caller(frame, slot, *address, way.restored, way.changed);
  }
  return std::nullopt;
}

/// Where the call that ends at `address` went: directly, through a stub, or by "call *disp(%rip)" (-fno-plt).
std::optional<Address> Guesser::called_from(Address address) const {
  if (auto target = code_.call_target(address)) {
    const ModuleCode* called = code_.module_at(*target);
    bool stub = called != nullptr && called->is_stub(called->module().link_time(*target));
    return stub ? code_.stub_target(*target) : target;
  }
  constexpr std::string_view kCallThroughSlot = "\xff\x15";
  std::string_view bytes = text_of(code_.memory().view(address - 6, 6));
  int32_t displacement = 0;
  if (bytes.size() != 6 || !bytes.starts_with(kCallThroughSlot)) return std::nullopt;
  std::memcpy(&displacement, bytes.data() + 2, sizeof displacement);
  auto target = code_.memory().read_pointer(address + static_cast<uint64_t>(int64_t{displacement}));
  return target ? std::optional<Address>(*target) : std::nullopt;
}

std::optional<Step> Guesser::by_way_in(const Frame& frame) {
  Address sp = frame.registers.values.sp();
  const ModuleCode* module = code_.module_at(frame.pc);
  if (module == nullptr || sp.value() % 8 != 0) return std::nullopt;
  for (uint64_t offset = 0; offset < kScanBytes && scanned_ < kMaxScannedWords; offset += 8) {
    ++scanned_;
    auto word = code_.memory().read_pointer(sp + offset);
    if (!word) break;
    if (!code_.is_code(*word)) continue;
    auto target = called_from(*word);
    if (!target || code_.module_at(*target) != module) continue;
    const auto& way = ways_out_.from(*target, frame.pc, code_.memory());
    if (way && way->return_address == static_cast<int64_t>(offset)) {
      return to_caller(frame, sp + offset, *word, way->pushed, way->changed);
    }
  }
  return std::nullopt;
}

std::optional<Step> Guesser::by_scan(const Frame& frame, Trust wanted, uint64_t limit) {
  Address sp((frame.registers.values.gpr[Registers::kRsp] + 7) & ~uint64_t{7});
  for (uint64_t offset = 0; offset < std::min(limit, kScanBytes) && scanned_ < kMaxScannedWords; offset += 8) {
    ++scanned_;
    auto word = code_.memory().read_pointer(sp + offset);
    if (!word) break;
    if (!code_.is_code(*word) || code_.behind_call(*word) != Evidence::kYes) continue;
    Step step;
    step.caller = preserved(frame.registers);
    step.caller.set(Registers::kRip, word->value());
    step.caller.set(Registers::kRsp, sp.value() + offset + 8);
    step.cfa = sp + offset + 8;
    step.found_by = FoundBy::kScan;
    if (trust(caller_frame(step), frame.pc) >= wanted) return step;
  }
  return std::nullopt;
}

}  // namespace inquest::unwind
