// A death has one signal, but the cause may lie deeper: a handler that printed a report and then aborted or raised the
// signal again hides the fault that called it. The kernel left that one on the stack: at a frame that returns to
// sigreturn, rsp points to the rest of struct rt_sigframe (arch/x86/include/asm/sigframe.h), a ucontext of 304 bytes
// (its sigset has 8 here) followed by the siginfo_t. The kernel fills that in for handlers with SA_SIGINFO only; for
// the others the ucontext tells of the thread's last exception: error code, number and cr2 (struct sigcontext_64, at 40
// in it). That may be an older one, so it counts only when the interrupted instruction accesses the address in cr2.
#include "postmortem/crash/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "postmortem/crash/abort_reason.h"
#include "postmortem/crash/instruction_fault.h"
#include "postmortem/crash/memory_fault.h"
#include "postmortem/crash/names.h"
#include "postmortem/crash/scene.h"
#include "postmortem/crash/signal_words.h"
#include "postmortem/model/signal_name.h"

namespace inquest::crash {
namespace {

constexpr uint64_t kUcontextSize = 304;
constexpr int kHighestSignal = 64;
constexpr size_t kMaxHandlers = 4;  // one in another is rare
constexpr uint64_t kErrorCode = 192, kTrapNumber = 200, kFaultAddress = 216;
constexpr uint64_t kPageFault = 14, kWasPresent = 1;

// Where a handler wanted no siginfo, whatever the stack held before lies in its place. A true one was copied as 48
// bytes and filled up with zeros (kernel/signal.c, copy_siginfo_to_user, SI_EXPANSION_SIZE), with zeros as padding,
// too.
bool is_siginfo(const MemoryReader& memory, Address at, int number, int code) {
  constexpr uint64_t kError = 4, kPadding = 12, kExpansion = 48, kSize = 128;
  auto error = memory.read_value<int32_t>(at + kError), padding = memory.read_value<int32_t>(at + kPadding);
  if (!padding || *padding != 0 || !error || (*error != 0 && number != kSigSys)) return false;
  auto rest = memory.view(at + kExpansion, kSize - kExpansion);
  if (rest.size() < kSize - kExpansion) return false;
  if (std::ranges::any_of(rest, [](std::byte byte) { return byte != std::byte{0}; })) return false;
  constexpr int kLowest = -60;  // SI_ASYNCNL
  return (is_sent(code) && code >= kLowest) || code == kFromKernel || !code_words(number, code).empty();
}

std::optional<SignalFacts> read_siginfo(const MemoryReader& memory, Address at) {
  auto number = memory.read_value<int32_t>(at);
  auto code = memory.read_value<int32_t>(at + 8);
  if (!number || !code || *number <= 0 || *number > kHighestSignal) return std::nullopt;
  if (!is_siginfo(memory, at, *number, *code)) return std::nullopt;
  SignalFacts facts;
  facts.number = *number;
  facts.code = *code;
  facts.has_code = true;
  if (is_sent(*code)) {
    facts.sender_pid = memory.read_value<uint32_t>(at + 16);
    facts.sender_uid = memory.read_value<uint32_t>(at + 20);
  } else if (is_synchronous(*number) && *code != kFromKernel) {
    facts.address = memory.read_pointer(at + 16);
  }
  return facts;
}

SignalFacts outer_signal(const Target& target, const Thread& thread) {
  const ProcessFacts& facts = target.facts();
  SignalFacts signal;
  bool died_here = !target.threads().empty() && target.threads().front().tid == thread.tid;
  signal.number = died_here ? facts.signal : thread.signal;
  if (!died_here || facts.signal == 0) return signal;
  signal.code = facts.signal_code;
  signal.has_code = facts.has_signal_info;
  signal.address = facts.fault_address;
  signal.sender_pid = facts.sender_pid;
  signal.sender_uid = facts.sender_uid;
  return signal;
}

// A handler that raises its signal again has it delivered when it returns, at the instruction that failed first.
bool explain_raised_again(const Scene& scene, Explanation& out) {
  const SignalFacts& signal = out.signal;
  bool own = signal.sender_pid == scene.names().target().facts().pid;
  if (!own || (signal.number != kSigSegv && signal.number != kSigBus)) return false;
  auto address = unusable_address(scene);
  if (!address) return false;
  out.signal.address = address;
  explain_memory_fault(scene, out);
  out.remarks.push_back("The process sent itself this signal, as a handler of the fault does when it gives up.");
  return true;
}

std::optional<SignalFacts> page_fault_of(const MemoryReader& memory, Address context) {
  auto error = memory.read_u64(context + kErrorCode);
  auto trap = memory.read_u64(context + kTrapNumber);
  auto address = memory.read_pointer(context + kFaultAddress);
  if (!error || trap != kPageFault || !address) return std::nullopt;
  SignalFacts facts;
  facts.number = kSigSegv;
  facts.code = (*error & kWasPresent) ? kSegvAccErr : kSegvMapErr;
  facts.has_code = true;
  facts.address = address;
  return facts;
}

void explain_signal(const Scene& scene, Explanation& out) {
  if (explain_raised_again(scene, out)) return;
  const SignalFacts& signal = out.signal;
  bool raised_by_code = !signal.has_code || !is_sent(signal.code);
  switch (signal.number) {
    case kSigSegv:
    case kSigBus:
      if (raised_by_code) return explain_memory_fault(scene, out);
      break;
    case kSigFpe:
      if (raised_by_code) return explain_division(scene, out);
      break;
    case kSigIll:
      if (!raised_by_code) break;
      explain_illegal_instruction(scene, out);
      return explain_deliberate_trap(scene, out);
    case kSigTrap:
      if (!raised_by_code) break;
      explain_trap(scene, out);
      return explain_deliberate_trap(scene, out);
    case kSigAbrt: {
      bool own = !signal.sender_pid || *signal.sender_pid == scene.names().target().facts().pid;
      if (own) return explain_abort(scene, out);
      break;
    }
    default: break;
  }
  explain_sent_signal(scene, out);
}

bool is_fault(const SignalFacts& signal) {
  return is_synchronous(signal.number) && signal.has_code && !is_sent(signal.code);
}

Explanation explain_at(const Names& names, const Thread& thread, const Stack& stack, size_t frame,
                       const SignalFacts& signal) {
  Explanation out;
  out.signal = signal;
  out.signal_name = signal_name(signal.number);
  if (signal.has_code) out.code_words = code_words(signal.number, signal.code);
  out.frame = frame;
  Scene scene(names, thread, stack, frame);
  explain_signal(scene, out);
  return out;
}

// Which signal a handler without siginfo ran for is not on the stack.
void add_handlers(const Names& names, const Stack& stack, const std::vector<InterruptedFrame>& interrupted,
                  Explanation& out) {
  size_t added = 0;
  for (size_t i = 0; i + 1 < stack.frames.size() && added < kMaxHandlers; ++i) {
    if (!stack.frames[i].signal_trampoline) continue;
    auto known = std::ranges::find(interrupted, i, &InterruptedFrame::trampoline);
    std::string handler = known == interrupted.end() || known->from_context
                              ? "a signal handler"
                              : "a handler of " + signal_name(known->signal.number);
    out.remarks.push_back(fmt::format("This happened in {}, which interrupted {}.", handler,
                                      names.describe_code(stack.frames[i + 1].lookup_pc())));
    ++added;
  }
}

/// A signal whose handler has returned: what the kernel laid on the stack for it lies below the stack pointer still,
/// because the process ended before anything else ran. A handler may raise its signal anew, which then waits until the
/// handler is done (as Node.js's for SIGSEGV does): the core tells of the second one only. The saved registers are
/// those of the thread (struct sigcontext_64, at 40 in the ucontext: r8 to r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp,
/// rip).
std::optional<SignalFacts> handled_before(const MemoryReader& memory, const Frame& frame) {
  using R = Registers;
  constexpr R::Index kSaved[] = {R::kR8,  R::kR9,  R::kR10, R::kR11, R::kR12, R::kR13, R::kR14, R::kR15, R::kRdi,
                                 R::kRsi, R::kRbp, R::kRbx, R::kRdx, R::kRax, R::kRcx, R::kRsp, R::kRip};
  constexpr uint64_t kFarthest = 24 << 10;  // the red zone, and the registers that XSAVE knows
  constexpr uint64_t kSavedAt = 40;
  if (frame.found_by != FoundBy::kRegisters) return std::nullopt;
  const auto& registers = frame.registers.values.gpr;
  uint64_t top = registers[R::kRsp] & ~uint64_t{7};
  for (uint64_t below = kUcontextSize; below < std::min(kFarthest, top); below += 8) {
    Address at(top - below);
    if (memory.read_u64(at + kSavedAt + 8 * uint64_t{std::size(kSaved) - 1}) != registers[R::kRip]) continue;
    bool same = true;
    for (size_t i = 0; i < std::size(kSaved) && same; ++i)
      same = memory.read_u64(at + kSavedAt + 8 * i) == registers[kSaved[i]];
    if (same) return read_siginfo(memory, at + kUcontextSize);
  }
  return std::nullopt;
}

}  // namespace

std::vector<InterruptedFrame> interrupted_frames(const MemoryReader& memory, const Stack& stack) {
  std::vector<InterruptedFrame> found;
  for (size_t i = 0; i + 1 < stack.frames.size(); ++i) {
    const Frame& frame = stack.frames[i];
    if (!frame.signal_trampoline || !frame.registers.knows(Registers::kRsp)) continue;
    auto signal = read_siginfo(memory, frame.registers.values.sp() + kUcontextSize);
    bool from_context = !signal;
    if (!signal) signal = page_fault_of(memory, frame.registers.values.sp());
    if (signal) found.push_back({*signal, i, from_context});
  }
  return found;
}

Explanation explain(const Target& target, DebugInfoSource& debug_info, const Thread& thread, const Stack& stack) {
  Names names(target, debug_info);
  SignalFacts signal = outer_signal(target, thread);
  auto interrupted = interrupted_frames(target.memory(), stack);
  std::erase_if(interrupted, [&](const InterruptedFrame& frame) {
    Scene scene(names, thread, stack, frame.trampoline + 1);
    return frame.from_context && !accesses_address(scene, *frame.signal.address);
  });
  auto fault = std::ranges::find_if(interrupted, [](const InterruptedFrame& frame) { return is_fault(frame.signal); });
  if (fault == interrupted.end()) {
    Explanation out = explain_at(names, thread, stack, 0, signal);
    bool raised = out.kind == "signal" && signal.sender_pid == target.facts().pid && !stack.frames.empty();
    if (auto first = raised ? handled_before(target.memory(), stack.frames.front()) : std::nullopt) {
      out = explain_at(names, thread, stack, 0, *first);
      out.remarks.push_back(
          fmt::format("A handler ran for this signal and raised {} anew.", signal_name(signal.number)));
    }
    add_handlers(names, stack, interrupted, out);
    return out;
  }
  size_t first = fault->trampoline + 1;
  std::string handler =
      fault->trampoline > 0 ? names.describe_code(stack.frames[fault->trampoline - 1].lookup_pc()) : "";
  if (is_fault(signal)) {
    // A handler that failed itself: the core's own signal comes first, what called the handler second.
    Explanation out = explain_at(names, thread, stack, 0, signal);
    Explanation original = explain_at(names, thread, stack, first, fault->signal);
    out.remarks.push_back(fmt::format("This happened in {}, the handler of an earlier fault: {}; {}.", handler,
                                      original.cause, original.detail));
    return out;
  }
  Explanation out = explain_at(names, thread, stack, first, fault->signal);
  if (signal.number != 0)
    out.remarks.push_back(fmt::format("The handler {} ran for this fault and ended the process by {}.", handler,
                                      signal_name(signal.number)));
  return out;
}

}  // namespace inquest::crash
