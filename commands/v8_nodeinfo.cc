// `v8 nodeinfo`: what a Node.js process was; --report: as a diagnostic report.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/histogram.h"
#include "commands/node_facts.h"
#include "commands/node_report.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "v8/inspect/numbers.h"

namespace inquest::commands {
namespace {

constexpr size_t kModulesShown = 50;
constexpr size_t kPathShown = 1000;    ///< characters; of files they are fewer
constexpr size_t kHandlesShown = 200;  ///< of one loop
constexpr size_t kWorkersShown = 20;

std::string_view name_of(const std::string& variable) {
  return std::string_view(variable).substr(0, std::min(variable.find('='), variable.size()));
}

std::string date_of(double seconds) { return v8::iso_date(std::floor(seconds * 1000)); }

class NodeInfoBody : public ReportBody {
 public:
  NodeInfoBody(NodeFacts facts, bool values) : facts_(std::move(facts)), values_(values) {}

  void write_text(Output& output) const override {
    // The first lines are llnode's, for scripts that look for them.
    output.print("Information for process id {} (process={:#x})\n", facts_.pid, facts_.process.value());
    output.print("Platform = {}, Architecture = {}, Node Version = {}\n", escape_text(facts_.platform),
                 escape_text(facts_.architecture), escape_text(facts_.version));
    table(output, "Component versions (process.versions", facts_.versions);
    table(output, "Release Info (process.release", facts_.release);
    output.print("Executable Path = {}\n", escape_text(facts_.executable));
    list(output, "Command line arguments (process.argv", facts_.arguments);
    list(output, "Node.js Command line arguments (process.execArgv", facts_.node_arguments);
    output.print("Title = {}\n", escape_text(facts_.title));
    output.print("Current Directory = {}\n", escape_text(facts_.directory));
    const v8::NodeState& state = facts_.state;
    if (state.start_time) output.print("Started = {}\n", date_of(*state.start_time));
    if (state.uptime) output.print("Uptime = {:.3f} s (until the last turn of the event loop)\n", *state.uptime);
    for (size_t i = 0; i < state.limits.size(); ++i) {
      if (!state.limits[i]) continue;
      output.print("Heap Limit = {} bytes (old generation {}, semi-space {}){}\n", state.limits[i]->total(),
                   state.limits[i]->old_generation, state.limits[i]->semi_space,
                   state.limits.size() > 1 ? fmt::format(" [isolate {}]", i) : "");
    }
    workers(output);
    environment(output);
    modules(output);
    event_loop(output);
  }

  void write_json(JsonWriter& json) const override {
    const v8::NodeState& state = facts_.state;
    json.field("process", facts_.process);
    json.field("pid", facts_.pid);
    json.field("platform", facts_.platform);
    json.field("arch", facts_.architecture);
    json.field("version", facts_.version);
    table(json, "versions", facts_.versions);
    table(json, "release", facts_.release);
    json.field_if_known("exec_path", facts_.executable);
    list(json, "argv", facts_.arguments);
    list(json, "exec_argv", facts_.node_arguments);
    json.field_if_known("argv0", facts_.argv0);
    json.field_if_known("title", facts_.title);
    json.field_if_known("cwd", facts_.directory);
    if (state.start_time) json.field("start_time", date_of(*state.start_time));
    if (state.uptime) json.raw_field("uptime_s", fmt::format("{:.3f}", *state.uptime));
    json.field("workers", facts_.workers.size());
    workers(json);
    json.begin_rows("heap_limits");
    for (size_t i = 0; i < state.limits.size(); ++i) {
      if (!state.limits[i]) continue;
      json.begin_object();
      json.field("isolate", i);
      json.field("heap_size_limit", state.limits[i]->total());
      json.field("old_generation", state.limits[i]->old_generation);
      json.field("semi_space", state.limits[i]->semi_space);
      json.end_object();
    }
    json.end_array();
    environment(json);
    modules(json);
    event_loop(json);
  }

