#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "commands/merged_stack.h"
#include "commands/native_stack.h"
#include "commands/node_objects.h"
#include "commands/node_report.h"
#include "postmortem/model/signal_name.h"

namespace inquest::commands {
namespace {

constexpr size_t kMaxFrames = 1000;
constexpr size_t kMaxLibraries = 10'000;
constexpr size_t kMaxName = 4096;

/// Keys that some versions write: what a version has among its constants it does write.
constexpr std::string_view kKeys[] = {"executableMemory", "userCpuConsumptionPercent", "loopIdleTimeSeconds",
                                      "writeQueueCount"};
constexpr uint64_t kPage = 0x1000;

std::string line_of(const v8::V8Frame& frame) {
  std::string place =
      frame.script.empty() ? "<anonymous>" : fmt::format("{}:{}:{}", frame.script, frame.line, frame.column);
  return frame.function.empty() ? "at " + place : fmt::format("at {} ({})", frame.function, place);
}

void add_stack(const MergedStack& stack, ThreadReport& report) {
  for (const MergedFrame& frame : stack.frames) {
    if (frame.native != nullptr) {
      if (frame.native->location.inlined) continue;
      std::string file = frame.native->module != nullptr ? frame.native->module->path : "";
      std::string symbol = fmt::format("{} [{}]", function_name(stack.native, *frame.native), file);
      report.native_stack.push_back({frame.physical->pc, std::move(symbol)});
    } else if (frame.is_v8()) {
      const v8::V8Frame& v8 = frame.v8;
      bool shown = v8.kind == v8::V8FrameKind::kJs || (v8.kind == v8::V8FrameKind::kBuiltin && v8.function_word != 0);
      if (shown) report.javascript_stack.push_back(line_of(v8));
    }
  }
}

class Gatherer {
 public:
  Gatherer(Session& session, v8::Runtime& runtime, NodeFacts facts, v8::Reachability which, Report& report)
      : session_(session), target_(session.target()), runtime_(runtime), which_(which), report_(report) {
    node_.facts = std::move(facts);
  }

  Result<NodeReport> gather() {
    auto sockets = find_sockets(runtime_, node_.facts.state, which_);
    if (!sockets) return std::move(sockets).error();
    node_.facts.sockets = std::move(*sockets);
    node_.workers.resize(node_.facts.workers.size());
    stacks();
    if (auto failed = messages()) return *failed;
    if (auto failed = system()) return *failed;
    c_library();
    libraries();
    keys();
    return std::move(node_);
  }

 private:
  const Thread* thread_of(std::span<const uint64_t> ids) const {
    for (uint64_t id : ids) {
      auto found = std::ranges::find(target_.threads(), id, &Thread::tid);
      if (found != target_.threads().end()) return &*found;
    }
    return nullptr;
  }

  /// Of the main thread and the workers. Where a thread died that runs no JavaScript, its native stack is that of the
  /// report, as in reports of fatal errors.
  void stacks() {
    const auto& isolates = runtime_.info().isolates;
    const Thread* selected = session_.selected_thread();
    const Thread* main = isolates.empty() ? nullptr : thread_of(isolates[0].threads);
    std::vector<const Thread*> threads;
    std::vector<ThreadReport*> owners;
    auto add = [&](const Thread* thread, ThreadReport& owner) {
      if (thread == nullptr) return;
      owner.cpu_time = thread->cpu_time;
      threads.push_back(thread);
      owners.push_back(&owner);
    };
    bool of_worker = false;
    for (size_t i = 0; i < node_.workers.size(); ++i) {
      const WorkerFacts& worker = node_.facts.workers[i];
      const Thread* thread = thread_of(worker.threads);
      add(thread, node_.workers[i]);
      if (thread == nullptr || thread != selected) continue;
      of_worker = true;
      dead_ = &node_.workers[i];
      report_.note(fmt::format("The process died in worker {}: its stack stands with that one.",
                               worker.thread_id ? fmt::format("{}", *worker.thread_id) : "of unknown number"));
    }
    if (dead_ == nullptr) dead_ = &node_.main;
    add(main != nullptr || of_worker ? main : selected, node_.main);
    ThreadReport other;
    bool foreign = !of_worker && main != nullptr && selected != nullptr && selected != main;
    if (foreign) add(selected, other);
    UnwindOptions options{.max_frames = kMaxFrames, .stepper = &runtime_.frame_stepper()};
    auto merged = merged_stacks(runtime_, native_stacks(session_, threads, options, WithArguments::kNo));
    for (size_t i = 0; i < std::min(merged.size(), owners.size()); ++i) add_stack(merged[i], *owners[i]);
    if (!foreign) return;
    node_.main.native_stack = std::move(other.native_stack);
    report_.note(fmt::format("nativeStack is that of thread {}, which died and runs no JavaScript.", selected->tid));
  }

