// What tells why a program aborted:
// - glibc keeps the text that assert, malloc's checks, the stack protector and fortified functions print:
//   `__abort_msg` points to struct {unsigned size; char msg[];} (glibc 2.36 include/stdlib.h abort_msg_s; a
//   GLIBC_PRIVATE symbol of .dynsym). It is set only by them, so it is never stale: they do not return.
// - the functions on the stack: std::terminate, __cxa_pure_virtual, V8's and Node's fatal errors, abort itself.
#include "postmortem/crash/abort_reason.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "postmortem/crash/cxx_exception.h"
#include "postmortem/crash/signal_words.h"

namespace inquest::crash {
namespace {

constexpr uint32_t kMaxMessage = 64 * 1024;  // glibc rounds it up to pages
constexpr size_t kLookedAt = 64;             // frames between abort and its cause are few

std::string abort_message(const Scene& scene) {
  for (const Module& module : scene.names().target().modules()) {
    if (!module.symbols) continue;
    auto symbol = module.symbols->find("__abort_msg");
    if (!symbol || symbol->is_function) continue;
    auto text = scene.memory().read_pointer(module.runtime(symbol->value));
    if (!text || text->is_null()) continue;
    auto size = scene.memory().read_value<uint32_t>(*text);
    if (!size) continue;
    auto message = scene.memory().read_c_string(*text + 4, std::min(*size, kMaxMessage));
    if (!message) continue;
    while (!message->empty() && message->back() == '\n') message->pop_back();
    return *message;
  }
  return {};
}

struct Sign {
  std::string_view function;  ///< the whole name, or its beginning
  const char* cause;
  bool general = false;  ///< many causes end here: one further out says more
  bool blames_caller = false;
};

constexpr const char* kUncaught = "an uncaught JavaScript exception ended the process; v8 errors shows it";

// In the order of the stack: the first frame that is one of these decides, but for general ones: Node.js 12 ends by
// node::Abort in OnFatalError, too.
constexpr std::array kSigns = {
    Sign{"__cxa_pure_virtual", "a pure virtual function was called (on an object being made or destroyed)"},
    Sign{"__cxa_deleted_virtual", "a deleted virtual function was called"},
    Sign{"v8::internal::V8::FatalProcessOutOfMemory", "V8 ran out of memory (FatalProcessOutOfMemory)"},
    Sign{"v8::Utils::ReportOOMFailure", "V8 ran out of memory"},
    Sign{"node::OOMErrorHandler", "V8 ran out of memory"},
    Sign{"node::OnFatalError", "V8 gave up (fatal error)", true},
    Sign{"napi_fatal_error", "an addon gave up (napi_fatal_error)", false, true},
    Sign{"node::errors::TriggerUncaughtException", kUncaught},
    Sign{"v8::internal::Isolate::CreateMessageOrAbort", kUncaught},
    Sign{"v8::internal::Isolate::Throw", kUncaught},  // has the former inside until 8.x
    Sign{"V8_Fatal", "a check of V8 failed (V8_Fatal)"},
    Sign{"v8::base::OS::Abort", "V8 aborted", true},
    Sign{"node::Assert", "a check of Node.js failed (node::Assert)"},
    Sign{"node::ReallyExit", "Node.js exited"},
    Sign{"node::Abort", "process.abort() was called", true},
    Sign{"std::terminate", "std::terminate was called"},
    Sign{"__stack_chk_fail", "stack smashing detected: a buffer in the frame was overrun"},
    Sign{"__fortify_fail", "a buffer overrun was detected (_FORTIFY_SOURCE)"},
    Sign{"__assert_fail", "an assertion failed"},
    Sign{"__sanitizer", "a sanitizer stopped the program"},
};

bool is_exit(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kExits = {"abort",
                                                              "__GI_abort",
                                                              "raise",
                                                              "__GI_raise",
                                                              "gsignal",
                                                              "pthread_kill",
                                                              "__pthread_kill_implementation",
                                                              "__pthread_kill",
                                                              "__pthread_kill_internal",
                                                              "___pthread_kill",
                                                              "kill",
                                                              "tgkill",
                                                              "__restore_rt",
                                                              "__GI___pthread_kill"};
  return std::ranges::find(kExits, name) != kExits.end();
}

class AbortReason {
 public:
  AbortReason(const Scene& scene, Explanation& out) : scene_(scene), out_(out) {}

