#include "ncurses_probes/samplers/sample_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "ncurses_probes/bpf/record.h"
#include "ncurses_probes/sample.skel.h"

namespace inquest::probes {
namespace {

constexpr const char* kReads[] = {"read", "pread64", "readv", "preadv", "preadv2"};
constexpr const char* kWrites[] = {"write", "pwrite64", "writev", "pwritev", "pwritev2"};

struct DestroySkeleton {
  void operator()(inquest_sample* skeleton) const { inquest_sample__destroy(skeleton); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

class LoadedSampleProgram : public SampleProgram {
 public:
  explicit LoadedSampleProgram(const SampleRequest& request) : request_(request) {}
  ~LoadedSampleProgram() override { detach(); }

  std::optional<Error> open() {
    using What = SampleRequest::What;
    skeleton_.reset(inquest_sample__open());
    if (!skeleton_) return missing_right(errno, "cannot prepare the sampler's program");
    auto& programs = skeleton_->progs;
    bool tracked = request_.pid || !request_.command.empty();
    bool is_files = request_.what == What::kFiles;
    bpf_program__set_autoload(programs.on_tick, request_.what == What::kOnCpu);
    bpf_program__set_autoload(programs.on_switch, request_.what == What::kOffCpu);
    bpf_program__set_autoload(programs.on_call, is_files && request_.latency);
    bpf_program__set_autoload(programs.on_result, is_files);
    bpf_program__set_autoload(programs.on_fork, tracked && request_.follow_children);
    bpf_program__set_autoload(programs.on_exec, !request_.command.empty());
    bpf_program__set_autoload(programs.on_signal, request_.user);
    auto* constants = skeleton_->rodata;
    constants->only_tracked = tracked;
    constants->follow_children = request_.follow_children;
    constants->own_tgid = static_cast<uint32_t>(getpid());
    constants->wants_kernel = request_.kernel;
    uint64_t limit = request_.user ? std::min<uint64_t>(request_.stack_bytes, INQUEST_STACK_LARGE) : 0;
    constants->stack_limit = static_cast<uint32_t>(limit);
    constants->min_wait = request_.min_wait;
    constants->only_blocked = request_.only_blocked;
    constants->wants_time = request_.latency;
    constants->any_file = request_.any_file;
    if (int failure = inquest_sample__load(skeleton_.get()); failure != 0)
      return missing_right(-failure, "cannot load the sampler's program");
    return ring_.open(bpf_map__fd(skeleton_->maps.events));
  }

  std::optional<Error> attach() override {
    auto& programs = skeleton_->progs;
    for (bpf_program* program : {programs.on_fork, programs.on_exec, programs.on_signal, programs.on_switch}) {
      if (!bpf_program__autoload(program)) continue;
      bpf_link* link = bpf_program__attach(program);
      if (!link) return missing_right(errno, "cannot watch threads");
      links_.emplace_back(link);
    }
    if (request_.what == SampleRequest::What::kOnCpu) return attach_clocks();
    if (request_.what == SampleRequest::What::kFiles) {
      if (request_.reads) {
        if (auto problem = attach_calls(kReads)) return problem;
      }
      if (request_.writes) return attach_calls(kWrites);
    }
    return std::nullopt;
  }

  std::optional<Error> track(uint64_t pid) override { return track(pid, INQUEST_TRACKED); }
  std::optional<Error> track_program(uint64_t pid) override { return track(pid, INQUEST_TRACKED_LATER); }

  void start() override { skeleton_->data->paused = false; }
  void stop() override {
    if (skeleton_ && skeleton_->data) skeleton_->data->paused = true;
  }
  void detach() override {
    stop();
    links_.clear();
  }
  void poll(int milliseconds, const RecordHandler& handler) override { ring_.poll(milliseconds, handler); }
  uint64_t hits() const override { return skeleton_->bss->hits[0]; }
  uint64_t dropped() const override { return skeleton_->bss->dropped[0]; }

  bool is_away(uint64_t tid, uint64_t since) const override {
    auto key = static_cast<uint32_t>(tid);
    uint64_t left = 0;
    return bpf_map__lookup_elem(skeleton_->maps.begun, &key, sizeof key, &left, sizeof left, 0) == 0 && left == since;
  }

 private:
  std::optional<Error> track(uint64_t pid, inquest_tracked how) {
    auto key = static_cast<uint32_t>(pid);
    auto state = static_cast<uint8_t>(how);
    if (bpf_map__update_elem(skeleton_->maps.tracked, &key, sizeof key, &state, sizeof state, BPF_ANY) == 0)
      return std::nullopt;
    return missing_right(errno, "cannot name the process to the sampler's program");
  }

  std::optional<Error> attach_clocks() {
    perf_event_attr attributes = {};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_CPU_CLOCK;
    attributes.freq = 1;
    attributes.sample_freq = request_.frequency;
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    for (int cpu = 0; cpu < cpus; ++cpu) {
      long descriptor = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
      if (descriptor < 0 && errno == ENODEV) continue;  // a CPU that is off
      if (descriptor < 0 && errno == EINVAL) {
        return unusable(fmt::format("the kernel has no clock of {} Hz", request_.frequency),
                        "kernel.perf_event_max_sample_rate (sysctl) is the limit");
      }
      if (descriptor < 0) return missing_right(errno, "cannot set a clock on each CPU");
      bpf_link* link = bpf_program__attach_perf_event(skeleton_->progs.on_tick, static_cast<int>(descriptor));
      if (!link) {
        int error = errno;
        close(static_cast<int>(descriptor));
        return missing_right(error, "cannot set a clock on each CPU");
      }
      links_.emplace_back(link);
    }
    return std::nullopt;
  }

  std::optional<Error> attach_calls(std::span<const char* const> calls) {
    for (const char* call : calls) {
      if (request_.latency) {
        if (auto problem = attach_call(skeleton_->progs.on_call, std::string("sys_enter_") + call)) return problem;
      }
      if (auto problem = attach_call(skeleton_->progs.on_result, std::string("sys_exit_") + call)) return problem;
    }
    return std::nullopt;
  }
  std::optional<Error> attach_call(const bpf_program* program, const std::string& name) {
    bpf_link* link = bpf_program__attach_tracepoint(program, "syscalls", name.c_str());
    if (!link && errno == ENOENT) {
      return unusable(fmt::format("there is no tracepoint syscalls:{}", name),
                      "mount tracefs: mount -t tracefs tracefs /sys/kernel/tracing");
    }
    if (!link) return missing_right(errno, "cannot watch the system call of " + name);
    links_.emplace_back(link);
    return std::nullopt;
  }

  SampleRequest request_;
  std::unique_ptr<inquest_sample, DestroySkeleton> skeleton_;
  RecordRing ring_;
  std::vector<std::unique_ptr<bpf_link, DestroyLink>> links_;
};

}  // namespace

Result<std::unique_ptr<SampleProgram>> SampleProgram::load(const SampleRequest& request) {
  keep_libbpf_messages();
  auto program = std::make_unique<LoadedSampleProgram>(request);
  if (auto problem = program->open()) return *std::move(problem);
  return std::unique_ptr<SampleProgram>(std::move(program));
}

}  // namespace inquest::probes
