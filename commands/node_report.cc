#include "commands/node_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/merged_stack.h"
#include "commands/native_stack.h"
#include "postmortem/model/signal_name.h"
#include "v8/inspect/numbers.h"
#include "v8/node/report_version.h"

namespace inquest::commands {
namespace {

constexpr size_t kMaxFrames = 1000;

std::string report_address(Address address) { return fmt::format("{:#018x}", address.value()); }

class NodeReportBody : public ReportBody {
 public:
  NodeReportBody(NodeReport report, const Target& target, v8::Runtime& runtime)
      : report_(std::move(report)), facts_(report_.facts), target_(target), runtime_(runtime) {}

  void write_text(Output& output) const override {
    JsonWriter json(output);
    json.begin_object();
    write_json(json);
    json.end_object();
    output.append('\n');
  }

  void write_json(JsonWriter& json) const override {
    header(json);
    json.begin_object("javascriptStack");
    json.field("message", report_.message);
    json.begin_array("stack");
    for (const std::string& line : report_.javascript_stack) json.element(line);
    json.end_array();
    json.begin_object("errorProperties");
    for (const auto& [name, value] : report_.error_properties) json.field(name, value);
    json.end_object();
    json.end_object();
    heap(json);
    json.begin_rows("nativeStack");
    for (const NodeReport::Call& call : report_.native_stack) {
      json.begin_object();
      json.field("pc", report_address(call.pc));
      json.field("symbol", call.symbol);
      json.end_object();
    }
    json.end_array();
    resource_usage(json);
    event_loop(json);
    json.begin_rows("workers");
    json.end_array();
    if (report_.environment) {
      json.begin_object("environmentVariables");
      for (const std::string& line : facts_.state.environment) {
        size_t end = std::min(line.find('='), line.size());
        json.field(line.substr(0, end), end < line.size() ? line.substr(end + 1) : "");
      }
      json.end_object();
    }
    json.begin_rows("sharedObjects");
    for (const Module& module : target_.modules()) {
      if (module.is_executable || module.is_copy) continue;
      json.element(module.path == "[vdso]" ? "linux-vdso.so.1" : module.path);
    }
    json.end_array();
  }

 private:
  void header(JsonWriter& json) const {
    const ProcessFacts& process = target_.facts();
    std::string version = facts_.version.starts_with('v') ? facts_.version.substr(1) : facts_.version;
    json.begin_object("header");
    if (auto number = v8::node_report_version(version)) json.field("reportVersion", *number);
    json.field("event", "Core dump");
    json.field("trigger", process.signal != 0 ? signal_name(process.signal) : "none");
    json.field("filename", process.core_path);
    if (process.core_time != 0) {
      auto milliseconds = static_cast<double>(process.core_time) * 1000;
      std::string time = v8::iso_date(milliseconds);
      json.field("dumpEventTime", time.substr(0, time.find('.')) + "Z");
      json.field("dumpEventTimeStamp", fmt::format("{:.0f}", milliseconds));
    }
    json.field("processId", facts_.pid);
    json.field("threadId", 0);
    json.field_if_known("cwd", facts_.directory);
    json.begin_array("commandLine");
    if (!facts_.argv0.empty()) json.element(facts_.argv0);
    for (const std::string& argument : facts_.node_arguments.items) json.element(argument);
    for (size_t i = 1; i < facts_.arguments.items.size(); ++i) json.element(facts_.arguments.items[i]);
    json.end_array();
    json.field("nodejsVersion", facts_.version);
    json.field("wordSize", 64);
    json.field("arch", facts_.architecture);
    json.field("platform", facts_.platform);
    table(json, "componentVersions", facts_.versions);
    table(json, "release", facts_.release);
    json.field("osName", "Linux");
    json.field("osMachine", "x86_64");
    json.end_object();
  }
  static void table(JsonWriter& json, std::string_view key, const NodeFacts::Table& table) {
    json.begin_object(key);
    for (const auto& [name, value] : table.items) json.field(name, value);
    json.end_object();
  }

  void heap(JsonWriter& json) const {
    const v8::RuntimeInfo& info = runtime_.info();
    json.begin_object("javascriptHeap");
    if (!info.isolates.empty()) {
      uint64_t total = 0, executable = 0;
      for (const v8::SpaceInfo& space : info.isolates[0].spaces) {
        total += space.committed;
        if (space.name.starts_with("code")) executable += space.committed;
      }
      json.field("totalMemory", total);
      json.field("executableMemory", executable);
      json.field("totalCommittedMemory", total);
    }
    if (!facts_.state.limits.empty() && facts_.state.limits[0])
      json.field("memoryLimit", facts_.state.limits[0]->total());
    json.begin_object("heapSpaces");
    if (!info.isolates.empty()) {
      for (const v8::SpaceInfo& space : info.isolates[0].spaces) {
        json.begin_object(space.name);
        json.field("memorySize", space.committed);
        json.field("committedMemory", space.committed);
        json.field("capacity", space.area);
        json.end_object();
      }
    }
    json.end_object();
    json.end_object();
  }