  void explain() {
    out_.kind = "abort";
    out_.abort_message = abort_message(scene_);
    read_frames();
    if (terminated_ || looks_terminated()) out_.exception = find_exception(scene_);
    std::string what = cause();
    out_.cause = fmt::format("{}: {}", out_.signal_name, what);
    out_.detail = detail();
  }

  /// The cause when the very function that was executing is one of the signs.
  std::optional<std::string> executing() {
    read_frames();
    if (!sign_ || first_sign_ != scene_.first()) return std::nullopt;
    return sign_->cause;
  }

 private:
  void read_frames() {
    const auto& frames = scene_.stack().frames;
    for (size_t i = scene_.first(); i < frames.size() && i < scene_.first() + kLookedAt; ++i) {
      if (frames[i].signal_trampoline) break;  // what lies below was interrupted by a signal
      auto locations = scene_.names().locate(frames[i].lookup_pc());
      const Module* module = scene_.names().module_of(frames[i].lookup_pc());
      for (const CodeLocation& location : locations) note(demangle(location.function), i, module);
      if (locations.empty()) note("", i, module);
    }
  }

  void note(const std::string& name, size_t number, const Module* module) {
    if (name == "abort" || name == "__GI_abort") aborted_ = true;
    if (name.starts_with("std::terminate") || name.starts_with("__cxxabiv1::__terminate") || name == "_ZSt9terminatev")
      terminated_ = true;
    if (name.starts_with("__cxa_throw")) thrown_ = true;
    if (name.starts_with("__cxa_call_terminate") || name.starts_with("__clang_call_terminate") ||
        name.starts_with("__gxx_personality"))
      noexcept_ = true;
    if (name.starts_with("__cxa_rethrow") || name.starts_with("_Unwind_Resume")) thrown_ = true;
    // Behind the C++ that JavaScript called, the stack no longer tells why that was.
    if (sign_ && (name.starts_with("Builtins_") || !module)) settled_ = true;
    for (const Sign& sign : kSigns) {
      bool wanted = !sign_ || (sign_->general && !settled_) || sign.function.starts_with("__cxa");
      if (!wanted || !name.starts_with(sign.function)) continue;
      if (!sign_) first_sign_ = number;
      sign_ = &sign;
      if (sign.blames_caller && number + 1 < scene_.stack().frames.size()) blamed_ = number + 1;
    }
    bool own = module && !is_runtime_library(*module) && !is_exit(name) && name != "__clang_call_terminate";
    if (!blamed_ && own) blamed_ = number;
  }

  // Stripped runtimes: no names, yet something between abort and the program lies in the C++ library.
  bool looks_terminated() const {
    const auto& frames = scene_.stack().frames;
    for (size_t i = scene_.first(); i < frames.size() && i < scene_.first() + 12; ++i) {
      const Module* module = scene_.names().module_of(frames[i].lookup_pc());
      std::string name = module ? base_name(module->path) : "";
      if (name.starts_with("libstdc++") || name.starts_with("libc++abi")) return true;
    }
    return false;
  }

  std::string cause() {
    if (out_.exception && !(sign_ && sign_->function.starts_with("__cxa_pure"))) {
      out_.kind = "exception";
      std::string text = fmt::format(
          "{} exception {}", noexcept_ ? "uncaught (it left a noexcept function)" : "uncaught", out_.exception->type);
      if (out_.exception->has_what) text += fmt::format(": \"{}\"", out_.exception->what);
      return text;
    }
    if (!out_.abort_message.empty()) {
      const std::string& message = out_.abort_message;
      bool assertion = message.find("Assertion") != std::string::npos;
      if (assertion) out_.kind = "assertion";
      return assertion ? "assertion failed: " + message : message;
    }
    if (sign_) return sign_->cause;
    if (terminated_) return "std::terminate was called without an exception";
    if (aborted_) return "abort was called";
    return "the program sent itself SIGABRT (raise, pthread_kill)";
  }

