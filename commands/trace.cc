// `trace`: calls and signals of running processes, with arguments and whole stacks.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/crash_probes.h"
#include "commands/event_output.h"
#include "commands/event_stacks.h"
#include "commands/named_events.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/trace_counts.h"
#include "postmortem/model/probe_event.h"
#include "postmortem/model/trace_request.h"

namespace inquest::commands {
namespace {

constexpr size_t kMaxLine = 4096, kMaxProbes = 1000;  // of a file of probes: beyond it is something else

/// Events are taken, named and written one by one, while the traced processes run.
class TraceBody : public ReportBody {
 public:
  TraceBody(const Session& session, std::unique_ptr<ProbeEventSource> source, std::string file,
            std::optional<TraceCounts> counts)
      : stacks_(session), source_(std::move(source)), file_(std::move(file)), counts_(std::move(counts)) {}

  bool works_while_writing() const override { return true; }
  bool is_only_memory() const override { return false; }
  bool writes_lines() const override { return !counts_; }

  void write_text(Output& output) const override {
    if (counts_) return count(), counts_->write_text(output);
    for_each(output, [&](const ProbeEvent& event) {
      output.print("{} pid {} tid {} \"{}\" {}\n", clock_text(event.wall_time), event.pid, event.tid,
                   escape_text(event.comm), escape_text(event_title(event)));
      append_event_stack(output, stacks_.of(event));
    });
  }
  void write_json_lines(Output& output) const override {
    for_each(output, [&](const ProbeEvent& event) {
      JsonWriter json(output);
      json.begin_object();
      write_event_members(json, event, stacks_.of(event));
      json.end_object();
      output.append('\n');
    });
  }
  void write_json(JsonWriter& json) const override {
    if (counts_) count(), counts_->write_json(json);
  }

  void add_late_notes(Report& report) const override {
    add_source_notes(*source_, problem_, report);
    for (std::string& note : stacks_.notes()) report.warn(std::move(note)), report.incomplete = true;
    TraceStatistics statistics = source_->statistics();
    if (counts_) counts_->add_notes(report);
    if (!file_.empty()) {
      report.note(fmt::format("{} events in {}", statistics.recorded, file_));
    } else if (statistics.recorded == 0) {
      report.note("no event: the probes were set, but nothing hit them");
    }
  }

 private:
  void count() const {
    while (true) {
      auto event = source_->next();
      if (!event) problem_ = event.error();
      if (!event || !*event) return;
      stacks_.name_pointers(**event);
      counts_->add(**event, stacks_);
    }
  }

  template <class Write>
  void for_each(Output& output, Write write) const {
    while (output.ok()) {
      auto event = source_->next();
      if (!event) {
        problem_ = event.error();
        return;
      }
      if (!*event) return;
      if (!file_.empty()) continue;
      stacks_.name_pointers(**event);
      write(**event);
      output.flush();  // somebody may be watching
    }
  }

  mutable EventStacks stacks_;
  std::unique_ptr<ProbeEventSource> source_;
  std::string file_;  ///< event file that the tracer writes
  mutable std::optional<TraceCounts> counts_;
  mutable std::optional<Error> problem_;
};

class PlacesBody : public ReportBody {
 public:
  explicit PlacesBody(std::vector<ProbePlace> places) : places_(std::move(places)) {}
  void write_text(Output& output) const override {
    for (const ProbePlace& place : places_)
      output.print("{}{}{}\n", escape_text(place.probe), place.detail.empty() ? "" : "  ", escape_text(place.detail));
  }
  void write_json(JsonWriter& json) const override {
    json.begin_rows("rows");
    for (const ProbePlace& place : places_) {
      json.begin_object();
      json.field("probe", place.probe);
      json.field("detail", place.detail);
      json.end_object();
    }
    json.end_array();
  }

