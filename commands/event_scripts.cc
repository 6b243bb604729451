#include "commands/event_scripts.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "commands/merged_stack.h"

namespace inquest::commands {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxSources = 16;
constexpr int kMaxAttempts = 8;  // to find V8 in a process that may be just starting, or collecting garbage
constexpr auto kBetweenAttempts = std::chrono::milliseconds(100);

/// Steps over frames as it was found out when the event was taken.
class RecordedStepper : public FrameStepper {
 public:
  explicit RecordedStepper(const std::vector<ScriptFrame>& frames) : frames_(frames) {}
  bool owns(const Frame& frame) const override { return find(frame) != nullptr; }
  std::optional<FrameRegisters> caller(const Frame& frame) const override {
    const ScriptFrame* found = find(frame);
    if (found == nullptr || found->caller.known == 0) return std::nullopt;
    return found->caller;
  }

 private:
  const ScriptFrame* find(const Frame& frame) const {
    uint64_t fp = frame.registers.values.gpr[Registers::kRbp];
    auto found =
        std::ranges::find_if(frames_, [&](const ScriptFrame& one) { return one.pc == frame.pc && one.fp == fp; });
    return found == frames_.end() ? nullptr : &*found;
  }
  const std::vector<ScriptFrame>& frames_;
};

ScriptFunction to_function(v8::V8Frame frame) {
  return {.kind = std::string(kind_word(frame)),
          .function = std::move(frame.function),
          .file = std::move(frame.script),
          .line = frame.line,
          .column = frame.column,
          .inlined = frame.inlined,
          .address = frame.function_word,
          .tier = std::string(to_string(frame.tier)),
          .remark = std::move(frame.remark)};
}

const Module* v8_of(const Target& target) {
  auto has_v8 = [](const Module& module) { return module.symbols && module.symbols->find("v8dbg_SmiTag"); };
  auto found = std::ranges::find_if(target.modules(), has_v8);
  return found == target.modules().end() ? nullptr : &*found;
}

/// Whether frames lie in code of no file, or in what V8 was built with.
bool has_generated_code(const Stack& stack, const Target& target) {
  return std::ranges::any_of(stack.frames, [&](const Frame& frame) {
    Address pc = frame.lookup_pc();
    bool in_file = false;
    for (const Module& module : target.modules()) {
      if (pc < module.start || pc >= module.end) continue;
      auto symbol = module.symbols ? module.symbols->covering(module.link_time(pc)) : std::nullopt;
      if (symbol && symbol->name.starts_with("Builtins_")) return true;
      in_file = true;
    }
    return !in_file;
  });
}

}  // namespace

/// One run of a program.
struct EventScripts::Source {
  uint64_t pid = 0;
  AtRandom at_random = {};
  std::shared_ptr<const ProcessSnapshot> snapshot;  ///< of when V8 was looked for
  std::unique_ptr<EventTarget> target;
  bool has_v8 = false;
  std::unique_ptr<v8::Runtime> runtime;
  int attempts = 0;
  Clock::time_point next_attempt = {};
};

EventScripts::EventScripts(const SessionHooks& hooks, const Target* core) : hooks_(hooks), core_(core) {}
EventScripts::~EventScripts() = default;

EventScripts::Source* EventScripts::source_of(const ProbeEvent& event) {
  if (!event.process || !event.process->may_run_scripts() || !event.at_random) return nullptr;
  auto known = std::ranges::find_if(
      sources_, [&](const auto& source) { return source->pid == event.pid && source->at_random == *event.at_random; });
  if (known != sources_.end()) {
    sources_.splice(sources_.begin(), sources_, known);
    return sources_.front()->has_v8 ? sources_.front().get() : nullptr;
  }
  auto target = event.process->open();
  if (!target) return nullptr;
  auto source = std::make_unique<Source>();
  source->pid = event.pid;
  source->at_random = *event.at_random;
  source->snapshot = event.process;
  source->target = std::move(*target);
  source->has_v8 = v8_of(*source->target) != nullptr;
  sources_.push_front(std::move(source));
  if (sources_.size() > kMaxSources) sources_.pop_back();
  return sources_.front()->has_v8 ? sources_.front().get() : nullptr;
}

/// Null with the reason in `state`.
v8::Runtime* EventScripts::runtime_of(Source& source, const ProbeEvent& event, ScriptState& state) {
  source.target->show(event);
  const Target* running = source.target->running();
  if (running == nullptr) {
    state = ScriptState::kEnded;
    return nullptr;
  }
  state = ScriptState::kUnknown;
  if (!source.runtime) {
    // While V8 is set up, or moves objects, it cannot be understood.
    if (source.attempts >= kMaxAttempts || Clock::now() < source.next_attempt) return nullptr;
    ++source.attempts;
    auto runtime = hooks_.open_runtime(*running);
    source.next_attempt = Clock::now() + kBetweenAttempts;
    if (!runtime) {
      reason_ = runtime.error().what;
      return nullptr;
    }
    source.runtime = std::move(*runtime);
  }
  state = ScriptState::kNamed;
  return source.runtime.get();
}

