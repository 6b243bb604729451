// `v8 info`: what process this is, which V8, how much of it inquest understands and how it knows.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/isolate_title.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "postmortem/model/signal_name.h"

namespace inquest::commands {
namespace {

std::string human_bytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

/// In UTC, so that a report reads the same everywhere. Empty for times that cannot be shown.
std::string time_text(int64_t seconds) {
  std::time_t time = seconds;
  std::tm utc{};
  if (seconds == 0 || gmtime_r(&time, &utc) == nullptr) return {};
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", utc);
}

std::string_view to_string(v8::Capability::State state) {
  switch (state) {
    case v8::Capability::State::kWorks: return "works";
    case v8::Capability::State::kLimited: return "limited";
    case v8::Capability::State::kMissing: return "missing";
  }
  return "missing";
}

/// Heaps up to this size are walked without being asked for: it takes less than a tenth of a second.
constexpr uint64_t kWalkedAtOnce = 256 << 20;

struct WalkSums {
  uint64_t walked = 0;
  uint64_t not_parsed = 0;

  void add(const std::vector<v8::SpaceInfo>& spaces) {
    for (const v8::SpaceInfo& space : spaces) {
      walked += space.walked;
      not_parsed += space.not_parsed;
    }
  }
};

WalkSums walk_sums(const v8::RuntimeInfo& info) {
  WalkSums sums;
  for (const v8::IsolateInfo& isolate : info.isolates) sums.add(isolate.spaces);
  sums.add(info.shared_spaces);
  return sums;
}

class InfoBody : public ReportBody {
 public:
  InfoBody(const v8::RuntimeInfo& info, const ProcessFacts& facts) : info_(info), facts_(facts) {}

  void write_text(Output& output) const override {
    auto version = [](const std::string& text) { return text.empty() ? "(version unknown)" : escape_text(text); };
    output.print("Node.js {}, V8 {}\n", version(info_.node_version), version(info_.v8_version));
    write_fact(output, "module", info_.module);
    write_fact(output, "layout", info_.layout);
    write_process(output);
    for (const v8::IsolateInfo& isolate : info_.isolates) {
      output.print("{}\n", isolate_title(isolate));
      write_spaces(output, isolate.spaces);
    }
    if (!info_.shared_spaces.empty()) {
      output.append("Shared by all isolates\n");
      write_spaces(output, info_.shared_spaces);
    }
    output.append("Capabilities\n");
    for (const v8::Capability& capability : info_.capabilities) write_capability(output, capability);
    WalkSums sums = walk_sums(info_);
    output.print("Heap walked: {} bytes, not parsed: {} bytes\n", sums.walked, sums.not_parsed);
  }

  void write_json(JsonWriter& json) const override {
    json.field_if_known("node_version", info_.node_version);
    json.field_if_known("v8_version", info_.v8_version);
    json.field_if_known("module", info_.module);
    json.field_if_known("layout", info_.layout);
    write_process(json);
    json.begin_array("isolates");
    for (const v8::IsolateInfo& isolate : info_.isolates) write_isolate(json, isolate);
    json.end_array();
    write_spaces(json, "shared_spaces", info_.shared_spaces);
    json.begin_rows("capabilities");
    for (const v8::Capability& capability : info_.capabilities) {
      json.begin_object();
      json.field("name", capability.name);
      json.field("state", to_string(capability.state));
      json.field_if_known("source", capability.source);
      json.field_if_known("detail", capability.detail);
      json.end_object();
    }
    json.end_array();
    WalkSums sums = walk_sums(info_);
    json.field("walked", sums.walked);
    json.field("not_parsed", sums.not_parsed);
  }

 private:
  static void write_fact(Output& output, const char* name, const std::string& value) {
    if (!value.empty()) output.print("  {:<10} {}\n", name, escape_text(value));
  }

  void write_process(Output& output) const {
    output.append("Process\n");
    if (facts_.pid != 0) write_fact(output, "pid", fmt::format("{}", facts_.pid));
    write_fact(output, "command", facts_.arguments.empty() ? facts_.command : facts_.arguments);
    if (facts_.signal != 0) {
      std::string signal =
          fmt::format("{} ({}), code {}", signal_name(facts_.signal), facts_.signal, facts_.signal_code);
      if (facts_.fault_address) signal += fmt::format(", address {:#x}", facts_.fault_address->value());
      write_fact(output, "signal", signal);
    }
    if (facts_.core_path.empty()) return;
    std::string core = fmt::format("{}, {}", facts_.core_path, human_bytes(facts_.core_size));
    if (std::string written = time_text(facts_.core_time); !written.empty()) core += ", written " + written;
    if (facts_.truncated_bytes > 0) core += fmt::format(", truncated by {} bytes", facts_.truncated_bytes);
    write_fact(output, "core", core);
  }