 private:
  std::vector<ProbePlace> places_;
};

class Trace : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    if (args.has("list") && !args.has("from-core")) return list(session, args);
    TraceRequest request;
    request.probes = args.words();
    if (auto file = args.value("file")) {
      auto lines = read_probes(*file);
      if (!lines) return std::move(lines).error();
      request.probes.insert(request.probes.end(), lines->begin(), lines->end());
    }
    request.command = args.program();
    request.pid = args.number("pid");
    request.limit = args.number("limit").value_or(0);
    request.stack_bytes = args.number("stack-size").value_or(request.stack_bytes);
    request.output = args.value("output").value_or("");
    request.follow_children = !args.has("no-children");
    request.rate = args.number("rate").value_or(0);
    request.stop = args.has("stop");
    request.leave_stopped = args.has("leave-stopped");
    request.gcore = args.value("gcore").value_or("");
    if (request.leave_stopped && !request.stop) return usage_error("trace: --leave-stopped is for --stop");
    if (request.stop && !request.gcore.empty())
      return usage_error("trace: --stop and --gcore exclude each other", "a process goes on once its core is written");
    auto asked = TraceCounts::asked_for(args);
    if (!asked) return std::move(asked).error();
    auto counts = std::move(*asked);
    if (counts && !counts->needs_stack()) request.stack_bytes = 0;
    if (request.probes.empty() && !args.has("from-core"))
      return usage_error("trace: missing PROBE", "for example: inquest trace 'libc.so.6:abort' -- ./program");
    if (request.pid && !request.command.empty()) return usage_error("trace: --pid and a program exclude each other");
    if (!request.pid && request.command.empty() && !args.has("all") && !args.has("list")) {
      return usage_error("trace: missing what to trace", "-p PID, -- PROGRAM ARGS..., or --all processes");
    }
    if (!request.output.empty() && (args.has("count") || args.has("hist")))
      return usage_error("trace: -o keeps every event, --count and --hist keep none", "use one of them");
    Report report;
    if (auto core = args.value("from-core")) {
      auto proposals = propose_probes(session, *core, request);
      if (!proposals) return std::move(proposals).error();
      for (const std::string& remark : proposals->remarks) report.note(remark);
      for (const std::string& note : proposals->notes) report.warn(note);
      report.incomplete = !proposals->notes.empty();
      if (args.has("list")) {
        report.body = make_proposals_body(std::move(*proposals));
        return report;
      }
      for (const ProposedProbe& one : proposals->probes) {
        request.probes.push_back(one.probe);
        report.note(fmt::format("traced: {} ({})", one.probe, one.reason));
      }
    }
    bool to_file = !request.output.empty(), has_stacks = request.stack_bytes > 0;
    auto names = std::make_shared<EventStacks>(session);
    if (to_file && has_stacks) request.before_writing = [names](ProbeEvent& event) { names->name_some_scripts(event); };
    auto source = session.start_trace(request);
    if (!source) return std::move(source).error();
    if (!to_file && has_stacks) *source = name_scripts_at_once(std::move(*source), std::move(names));
    report.body = std::make_unique<TraceBody>(session, std::move(*source), request.output, std::move(counts));
    return report;
  }

 private:
  /// One probe in a line; '#' begins a comment at the start of a line or behind a blank.
  static Result<std::vector<std::string>> read_probes(const std::string& path) {
    std::ifstream file(path);
    if (!file) return unusable("cannot read " + path, "give a file of probes, one in a line");
    std::vector<std::string> probes;
    for (std::string line; std::getline(file, line);) {
      if (line.size() > kMaxLine || probes.size() == kMaxProbes)
        return unusable(path + " is no file of probes", "one probe in a line, # begins a comment");
      for (size_t at = line.find('#'); at != std::string::npos; at = line.find('#', at + 1)) {
        if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') line.resize(at);
      }
      size_t end = line.find_last_not_of(" \t\r");
      if (end == std::string::npos) continue;
      probes.push_back(line.substr(0, end + 1));
    }
    return probes;
  }

  static Result<Report> list(const Session& session, const Args& args) {
    if (args.words().size() > 1) return usage_error("trace --list takes one FILE or FILE:PATTERN");
    std::string pattern, file = args.word(0);
    if (size_t colon = file.find(':'); colon != std::string::npos) {
      pattern = file.substr(colon + 1);
      file.resize(colon);
    }
    auto places = session.list_probes(file, pattern);
    if (!places) return std::move(places).error();
    Report report;
    report.body = std::make_unique<PlacesBody>(std::move(*places));
    return report;
  }
};

std::string description() {
  return "Sets probes in programs and libraries and prints each hit with the arguments and the whole stack, unwound as "
         "`bt` does for cores: no frame pointers are needed, inlined functions and tail calls are there. Processes go "
         "on running; nothing is written into them but the kernel's breakpoints, which are gone when tracing ends. The "
         "signal that ends a traced process is recorded too.\n\n"
         "PROBE is FILE:FUNCTION, where FILE is a path or a name like libtinfo.so.6, then maybe names for the "
         "arguments, a predicate that the kernel checks, and what to record:\n\n"
         "  'libtinfo.so.6:set_curterm(termp) if termp == NULL { args, stack }'\n"
         "  './server:handle_*'             functions whose name matches\n"
         "  './server:main+0x1f'            an instruction; './server:0x1234' too\n"
         "  'libc.so.6:write(int fd, char *text) if fd == 2 || fd == 1'\n"
         "  'libz.so.1:inflate%return if ret < 0'\n"
         "  'libstdc++.so.6:libstdcxx:throw'   a static probe (USDT), PROVIDER:NAME\n"
         "  'signal:SEGV,ABRT'              also those that a handler takes; `signal`: those that kill\n\n"
         "FILE:SOURCE.c:42 is a line, and functions that were inlined are traced wherever that was. @ncurses, @malloc, "
         "@cxx, "
         "@node and @signals are ready-made sets: `trace --list` shows what is in them.\n\n"
         "Arguments are those that debug information names, arg0 to arg5, or the names in parentheses, with C types "
         "where their width or sign matters; `*p` "
         "and `p[16]` compare the 8 bytes that an argument points to, `p->next->kind` a member that debug information "
         "tells. A "
         "static probe has the arguments that its author gave it; its semaphore is counted up while it is traced. A "
         "return probe breaks programs in which a C++ "
         "exception passes through the function; use it on C only.\n\n"
         "In braces, or behind the names of the arguments, stand members of structures and what pointers lead to, to "
         "be "
         "recorded: `{ args, stack, p->next->name }`. Text is followed, also where it is part of a structure.\n\n"
         "With --from-core the probes come from a core: who writes the global variable that its bad pointer was loaded "
         "from, and who is on its crash stack.\n\n"
         "Stacks of Node.js have JavaScript frames, as `v8 bt` names them; it needs no flag. They are read from the "
         "process "
         "while it goes on, a moment after the event: what has gone by then is marked, and counted in a note.\n\n"
         "With --json each event is one line: time, boot_ns, probe, kind (call, return, signal), function, pid, tid, "
         "comm, "
         "args [{name, value, type}], returned, signal, signal_code, fatal, fault_address, at_random, frames [] as in "
         "`bt`, complete. With --from-core and --list: core, cause, detail, rows [{probe, kind (writer, stack, "
         "signal), "
         "reason}], left_out [...].";
}

}  // namespace

