#include "postmortem/unwind/core_unwinder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "postmortem/unwind/cfi_step.h"
#include "postmortem/unwind/guess.h"

namespace inquest::unwind {
namespace {

// Changes to another stack in one thread: nested signal handlers on their own stack, coroutines. More is a loop.
constexpr int kMaxStackChanges = 1000;

constexpr uint64_t kEndOfUserSpace = uint64_t{1} << 47;

/// Functions that nothing returns from, whether or not their call frame information says so.
bool is_start_of_thread(std::string_view function) {
  static constexpr std::string_view kStarts[] = {"_start", "__clone", "clone", "__clone3", "clone3", "_dl_start_user"};
  return std::ranges::find(kStarts, function) != std::end(kStarts);
}

/// Whether the kernel had no registers for the thread: it had ended, had not begun, or never leaves the kernel (workers
/// of io_uring: PF_IO_WORKER, include/linux/sched.h).
bool has_no_user_mode(const Registers& registers) {
  return std::ranges::all_of(registers.gpr, [](uint64_t value) { return value == 0; });
}

/// The walk up one stack.
class Walk {
 public:
  Walk(const CodeMap& code, Guesser& guesser, RowMemo& memo, const UnwindOptions& options)
      : code_(code), guesser_(guesser), memo_(memo), options_(options) {}

  Stack run(const Thread& thread) {
    Stack stack;
    stack.frames.push_back({.pc = thread.registers.pc(),
                            .cfa = {},
                            .registers = FrameRegisters::all(thread.registers),
                            .vectors = thread.vectors ? &*thread.vectors : nullptr,
                            .found_by = FoundBy::kRegisters,
                            .exact_pc = true});
    if (has_no_user_mode(thread.registers)) {
      stack.stop_reason =
          "all its registers are zero: it had ended or not begun, or works in the kernel only (io_uring)";
      return stack;
    }
    while (true) {
      if (stack.frames.size() >= options_.max_frames) {
        stack.limited = true;
        break;
      }
      size_t count = stack.frames.size();
      auto step = next(stack.frames.back(), count > 1 ? &stack.frames[count - 2] : nullptr);
      if (!step) {
        stack.stop_reason = std::move(problem_);
        break;
      }
      Frame& frame = stack.frames.back();
      frame.signal_trampoline = step->signal_frame;
      if (step->outermost) {
        stack.complete = true;
        break;
      }
      frame.cfa = step->cfa;
      if (!progresses(frame, *step)) {
        stack.stop_reason = fmt::format("the stack does not go on upwards from {:#x}: it is damaged",
                                        frame.registers.values.sp().value());
        break;
      }
      if (count == stack.frames.capacity()) make_room(stack);
      bool after_signal = stack.frames.back().signal_trampoline;
      stack.frames.push_back({.pc = step->caller.values.pc(),
                              .cfa = {},
                              .registers = step->caller,
                              .vectors = nullptr,
                              .found_by = step->found_by,
                              .exact_pc = after_signal});
    }
    return stack;
  }

 private:
  std::optional<Step> next(const Frame& frame, const Frame* below) {
    if (options_.stepper != nullptr && options_.stepper->owns(frame)) {
      if (auto caller = options_.stepper->caller(frame)) {
        Step step;
        step.cfa = caller->values.sp();
        step.caller = *caller;
        step.found_by = FoundBy::kV8;
        return step;
      }
    }
    if (returns_to_sigreturn(frame)) {
      if (auto step = guesser_.out_of_signal(frame)) return step;
    }
    CfiOutcome outcome = step_by_cfi(code_, frame, memo_);
    if (outcome.step) {
      // Coroutines begin in such a place, above which there are data (glibc's __start_context).
      outcome.step->outermost |= outcome.step->placed_by_hand && !code_.is_code(outcome.step->caller.values.pc());
      return outcome.step;
    }
    problem_ = outcome.problem;
    if (auto step = guesser_.out_of_signal(frame)) return step;
    if (begins_thread(frame, below)) {
      Step step;
      step.outermost = true;
      return step;
    }
    if (!frame.exact_pc && !code_.is_code(frame.pc)) {
      bool mapped = code_.memory().region_of(frame.pc) != nullptr || frame.pc.value() >= kEndOfUserSpace;
      problem_ = fmt::format("the return address {:#x} is not code: the stack is damaged{}", frame.pc.value(),
                             mapped ? "" : ", or the library that was there has been unloaded (dlclose)");
      return std::nullopt;
    }
    return guesser_.step(frame);
  }

