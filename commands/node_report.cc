#include "commands/node_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "commands/node_libuv.h"
#include "postmortem/model/signal_name.h"
#include "v8/inspect/numbers.h"
#include "v8/node/report_version.h"

namespace inquest::commands {
namespace {

constexpr uint64_t kPageSize =
    256 << 10;  ///< bytes (kPageSizeBits, since 8.x), all that MemoryAllocator::SizeExecutable counts

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

  void write_json(JsonWriter& json) const override { thread(json, 0, nullptr, report_.main, 0); }

 private:
  static constexpr int kMaxNesting = 16;  ///< of workers that workers made

  /// `worker` is null for the main thread.
  void thread(JsonWriter& json, uint32_t isolate, const WorkerFacts* worker, const ThreadReport& thread,
              int depth) const {
    header(json, worker);
    json.begin_object("javascriptStack");
    json.field("message", thread.message);
    json.begin_array("stack");
    for (const std::string& line : thread.javascript_stack) json.element(line);
    json.end_array();
    json.begin_object("errorProperties");
    for (const auto& [name, value] : thread.error_properties) json.field(name, value);
    json.end_object();
    json.end_object();
    heap(json, isolate);
    json.begin_rows("nativeStack");
    for (const ThreadReport::Call& call : thread.native_stack) {
      json.begin_object();
      json.field("pc", report_address(call.pc));
      json.field("symbol", call.symbol);
      json.end_object();
    }
    json.end_array();
    processor_time(json, "resourceUsage", target_.facts().cpu_time);
    processor_time(json, "uvthreadResourceUsage", thread.cpu_time);
    json.begin_rows("libuv");
    if (isolate < facts_.state.loops.size() && facts_.state.loops[isolate])
      write_libuv(json, *facts_.state.loops[isolate], facts_.sockets, now_ns(), report_.keys);
    json.end_array();
    workers(json, isolate, depth);
    process(json);
  }

  /// Those that the thread of `isolate` made. One whose maker is not known stands with the main thread's.
  void workers(JsonWriter& json, uint32_t isolate, int depth) const {
    json.begin_rows("workers");
    for (size_t i = 0; i < facts_.workers.size() && depth < kMaxNesting; ++i) {
      const WorkerFacts& worker = facts_.workers[i];
      if (worker.parent.value_or(0) != isolate || worker.isolate == isolate) continue;
      json.begin_object();
      thread(json, worker.isolate, &worker, report_.workers[i], depth + 1);
      json.end_object();
    }
    json.end_array();
  }

  /// What is the same for all threads.
  void process(JsonWriter& json) const {
    if (report_.environment) {
      json.begin_object("environmentVariables");
      for (const std::string& line : facts_.state.environment) {
        size_t end = std::min(line.find('='), line.size());
        json.field(line.substr(0, end), end < line.size() ? line.substr(end + 1) : "");
      }
      json.end_object();
    }
    json.begin_rows("sharedObjects");
    for (const std::string& library : report_.libraries) json.element(library);
    json.end_array();
  }

  static std::string event_of(const WorkerFacts* worker) {
    if (worker == nullptr) return "Core dump";
    return worker->name ? fmt::format("Worker thread subreport [{}]", *worker->name) : "Worker thread subreport";
  }

  void header(JsonWriter& json, const WorkerFacts* worker) const {
    const ProcessFacts& process = target_.facts();
    std::string version = facts_.version.starts_with('v') ? facts_.version.substr(1) : facts_.version;
    json.begin_object("header");
    if (auto number = v8::node_report_version(version)) json.field("reportVersion", *number);
    json.field("event", event_of(worker));
    json.field("trigger", process.signal != 0 ? signal_name(process.signal) : "none");
    if (worker == nullptr)
      json.field("filename", process.core_path);
    else
      json.raw_field("filename", "null");
    if (process.core_time != 0) {
      auto milliseconds = static_cast<double>(process.core_time) * 1000;
      std::string time = v8::iso_date(milliseconds);
      json.field("dumpEventTime", time.substr(0, time.find('.')) + "Z");
      json.field("dumpEventTimeStamp", fmt::format("{:.0f}", milliseconds));
    }
    json.field("processId", facts_.pid);
    if (worker == nullptr) json.field("threadId", 0);
    if (worker != nullptr && worker->thread_id) json.field("threadId", *worker->thread_id);
    json.field_if_known("cwd", facts_.directory);
    json.begin_array("commandLine");
    if (!facts_.argv0.empty()) json.element(facts_.argv0);
    for (const std::string& argument : facts_.node_arguments.items) json.element(argument);
    for (size_t i = 1; i < facts_.arguments.items.size(); ++i) json.element(facts_.arguments.items[i]);
    json.end_array();
    json.field("nodejsVersion", facts_.version);
    json.field_if_known("glibcVersionRuntime", report_.c_library);
    json.field("wordSize", 64);
    json.field("arch", facts_.architecture);
    json.field("platform", facts_.platform);
    table(json, "componentVersions", facts_.versions);
    table(json, "release", facts_.release);
    json.field("osName", "Linux");
    json.field_if_known("osRelease", report_.system_release);
    json.field_if_known("osVersion", report_.system_version);
    json.field("osMachine", "x86_64");
    json.end_object();
  }
  static void table(JsonWriter& json, std::string_view key, const NodeFacts::Table& table) {
    json.begin_object(key);
    for (const auto& [name, value] : table.items) json.field(name, value);
    json.end_object();
  }