 private:
  static void table(Output& output, std::string_view title, const NodeFacts::Table& table) {
    output.print("{}={:#x}):\n", title, table.address.value());
    for (const auto& [name, value] : table.items) output.print("    {} = {}\n", escape_text(name), escape_text(value));
  }
  static void table(JsonWriter& json, std::string_view key, const NodeFacts::Table& table) {
    json.begin_object(key);
    for (const auto& [name, value] : table.items) json.field(name, value);
    json.end_object();
  }
  static void list(Output& output, std::string_view title, const NodeFacts::List& list) {
    output.print("{}={:#x}):\n", title, list.address.value());
    for (size_t i = 0; i < list.items.size(); ++i) output.print("    [{}] = '{}'\n", i, escape_text(list.items[i]));
  }
  static void list(JsonWriter& json, std::string_view key, const NodeFacts::List& list) {
    json.begin_array(key);
    for (const std::string& item : list.items) json.element(item);
    json.end_array();
  }

  std::string isolate_text(uint32_t isolate) const {
    return facts_.workers.empty() ? "" : fmt::format(" [isolate {}]", isolate);
  }
  const v8::EventLoop* loop_of(uint32_t isolate) const {
    const auto& loops = facts_.state.loops;
    return isolate < loops.size() && loops[isolate] ? &*loops[isolate] : nullptr;
  }

  void workers(Output& output) const {
    if (facts_.workers.empty()) return;
    output.print("Workers = {}\n", facts_.workers.size());
    for (size_t i = 0; i < std::min(facts_.workers.size(), kWorkersShown); ++i) {
      const WorkerFacts& worker = facts_.workers[i];
      std::string text = worker.thread_id ? fmt::format("thread {}", *worker.thread_id) : "thread of unknown number";
      if (worker.name && !worker.name->empty()) text += fmt::format(" \"{}\"", escape_text(*worker.name));
      text += fmt::format(" [isolate {}]", worker.isolate);
      if (!worker.threads.empty()) text += fmt::format(", tid {}", worker.threads.front());
      if (worker.parent.value_or(0) != 0) text += fmt::format(", made by isolate {}", *worker.parent);
      if (const v8::EventLoop* loop = loop_of(worker.isolate)) {
        text += fmt::format(", event loop {:#x}: {} handles, {} of them keep it alive, {} requests",
                            loop->address.value(), loop->handles.size(), loop->active_handles, loop->active_requests);
      }
      output.print("    {}\n", text);
    }
    if (facts_.workers.size() > kWorkersShown)
      output.print("    ... {} more, all of them with --json\n", facts_.workers.size() - kWorkersShown);
  }
  void workers(JsonWriter& json) const {
    json.begin_rows("worker_threads");
    for (const WorkerFacts& worker : facts_.workers) {
      json.begin_object();
      if (worker.thread_id) json.field("thread_id", *worker.thread_id);
      if (worker.name) json.field("name", *worker.name);
      json.field("isolate", worker.isolate);
      if (worker.parent) json.field("made_by_isolate", *worker.parent);
      if (!worker.threads.empty()) json.field("tid", worker.threads.front());
      if (!worker.object.is_null()) json.field("object", worker.object);
      json.begin_object("event_loop");
      if (const v8::EventLoop* loop = loop_of(worker.isolate)) write_loop(json, *loop);
      json.end_object();
      json.end_object();
    }
    json.end_array();
  }

  void environment(Output& output) const {
    const auto& variables = facts_.state.environment;
    output.print("Environment ({} variables{}):\n", variables.size(), values_ ? "" : ", values with --env");
    for (const std::string& variable : variables) {
      if (!values_) {
        output.print("    {}\n", escape_text(name_of(variable)));
        continue;
      }
      std::string_view value =
          std::string_view(variable).substr(std::min(name_of(variable).size() + 1, variable.size()));
      output.print("    {} = '{}'\n", escape_text(name_of(variable)), escape_text(value));
    }
  }
  void environment(JsonWriter& json) const {
    json.begin_rows("environment");
    for (const std::string& variable : facts_.state.environment) {
      json.begin_object();
      json.field("name", name_of(variable));
      if (values_)
        json.field("value", std::string_view(variable).substr(std::min(name_of(variable).size() + 1, variable.size())));
      json.end_object();
    }
    json.end_array();
  }

