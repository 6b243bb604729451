#include "ncurses_probes/samplers/watch_end.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace inquest::probes {
namespace {

constexpr uint64_t kMaxSeconds = 1'000'000'000;  // a time that ends after the machine

int64_t now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

Result<std::unique_ptr<WatchEnd>> WatchEnd::prepare(uint64_t pid, uint64_t seconds) {
  std::unique_ptr<WatchEnd> end(new WatchEnd);
  if (pid != 0) {
    end->process_ = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
    if (end->process_ < 0 && errno == EINVAL)
      return unusable(fmt::format("{} is a thread, not a process", pid), "give its process id");
    if (end->process_ < 0) return unusable(fmt::format("there is no process {}", pid));
  }
  sigset_t wanted;
  sigemptyset(&wanted);
  for (int signal : kSignals) {
    struct sigaction action = {};
    // What a shell has told its background job to ignore stays ignored.
    sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&wanted, signal);
  }
  end->is_masked_ = pthread_sigmask(SIG_BLOCK, &wanted, &end->before_) == 0;
  end->signals_ = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  if (seconds != 0) end->deadline_ = now() + static_cast<int64_t>(std::min(seconds, kMaxSeconds)) * 1000;
  return end;
}

WatchEnd::~WatchEnd() {
  // A signal that came meanwhile has had its effect.
  signalfd_siginfo taken;
  while (signals_ >= 0 && read(signals_, &taken, sizeof taken) > 0) {
  }
  if (signals_ >= 0) close(signals_);
  if (process_ >= 0) close(process_);
  if (is_masked_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int64_t WatchEnd::milliseconds_left() const {
  return deadline_ == 0 ? INT32_MAX : std::max<int64_t>(0, deadline_ - now());
}

bool WatchEnd::wait(int milliseconds) {
  if (has_ended_) return true;
  pollfd waited[] = {{.fd = signals_, .events = POLLIN, .revents = 0},
                     {.fd = process_, .events = POLLIN, .revents = 0}};
  int64_t time = std::min<int64_t>(milliseconds, milliseconds_left());
  int ready = poll(waited, 2, static_cast<int>(time));
  has_ended_ = ready > 0 || milliseconds_left() == 0;
  return has_ended_;
}

}  // namespace inquest::probes
