#include "ncurses_probes/samplers/sampler.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "ncurses_probes/capture/decode.h"
#include "ncurses_probes/live_source.h"
#include "ncurses_probes/samplers/kernel_symbols.h"
#include "ncurses_probes/samplers/sample_program.h"

namespace inquest::probes {
namespace {

using What = SampleRequest::What;

constexpr size_t kMaxWaiting = 65'536;  // threads, as the kernel's half knows

uint64_t boot_now() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

/// Functions through which the kernel comes from a switch of threads to a BPF program.
bool belongs_to_tracing(std::string_view function) {
  static constexpr std::array kPrefixes = {"bpf_", "__bpf_", "__traceiter_", "trace_call_bpf", "perf_"};
  return std::ranges::any_of(kPrefixes, [&](const char* prefix) { return function.starts_with(prefix); });
}

/// The registers are still those of the program that is on its way out, whose memory is gone.
bool is_in_execve(const inquest_record& record) {
  uint64_t call = record.registers[INQUEST_ORIG_AX];
  return call == SYS_execve || call == SYS_execveat;
}

class Sampler : public LiveSource {
 public:
  explicit Sampler(const SampleRequest& request)
      : LiveSource({.pid = request.pid, .command = request.command}), request_(request) {}

  ~Sampler() override {
    stop_reading();
    if (program_) program_->detach();
  }

  std::optional<Error> start() {
    if (auto problem = open_process()) return problem;
    auto program = SampleProgram::load(request_);
    if (!program) return std::move(program).error();
    program_ = std::move(*program);
    if (request_.kernel) symbols_ = KernelSymbols::read();
    if (auto problem = open_side_band()) return problem;
    if (auto problem = follow()) return problem;
    if (auto problem = program_->attach()) return problem;
    tell_beginning();
    begin_ = boot_now();
    if (request_.seconds > 0) deadline_ = begin_ + std::min<uint64_t>(request_.seconds, 1U << 31) * 1'000'000'000;
    return go();
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes;
    if (uint64_t dropped = program_->dropped(); dropped > 0) {
      notes.push_back(
          fmt::format("{} of {} samples found no room in the buffer and are lost", dropped, program_->hits()));
    }
    add_notes_about_maps(notes);
    if (request_.kernel && symbols_.hidden())
      notes.push_back("the kernel hides its addresses (sysctl kernel.kptr_restrict): its functions have no names");
    if (forgotten_ > 0) notes.push_back(fmt::format("{} waits of more threads than can be kept are lost", forgotten_));
    return notes;
  }

  std::vector<std::string> remarks() const override {
    std::vector<std::string> remarks;
    if (still_away_ > 0)
      remarks.push_back(fmt::format("{} threads were still away at the end: counted up to then", still_away_));
    if (replaced_ > 0)
      remarks.push_back(
          fmt::format("{} samples were taken while a program was replaced (execve): they have no stack "
                      "in user space",
                      replaced_));
    return remarks;
  }

  KernelFunction kernel_function(Address pc) const override { return symbols_.at(pc); }

 private:
  RecordProgram& program() const override { return *program_; }

  bool has_enough() override {
    if (deadline_ == 0 || boot_now() < deadline_) return false;
    time_is_up_ = true;
    return true;
  }

  void take(std::span<const std::byte> bytes) override {
    uint32_t kind = 0;
    if (bytes.size() < sizeof kind) return;
    std::memcpy(&kind, bytes.data(), sizeof kind);
    if (kind == INQUEST_BACK && bytes.size() >= sizeof(inquest_wait)) {
      inquest_wait wait;
      std::memcpy(&wait, bytes.data(), sizeof wait);
      return take_return(wait);
    }
    if (bytes.size() < sizeof(inquest_record)) return;
    const auto& record = *reinterpret_cast<const inquest_record*>(bytes.data());
    if (deadline_ != 0 && record.time > deadline_) return;
    ProbeEvent event = decode_sample(record, bytes.subspan(sizeof record), boot_time());
    bool is_replaced = request_.user && is_in_execve(record);
    replaced_ += is_replaced;
    event.wants_stack = request_.user && !is_replaced;
    if (request_.kernel) leave_out_tracing(event.kernel);
    if (!event.wants_stack && event.kernel.empty() && !request_.only_times) return;
    if (event.wants_stack) add_process(event);
    if (kind != INQUEST_LEFT) return deliver(std::move(event));
    if (waiting_.size() >= kMaxWaiting && !waiting_.contains(event.tid)) {
      ++forgotten_;
      return;
    }
    waiting_.insert_or_assign(event.tid, std::move(event));
  }

