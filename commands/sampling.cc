#include "commands/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "commands/event_output.h"
#include "commands/event_stacks.h"
#include "commands/flame_graph.h"
#include "commands/stack_profile.h"
#include "commands/text_escape.h"
#include "commands/time_distribution.h"
#include "postmortem/model/probe_event.h"

namespace inquest::commands {
namespace {

using What = SampleRequest::What;

enum class Form : uint8_t { kBt, kFolded, kNothing };

/// Common to both answers: events are taken while the report is written.
class SamplingBody : public ReportBody {
 public:
  SamplingBody(std::unique_ptr<ProbeEventSource> source, SampleUnit unit)
      : source_(std::move(source)), unit_(std::move(unit)) {}

  bool works_while_writing() const override { return true; }
  bool is_only_memory() const override { return false; }

  void add_late_notes(Report& report) const override { add_source_notes(*source_, problem_, report); }

 protected:
  template <class Take>
  void for_each(Take take) const {
    while (true) {
      auto event = source_->next();
      if (!event) problem_ = event.error();
      if (!event || !*event) return;
      take(**event);
    }
  }

  std::unique_ptr<ProbeEventSource> source_;
  SampleUnit unit_;
  mutable std::optional<Error> problem_;
};

class ProfileBody : public SamplingBody {
 public:
  struct Wanted {
    Form form = Form::kBt;
    size_t limit = 0;
    std::string svg;  ///< file; empty: none
    std::string title;
  };
  ProfileBody(const Session& session, std::unique_ptr<ProbeEventSource> source, SampleUnit unit, Wanted wanted)
      : SamplingBody(std::move(source), std::move(unit)), stacks_(session), wanted_(std::move(wanted)) {}

  void write_text(Output& output) const override {
    collect();
    if (wanted_.form == Form::kBt) profile_.write_bt(output, shape());
    if (wanted_.form == Form::kFolded) profile_.write_folded(output, shape());
  }
  void write_json(JsonWriter& json) const override {
    collect();
    json.field("unit", unit_.name);
    profile_.write_json(json, shape());
  }

  void add_late_notes(Report& report) const override {
    SamplingBody::add_late_notes(report);
    for (std::string& note : stacks_.notes()) report.warn(std::move(note)), report.incomplete = true;
    if (profile_.beyond() > 0) {
      report.warn(fmt::format("{} samples have further stacks than can be kept, and are left out", profile_.beyond()));
      report.incomplete = true;
    }
    if (wanted_.form != Form::kNothing && wanted_.limit != 0 && profile_.stacks() > wanted_.limit)
      report.note(fmt::format("{} of {} stacks are shown: see --limit", wanted_.limit, profile_.stacks()));
    if (!wanted_.svg.empty()) write_graph(profile_.graph(), wanted_.svg, labels(), report);
  }

 private:
  StackProfile::Shape shape() const { return {.limit = wanted_.limit, .divisor = unit_.divisor}; }

  void collect() const {
    for_each([this](const ProbeEvent& event) { profile_.add(event, stacks_.of(event, WithArguments::kNo), *source_); });
  }
  FlameGraph::Labels labels() const { return {.title = wanted_.title, .unit = unit_.name, .divisor = unit_.divisor}; }

  mutable EventStacks stacks_;
  mutable StackProfile profile_;
  Wanted wanted_;
};

/// In the words of sample-bt-off-cpu --distr.
class DistributionBody : public SamplingBody {
 public:
  DistributionBody(std::unique_ptr<ProbeEventSource> source, SampleUnit unit, bool ends_by_time)
      : SamplingBody(std::move(source), std::move(unit)), ends_by_time_(ends_by_time) {}

  void write_text(Output& output) const override {
    collect();
    if (ends_by_time_) output.append("Exiting...Please wait...\n");
    if (times_.count() == 0) return output.append("\nNo samples found yet.\n");
    output.append("=== Off-CPU time distribution (in us) ===\n");
    times_.write_text(output);
  }
  void write_json(JsonWriter& json) const override {
    collect();
    json.field("unit", unit_.name);
    times_.write_json(json);
  }

