#include "ncurses_probes/attach/bpf_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "ncurses_probes/attach/bpf_support.h"
#include "ncurses_probes/trace.skel.h"

namespace inquest::probes {
namespace {

constexpr uint32_t kUprobeMulti = 48;       // BPF_TRACE_UPROBE_MULTI, Linux 6.6
constexpr uint32_t kUprobeMultiReturn = 1;  // BPF_F_UPROBE_MULTI_RETURN
// Detaching one uprobe that is a perf event of its own takes a tenth of a second.
constexpr size_t kMaxSingle = 100;

/// What bpf(BPF_LINK_CREATE) takes for BPF_TRACE_UPROBE_MULTI (include/uapi/linux/bpf.h of Linux 6.6, union bpf_attr).
struct MultiLink {
  uint32_t prog_fd, target_fd, attach_type, flags;
  uint64_t path, offsets, ref_ctr_offsets, cookies;
  uint32_t count, multi_flags, pid, pad;
};

/// Before 6.12 the filter by process lets only its first thread through (commit 46ba0e49b642).
bool filters_whole_processes() {
  utsname names;
  int major = 0, minor = 0;
  if (uname(&names) != 0 || std::sscanf(names.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 12);
}

uint8_t operation_code(Comparison::Operation operation) {
  using Operation = Comparison::Operation;
  switch (operation) {
    case Operation::kEqual: return INQUEST_EQUAL;
    case Operation::kNotEqual: return INQUEST_NOT_EQUAL;
    case Operation::kLess: return INQUEST_LESS;
    case Operation::kLessEqual: return INQUEST_LESS_EQUAL;
    case Operation::kGreater: return INQUEST_GREATER;
    case Operation::kGreaterEqual: return INQUEST_GREATER_EQUAL;
    case Operation::kBits: return INQUEST_BITS;
  }
  return INQUEST_EQUAL;
}

void fill(inquest_probe& to, const ProbeSpec& from, uint32_t stack_bytes) {
  to = {};
  to.is_return = from.is_return;
  to.is_static = from.kind == ProbeSpec::Kind::kStatic;
  to.stack_limit = from.wants_stack ? std::min<uint32_t>(stack_bytes, INQUEST_STACK_LARGE) : 0;
  for (const Comparison& comparison : from.predicate) {
    if (to.term_count == INQUEST_MAX_TERMS) break;
    inquest_term& term = to.terms[to.term_count++];
    term.value = comparison.value;
    term.argument = static_cast<uint8_t>(comparison.argument);
    term.operation = operation_code(comparison.operation);
    term.size = 8;
    term.begins_group = comparison.begins_group;
    for (int32_t offset : comparison.offsets) {
      if (term.loads < INQUEST_MAX_LOADS) term.offsets[term.loads++] = offset;
    }
    auto parameter = std::ranges::find(from.parameters, comparison.argument, &Parameter::place);
    if (!comparison.fields.empty()) {
      term.size = comparison.field_type.size;
      term.is_signed = comparison.field_type.kind == ParameterType::Kind::kSigned;
    }
    bool is_typed = comparison.offsets.empty() && parameter != from.parameters.end();
    if (comparison.argument == ProbeSpec::kReturned && comparison.offsets.empty()) {
      // Most functions return an int; a pointer or size compares the same as long as it is not compared with less.
      term.is_signed = true;
      bool is_int = comparison.operation != Comparison::Operation::kBits;
      term.size = is_int && static_cast<int64_t>(comparison.value) < 0 ? 4 : 8;
    }
    if (!is_typed) continue;
    const ParameterType& type = parameter->type;
    term.size = type.size;
    term.is_signed = type.kind == ParameterType::Kind::kSigned;
  }
  for (const Capture& capture : from.captures) {
    if (to.member_count == INQUEST_MAX_MEMBERS) break;
    inquest_member& member = to.members[to.member_count++];
    member.argument = static_cast<uint8_t>(capture.place.argument);
    member.add = capture.add;
    member.size = capture.place.field_type.size;
    member.is_text = capture.place.field_type.kind == ParameterType::Kind::kText;
    for (int32_t offset : capture.place.offsets) {
      if (member.loads < INQUEST_MEMBER_LOADS) member.offsets[member.loads++] = offset;
    }
  }
  if (!from.wants_arguments) return;
  for (size_t i = 0; i < from.parameters.size() && to.string_count < INQUEST_MAX_STRINGS; ++i) {
    if (from.parameters[i].type.kind == ParameterType::Kind::kText)
      to.strings[to.string_count++] = from.parameters[i].place;
  }
}

/// Whether any probe needs more than registers and the stack.
template <class Constants>
bool follows_pointers(const Constants& constants, size_t count) {
  return std::any_of(constants.probes, constants.probes + count, [](const auto& probe) {
    return probe.string_count > 0 || probe.is_static != 0 || probe.member_count > 0 ||
           std::any_of(probe.terms, probe.terms + probe.term_count, [](const auto& term) { return term.loads > 0; });
  });
}

struct DestroySkeleton {
  void operator()(inquest_trace* skeleton) const { inquest_trace__destroy(skeleton); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

class LoadedProgram : public BpfProgram {
 public:
  ~LoadedProgram() override { detach(); }

  std::optional<Error> open(const ProgramOptions& options, bool with_multi, bool with_signals) {
    with_multi_ = with_multi;
    with_signals_ = with_signals;
    skeleton_.reset(inquest_trace__open());
    if (!skeleton_) return missing_right(errno, "cannot prepare the tracer's program");
    auto& programs = skeleton_->progs;
    bool returns = std::ranges::any_of(options.probes, &ProbeSpec::is_return);
    bpf_program__set_autoload(programs.on_entry, !with_multi);
    bpf_program__set_autoload(programs.on_return, !with_multi && returns);
    bpf_program__set_autoload(programs.on_entry_multi, with_multi);
    bpf_program__set_autoload(programs.on_return_multi, with_multi && returns);
    bpf_program__set_autoload(programs.on_signal, with_signals);
    bpf_program__set_autoload(programs.on_fork, with_signals && options.follow_children && options.only_tracked);
    bpf_program__set_autoload(programs.on_exit, with_signals && options.follow_children && options.only_tracked);
    for (bpf_program* program : {programs.on_entry_multi, programs.on_return_multi})
      bpf_program__set_expected_attach_type(program, static_cast<bpf_attach_type>(kUprobeMulti));
    auto* constants = skeleton_->rodata;
    for (size_t i = 0; i < options.probes.size(); ++i) {
      // The skeleton repeats the types under names of its own.
      inquest_probe probe;
      fill(probe, options.probes[i], options.stack_bytes);
      static_assert(sizeof probe == sizeof constants->probes[0]);
      std::memcpy(&constants->probes[i], &probe, sizeof probe);
      for (int signal : options.probes[i].signals) constants->wanted_signals |= uint64_t{1} << (signal & 63);
    }
    constants->only_tracked = options.only_tracked;
    constants->follow_children = options.follow_children;
    constants->own_tgid = static_cast<uint32_t>(getpid());
    constants->rate = options.rate;
    constants->stops = options.stops;
    constants->stops_once = options.stops_once;
    constants->has_static = std::ranges::count(options.probes, ProbeSpec::Kind::kStatic, &ProbeSpec::kind) > 0;
    constants->has_strings = std::any_of(constants->probes, constants->probes + options.probes.size(),
                                         [](const auto& probe) { return probe.string_count > 0; });
    constants->has_members =
        std::ranges::any_of(options.probes, [](const ProbeSpec& probe) { return !probe.captures.empty(); });
    constants->only_one = options.probes.size() == 1;
    constants->may_sleep = follows_pointers(*constants, options.probes.size());
    if (!constants->may_sleep) {
      // Entering a program that may sleep costs as much as its work where that ends at the predicate.
      for (bpf_program* program :
           {programs.on_entry, programs.on_return, programs.on_entry_multi, programs.on_return_multi})
        bpf_program__set_flags(program, bpf_program__flags(program) & ~uint32_t{BPF_F_SLEEPABLE});
    }
    if (int failure = inquest_trace__load(skeleton_.get()); failure != 0)
      return missing_right(-failure, "cannot load the tracer's program");
    for (bpf_program* program : {programs.on_signal, programs.on_fork, programs.on_exit}) {
      if (!bpf_program__autoload(program)) continue;
      bpf_link* link = bpf_program__attach(program);
      if (!link) return missing_right(errno, "cannot watch for signals");
      kernel_links_.emplace_back(link);
    }
    return ring_.open(bpf_map__fd(skeleton_->maps.events));
  }

  std::optional<Error> attach(std::span<const Place> places, uint64_t pid) override {
    // A place that is traced at its return is traced at its entry too, for the arguments.
    std::map<std::pair<std::string, bool>, Spots> groups;
    for (size_t i = 0; i < places.size(); ++i) {
      Spot spot{places[i].offset, places[i].probe | i << 32, places[i].semaphore};
      groups[{places[i].file, false}].push_back(spot);
      if (places[i].is_return) groups[{places[i].file, true}].push_back(spot);
      if (auto problem = tell_operands(static_cast<uint32_t>(i), places[i])) return problem;
    }
    if (!with_multi_ && places.size() > kMaxSingle) {
      return unusable(fmt::format("{} places are too many for this kernel", places.size()),
                      "more than 100 need Linux 6.6; use a narrower pattern");
    }
    for (const auto& [key, spots] : groups) {
      auto problem =
          with_multi_ ? attach_many(key.first, key.second, spots, pid) : attach_each(key.first, key.second, spots, pid);
      if (problem) return problem;
    }
    return std::nullopt;
  }

  std::optional<Error> track(uint64_t pid) override {
    auto key = static_cast<uint32_t>(pid);
    uint8_t one = 1;
    if (bpf_map__update_elem(skeleton_->maps.tracked, &key, sizeof key, &one, sizeof one, BPF_ANY) == 0)
      return std::nullopt;
    return missing_right(errno, "cannot name the process to the tracer's program");
  }

  void start() override { skeleton_->data->paused = false; }

  void stop() override {
    if (skeleton_ && skeleton_->data) skeleton_->data->paused = true;
  }

  void detach() override {
    stop();
    for (int link : links_) close(link);
    links_.clear();
    single_links_.clear();
    kernel_links_.clear();
  }

  void poll(int milliseconds, const RecordHandler& handler) override { ring_.poll(milliseconds, handler); }

  uint64_t hits() const override { return sum(skeleton_->bss->hits); }
  uint64_t dropped() const override { return sum(skeleton_->bss->dropped); }
  uint64_t limited() const override { return sum(skeleton_->bss->limited); }
  int stopped_map() const override { return bpf_map__fd(skeleton_->maps.stopped); }
  bool sees_signals() const override { return with_signals_; }

 private:
  struct Spot {
    uint64_t offset;  // in the file
    uint64_t cookie;
    uint64_t semaphore;  // in the file; 0: none
  };
  using Spots = std::vector<Spot>;

  std::optional<Error> tell_operands(uint32_t place, const Place& of) {
    if (of.operands.empty()) return std::nullopt;
    inquest_operands list = {};
    std::copy_n(of.operands.begin(), std::min<size_t>(of.operands.size(), INQUEST_MAX_OPERANDS), list.operands);
    if (bpf_map__update_elem(skeleton_->maps.operands, &place, sizeof place, &list, sizeof list, BPF_ANY) == 0)
      return std::nullopt;
    return missing_right(errno, "cannot tell the arguments of a static probe");
  }

  template <size_t kCount>
  static uint64_t sum(const __u64 (&counts)[kCount]) {
    uint64_t total = 0;
    for (__u64 count : counts) total += count;
    return total;
  }

  std::optional<Error> attach_many(const std::string& file, bool is_return, const Spots& spots, uint64_t pid) {
    std::vector<uint64_t> offsets, cookies, semaphores;
    bool has_semaphores = false;
    for (const Spot& spot : spots) {
      offsets.push_back(spot.offset), cookies.push_back(spot.cookie), semaphores.push_back(spot.semaphore);
      has_semaphores |= spot.semaphore != 0;
    }
    auto& programs = skeleton_->progs;
    MultiLink link = {};
    link.prog_fd =
        static_cast<uint32_t>(bpf_program__fd(is_return ? programs.on_return_multi : programs.on_entry_multi));
    link.attach_type = kUprobeMulti;
    link.path = reinterpret_cast<uint64_t>(file.c_str());
    link.offsets = reinterpret_cast<uint64_t>(offsets.data());
    link.cookies = reinterpret_cast<uint64_t>(cookies.data());
    if (has_semaphores) link.ref_ctr_offsets = reinterpret_cast<uint64_t>(semaphores.data());
    link.count = static_cast<uint32_t>(spots.size());
    link.multi_flags = is_return ? kUprobeMultiReturn : 0;
    link.pid = filters_whole_processes() ? static_cast<uint32_t>(pid) : 0;
    long descriptor = syscall(__NR_bpf, BPF_LINK_CREATE, &link, sizeof link);
    if (descriptor < 0) return attach_error(errno, file, pid);
    links_.push_back(static_cast<int>(descriptor));
    return std::nullopt;
  }

  std::optional<Error> attach_each(const std::string& file, bool is_return, const Spots& spots, uint64_t pid) {
    auto& programs = skeleton_->progs;
    for (const auto& [offset, cookie, semaphore] : spots) {
      LIBBPF_OPTS(bpf_uprobe_opts, options, .ref_ctr_offset = semaphore, .bpf_cookie = cookie, .retprobe = is_return);
      bpf_link* link =
          bpf_program__attach_uprobe_opts(is_return ? programs.on_return : programs.on_entry,
                                          pid == 0 ? -1 : static_cast<pid_t>(pid), file.c_str(), offset, &options);
      if (!link) return attach_error(errno, file, pid);
      single_links_.emplace_back(link);
    }
    return std::nullopt;
  }

  static Error attach_error(int error, const std::string& file, uint64_t pid) {
    if (error == ESRCH || (pid != 0 && kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH))
      return unusable(fmt::format("there is no process {}", pid), "it has ended");
    return missing_right(error, "cannot set a probe in " + file);
  }

  bool with_multi_ = false, with_signals_ = false;
  std::unique_ptr<inquest_trace, DestroySkeleton> skeleton_;
  RecordRing ring_;
  std::vector<int> links_;
  std::vector<std::unique_ptr<bpf_link, DestroyLink>> single_links_, kernel_links_;
};

/// Older kernels have neither uprobe_multi nor (without BTF tracepoints) signals; each ability is left out in turn.
struct Abilities {
  bool multi, signals;
};
constexpr Abilities kAbilities[] = {{true, true}, {false, true}, {true, false}, {false, false}};

}  // namespace

Result<std::unique_ptr<BpfProgram>> BpfProgram::load(const ProgramOptions& options) {
  keep_libbpf_messages();
  if (options.probes.size() > INQUEST_MAX_PROBES) {
    return unusable(fmt::format("{} probes are too many", options.probes.size()),
                    fmt::format("at most {}; a pattern counts as one", INQUEST_MAX_PROBES));
  }
  bool needs_signals = std::ranges::any_of(
      options.probes, [](const ProbeSpec& probe) { return probe.kind == ProbeSpec::Kind::kSignal; });
  // Children are found by tracepoints of the same kind.
  needs_signals |= options.only_tracked && options.follow_children;
  std::optional<Error> first;
  for (const Abilities& abilities : kAbilities) {
    if (needs_signals && !abilities.signals) continue;
    auto program = std::make_unique<LoadedProgram>();
    auto problem = program->open(options, abilities.multi, abilities.signals);
    if (!problem) return std::unique_ptr<BpfProgram>(std::move(program));
    if (!first) first = std::move(problem);
    if (geteuid() != 0 && access("/sys/kernel/btf/vmlinux", R_OK) == 0) break;  // it is rights that are missing
  }
  return *std::move(first);
}

}  // namespace inquest::probes
