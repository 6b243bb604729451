#include "commands/event_stacks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <unordered_map>
#include <utility>

#include "postmortem/model/demangle.h"

namespace inquest::commands {
namespace {

constexpr size_t kMaxProcesses = 64;  // whose files are kept open
constexpr size_t kMaxNamed = 10'000;  // stacks of one process
constexpr auto kBudgetPeriod = std::chrono::milliseconds(1000);

/// Hands on to a source that others use too.
class BorrowedDebugInfo : public DebugInfoSource {
 public:
  explicit BorrowedDebugInfo(std::shared_ptr<DebugInfoSource> source) : source_(std::move(source)) {}
  DebugInfo& of(const Module& module) override { return source_->of(module); }
  Result<DebugInfo*> open(const std::string& path) override { return source_->open(path); }
  DebugInfoReport examine(const Module& module) override { return source_->examine(module); }
  Result<DebugInfoReport> examine_file(const std::string& path) override { return source_->examine_file(path); }

 private:
  std::shared_ptr<DebugInfoSource> source_;
};

}  // namespace

/// One answer for all processes that have mapped the same build of a file.
class EventStacks::SharedDebugInfo : public DebugInfoSource {
 public:
  explicit SharedDebugInfo(std::unique_ptr<DebugInfoSource> source) : source_(std::move(source)) {}

  DebugInfo& of(const Module& module) override {
    std::string key = module.file + '\n' + module.build_id;
    // What is in no file is known by where it lies; the vdso is the same in every process.
    if (module.file.empty()) key = module.path + '\n' + module.build_id;
    auto [known, is_new] = modules_.try_emplace(std::move(key), nullptr);
    if (is_new) {
      known->second = std::make_unique<Module>(module);
      // Its symbols are read from the files of one process, which is forgotten some time.
      if (module.file.empty()) known->second->symbols.reset();
    }
    return source_->of(*known->second);
  }
  Result<DebugInfo*> open(const std::string& path) override { return source_->open(path); }
  DebugInfoReport examine(const Module& module) override { return source_->examine(module); }
  Result<DebugInfoReport> examine_file(const std::string& path) override { return source_->examine_file(path); }