 private:
  void collect() const {
    for_each([this](const ProbeEvent& event) { times_.add(event.weight / unit_.divisor); });
  }

  mutable TimeDistribution times_;
  bool ends_by_time_;
};

/// For -d: what the tools that this one replaces showed as a script.
class PlanBody : public ReportBody {
 public:
  PlanBody(SampleRequest request, bool times_only) : request_(std::move(request)), times_only_(times_only) {}

  void write_text(Output& output) const override {
    for (const std::string& line : lines()) output.print("{}\n", escape_text(line));
  }
  void write_json(JsonWriter& json) const override {
    json.begin_array("plan");
    for (const std::string& line : lines()) json.element(line);
    json.end_array();
  }

 private:
  std::vector<std::string> lines() const {
    std::vector<std::string> lines = {attached()};
    if (times_only_) {
      lines.push_back("takes: times only");
    } else {
      if (request_.user)
        lines.push_back(fmt::format("takes: user registers and {} bytes of user stack at most", request_.stack_bytes));
      if (request_.kernel) lines.push_back("takes: the kernel's stack (bpf_get_stack)");
    }
    lines.push_back("of: " + whom());
    lines.push_back(request_.seconds > 0 ? fmt::format("ends: after {} s, or with the process", request_.seconds)
                                         : "ends: with the process, or by Control-C");
    return lines;
  }
  std::string attached() const {
    switch (request_.what) {
      case What::kOnCpu:
        return fmt::format("attaches: a BPF program to a perf event on each CPU, software cpu-clock of {} Hz",
                           request_.frequency);
      case What::kOffCpu:
        return fmt::format("attaches: a BPF program to tp_btf/sched_switch; waits of {} us and more{}",
                           request_.min_wait / 1000,
                           request_.only_blocked ? ", only where the thread could not run" : "");
      case What::kFiles: break;
    }
    std::string calls = request_.reads ? "read, pread64, readv, preadv, preadv2" : "";
    if (request_.writes) calls += std::string(calls.empty() ? "" : ", ") + "write, pwrite64, writev, pwritev, pwritev2";
    return fmt::format("attaches: a BPF program to the tracepoints syscalls:{}sys_exit_* of {}; {}",
                       request_.latency ? "sys_enter_* and " : "", calls,
                       request_.any_file ? "any file" : "regular files and block devices");
  }
  std::string whom() const {
    const char* children = request_.follow_children ? " and the processes that it makes" : "";
    if (request_.pid) return fmt::format("process {}{}", *request_.pid, children);
    if (!request_.command.empty()) return fmt::format("{}{}", request_.command[0], children);
    return "all processes";
  }

