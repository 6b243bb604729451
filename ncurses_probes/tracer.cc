#include "ncurses_probes/tracer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "ncurses_probes/attach/bpf_program.h"
#include "ncurses_probes/attach/place_finder.h"
#include "ncurses_probes/capture/decode.h"
#include "ncurses_probes/capture/event_queue.h"
#include "ncurses_probes/capture/process_maps.h"
#include "ncurses_probes/capture/side_band.h"
#include "ncurses_probes/child.h"
#include "ncurses_probes/events/event_file.h"
#include "ncurses_probes/spec/probe_sets.h"
#include "ncurses_probes/stop_guard.h"

namespace inquest::probes {
namespace {

constexpr int kPollMilliseconds = 50;
// Nanoseconds after which an event that has begun to be recorded is in the buffer, as long as its thread may run.
constexpr uint64_t kSettled = 2'000'000'000;

std::atomic<int> stop_signal{0};

/// While one lives, the signals that ask a program to end are noted only.
class StopSignals {
 public:
  StopSignals() {
    stop_signal = 0;
    struct sigaction action = {};
    action.sa_handler = [](int signal) { stop_signal = signal; };
    for (size_t i = 0; i < std::size(kSignals); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      // What a shell has told its background job to ignore stays ignored.
      if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
    }
  }
  ~StopSignals() {
    for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)];
};

int64_t nanoseconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class LiveTracer : public ProbeEventSource {
 public:
  explicit LiveTracer(TraceRequest request)
      : request_(std::move(request)), maps_(!request_.pid && request_.command.empty()) {}

  ~LiveTracer() override {
    quit_ = true;
    if (reader_.joinable()) reader_.join();
    if (program_) program_->detach();
    release_stopped();
    if (process_ >= 0) close(process_);
  }

  std::optional<Error> start() {
    if (auto problem = parse()) return problem;
    if (auto problem = open_process()) return problem;
    if (auto problem = find_all_places()) return problem;
    bool tracked = request_.pid || !request_.command.empty();
    auto program =
        BpfProgram::load({.probes = probes_,
                          .stack_bytes = static_cast<uint32_t>(std::min<uint64_t>(request_.stack_bytes, UINT32_MAX)),
                          .only_tracked = tracked,
                          .follow_children = request_.follow_children,
                          .rate = request_.rate,
                          .stops = request_.stop || !request_.gcore.empty(),
                          .stops_once = !request_.gcore.empty()});
    if (!program) return std::move(program).error();
    program_ = std::move(*program);
    if (request_.stop || !request_.gcore.empty()) {
      auto guard = StopGuard::start(program_->stopped_map());
      if (!guard) return std::move(guard).error();
      guard_ = std::move(*guard);
    }
    auto side_band = SideBand::open();
    if (!side_band) return std::move(side_band).error();
    side_band_ = std::move(*side_band);
    if (!request_.output.empty()) {
      auto writer = EventFileWriter::create(request_.output);
      if (!writer) return std::move(writer).error();
      writer_ = std::move(*writer);
    }
    return begin();
  }

  Result<std::optional<ProbeEvent>> next() override {
    auto event = queue_.pop();
    if (event) return event;
    if (auto problem = finish()) return *std::move(problem);
    return std::optional<ProbeEvent>();
  }

  TraceStatistics statistics() const override { return {.recorded = recorded_, .dropped = program_->dropped()}; }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes;
    if (uint64_t dropped = program_->dropped(); dropped > 0) {
      notes.push_back(
          fmt::format("{} of {} events found no room in the buffer and are lost", dropped, program_->hits()));
    }
    if (uint64_t lost = side_band_->lost(); lost > 0) {
      notes.push_back(fmt::format("{} reports about what processes map were lost: some stacks may end early", lost));
    }
    if (unknown_ > 0) {
      notes.push_back(
          fmt::format("of {} events it is not known what their process had mapped: they have no stack", unknown_));
    }
    if (!program_->sees_signals()) {
      notes.push_back("this kernel has no BTF tracepoints: the signal that ends a process is not recorded");
    }
    notes.insert(notes.end(), failed_.begin(), failed_.end());
    return notes;
  }