  void modules(Output& output) const {
    output.print("Loaded modules ({}; {} scripts of Node.js itself, {} bytes):\n", facts_.modules.size(),
                 facts_.builtin_scripts, facts_.builtin_size);
    for (size_t i = 0; i < std::min(facts_.modules.size(), kModulesShown); ++i) {
      const LoadedModule& module = facts_.modules[i];
      // The URL of a module may be all of its source.
      std::string path = escape_text(module.path.substr(0, kPathShown));
      if (module.path.size() > kPathShown) path += fmt::format("... ({} more)", module.path.size() - kPathShown);
      output.print(" {:>11} {}{}{}{}\n", module.size ? fmt::format("{}", *module.size) : "-", path,
                   module.ecmascript ? " (ES module)" : "", isolate_text(module.isolate),
                   module.loaded ? "" : " (still loading)");
    }
    if (facts_.modules.size() > kModulesShown)
      output.print("             ... {} more, all of them with --json\n", facts_.modules.size() - kModulesShown);
  }
  void modules(JsonWriter& json) const {
    json.begin_rows("modules");
    for (const LoadedModule& module : facts_.modules) {
      json.begin_object();
      json.field("path", module.path);
      json.field("kind", module.ecmascript ? "esm" : "commonjs");
      json.field("format", module.format);
      json.field("loaded", module.loaded);
      if (module.size) json.field("size", *module.size);
      json.field("isolate", module.isolate);
      json.end_object();
    }
    json.end_array();
    json.begin_object("builtin_scripts");
    json.field("count", facts_.builtin_scripts);
    json.field("size", facts_.builtin_size);
    json.end_object();
  }