  void take_return(const inquest_wait& wait) {
    auto left = waiting_.find(wait.tid);
    if (left == waiting_.end() || left->second.time != wait.since) return;
    ProbeEvent event = std::move(left->second);
    waiting_.erase(left);
    event.weight = wait.weight;
    if (deadline_ != 0) event.weight = std::min(event.weight, deadline_ - event.time);
    deliver(std::move(event));
  }

  void deliver(ProbeEvent event) {
    ++recorded_;
    queue_.push(std::move(event));
  }

  void leave_out_tracing(std::vector<Address>& kernel) const {
    size_t count = 0;
    for (size_t i = 0; i < kernel.size(); ++i) {
      if (belongs_to_tracing(symbols_.at(kernel[i]).name)) count = i + 1;
    }
    // Below a system call that has to do with perf or BPF they are the program's own business.
    if (request_.what == What::kOffCpu && count <= 12)
      kernel.erase(kernel.begin(), kernel.begin() + static_cast<long>(count));
  }

  /// Threads that have not come back are those of the programs that wait longest.
  void take_rest() override {
    uint64_t end = boot_now();
    if (deadline_ != 0) end = std::min(end, deadline_);
    for (auto& [tid, event] : waiting_) {
      if (event.time >= end || end - event.time < request_.min_wait || !program_->is_away(tid, event.time)) continue;
      event.weight = end - event.time;
      ++still_away_;
      deliver(std::move(event));
    }
    waiting_.clear();
    if (request_.only_times) return;
    if (recorded_ == 0)
      return tell(request_.what == What::kFiles ? "Too few backtraces (0) found. Quitting now..."
                                                : "No backtraces found. Quitting now...");
    if (time_is_up_) tell("Time's up. Quitting now...(it may take a while)");
  }

  std::optional<Error> finish(bool interrupted) override {
    program_->detach();
    if (child() && !interrupted && !time_is_up_) child()->wait();
    return std::nullopt;
  }

  void tell(std::string_view what) const {
    if (request_.tell) request_.tell(fmt::format("WARNING: {}", what));
  }

  /// The words of the tools that scripts know (sample-bt of openresty-systemtap-toolkit).
  void tell_beginning() const {
    std::string whom = "all processes";
    if (request_.pid) {
      std::error_code error;
      auto program = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", *request_.pid), error);
      whom = fmt::format("{} ({})", *request_.pid, program.string());
    } else if (child() != nullptr) {
      whom = fmt::format("{} ({})", child()->pid(), request_.command[0]);
    }
    std::string where;
    if (request_.what == What::kOnCpu) {
      where = !request_.kernel ? " in user-space only"
              : request_.user  ? " in both user-space and kernel-space"
                               : " in kernel-space only";
    }
    tell(fmt::format("Tracing {}{}...", whom, where));
  }

  SampleRequest request_;
  std::unique_ptr<SampleProgram> program_;
  KernelSymbols symbols_;
  std::unordered_map<uint64_t, ProbeEvent> waiting_;  ///< threads that are away, by tid
  uint64_t begin_ = 0, deadline_ = 0;                 ///< nanoseconds since boot; deadline 0: none
  uint64_t still_away_ = 0, forgotten_ = 0, replaced_ = 0;
  bool time_is_up_ = false;
};

}  // namespace

Result<std::unique_ptr<ProbeEventSource>> start_sampling(const SampleRequest& request) {
  auto sampler = std::make_unique<Sampler>(request);
  if (auto problem = sampler->start()) return *std::move(problem);
  return std::unique_ptr<ProbeEventSource>(std::move(sampler));
}

}  // namespace inquest::probes