  SampleRequest request_;
  bool times_only_;
};

Report plan(SampleRequest request, bool times_only) {
  Report report;
  report.body = std::make_unique<PlanBody>(std::move(request), times_only);
  return report;
}

std::string title_of(const std::string& command, const SampleRequest& request) {
  if (request.pid) return fmt::format("{} of process {}", command, *request.pid);
  if (!request.command.empty()) return fmt::format("{} of {}", command, request.command[0]);
  return command + " of all processes";
}

/// Words for SystemTap are understood and do nothing.
void remark_on_ignored(const Args& args, Report& report) {
  if (args.has("stap-args")) report.note("-a is for SystemTap, which is not used: nothing follows from it");
}

}  // namespace

CommandSpec sampling_spec(std::string name, std::string summary, std::string description, std::vector<OptionSpec> own) {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {std::move(name)},
      .summary = std::move(summary),
      .description =
          std::move(description) +
          "\n\nThe stacks are printed as the tool of the same name in openresty-systemtap-toolkit does, "
          "for the scripts that read them: a line ` 0xADDRESS : FUNCTION+0xOFFSET/0xSIZE [MODULE]` for each "
          "frame, innermost first, then a tab and the weight. `resolve-inlines` and `resolve-src-lines` read "
          "it. They are unwound by call frame information, as `bt` does, so that no frame pointers are "
          "needed; --folded, --svg and --json have inlined functions too.\n\n"
          "With --json: unit, rows [{weight, count, thread, frames [] as in `bt`}], the largest first, total "
          "{stacks, count, weight}.",
      .needs_core = false,
      .is_program = true,
      .program = "PROGRAM"};
  spec.options = {{.short_name = 'p',
                   .long_name = "pid",
                   .kind = Kind::kNumber,
                   .value_name = "PID",
                   .excludes = "whom",
                   .help = "sample this process, until it ends"},
                  {.long_name = "all", .excludes = "whom", .help = "sample all processes"},
                  {.long_name = "children", .help = "with -p: the processes that it makes from now on, too"},
                  {.short_name = 't',
                   .long_name = "time",
                   .kind = Kind::kNumber,
                   .value_name = "SECONDS",
                   .help = "end after this time"}};
  for (OptionSpec& option : own) spec.options.push_back(std::move(option));
  std::vector<OptionSpec> rest = {
      {.short_name = 'l',
       .long_name = "limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "1024",
       .help = "print the N stacks with the largest weight only, 0 for all"},
      {.long_name = "folded",
       .excludes = "form",
       .help = "one line for each stack, `thread;outermost;...;innermost WEIGHT`, as flame graph programs read it"},
      svg_option("write a flame graph of all stacks and print none", "form"),
      {.long_name = "stack-size",
       .kind = Kind::kNumber,
       .value_name = "BYTES",
       .default_value = "65536",
       .help = "how much of each user stack is copied, at most 65536"},
      {.short_name = 'd', .long_name = "dry-run", .help = "say what would be attached, and do nothing"},
      {.short_name = 'a',
       .long_name = "stap-args",
       .kind = Kind::kText,
       .value_name = "ARGS",
       .help = "understood for old scripts, without effect"}};
  for (OptionSpec& option : rest) spec.options.push_back(std::move(option));
  return spec;
}

Result<SampleRequest> common_request(const CommandSpec& spec, const Args& args) {
  const std::string& name = spec.name[0];
  SampleRequest request;
  request.pid = args.number("pid");
  request.command = args.program();
  request.seconds = args.number("time").value_or(0);
  request.stack_bytes = args.number("stack-size").value_or(request.stack_bytes);
  request.follow_children = args.has("children") || !request.command.empty();
  if (request.pid && !request.command.empty()) return usage_error(name + ": --pid and a program exclude each other");
  if (!request.pid && request.command.empty() && !args.has("all"))
    return usage_error("No process pid specified by the -p option", "-p PID, -- PROGRAM ARGS..., or --all processes");
  if (args.has("time") && request.seconds == 0) return usage_error(name + ": -t takes a number of seconds above 0");
  return request;
}

Result<Report> run_sampling(Session& session, const CommandSpec& spec, const Args& args, SampleRequest request,
                            const SampleUnit& unit) {
  if (args.has("dry-run")) return plan(std::move(request), false);
  request.tell = session.hooks().tell;
  ProfileBody::Wanted wanted{.form = args.has("folded") ? Form::kFolded
                                     : args.has("svg")  ? Form::kNothing
                                                        : Form::kBt,
                             .limit = args.number("limit").value_or(0),
                             .svg = args.value("svg").value_or(""),
                             .title = title_of(spec.name[0], request)};
  auto source = session.start_sampling(request);
  if (!source) return std::move(source).error();
  Report report;
  remark_on_ignored(args, report);
  report.body = std::make_unique<ProfileBody>(session, std::move(*source), unit, std::move(wanted));
  return report;
}

Result<Report> run_distribution(Session& session, const CommandSpec& spec, const Args& args, SampleRequest request) {
  if (args.has("svg") || args.has("folded"))
    return usage_error(fmt::format("{}: --distr has times only, no stacks", spec.name[0]));
  request.only_times = true;
  request.user = request.kernel = false;
  if (args.has("dry-run")) return plan(std::move(request), true);
  request.tell = session.hooks().tell;
  bool ends_by_time = request.seconds > 0;
  auto source = session.start_sampling(request);
  if (!source) return std::move(source).error();
  Report report;
  remark_on_ignored(args, report);
  report.body =
      std::make_unique<DistributionBody>(std::move(*source), SampleUnit{.name = "us", .divisor = 1000}, ends_by_time);
  return report;
}

}  // namespace inquest::commands