  std::vector<std::string> remarks() const override {
    std::vector<std::string> remarks = left_out_;
    remarks.insert(remarks.end(), cores_.begin(), cores_.end());
    if (uint64_t limited = program_->limited(); limited > 0)
      remarks.push_back(fmt::format("{} hits beyond {} of a probe in a second are left out", limited, request_.rate));
    return remarks;
  }

 private:
  std::optional<Error> parse() {
    for (const std::string& text : request_.probes) {
      auto specs = parse_probes(text);
      if (!specs) return std::move(specs).error();
      probes_.insert(probes_.end(), specs->begin(), specs->end());
    }
    return std::nullopt;
  }

  std::optional<Error> open_process() {
    if (!request_.pid) return std::nullopt;
    process_ = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(*request_.pid), 0));
    if (process_ >= 0) return std::nullopt;
    if (errno == EINVAL)
      return unusable(fmt::format("{} is a thread, not a process", *request_.pid), "give its process id");
    return unusable(fmt::format("there is no process {}", *request_.pid));
  }

  std::optional<Error> find_all_places() {
    SearchContext context{.pid = request_.pid, .program = {}};
    if (!request_.command.empty()) {
      context.program = find_program(request_.command[0]);
      if (context.program.empty()) return unusable(fmt::format("there is no program {}", request_.command[0]));
    } else if (request_.pid) {
      std::error_code error;
      context.program = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", *request_.pid), error);
    }
    for (size_t i = 0; i < probes_.size(); ++i) {
      if (probes_[i].kind == ProbeSpec::Kind::kSignal) continue;
      auto places = find_places(probes_[i], context);
      if (!places && probes_[i].is_optional) {
        left_out_.push_back(fmt::format("{} is not traced: {}", probes_[i].label, places.error().what));
        continue;
      }
      if (!places) return std::move(places).error();
      for (Place& place : *places) {
        place.probe = i;
        places_.push_back(std::move(place));
      }
    }
    bool has_signal = std::ranges::count(probes_, ProbeSpec::Kind::kSignal, &ProbeSpec::kind) > 0;
    if (places_.empty() && !has_signal)
      return unusable("none of the probes can be set", left_out_.empty() ? "" : left_out_[0]);
    return std::nullopt;
  }

  std::optional<Error> begin() {
    boot_time_ = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_BOOTTIME);
    if (request_.pid) {
      maps_.follow(*request_.pid);
      if (!maps_.read(*request_.pid))
        return unusable(fmt::format("cannot see what process {} has mapped", *request_.pid), "run it as root");
      if (auto problem = program_->track(*request_.pid)) return problem;
    }
    if (!request_.command.empty()) {
      auto child = Child::prepare(request_.command);
      if (!child) return std::move(child).error();
      child_ = std::move(*child);
      maps_.follow(static_cast<uint64_t>(child_->pid()));
      if (auto problem = program_->track(static_cast<uint64_t>(child_->pid()))) return problem;
    }
    // The kernel's own filter by process leaves out children.
    uint64_t only = request_.follow_children ? 0 : request_.pid.value_or(0);
    if (auto problem = program_->attach(places_, only)) return problem;
    program_->start();
    if (child_) {
      if (auto problem = child_->run()) return problem;
    }
    reader_ = std::thread([this] { read_events(); });
    return std::nullopt;
  }

  /// The reader's thread: empties the kernel's buffer, so that what makes use of events may be slow.
  void read_events() {
    while (!quit_) {
      bool ended = is_over();
      uint64_t before = static_cast<uint64_t>(nanoseconds(CLOCK_BOOTTIME));
      bool has_room = queue_.wait_for_room(ended ? 0 : kPollMilliseconds);
      if (has_room) {
        // What happened before the end is still in the buffer.
        if (ended) program_->stop();
        uint64_t seen = taken_;
        program_->poll(ended ? 0 : kPollMilliseconds, [this](const auto& record, auto room) {
          take(record, room);
          return !quit_ && queue_.has_room();
        });
        if (ended && taken_ == seen) break;
        // Reports of a time of which no event can come any more need not wait for one.
        if (before > kSettled) side_band_->apply_until(before - kSettled, maps_);
      }
    }
    queue_.close();
  }

  bool is_over() {
    if (stop_signal != 0) {
      if (child_ && stop_signal != SIGINT) child_->send(stop_signal);  // the terminal sends SIGINT to both
      return true;
    }
    if (request_.limit != 0 && recorded_ >= request_.limit) return true;
    if (child_ && child_->has_ended()) return true;
    pollfd process = {.fd = process_, .events = POLLIN, .revents = 0};
    return process_ >= 0 && ::poll(&process, 1, 0) > 0;
  }

  void take(const inquest_record& record, std::span<const std::byte> room) {
    ++taken_;
    ProbeEvent event = decode(record, room, {.probes = probes_, .places = places_, .boot_time = boot_time_});
    bool is_end = event.kind == ProbeEvent::Kind::kSignal;
    // The limit is on what was asked for; the signal that ends the process comes with it.
    if (request_.limit != 0 && recorded_ >= request_.limit && !is_end) return;
    side_band_->apply_until(event.time, maps_);
    event.process = maps_.snapshot(event.pid);
    unknown_ += event.process == nullptr;
    ++recorded_;
    if (!request_.gcore.empty() && !is_end) write_core_of(event.pid);
    if (writer_) {
      writer_->write(event);  // nobody wants to see it now
      return;
    }
    queue_.push(std::move(event));
  }

  /// The process was stopped at its first hit.
  void write_core_of(uint64_t pid) {
    if (!cored_.insert(pid).second) return;
    auto core = write_core(pid, request_.gcore);
    if (core)
      cores_.push_back(fmt::format("the core of process {} at its first hit is {}", pid, *core));
    else
      failed_.push_back(core.error().line());
    guard_->release(pid);
  }

  void release_stopped() {
    if (guard_ && request_.leave_stopped) guard_->leave_stopped();
    guard_.reset();
  }

  std::optional<Error> finish() {
    if (std::exchange(finished_, true)) return std::nullopt;
    reader_.join();
    program_->detach();
    release_stopped();
    if (child_ && stop_signal == 0 && !request_.leave_stopped) child_->wait();
    return writer_ ? writer_->finish(statistics(), notes()) : std::nullopt;
  }

  StopSignals signals_;
  TraceRequest request_;
  std::vector<ProbeSpec> probes_;
  std::vector<Place> places_;
  std::vector<std::string> left_out_;
  std::vector<std::string> cores_, failed_;
  std::set<uint64_t> cored_;
  std::unique_ptr<BpfProgram> program_;
  std::unique_ptr<StopGuard> guard_;
  std::unique_ptr<SideBand> side_band_;
  ProcessMaps maps_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<EventFileWriter> writer_;
  EventQueue queue_;
  std::thread reader_;
  std::atomic<bool> quit_{false};
  int process_ = -1;  ///< pidfd
  int64_t boot_time_ = 0;
  std::atomic<uint64_t> recorded_{0};
  uint64_t taken_ = 0, unknown_ = 0;  ///< of the reader; the rest may look once that has ended
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<ProbeEventSource>> start_trace(const TraceRequest& request) {
  auto tracer = std::make_unique<LiveTracer>(request);
  if (auto problem = tracer->start()) return *std::move(problem);
  return std::unique_ptr<ProbeEventSource>(std::move(tracer));
}

}  // namespace inquest::probes