 private:
  std::unique_ptr<DebugInfoSource> source_;
  std::map<std::string, std::unique_ptr<Module>> modules_;  ///< a source knows modules by their address
};

struct EventStacks::Process {
  std::shared_ptr<const ProcessSnapshot> snapshot;
  EventTarget* target = nullptr;  ///< the session's
  std::unique_ptr<Session> session;
  /// Stacks as they were named before, without arguments, by the places of their frames. Events repeat.
  std::unordered_map<std::string, NativeStack> named;
};

namespace {

/// All that the names of a stack follow from.
std::string key_of(const Stack& stack) {
  std::string key;
  key.reserve(stack.frames.size() * (sizeof(uint64_t) + 1));
  for (const Frame& frame : stack.frames) {
    uint64_t pc = frame.pc.value();
    key.append(reinterpret_cast<const char*>(&pc), sizeof pc);
    key.push_back(
        static_cast<char>(static_cast<int>(frame.found_by) << 2 | frame.exact_pc << 1 | frame.signal_trampoline));
  }
  return key;
}

}  // namespace

EventStacks::EventStacks(const Session& session)
    : hooks_(session.hooks()),
      debug_info_(std::make_shared<SharedDebugInfo>(hooks_.open_debug_info(nullptr))),
      scripts_(hooks_, session.has_target() ? &session.target() : nullptr) {
  hooks_.open_debug_info = [shared = debug_info_](const Target*) {
    return std::make_unique<BorrowedDebugInfo>(shared);
  };
}

EventStacks::~EventStacks() = default;

EventStacks::Process* EventStacks::process_of(const ProbeEvent& event) {
  if (!event.process) return nullptr;
  auto known = std::ranges::find(processes_, event.process, [](const auto& process) { return process->snapshot; });
  if (known != processes_.end()) {
    processes_.splice(processes_.begin(), processes_, known);
    return processes_.front().get();
  }
  auto target = event.process->open();
  if (!target) {
    reason_ = target.error().what;
    return nullptr;
  }
  auto process = std::make_unique<Process>();
  process->snapshot = event.process;
  process->target = target->get();
  process->session = std::make_unique<Session>(std::move(*target), hooks_);
  processes_.push_front(std::move(process));
  if (processes_.size() > kMaxProcesses) processes_.pop_back();
  return processes_.front().get();
}

NativeStack EventStacks::named(Process& process, const ProbeEvent& event, WithArguments arguments) {
  Session& session = *process.session;
  const Thread& thread = session.target().threads()[0];
  unwound_ = scripts_.unwind(event, session.target(), session.unwinder());
  Stack stack = std::move(unwound_.stack);
  std::string key = key_of(stack);
  auto known = process.named.find(key);
  // A function that jumped to the next one has registers that are worked out with its name.
  bool has_tail_calls = known != process.named.end() && known->second.stack.frames.size() != stack.frames.size();
  if (known != process.named.end() && (arguments == WithArguments::kNo || !has_tail_calls)) {
    NativeStack result = known->second;
    if (!has_tail_calls) result.stack = std::move(stack);
    add_arguments(session, result, arguments);
    return result;
  }
  NativeStack result = name_stack(session, thread, std::move(stack), WithArguments::kNo);
  if (process.named.size() >= kMaxNamed) process.named.clear();
  process.named.insert_or_assign(std::move(key), result);
  add_arguments(session, result, arguments);
  return result;
}

/// Puts the functions of V8's frames in the place of what native code knows about them.
void EventStacks::show_scripts(NativeStack& stack) const {
  if (unwound_.frames.empty()) return;
  std::vector<NativeFrame> merged;
  size_t done = stack.stack.frames.size();  // the activation shown last
  for (NativeFrame& frame : stack.frames) {
    const Frame& physical = stack.physical(frame);
    uint64_t fp = physical.registers.values.gpr[Registers::kRbp];
    auto script = std::ranges::find_if(unwound_.frames, [&](const ScriptFrame& one) {
      return one.pc == physical.pc && one.fp == fp && !one.functions.empty();
    });
    if (script == unwound_.frames.end() || physical.found_by == FoundBy::kTailCall) {
      merged.push_back(std::move(frame));
      continue;
    }
    if (std::exchange(done, frame.physical) == frame.physical) continue;
    for (const ScriptFunction& function : script->functions) {
      NativeFrame& shown = merged.emplace_back();
      shown.physical = frame.physical;
      shown.location.function = function.function;
      shown.location.file = function.file;
      shown.location.line = function.line;
      shown.location.column = function.column;
      shown.location.inlined = function.inlined;
      shown.script = &function;
    }
  }
  stack.frames = std::move(merged);
}

void EventStacks::count_scripts() {
  ++script_states_[unwound_.state];
  by_core_ += unwound_.by_core;
  gone_ += unwound_.gone;
  uint64_t& marked = unwound_.by_core ? unproved_ : moved_;
  for (const ScriptFrame& frame : unwound_.frames)
    for (const ScriptFunction& function : frame.functions) marked += function.remark.ends_with("moved");
}

void EventStacks::name_scripts(ProbeEvent& event) {
  if (!event.wants_stack || !event.process || !event.process->may_run_scripts()) return;
  Process* process = process_of(event);
  if (process == nullptr) return;
  process->target->show(event);
  unwound_ = scripts_.unwind(event, process->session->target(), process->session->unwinder());
  event.scripts = unwound_.state;
  event.script_frames = std::move(unwound_.frames);
}

void EventStacks::name_some_scripts(ProbeEvent& event) {
  using namespace std::chrono;
  auto begin = steady_clock::now();
  if (begin - budget_begin_ >= kBudgetPeriod) budget_begin_ = begin, budget_used_ = {};
  if (budget_used_ >= kBudgetPeriod / 2 && event.process && event.process->may_run_scripts()) {
    event.scripts = ScriptState::kSkipped;
    return;
  }
  name_scripts(event);
  budget_used_ += steady_clock::now() - begin;
}

const NativeStack& EventStacks::of(const ProbeEvent& event, WithArguments arguments) {
  stack_ = {};
  if (!event.wants_stack) return stack_;
  ++all_;
  Process* process = process_of(event);
  if (process == nullptr) {
    ++early_;
    return stack_;
  }
  process->target->show(event);
  stack_ = named(*process, event, arguments);
  show_scripts(stack_);
  count_scripts();
  if (stack_.stack.complete || stack_.stack.limited) return stack_;
  if (!event.stack_is_whole) {
    ++cut_;
    stack_.stack.stop_reason = fmt::format("only {} bytes of the stack were copied", event.stack.size());
  } else {
    ++early_;
    reason_ = stack_.stack.stop_reason;
  }
  return stack_;
}

void EventStacks::name_pointers(ProbeEvent& event) {
  for (ProbeArgument& argument : event.arguments) {
    bool is_pointer = argument.bits != 0 && (argument.type.empty() || argument.type.ends_with('*'));
    Process* process = is_pointer ? process_of(event) : nullptr;
    if (process == nullptr) continue;
    for (const Module& module : process->session->target().modules()) {
      Address at(argument.bits);
      if (at < module.start || at >= module.end || !module.symbols) continue;
      auto symbol = module.symbols->covering(module.link_time(at));
      if (!symbol || symbol->value != module.link_time(at) || symbol->is_tls) break;
      std::string name(symbol->name.substr(0, symbol->name.find('@')));  // behind it stands a version
      argument.value += " <" + demangle(name).value_or(name) + ">";
      break;
    }
  }
}

void EventStacks::add_script_notes(std::vector<std::string>& notes) const {
  auto add = [&](ScriptState state, const std::string& why) {
    auto found = script_states_.find(state);
    if (found == script_states_.end() || found->second == 0) return;
    notes.push_back(
        fmt::format("{} of {} stacks lack the names of JavaScript functions: {}", found->second, all_, why));
  };
  add(ScriptState::kEnded, "their process had ended before its heap could be read");
  add(ScriptState::kUnknown, scripts_.reason().empty() ? "V8 could not be read in their process" : scripts_.reason());
  add(ScriptState::kSkipped, "there were too many events in too short a time");
  if (moved_ > 0) {
    notes.push_back(fmt::format(
        "{} JavaScript frames are marked: a collector may have moved what names them before it was read", moved_));
  }
  if (unproved_ > 0) {
    notes.push_back(
        fmt::format("{} JavaScript frames are marked: garbage was collected between their event and the end of the "
                    "process, and the "
                    "core does not prove what they are called",
                    unproved_));
  }
  if (gone_ > 0)
    notes.push_back(fmt::format("{} frames have no name: the core does not have their code any more", gone_));
}

std::vector<std::string> EventStacks::notes() const {
  std::vector<std::string> notes;
  add_script_notes(notes);
  if (early_ > 0)
    notes.push_back(
        fmt::format("{} of {} stacks end early{}", early_, all_, reason_.empty() ? "" : ", the last one: " + reason_));
  if (cut_ > 0)
    notes.push_back(
        fmt::format("{} of {} stacks are longer than what was copied of them: see --stack-size", cut_, all_));
  return notes;
}

}  // namespace inquest::commands