  std::string detail() const {
    const auto& frames = scene_.stack().frames;
    if (!blamed_)
      return frames.size() < 2 ? "the stack could not be followed to who called it"
                               : "in " + scene_.where(frames[scene_.first()]);
    const char* verb = out_.exception            ? (thrown_ ? "thrown by" : "raised in")
                       : aborted_ || terminated_ ? "called by"
                                                 : "in";
    std::string text = fmt::format("{} {}", verb, scene_.where(frames[*blamed_]));
    if (*blamed_ + 1 < frames.size() && !frames[*blamed_ + 1].signal_trampoline)
      text += fmt::format(", called by {}", scene_.where(frames[*blamed_ + 1]));
    return text;
  }

  const Scene& scene_;
  Explanation& out_;
  const Sign* sign_ = nullptr;
  size_t first_sign_ = 0;
  bool settled_ = false;
  bool aborted_ = false, terminated_ = false, thrown_ = false, noexcept_ = false;
  std::optional<size_t> blamed_;
};

std::string sender(const Scene& scene, const SignalFacts& signal) {
  if (!signal.sender_pid) return "the sender is not recorded";
  bool self = *signal.sender_pid == scene.names().target().facts().pid;
  if (self) return "the process sent it to itself";
  if (*signal.sender_pid == 0) return "the sender is in another PID namespace, or the kernel";
  return fmt::format("sent by process {} of user {}", *signal.sender_pid, signal.sender_uid.value_or(0));
}

}  // namespace

void explain_abort(const Scene& scene, Explanation& explanation) { AbortReason(scene, explanation).explain(); }

void explain_deliberate_trap(const Scene& scene, Explanation& out) {
  auto cause = AbortReason(scene, out).executing();
  if (!cause) return;
  out.kind = "abort";
  out.cause = fmt::format("{}: {}", out.signal_name, *cause);
  out.remarks.clear();  // how such instructions come about in general
}

void explain_sent_signal(const Scene& scene, Explanation& out) {
  const SignalFacts& signal = out.signal;
  std::string where = scene.stack().frames.empty() ? "" : scene.where(scene.frame());
  out.detail = where.empty() ? "" : fmt::format("the thread was in {}", where);
  out.kind = "signal";
  if (signal.number == 0 || signal.number == kSigStop ||
      (signal.number == kSigTrap && signal.has_code && is_sent(signal.code))) {
    out.kind = "none";
    bool is_core = !scene.names().target().facts().core_path.empty();
    out.cause = is_core ? "no signal: the core was taken from a living process"
                        : "no crash: the process is alive, and a debugger holds it";
    return;
  }
  if (!signal.has_code) {
    out.cause = fmt::format("{}: the core does not say who sent it or why", out.signal_name);
    return;
  }
  if (signal.code == kFromKernel) {
    static constexpr std::array<std::pair<int, const char*>, 6> kReasons = {
        {{14, "an alarm went off"},
         {3, "quit from the terminal (Ctrl-\\)"},
         {2, "interrupted from the terminal (Ctrl-C)"},
         {24, "the limit of processor time was used up"},
         {25, "the limit of file size was exceeded"},
         {1, "the terminal was closed"}}};
    auto found = std::ranges::find(kReasons, signal.number, &std::pair<int, const char*>::first);
    out.cause =
        fmt::format("{}: {}", out.signal_name, found != kReasons.end() ? found->second : "raised by the kernel");
    return;
  }
  std::string how = signal.code == kFromTimer ? "a timer expired" : sender(scene, signal);
  out.cause = fmt::format("{}: from outside the program's code: {}", out.signal_name, how);
  bool self = signal.sender_pid && *signal.sender_pid == scene.names().target().facts().pid;
  if (self) out.cause = fmt::format("{}: {} (raise, kill or pthread_kill)", out.signal_name, how);
}

}  // namespace inquest::crash