  /// Whether the return address is that of `rt_sigreturn` itself, which the kernel has put there and no call. Not all
  /// who bring such code of their own describe it, or describe it as a plain function (Go's runtime.sigreturn). Both
  /// encodings of the system call's number are in use.
  bool returns_to_sigreturn(const Frame& frame) const {
    constexpr std::string_view kLong("\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9), kShort("\xb8\x0f\0\0\0\x0f\x05", 7);
    if (frame.exact_pc) return false;
    auto bytes = code_.memory().view(frame.pc, kLong.size());
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text.starts_with(kLong) || text.starts_with(kShort);
  }

  bool begins_thread(const Frame& frame, const Frame* below) const {
    if (is_start_of_thread(symbol_at(frame)) || has_just_begun(frame)) return true;
    // What called it is the program's _start, even where the program's file is not at hand.
    return below != nullptr && symbol_at(*below).starts_with("__libc_start_main");
  }

  /// Whether it is a new thread behind the system call that made it, which it has returned from with zero: glibc's
  /// clone and clone3 (sysdeps/unix/sysv/linux/x86_64/clone3.S) go on with `test %rax,%rax` there and tell no caller.
  /// clone3 has no name in stripped libraries. The processor leaves the address behind `syscall` in %rcx.
  bool has_just_begun(const Frame& frame) const {
    constexpr std::array<uint8_t, 5> kSystemCall = {0x0f, 0x05, 0x48, 0x85, 0xc0};
    const Registers& registers = frame.registers.values;
    if (!frame.exact_pc || registers.gpr[Registers::kRax] != 0) return false;
    if (registers.gpr[Registers::kRcx] != frame.pc.value() || frame.pc.value() < 2) return false;
    auto bytes = code_.memory().view(frame.pc - 2, kSystemCall.size());
    return bytes.size() >= kSystemCall.size() && std::memcmp(bytes.data(), kSystemCall.data(), kSystemCall.size()) == 0;
  }

  std::string_view symbol_at(const Frame& frame) const {
    const ModuleCode* module = code_.module_at(frame.lookup_pc());
    if (module == nullptr || !module->module().symbols) return {};
    auto symbol = module->module().symbols->covering(module->module().link_time(frame.lookup_pc()));
    return symbol ? symbol->name : std::string_view();
  }

  /// For as many frames as the rest of the stack has, should they be as large as those so far: growing by half as much
  /// again touches twice the memory.
  void make_room(Stack& stack) const {
    constexpr size_t kWorthAsking = 1024;
    size_t count = stack.frames.size();
    if (count < kWorthAsking) return;
    Address first = stack.frames.front().registers.values.sp(), last = stack.frames.back().registers.values.sp();
    const MemoryRegion* region = code_.memory().region_of(last);
    if (region == nullptr || !region->contains(first) || first >= last) return;
    uint64_t more = (region->end() - last) / ((last - first) / count + 1);
    stack.frames.reserve(std::min(options_.max_frames, count + count / 2 + more));
  }

  /// Stacks grow downwards, so each caller lies higher, unless the thread changed to another stack.
  bool progresses(const Frame& frame, const Step& step) {
    if (!frame.registers.knows(Registers::kRsp) || !step.caller.knows(Registers::kRsp)) return false;
    Address from = frame.registers.values.sp(), to = step.caller.values.sp();
    // Equal where a function has taken its return address off the stack (glibc's vfork): only the innermost can.
    bool innermost = frame.exact_pc && step.found_by == FoundBy::kCfi;
    if (to > from || (to == from && innermost)) return true;
    const MemoryRegion* region = code_.memory().region_of(from);
    bool other_stack = region == nullptr || !region->contains(to);
    return (other_stack || step.signal_frame) && ++stack_changes_ <= kMaxStackChanges;
  }

  const CodeMap& code_;
  Guesser& guesser_;
  RowMemo& memo_;
  const UnwindOptions& options_;
  std::string problem_;
  int stack_changes_ = 0;
};

class CoreUnwinder : public Unwinder {
 public:
  CoreUnwinder(const Target& target, DebugFileOf debug_file_of)
      : code_(target, std::move(debug_file_of)), guesser_(code_) {}

  Stack unwind(const Thread& thread, const UnwindOptions& options) override {
    return Walk(code_, guesser_, memo_, options).run(thread);
  }

 private:
  CodeMap code_;
  Guesser guesser_;
  RowMemo memo_;
};

}  // namespace

std::unique_ptr<Unwinder> make_unwinder(const Target& target, DebugFileOf debug_file_of) {
  return std::make_unique<CoreUnwinder>(target, std::move(debug_file_of));
}

}  // namespace inquest::unwind