  static void write_spaces(Output& output, const std::vector<v8::SpaceInfo>& spaces) {
    output.print("  {:<24} {:>7} {:>13} {:>13} {:>13} {:>11}\n", "Space", "Pages", "Committed", "Area", "Walked",
                 "Not parsed");
    for (const v8::SpaceInfo& space : spaces) {
      output.print("  {:<24} {:>7} {:>13} {:>13} {:>13} {:>11}\n", escape_text(space.name), space.pages,
                   space.committed, space.area, space.walked, space.not_parsed);
    }
  }

  static void write_capability(Output& output, const v8::Capability& capability) {
    std::string how = capability.source;
    if (!capability.detail.empty()) how += (how.empty() ? "" : ": ") + capability.detail;
    std::string line =
        fmt::format("  {:<8} {:<24} {}", to_string(capability.state), escape_text(capability.name), escape_text(how));
    line.erase(line.find_last_not_of(' ') + 1);
    output.print("{}\n", line);
  }

  void write_process(JsonWriter& json) const {
    json.begin_object("process");
    if (facts_.pid != 0) json.field("pid", facts_.pid);
    json.field_if_known("command", facts_.command);
    json.field_if_known("arguments", facts_.arguments);
    if (facts_.signal != 0) {
      json.field("signal", facts_.signal);
      json.field("signal_name", signal_name(facts_.signal));
      json.field("signal_code", facts_.signal_code);
    }
    if (facts_.fault_address) json.field("fault_address", *facts_.fault_address);
    json.field_if_known("core", facts_.core_path);
    json.field("core_size", facts_.core_size);
    if (facts_.core_time != 0) json.field("core_time", facts_.core_time);
    json.field("truncated_bytes", facts_.truncated_bytes);
    json.end_object();
  }

  static void write_spaces(JsonWriter& json, std::string_view key, const std::vector<v8::SpaceInfo>& spaces) {
    json.begin_rows(key);
    for (const v8::SpaceInfo& space : spaces) {
      json.begin_object();
      json.field("name", space.name);
      json.field("pages", space.pages);
      json.field("committed", space.committed);
      json.field("area", space.area);
      json.field("walked", space.walked);
      json.field("not_parsed", space.not_parsed);
      json.end_object();
    }
    json.end_array();
  }

  static void write_isolate(JsonWriter& json, const v8::IsolateInfo& isolate) {
    json.begin_object();
    json.field("index", isolate.index);
    json.field("address", isolate.address);
    json.begin_array("threads");
    for (uint64_t thread : isolate.threads) json.element(thread);
    json.end_array();
    write_spaces(json, "spaces", isolate.spaces);
    json.end_object();
  }

  const v8::RuntimeInfo& info_;
  const ProcessFacts& facts_;
};

class Info : public Command {
 public:
  using Command::Command;

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    Report report;
    // What could not be parsed is known only after the walk; the report stands without it.
    if (!args.has("no-walk")) {
      auto walked = (*runtime)->walk(args.has("walk") ? UINT64_MAX : kWalkedAtOnce);
      if (!walked) {
        report.warn("the heap could not be walked: " + walked.error().line());
        report.incomplete = true;
      } else if (!*walked) {
        report.note(
            "the heap is large and was not walked, so bytes not parsed are unknown; `v8 info --walk` reads it all");
      }
    }
    report.body = std::make_unique<InfoBody>((*runtime)->info(), session.target().facts());
    return report;
  }
};

}  // namespace

std::unique_ptr<const Command> make_v8_info() {
  return std::make_unique<Info>(CommandSpec{
      .name = {"v8", "info"},
      .summary = "versions, isolates, heap spaces, and what can be relied on",
      .description =
          "Which Node.js and V8 this is, the isolates with their spaces in bytes, and the capability report: for each "
          "ability whether it works, how its facts were obtained, and why it is limited or missing. Bytes that could "
          "not be parsed are counted.",
      .options = {{.long_name = "walk", .help = "walk the heap however large it is, to count bytes not parsed"},
                  {.long_name = "no-walk", .help = "do not walk the heap; bytes not parsed are then unknown"}},
      .examples = {{"v8 info", "what is known about this core"}},
  });
}

}  // namespace inquest::commands