  void event_loop(Output& output) const {
    if (const auto& loop = facts_.state.loop) {
      output.print("Event loop ({:#x}): {} handles, {} of them keep it alive, {} requests{}\n", loop->address.value(),
                   loop->handles.size(), loop->active_handles, loop->active_requests,
                   loop->stopping ? ", stopping" : "");
      for (size_t i = 0; i < std::min(loop->handles.size(), kHandlesShown); ++i) {
        const v8::LoopHandle& handle = loop->handles[i];
        std::string more;
        if (handle.fd) more += fmt::format(", fd {}", *handle.fd);
        if (handle.listening) more += ", listens";
        if (handle.write_queue_size.value_or(0) > 0)
          more += fmt::format(", {} bytes to be written", *handle.write_queue_size);
        if (handle.pid) more += fmt::format(", pid {}", *handle.pid);
        if (handle.signal) more += fmt::format(", signal {}", *handle.signal);
        if (handle.fires_in) more += fmt::format(", in {} ms", *handle.fires_in);
        for (const std::string& path : {handle.file, handle.name})
          if (!path.empty()) more += ", " + escape_text(path);
        output.print("    {:#x}: {:9} {}{}{}\n", handle.address.value(), handle.type,
                     handle.closing  ? "closing"
                     : handle.active ? "active"
                                     : "inactive",
                     handle.referenced ? "" : ", unreferenced", more);
      }
      if (loop->handles.size() > kHandlesShown)
        output.print("    ... {} more, all of them with --json\n", loop->handles.size() - kHandlesShown);
    }
    output.append("Handles and requests as JavaScript objects (`v8 async` tells more):\n");
    for (const v8::HandleGroup& group : facts_.handles)
      output.print("    {} x {}{}{}\n", group.count, escape_text(group.type), group.request ? " (request)" : "",
                   isolate_text(group.isolate));
    for (const v8::TimerGroup& group : facts_.timers) {
      bool immediate = group.kind == v8::TimerGroup::Kind::kImmediate;
      output.print("    {} x {}{}\n", group.count,
                   immediate ? "immediate" : fmt::format("timer of {} ms", v8::number_text(group.delay_ms)),
                   isolate_text(group.isolate));
    }
  }
  static void write_loop(JsonWriter& json, const v8::EventLoop& loop) {
    json.field("address", loop.address);
    json.field("alive", loop.alive());
    json.field("active_handles", loop.active_handles);
    json.field("active_requests", loop.active_requests);
    json.begin_rows("handles");
    for (const v8::LoopHandle& handle : loop.handles) {
      json.begin_object();
      json.field("type", handle.type);
      json.field("address", handle.address);
      json.field("active", handle.active);
      json.field("referenced", handle.referenced);
      if (handle.closing) json.field("closing", true);
      if (handle.fd) json.field("fd", *handle.fd);
      if (handle.listening) json.field("listening", true);
      if (handle.write_queue_size) json.field("write_queue_size", *handle.write_queue_size);
      if (handle.pid) json.field("pid", *handle.pid);
      if (handle.signal) json.field("signal", *handle.signal);
      if (handle.fires_in) json.field("fires_in_ms", *handle.fires_in);
      if (handle.repeat) json.field("repeat_ms", *handle.repeat);
      json.field_if_known("file", handle.file);
      json.field_if_known("name", handle.name);
      json.end_object();
    }
    json.end_array();
  }
  void event_loop(JsonWriter& json) const {
    json.begin_object("event_loop");
    if (const auto& loop = facts_.state.loop) write_loop(json, *loop);
    json.begin_rows("objects");
    for (const v8::HandleGroup& group : facts_.handles) {
      json.begin_object();
      json.field("type", group.type);
      json.field("count", group.count);
      json.field("request", group.request);
      json.field("isolate", group.isolate);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  }

  NodeFacts facts_;
  bool values_;
};

class V8NodeInfo : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    Report report;
    auto facts = gather_node_facts(**runtime, session.target(), reachability_of(args), report);
    if (!facts) return std::move(facts).error();
    if (!args.has("report")) {
      report.body = std::make_unique<NodeInfoBody>(std::move(*facts), args.has("env"));
      return report;
    }
    report.note(
        "A core does not tell, and the report leaves out: usage of resources but processor time, user limits, "
        "processors, network interfaces, the host's name, the compiler's C library, sizes of the kernel's buffers and, "
        "but where JavaScript has noted them, addresses of sockets; memory of malloc and of global handles. "
        "Environment variables only with --env.");
    auto made = make_node_report(session, **runtime, std::move(*facts), reachability_of(args), report);
    if (!made) return std::move(made).error();
    NodeReport node = std::move(*made);
    node.environment = args.has("env");
    report.body = make_node_report_body(std::move(node), session.target(), **runtime);
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_nodeinfo() {
  CommandSpec spec{
      .name = {"v8", "nodeinfo"},
      .summary = "what the process was: versions, arguments, modules, limits, loop",
      .description =
          "Versions, arguments, executable, title, current directory, start and uptime, limits of the heap, names of "
          "the "
          "environment variables, loaded modules with the bytes of their sources, and the handles of the event loop. "
          "All from the core; notes say what it does not tell.\n\n"
          "With --report it is a diagnostic report as Node.js writes it (process.report.writeReport), in JSON.",
      .examples = {{"v8 nodeinfo", "an overview"},
                   {"v8 nodeinfo --report --env", "a diagnostic report with the environment"}},
  };
  spec.options = {
      {.long_name = "env", .help = "with the values of environment variables, which may be secret"},
      {.long_name = "report", .help = "a diagnostic report of Node.js, as JSON"},
  };
  for (auto& option : reachability_options()) spec.options.push_back(std::move(option));
  return std::make_unique<V8NodeInfo>(std::move(spec));
}

}  // namespace inquest::commands