  /// Pages that isolates share (the read-only space since 10.2) V8 counts for none of them.
  const v8::SpaceInfo* space_of(uint32_t isolate, std::string_view name) const {
    const v8::RuntimeInfo& info = runtime_.info();
    if (isolate >= info.isolates.size()) return nullptr;
    const std::vector<v8::SpaceInfo>& spaces = info.isolates[isolate].spaces;
    auto found = std::ranges::find(spaces, name, &v8::SpaceInfo::name);
    return found == spaces.end() ? nullptr : &*found;
  }

  /// Of new large objects there may be as much as of other new ones.
  v8::SpaceInfo space(uint32_t isolate, std::string_view name) const {
    const v8::SpaceInfo* found = space_of(isolate, name);
    v8::SpaceInfo result;
    result.used = result.available = result.physical = 0;
    if (found != nullptr) result = *found;
    if (name == "new_large_object_space" && result.used) {
      const v8::SpaceInfo* young = space_of(isolate, "new_space");
      bool known = young == nullptr || (young->used && young->available);
      uint64_t capacity = young != nullptr && known ? *young->used + *young->available : 0;
      result.available = capacity - std::min(capacity, *result.used);
      if (!known) result.available.reset();
    }
    return result;
  }

  void heap(JsonWriter& json, uint32_t isolate) const {
    uint64_t committed = 0, executable = 0;
    std::optional<uint64_t> used = 0, available = 0, physical = 0;
    auto add = [](std::optional<uint64_t>& sum, std::optional<uint64_t> part) {
      sum = sum && part ? std::optional(*sum + *part) : std::nullopt;
    };
    for (std::string_view name : kReportSpaces) {
      v8::SpaceInfo counted = space(isolate, name);
      add(available, counted.available);
      committed += counted.committed;
      // Regular pages of code are taken whole from the system, of which new ones of the heap use a part.
      if (name == "code_space") executable += counted.pages * kPageSize;
      if (name == "code_large_object_space") executable += counted.committed;
      add(used, counted.used);
      add(physical, counted.physical);
    }
    json.begin_object("javascriptHeap");
    json.field("totalMemory", committed);
    if (has_key("executableMemory")) json.field("executableMemory", executable);
    if (physical) json.field("totalCommittedMemory", *physical);
    const auto& limits = facts_.state.limits;
    bool limited = isolate < limits.size() && limits[isolate];
    if (available && limited) {
      uint64_t limit = limits[isolate]->total();
      json.field("availableMemory", *available + limit - std::min(limit, committed));
    }
    if (used) json.field("usedMemory", *used);
    if (limited) json.field("memoryLimit", limits[isolate]->total());
    json.begin_object("heapSpaces");
    for (std::string_view name : kReportSpaces) {
      if (space_of(isolate, name) != nullptr || has_key(name)) heap_space(json, name, space(isolate, name));
    }
    json.end_object();
    json.end_object();
  }
  static void heap_space(JsonWriter& json, std::string_view name, const v8::SpaceInfo& space) {
    json.begin_object(name);
    json.field("memorySize", space.committed);
    if (space.physical) json.field("committedMemory", *space.physical);
    if (space.used && space.available) json.field("capacity", *space.used + *space.available);
    if (space.used) json.field("used", *space.used);
    if (space.available) json.field("available", *space.available);
    json.end_object();
  }

  void processor_time(JsonWriter& json, std::string_view key, const std::optional<CpuTime>& time) const {
    if (!time) return;
    auto seconds = [](uint64_t microseconds) { return static_cast<double>(microseconds) / 1e6; };
    json.begin_object(key);
    json.raw_field("userCpuSeconds", v8::number_text(seconds(time->user)));
    json.raw_field("kernelCpuSeconds", v8::number_text(seconds(time->system)));
    if (facts_.state.uptime && *facts_.state.uptime > 0) {
      auto percent = [&](std::string_view name, uint64_t used) {
        json.raw_field(name, fmt::format("{:.4f}", 100 * seconds(used) / *facts_.state.uptime));
      };
      percent("cpuConsumptionPercent", time->user + time->system);
      if (has_key("userCpuConsumptionPercent")) {
        percent("userCpuConsumptionPercent", time->user);
        percent("kernelCpuConsumptionPercent", time->system);
      }
    }
    json.end_object();
  }

  bool has_key(std::string_view key) const { return report_.keys.contains(key); }

  /// When the process died, as well as the loops know: at the last turn of any of them.
  uint64_t now_ns() const {
    uint64_t latest = 0;
    for (const auto& loop : facts_.state.loops)
      if (loop) latest = std::max(latest, loop->time_ms * 1'000'000);
    return latest;
  }

  NodeReport report_;
  const NodeFacts& facts_;
  const Target& target_;
  v8::Runtime& runtime_;
};

}  // namespace

std::unique_ptr<const ReportBody> make_node_report_body(NodeReport report, const Target& target, v8::Runtime& runtime) {
  return std::make_unique<NodeReportBody>(std::move(report), target, runtime);
}

}  // namespace inquest::commands
