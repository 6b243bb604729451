#include "commands/native_stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "commands/module_finder.h"
#include "commands/tail_calls.h"
#include "postmortem/model/huge_pages.h"

namespace inquest::commands {
namespace {

uint64_t place(const Module& module, const Frame& frame) { return module.link_time(frame.lookup_pc()); }

/// Reads the arguments of frames, which do not depend on each other: one for each thread.
class ArgumentReader {
 public:
  ArgumentReader(DebugInfoSource& source, const Target& target, bool typed)
      : source_(source), target_(target), typed_(typed) {}

  void read(NativeStack& stack, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) read(stack, stack.frames[i]);
  }

 private:
  void read(const NativeStack& stack, NativeFrame& frame) {
    bool has_none = frame.location.from_symbol || frame.location.die == 0;
    if (frame.module == nullptr || has_none) return;
    const Frame& physical = stack.physical(frame);
    auto callers = std::span(stack.stack.frames).subspan(frame.physical + 1);
    frame.arguments = info_of(*frame.module)
                          .arguments(place(*frame.module, physical), frame.location,
                                     {.memory = target_.memory(),
                                      .frame = physical,
                                      .bias = frame.module->bias,
                                      .caller = callers.empty() ? nullptr : callers.data(),
                                      .callers = callers,
                                      .target = &target_,
                                      .with_types = typed_});
  }
  DebugInfo& info_of(const Module& module) {
    if (module_ != &module) {
      module_ = &module;
      info_ = &source_.of(module);
    }
    return *info_;
  }

  DebugInfoSource& source_;
  const Target& target_;
  bool typed_;
  const Module* module_ = nullptr;
  DebugInfo* info_ = nullptr;  ///< of `module_`
};

void add_arguments(Session& session, std::vector<NativeStack>& stacks, bool typed) {
  struct Part {
    NativeStack* stack;
    size_t begin, end;
  };
  constexpr size_t kPart = 256, kWorthThread = 1024, kMaxThreads = 4;
  std::vector<Part> parts;
  size_t frames = 0;
  for (NativeStack& stack : stacks) {
    frames += stack.frames.size();
    for (size_t begin = 0; begin < stack.frames.size(); begin += kPart)
      parts.push_back({&stack, begin, std::min(begin + kPart, stack.frames.size())});
  }
  DebugInfoSource& source = session.debug_info();
  const Target& target = session.target();
  std::atomic<size_t> next = 0;
  auto work = [&] {
    ArgumentReader reader(source, target, typed);
    for (size_t i = next++; i < parts.size(); i = next++) reader.read(*parts[i].stack, parts[i].begin, parts[i].end);
  };
  size_t threads = std::min({frames / kWorthThread, kMaxThreads, size_t{std::thread::hardware_concurrency()}});
  std::vector<std::jthread> helpers;
  try {
    for (size_t i = 1; i < threads; ++i) {
      helpers.emplace_back([&work] {
        use_huge_pages_here();
        work();
      });
    }
  } catch (const std::system_error&) {
    // As many as the system allows.
  }
  work();
}

/// Collects the addresses of all stacks, asks once per module, and gives the answers out.
class Namer {
 public:
  Namer(Session& session, std::vector<NativeStack>& stacks)
      : session_(session), finder_(session.target()), tail_calls_(session, finder_) {
    for (NativeStack& stack : stacks) {
      for (const Frame& frame : stack.stack.frames) ask(of_frames_, frame);
    }
    locate(of_frames_);
    for (NativeStack& stack : stacks) add_tail_calls(stack.stack);
    locate(of_tail_calls_);
  }

  void name(NativeStack& stack) {
    stack.frames.reserve(stack.stack.frames.size());
    for (size_t i = 0; i < stack.stack.frames.size(); ++i) {
      const Frame& frame = stack.stack.frames[i];
      const Module* module = module_of(frame);
      auto locations = module && is_code(frame) ? locations_of(*module, frame) : std::span<const CodeLocation>();
      // The kernel's trampoline has no function of its own to show.
      if (locations.empty() || frame.signal_trampoline) {
        stack.frames.push_back({i, module, {}, {}, nullptr});
        continue;
      }
      for (const CodeLocation& location : locations) stack.frames.push_back({i, module, location, {}, nullptr});
    }
  }

 private:
  /// Questions to one module and their answers.
  struct Batch {
    std::vector<uint64_t> addresses;  ///< link-time; with answers sorted, each once
    CodeLocations answers;
  };
  using Batches = std::map<const Module*, Batch>;