  void resource_usage(JsonWriter& json) const {
    const std::optional<CpuTime>& time = target_.facts().cpu_time;
    if (!time) return;
    auto seconds = [](uint64_t microseconds) { return static_cast<double>(microseconds) / 1e6; };
    json.begin_object("resourceUsage");
    json.raw_field("userCpuSeconds", v8::number_text(seconds(time->user)));
    json.raw_field("kernelCpuSeconds", v8::number_text(seconds(time->system)));
    if (facts_.state.uptime && *facts_.state.uptime > 0) {
      double percent = 100 * seconds(time->user + time->system) / *facts_.state.uptime;
      json.raw_field("cpuConsumptionPercent", fmt::format("{:.4f}", percent));
    }
    json.end_object();
  }

  void event_loop(JsonWriter& json) const {
    json.begin_rows("libuv");
    if (facts_.state.loop) {
      const v8::EventLoop& loop = *facts_.state.loop;
      for (const v8::LoopHandle& handle : loop.handles) {
        json.begin_object();
        json.field("type", handle.type);
        json.field("is_active", handle.active);
        json.field("is_referenced", handle.referenced);
        json.field("address", report_address(handle.address));
        if (handle.repeat) json.field("repeat", *handle.repeat);
        if (handle.fires_in) {
          json.field("firesInMsFromNow", *handle.fires_in);
          json.field("expired", *handle.fires_in <= 0);
        }
        if (handle.fd) json.field("fd", *handle.fd);
        if (handle.pid) json.field("pid", *handle.pid);
        if (handle.signal) json.field("signum", *handle.signal);
        json.field_if_known("filename", handle.file);
        json.end_object();
      }
      json.begin_object();
      json.field("type", "loop");
      json.field("is_active", loop.alive());
      json.field("address", report_address(loop.address));
      json.end_object();
    }
    json.end_array();
  }

  NodeReport report_;
  const NodeFacts& facts_;
  const Target& target_;
  v8::Runtime& runtime_;
};

std::string line_of(const v8::V8Frame& frame) {
  std::string place =
      frame.script.empty() ? "<anonymous>" : fmt::format("{}:{}:{}", frame.script, frame.line, frame.column);
  return frame.function.empty() ? "at " + place : fmt::format("at {} ({})", frame.function, place);
}

void add_stacks(Session& session, v8::Runtime& runtime, NodeReport& report) {
  const Thread* thread = session.selected_thread();
  if (thread == nullptr) return;
  UnwindOptions options{.max_frames = kMaxFrames, .stepper = &runtime.frame_stepper()};
  const Thread* const threads[] = {thread};
  for (const MergedStack& stack :
       merged_stacks(runtime, native_stacks(session, threads, options, WithArguments::kNo))) {
    for (const MergedFrame& frame : stack.frames) {
      if (frame.native != nullptr) {
        if (frame.native->location.inlined) continue;
        std::string file = frame.native->module != nullptr ? frame.native->module->path : "";
        std::string symbol = fmt::format("{} [{}]", function_name(stack.native, *frame.native), file);
        report.native_stack.push_back({frame.physical->pc, std::move(symbol)});
      } else if (frame.is_v8()) {
        const v8::V8Frame& v8 = frame.v8;
        bool shown = v8.kind == v8::V8FrameKind::kJs || (v8.kind == v8::V8FrameKind::kBuiltin && v8.function_word != 0);
        if (shown) report.javascript_stack.push_back(line_of(v8));
      }
    }
  }
}

}  // namespace

NodeReport make_node_report(Session& session, v8::Runtime& runtime, NodeFacts facts) {
  NodeReport report;
  report.facts = std::move(facts);
  add_stacks(session, runtime, report);
  auto errors = runtime.errors(v8::Reachability::kLive);
  const v8::ErrorObject* uncaught = nullptr;
  if (errors && !errors->errors.empty() && errors->errors[0].uncaught) uncaught = &errors->errors[0];
  int signal = session.target().facts().signal;
  report.message = signal != 0 ? fmt::format("{}", signal_name(signal)) : "no signal";
  if (uncaught != nullptr) {
    report.message =
        uncaught->message.empty() ? uncaught->type : fmt::format("{}: {}", uncaught->type, uncaught->message);
    report.error_properties = {{"name", uncaught->name}, {"message", uncaught->message}};
  }
  return report;
}

std::unique_ptr<const ReportBody> make_node_report_body(NodeReport report, const Target& target, v8::Runtime& runtime) {
  return std::make_unique<NodeReportBody>(std::move(report), target, runtime);
}

}  // namespace inquest::commands
