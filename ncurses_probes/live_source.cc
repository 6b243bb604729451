#include "ncurses_probes/live_source.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace inquest::probes {
namespace {

constexpr int kPollMilliseconds = 2;  // what is not on the stack is read from the process as it is by then
// Nanoseconds after which an event that has begun to be recorded is in the buffer, as long as its thread may run.
constexpr uint64_t kSettled = 2'000'000'000;

std::atomic<int> stop_signal{0};

int64_t nanoseconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

StopSignals::StopSignals() {
  stop_signal = 0;
  struct sigaction action = {};
  action.sa_handler = [](int signal) { stop_signal = signal; };
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    // What a shell has told its background job to ignore stays ignored.
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

int StopSignals::seen() { return stop_signal; }

LiveSource::LiveSource(Whom whom) : whom_(std::move(whom)), maps_(whom_.all()) {}

LiveSource::~LiveSource() {
  if (process_ >= 0) close(process_);
}

void LiveSource::stop_reading() {
  quit_ = true;
  if (reader_.joinable()) reader_.join();
}

Result<std::optional<ProbeEvent>> LiveSource::next() {
  auto event = queue_.pop();
  if (event) return event;
  if (!std::exchange(finished_, true)) {
    reader_.join();
    if (auto problem = finish(stop_signal != 0)) return *std::move(problem);
  }
  return std::optional<ProbeEvent>();
}

std::optional<Error> LiveSource::open_process() {
  if (!whom_.pid) return std::nullopt;
  process_ = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(*whom_.pid), 0));
  if (process_ >= 0) return std::nullopt;
  if (errno == EINVAL) return unusable(fmt::format("{} is a thread, not a process", *whom_.pid), "give its process id");
  return unusable(fmt::format("there is no process {}", *whom_.pid));
}

std::optional<Error> LiveSource::open_side_band() {
  auto side_band = SideBand::open();
  if (!side_band) return std::move(side_band).error();
  side_band_ = std::move(*side_band);
  return std::nullopt;
}

uint64_t LiveSource::suspended_time() {
  // What passes between the calls is added, so a pause there is tried again.
  constexpr int kTries = 5;
  constexpr int64_t kNear = 1000;  // nanoseconds
  int64_t least = INT64_MAX;
  for (int i = 0; i < kTries; ++i) {
    int64_t before = nanoseconds(CLOCK_MONOTONIC);
    least = std::min(least, nanoseconds(CLOCK_BOOTTIME) - before);
    if (nanoseconds(CLOCK_MONOTONIC) - before < kNear) break;
  }
  return static_cast<uint64_t>(std::max<int64_t>(least, 0));
}

std::optional<Error> LiveSource::follow() {
  boot_time_ = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_BOOTTIME);
  if (whom_.pid) {
    maps_.follow(*whom_.pid);
    if (!maps_.read(*whom_.pid))
      return unusable(fmt::format("cannot see what process {} has mapped", *whom_.pid), "run it as root");
    if (auto problem = program().track(*whom_.pid)) return problem;
  }
  if (!whom_.command.empty()) {
    auto child = Child::prepare(whom_.command);
    if (!child) return std::move(child).error();
    child_ = std::move(*child);
    maps_.follow(static_cast<uint64_t>(child_->pid()));
    if (auto problem = program().track_program(static_cast<uint64_t>(child_->pid()))) return problem;
  }
  return std::nullopt;
}

std::optional<Error> LiveSource::go() {
  program().start();
  if (child_) {
    if (auto problem = child_->run()) return problem;
  }
  reader_ = std::thread([this] { read_events(); });
  return std::nullopt;
}

/// The reader's thread: empties the kernel's buffer, so that what makes use of events may be slow.
void LiveSource::read_events() {
  while (!quit_) {
    bool ended = is_over();
    uint64_t before = static_cast<uint64_t>(nanoseconds(CLOCK_BOOTTIME));
    bool has_room = queue_.wait_for_room(ended ? 0 : kPollMilliseconds);
    if (has_room) {
      // What happened before the end is still in the buffer.
      if (ended) program().stop();
      uint64_t seen = taken_;
      program().poll(ended ? 0 : kPollMilliseconds, [this](std::span<const std::byte> record) {
        ++taken_;
        take(record);
        return !quit_ && queue_.has_room();
      });
      if (ended && taken_ == seen) break;
      // Reports of a time of which no event can come any more need not wait for one.
      if (before > kSettled) side_band_->apply_until(before - kSettled, maps_);
    }
  }
  take_rest();
  queue_.close();
}

bool LiveSource::is_over() {
  if (stop_signal != 0) {
    if (child_ && stop_signal != SIGINT) child_->send(stop_signal);  // the terminal sends SIGINT to both
    return true;
  }
  if (has_enough()) return true;
  if (child_ && child_->has_ended()) return true;
  pollfd process = {.fd = process_, .events = POLLIN, .revents = 0};
  return process_ >= 0 && ::poll(&process, 1, 0) > 0;
}

void LiveSource::add_process(ProbeEvent& event) {
  side_band_->apply_until(event.time, maps_);
  event.process = maps_.snapshot(event.pid);
  unknown_ += event.process == nullptr;
}

void LiveSource::add_notes_about_maps(std::vector<std::string>& notes) const {
  if (uint64_t lost = side_band_->lost(); lost > 0)
    notes.push_back(fmt::format("{} reports about what processes map were lost: some stacks may end early", lost));
  if (unknown_ > 0) {
    notes.push_back(
        fmt::format("of {} events it is not known what their process had mapped: they have no stack", unknown_));
  }
}

}  // namespace inquest::probes