std::unique_ptr<const Command> make_trace() {
  using Kind = OptionSpec::Kind;
  CommandSpec spec{
      .name = {"trace"},
      .summary = "calls and signals of running processes, with whole stacks",
      .description = description(),
      .positionals = {{.name = "PROBE", .help = "what to trace, see above", .required = false, .repeats = true}},
      .examples = {{"trace 'libtinfo.so.6:set_curterm(termp) if termp == NULL' -- ./program", "who sets it to NULL"},
                   {"trace -p 4711 -o run.events 'libc.so.6:abort' signal", "keep the events for the core to come"},
                   {"trace --hist size 'libc.so.6:malloc(size_t size)' -- ./program",
                    "how much is asked for at a time"},
                   {"trace --count stack 'libc.so.6:write' -p 4711", "input for a flame graph, ended by Control-C"},
                   {"trace --count stack --svg writes.svg 'libc.so.6:write' -- ./program", "the flame graph itself"},
                   {"trace -p 4711 --gcore /tmp/app --rate 10 'libc.so.6:abort'", "a core from before the abort"},
                   {"trace --from-core core.4711 -- ./program", "run it again and see who wrote the bad pointer"},
                   {"trace --from-core core.4711 --list > probes", "the same probes as a file, with a reason for each"},
                   {"trace --file probes --all", "set them elsewhere"},
                   {"trace --list 'libtinfo.so.6:*term'", "which functions can be traced"}},
      .needs_core = false,
      .program = "PROGRAM",
  };
  spec.options = {
      {.short_name = 'p',
       .long_name = "pid",
       .kind = Kind::kNumber,
       .value_name = "PID",
       .excludes = "whom",
       .help = "trace this process and those that it makes from now on, until it ends"},
      {.short_name = 'a',
       .long_name = "all",
       .excludes = "whom",
       .help = "trace all processes, those that begin later too"},
      {.short_name = 'o',
       .long_name = "output",
       .kind = Kind::kFile,
       .value_name = "FILE",
       .help = "write an event file, for `events`, and print nothing"},
      {.short_name = 'n',
       .long_name = "limit",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "end after N events, 0 for never"},
      {.long_name = "rate",
       .kind = Kind::kNumber,
       .value_name = "N",
       .default_value = "0",
       .help = "record at most N events of each probe in a second, 0 for all; what is left out is counted"},
      {.long_name = "no-children",
       .help = "with -p: not the processes that it makes; then no other process is slowed by the probes"},
      {.long_name = "stop",
       .help = "stop a process when it hits a probe (SIGSTOP), for a debugger; it goes on when tracing ends"},
      {.long_name = "leave-stopped", .help = "with --stop: it does not go on; kill -CONT PID makes it"},
      {.long_name = "gcore",
       .kind = Kind::kFile,
       .value_name = "FILE",
       .help = "write a core of each process at its first hit to FILE.PID, by gdb's gcore; it goes on then"},
      {.long_name = "stack-size",
       .kind = Kind::kNumber,
       .value_name = "BYTES",
       .default_value = "65536",
       .help = "how much of each stack is copied, at most 65536"},
      {.short_name = 'f',
       .long_name = "file",
       .kind = Kind::kFile,
       .value_name = "FILE",
       .help = "take probes from FILE too, one in a line; # begins a comment"},
      {.long_name = "from-core",
       .kind = Kind::kFile,
       .value_name = "CORE",
       .help = "propose probes from a core and set them: the functions of its crash stack, those that write the global "
               "variable that the bad pointer came from, and the fatal signal; with --list they are printed only, as a "
               "file for --file"},
      {.short_name = 'l',
       .long_name = "list",
       .help = "list the functions and static probes of a FILE, or of FILE:PATTERN, that can be traced; without one, "
               "the ready-made sets of "
               "probes"},
  };
  for (OptionSpec& option : TraceCounts::options()) spec.options.push_back(std::move(option));
  return std::make_unique<Trace>(std::move(spec));
}

}  // namespace inquest::commands
