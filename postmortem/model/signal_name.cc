#include "postmortem/model/signal_name.h"

#include <fmt/format.h>

#include <array>

namespace inquest {

std::string signal_name(int signal) {
  // x86-64 and arm64 number them alike (asm-generic/signal.h).
  static constexpr std::array<const char*, 32> kNames = {
      nullptr,     "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
      "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
      "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
      "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS"};
  if (signal > 0 && static_cast<size_t>(signal) < kNames.size()) return kNames[static_cast<size_t>(signal)];
  return fmt::format("signal {}", signal);
}

}  // namespace inquest