  std::optional<Error> messages() {
    auto errors = runtime_.errors(v8::Reachability::kLive);
    if (!errors) return std::move(errors).error();
    int number = target_.facts().signal;
    std::string signal = number != 0 ? signal_name(number) : "no signal";
    auto say = [&](ThreadReport& thread) {
      thread.message = signal;
      bool idle = thread.javascript_stack.empty() && &thread != dead_;
      // As Node.js says it of threads in which no JavaScript runs.
      if (idle) thread.message = "No stack.";
      if (thread.javascript_stack.empty()) thread.javascript_stack.emplace_back("Unavailable.");
    };
    say(node_.main);
    for (ThreadReport& worker : node_.workers) say(worker);
    if (errors->errors.empty() || !errors->errors[0].uncaught) return std::nullopt;
    const v8::ErrorObject& uncaught = errors->errors[0];
    ThreadReport* thread = &node_.main;
    for (size_t i = 0; i < node_.workers.size(); ++i)
      if (node_.facts.workers[i].isolate == uncaught.isolate) thread = &node_.workers[i];
    thread->message = uncaught.message.empty() ? uncaught.type : fmt::format("{}: {}", uncaught.type, uncaught.message);
    thread->error_properties = {{"name", uncaught.name}, {"message", uncaught.message}};
    return std::nullopt;
  }

  /// What uname(2) said is kept by the functions of the module `os` (lib/os.js, since 12.x), where it was loaded.
  std::optional<Error> system() {
    auto functions = runtime_.functions({.name = "getOSRelease", .script = "", .at = {}}, which_);
    if (!functions) return std::move(functions).error();
    v8::InspectOptions options;
    options.max_text = kMaxName;
    for (const v8::FunctionInfo& function : *functions) {
      if (function.name != "getOSRelease" || function.closures == 0) continue;
      auto text = [&](const char* variable) {
        std::vector<std::string> path = {"context", variable};
        auto value = runtime_.inspect(function.sample.value(), path, options);
        const auto* found = value ? std::get_if<std::string>(&value->value) : nullptr;
        return found != nullptr && value->kind == v8::ValueKind::kString ? *found : "";
      };
      node_.system_release = text("release");
      node_.system_version = text("version");
      if (!node_.system_release.empty()) break;
    }
    return std::nullopt;
  }

  /// gnu_get_libc_version() returns a constant: [endbr64] lea rax, [rip + offset]; ret.
  void c_library() {
    for (const Module& module : target_.modules()) {
      auto symbol =
          module.symbols && !module.is_executable ? module.symbols->find("gnu_get_libc_version") : std::nullopt;
      if (!symbol) continue;
      Address at = module.runtime(symbol->value);
      constexpr uint32_t kEndbr64 = 0xfa1e0ff3;
      if (target_.memory().read_value<uint32_t>(at) == kEndbr64) at = at + 4;
      auto code = target_.memory().view(at, 8);
      constexpr uint8_t kLea[] = {0x48, 0x8d, 0x05};
      constexpr uint8_t kReturn = 0xc3;
      if (code.size() < 8 || std::memcmp(code.data(), kLea, 3) != 0 || code[7] != std::byte{kReturn}) continue;
      int32_t offset = 0;
      std::memcpy(&offset, code.data() + 3, sizeof offset);
      auto text = target_.memory().read_c_string(at + 7 + static_cast<uint64_t>(static_cast<int64_t>(offset)), 32);
      bool sound = text && !text->empty() && text->find_first_not_of("0123456789.") == std::string::npos;
      if (sound) node_.c_library = *text;
      if (sound) return;
    }
  }

  /// struct r_debug {int version; link_map* map}, which debuggers find by its name in the dynamic linker, and link_map
  /// {l_addr, l_name, l_ld, l_next} (<link.h>). The first entry is the program.
  void libraries() {
    for (const Module& module : target_.modules()) {
      auto symbol = module.symbols ? module.symbols->find("_r_debug") : std::nullopt;
      if (!symbol) continue;
      auto entry = target_.memory().read_pointer(module.runtime(symbol->value) + 8);
      while (entry && !entry->is_null() && node_.libraries.size() < kMaxLibraries) {
        auto name = target_.memory().read_pointer(*entry + 8);
        auto text = name ? target_.memory().read_c_string(*name, kMaxName) : std::nullopt;
        if (text && !text->empty()) node_.libraries.push_back(*text);
        entry = target_.memory().read_pointer(*entry + 24);
      }
      if (!node_.libraries.empty()) return;
    }
    for (const Module& module : target_.modules()) {  // not linked dynamically, or the list is not in the core
      if (module.is_executable || module.is_copy) continue;
      node_.libraries.push_back(module.path == "[vdso]" ? "linux-vdso.so.1" : module.path);
    }
  }

  void keys() {
    for (const Module& module : target_.modules()) {
      if (module.is_copy || module.path != runtime_.info().module) continue;
      for (Address at = module.start; at < module.end;) {
        // A mapping lies in pieces: its first page in the core, the rest in the file.
        auto bytes = target_.memory().view(at, module.end - at);
        keys_in(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
        at = bytes.empty() ? Address((at.value() & ~(kPage - 1)) + kPage) : at + bytes.size();
      }
    }
  }
  /// Linkers keep a text that another one ends with as its end only.
  void keys_in(std::string_view text) {
    auto look = [&](std::string_view key) {
      std::string constant(key);
      constant.push_back('\0');
      if (text.find(constant) != std::string_view::npos) node_.keys.emplace(key);
    };
    for (std::string_view key : kKeys) look(key);
    for (std::string_view space : kReportSpaces) look(space);
  }

  Session& session_;
  const Target& target_;
  v8::Runtime& runtime_;
  v8::Reachability which_;
  Report& report_;
  NodeReport node_;
  const ThreadReport* dead_ = nullptr;
};

}  // namespace

Result<NodeReport> make_node_report(Session& session, v8::Runtime& runtime, NodeFacts facts, v8::Reachability which,
                                    Report& report) {
  return Gatherer(session, runtime, std::move(facts), which, report).gather();
}

}  // namespace inquest::commands