  void ask(Batches& batches, const Frame& frame) {
    const Module* module = module_of(frame);
    if (module == nullptr) return;
    std::vector<uint64_t>& addresses = batches[module].addresses;
    uint64_t address = place(*module, frame);
    if (addresses.empty() || addresses.back() != address) addresses.push_back(address);
  }
  void locate(Batches& batches) {
    for (auto& [module, batch] : batches) session_.debug_info().of(*module).prepare(false);
    for (auto& [module, batch] : batches) {
      std::ranges::sort(batch.addresses);
      auto repeated = std::ranges::unique(batch.addresses);
      batch.addresses.erase(repeated.begin(), repeated.end());
      batch.answers = session_.debug_info().of(*module).locate(batch.addresses);
    }
    repeated_ = {};
  }

  void add_tail_calls(Stack& stack) {
    std::vector<Frame> restored;
    size_t taken = 0;  // frames of the stack that are in `restored`
    bool nothing = false;
    for (size_t i = 0; i + 1 < stack.frames.size(); ++i) {
      // Between frames like the last two there is as little as between those.
      if (nothing && is_alike(stack.frames[i - 1], stack.frames[i]) && is_alike(stack.frames[i], stack.frames[i + 1]))
        continue;
      std::vector<Frame> missing = frames_between(stack.frames[i], stack.frames[i + 1]);
      nothing = missing.empty();
      if (nothing) continue;
      auto begin = stack.frames.begin();
      restored.insert(restored.end(), begin + static_cast<ptrdiff_t>(taken), begin + static_cast<ptrdiff_t>(i) + 1);
      taken = i + 1;
      for (const Frame& frame : missing) ask(of_tail_calls_, frame);
      restored.insert(restored.end(), missing.begin(), missing.end());
    }
    if (taken == 0) return;
    restored.insert(restored.end(), stack.frames.begin() + static_cast<ptrdiff_t>(taken), stack.frames.end());
    stack.frames = std::move(restored);
  }
  static bool is_alike(const Frame& a, const Frame& b) {
    return a.pc == b.pc && a.exact_pc == b.exact_pc && a.signal_trampoline == b.signal_trampoline &&
           a.found_by == b.found_by;
  }
  std::vector<Frame> frames_between(const Frame& callee, const Frame& caller) {
    const Module* module = module_of(callee);
    auto locations = module && is_code(callee) ? locations_of(*module, callee) : std::span<const CodeLocation>();
    if (locations.empty() || locations.back().function_start == 0) return {};
    return tail_calls_.between(callee, module->runtime(locations.back().function_start), caller);
  }

  /// Frames repeat in deep recursion, and neighbours share a module.
  const Module* module_of(const Frame& frame) {
    Address pc = frame.lookup_pc();
    if (last_ == nullptr || pc < last_->start || pc >= last_->end) last_ = finder_.at(pc);
    return last_;
  }

  /// A symbol at an address that was jumped to by mistake may be a variable's.
  bool is_code(const Frame& frame) {
    Address pc = frame.lookup_pc();
    if (region_ == nullptr || !region_->contains(pc)) region_ = session_.target().memory().region_of(pc);
    return region_ == nullptr || region_->executable;
  }

  std::span<const CodeLocation> locations_of(const Module& module, const Frame& frame) {
    uint64_t address = place(module, frame);
    if (repeated_.module != &module || repeated_.address != address)
      repeated_ = {&module, address, find_locations(module, address)};
    return repeated_.locations;
  }
  std::span<const CodeLocation> find_locations(const Module& module, uint64_t address) const {
    for (const Batches* batches : {&of_frames_, &of_tail_calls_}) {
      auto batch = batches->find(&module);
      if (batch == batches->end()) continue;
      auto found = std::ranges::lower_bound(batch->second.addresses, address);
      if (found == batch->second.addresses.end() || *found != address) continue;
      return batch->second.answers.of(static_cast<size_t>(found - batch->second.addresses.begin()));
    }
    return {};
  }