namespace {

/// The stack with what V8 says about its own frames.
EventScripts::Unwound unwind_with(v8::Runtime& runtime, const Thread& thread, Unwinder& unwinder) {
  EventScripts::Unwound result;
  const FrameStepper& stepper = runtime.frame_stepper();
  result.stack = unwinder.unwind(thread, {.stepper = &stepper});
  const std::vector<Frame>& frames = result.stack.frames;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (!stepper.owns(frames[i])) continue;
    ScriptFrame& own = result.frames.emplace_back();
    own.pc = frames[i].pc;
    own.fp = frames[i].registers.values.gpr[Registers::kRbp];
    if (i + 1 < frames.size() && frames[i + 1].found_by == FoundBy::kV8) own.caller = frames[i + 1].registers;
    for (v8::V8Frame& one : runtime.describe_frame(frames[i])) own.functions.push_back(to_function(std::move(one)));
  }
  result.state = result.frames.empty() ? ScriptState::kNothing : ScriptState::kNamed;
  return result;
}

bool is_marked(const ScriptFrame& frame) {
  return std::ranges::any_of(frame.functions, [](const ScriptFunction& one) {
    return !one.remark.empty() || (one.function.empty() && one.file.empty());
  });
}

}  // namespace

EventScripts::Unwound EventScripts::unwind_running(const ProbeEvent& event, const Target& target, Unwinder& unwinder) {
  const Thread& thread = target.threads()[0];
  Unwound result;
  if (event.scripts != ScriptState::kNone) {
    result.state = event.scripts;
    result.frames = event.script_frames;
    RecordedStepper stepper(event.script_frames);
    result.stack = unwinder.unwind(thread, {.stepper = result.frames.empty() ? nullptr : &stepper});
    return result;
  }
  Source* source = source_of(event);
  v8::Runtime* runtime = source != nullptr ? runtime_of(*source, event, result.state) : nullptr;
  if (runtime != nullptr) return unwind_with(*runtime, thread, unwinder);
  result.stack = unwinder.unwind(thread, {});
  if (!has_generated_code(result.stack, target)) result.state = ScriptState::kNothing;
  return result;
}

/// Whether a core may know what is missing.
bool EventScripts::lacks_names(const Unwound& unwound, const ProbeEvent& event, const Target& target) const {
  if (core_ == nullptr || !event.at_random || core_->facts().at_random != event.at_random) return false;
  if (unwound.state == ScriptState::kNamed) return std::ranges::any_of(unwound.frames, is_marked);
  return unwound.state != ScriptState::kNothing && has_generated_code(unwound.stack, target);
}

v8::Runtime* EventScripts::core_runtime() {
  if (std::exchange(core_tried_, true)) return core_runtime_.get();
  if (v8_of(*core_) == nullptr) return nullptr;
  core_target_ = std::make_unique<EarlierTarget>(*core_);
  auto runtime = hooks_.open_runtime(*core_target_);
  if (!runtime) {
    reason_ = runtime.error().what;
    return nullptr;
  }
  core_runtime_ = std::move(*runtime);
  return core_runtime_.get();
}

/// Registers and stack are the event's, the heap is the core's.
void EventScripts::name_by_core(Unwound& unwound, const ProbeEvent& event, const Target& target, Unwinder& unwinder) {
  v8::Runtime* runtime = core_runtime();
  if (runtime == nullptr) return;
  const MemoryReader& memory = target.memory();  // return addresses that probes had replaced are put right in it
  const StackPiece pieces[] = {{event.stack_start, memory.view(event.stack_start, event.stack.size())},
                               {event.other_start, memory.view(event.other_start, event.other_stack.size())}};
  core_target_->show(pieces, {.monotonic = event.monotonic, .is_whole = event.stack_is_whole});
  Unwound by_core = unwind_with(*runtime, target.threads()[0], unwinder);
  if (by_core.frames.empty()) return;
  by_core.by_core = true;
  for (const Frame& frame : by_core.stack.frames) {
    bool is_native =
        runtime->frame_stepper().owns(frame) || std::ranges::any_of(target.modules(), [&](const Module& module) {
          return frame.lookup_pc() >= module.start && frame.lookup_pc() < module.end;
        });
    by_core.gone += !is_native;
  }
  if (unwound.state == ScriptState::kNamed) {
    // What was read at once stays where the core knows nothing: the process may have collected garbage meanwhile.
    for (ScriptFrame& frame : by_core.frames) {
      auto same = [&](const ScriptFrame& one) { return one.pc == frame.pc && one.fp == frame.fp; };
      auto before = std::ranges::find_if(unwound.frames, same);
      bool is_lost = frame.functions.front().function == "<js, moved>";
      if (before != unwound.frames.end() && is_lost && !is_marked(*before)) frame = std::move(*before);
    }
  }
  unwound = std::move(by_core);
}

EventScripts::Unwound EventScripts::unwind(const ProbeEvent& event, const Target& target, Unwinder& unwinder) {
  Unwound result = unwind_running(event, target, unwinder);
  if (lacks_names(result, event, target)) name_by_core(result, event, target, unwinder);
  return result;
}

}  // namespace inquest::commands