  Session& session_;
  ModuleFinder finder_;
  TailCallFinder tail_calls_;
  const Module* last_ = nullptr;
  const MemoryRegion* region_ = nullptr;
  struct {
    const Module* module = nullptr;
    uint64_t address = 0;
    std::span<const CodeLocation> locations;
  } repeated_;  ///< the last question and its answer
  Batches of_frames_, of_tail_calls_;
};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// The modules that threads are in will be asked about, and the C library, where nearly every stack begins: unpacking
/// its debug information takes longer than all the rest, and goes on while stacks are unwound.
void prepare(Session& session, std::span<const Thread* const> threads, bool arguments) {
  ModuleFinder finder(session.target());
  std::set<const Module*> modules;
  for (const Thread* thread : threads) modules.insert(finder.at(thread->registers.pc()));
  for (const Module& module : session.target().modules()) {
    if (modules.contains(&module) || base_name(module.path).starts_with("libc.so"))
      session.debug_info().of(module).prepare(arguments);
  }
}

}  // namespace

std::vector<NativeStack> native_stacks(Session& session, std::span<const Thread* const> threads,
                                       const UnwindOptions& options, WithArguments arguments) {
  prepare(session, threads, arguments != WithArguments::kNo);
  std::vector<NativeStack> stacks;
  const Thread* first = session.target().threads().data();
  for (const Thread* thread : threads) {
    stacks.push_back({.thread = thread,
                      .number = static_cast<size_t>(thread - first) + 1,
                      .stack = session.unwinder().unwind(*thread, options),
                      .frames = {}});
  }
  Namer namer(session, stacks);
  for (NativeStack& stack : stacks) namer.name(stack);
  if (arguments != WithArguments::kNo) add_arguments(session, stacks, arguments == WithArguments::kTyped);
  return stacks;
}

NativeStack name_stack(Session& session, const Thread& thread, Stack stack, WithArguments arguments) {
  std::vector<NativeStack> stacks;
  stacks.push_back({.thread = &thread, .stack = std::move(stack), .frames = {}});
  Namer namer(session, stacks);
  namer.name(stacks[0]);
  if (arguments != WithArguments::kNo) add_arguments(session, stacks, arguments == WithArguments::kTyped);
  return std::move(stacks[0]);
}

void add_arguments(Session& session, NativeStack& stack, WithArguments arguments) {
  if (arguments == WithArguments::kNo) return;
  ArgumentReader(session.debug_info(), session.target(), arguments == WithArguments::kTyped)
      .read(stack, 0, stack.frames.size());
}

std::vector<const Thread*> all_threads(const Session& session) {
  std::vector<const Thread*> threads;
  for (const Thread& thread : session.target().threads()) threads.push_back(&thread);
  return threads;
}

std::string_view function_name(const NativeStack& stack, const NativeFrame& frame) {
  return stack.physical(frame).signal_trampoline ? "<signal handler called>" : frame.location.function;
}

void add_stack_notes(Session& session, std::span<const NativeStack> stacks, Report& report) {
  std::set<const Module*> modules;
  size_t early = 0, guesses = 0;
  for (const NativeStack& stack : stacks) {
    const Module* last = nullptr;  // neighbours share a module
    for (const NativeFrame& frame : stack.frames) {
      if (frame.module != nullptr && frame.module != last) modules.insert(last = frame.module);
    }
    early += !stack.stack.complete && !stack.stack.limited;
    guesses += std::ranges::count(stack.stack.frames, FoundBy::kScan, &Frame::found_by) > 0;
  }
  if (early > 0) {
    report.warn(stacks.size() == 1 ? "the stack ends early: " + stacks[0].stack.stop_reason
                                   : fmt::format("{} of {} stacks end early", early, stacks.size()));
  }
  // A guess that leads to where the thread began is doubtful but leaves nothing out; each is marked in its frame.
  if (guesses > 0) {
    report.warn(stacks.size() == 1 ? "frames after one marked [guess] may be missing or wrong"
                                   : fmt::format("{} of {} stacks have frames found by guess, marked [guess]: "
                                                 "frames before them may be missing, they themselves wrong",
                                                 guesses, stacks.size()));
  }
  report.incomplete |= early > 0;
  // In the order of the target, for the same notes in every run.
  for (const Module& module : session.target().modules()) {
    if (!modules.contains(&module)) continue;
    if (module.missing) {
      report.warn(fmt::format("{}: {}, so its functions are not named and stacks through it are guessed", module.path,
                              to_string(*module.missing)));
      report.incomplete = true;
    }
    for (std::string& note : session.debug_info().of(module).notes()) {
      report.warn(fmt::format("{}: {}", base_name(module.path), note));
      report.incomplete = true;
    }
  }
}

}  // namespace inquest::commands
