// `v8 getactivehandles` and `v8 getactiverequests`: what process._getActiveHandles() and process._getActiveRequests()
// would have given, in llnode's form.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "commands/args.h"
#include "commands/command.h"
#include "commands/expression.h"
#include "commands/inspect_options.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/text_escape.h"
#include "commands/value_json.h"
#include "commands/value_text.h"

namespace inquest::commands {
namespace {

constexpr int kMostOwners = 8;
/// BaseObject (src/base_object.h): vtable, then the handle of its object; v8::Global points to a slot that holds it.
constexpr uint64_t kPersistentHandle = 8;

class ActiveBody : public ReportBody {
 public:
  explicit ActiveBody(std::vector<v8::Value> values) : values_(std::move(values)) {}
  void write_text(Output& output) const override {
    for (const v8::Value& value : values_) {
      output.print("{}\n", escape_text(value_text(value), LineBreaks::kKeep));
    }
    output.print("Total: {}\n", values_.size());
  }
  void write_json(JsonWriter& json) const override {
    json.field("total", values_.size());
    json.begin_rows("rows");
    for (const v8::Value& value : values_) {
      if (!json.ok()) break;
      json.begin_object();
      write_value(json, value);
      json.end_object();
    }
    json.end_array();
  }

 private:
  std::vector<v8::Value> values_;
};

class GetActive : public Command {
 public:
  GetActive(CommandSpec spec, bool requests) : Command(std::move(spec)), requests_(requests) {}

  Result<Report> run(Session& session, const Args& args) const override {
    auto runtime = session.v8();
    if (!runtime) return std::move(runtime).error();
    Report report;
    auto words = requests_ ? requests(**runtime, report) : handles(session, **runtime, report);
    if (!words) return std::move(words).error();
    std::vector<v8::Value> values;
    ValueNumbers numbers(session, args.json());
    std::set<uint64_t> seen;
    size_t unreadable = 0;
    for (uint64_t word : *words) {
      word = owner_of(**runtime, word);
      if (!seen.insert(word).second) continue;
      auto value = (*runtime)->inspect(word, {}, inspect_options(args, 1));
      if (!value) {
        ++unreadable;
        continue;
      }
      numbers.add(word);
      values.push_back(std::move(*value));
    }
    numbers.tell(report);
    if (unreadable > 0) {
      report.incomplete = true;
      report.warn(fmt::format("{} more could not be read", unreadable));
    }
    report.body = std::make_unique<ActiveBody>(std::move(values));
    return report;
  }

 private:
  /// Those handles of libuv that keep the loop alive and belong to an object: uv_handle_t::data is the HandleWrap.
  static Result<std::vector<uint64_t>> handles(Session& session, v8::Runtime& runtime, Report& report) {
    v8::NodeState state = runtime.node_state();
    if (!state.loop) return incomplete("the event loop was not found", "v8 async lists handles by their class");
    if (!state.loop->complete) {
      report.incomplete = true;
      report.warn("The list of handles could not be followed to its end.");
    }
    const MemoryReader& memory = session.target().memory();
    std::vector<uint64_t> words;
    for (const v8::LoopHandle& handle : state.loop->handles) {
      if (!handle.referenced || handle.closing) continue;
      auto wrap = memory.read_u64(handle.address);
      auto slot = wrap ? memory.read_u64(Address(*wrap + kPersistentHandle)) : std::nullopt;
      auto word = slot ? memory.read_u64(Address(*slot)) : std::nullopt;
      if (word && wraps(runtime, *word, *wrap)) words.push_back(*word);
    }
    return words;
  }

  /// Whether the object points back to its C++ object, from one of its internal fields.
  static bool wraps(v8::Runtime& runtime, uint64_t word, uint64_t wrap) {
    if ((word & 7) != 1 || !is_object(runtime, word)) return false;
    auto value = runtime.inspect(word, {}, {.depth = 1});
    if (!value) return false;
    std::string pointer = fmt::format("{:#018x}", wrap);
    return std::ranges::any_of(value->internal, [&](const v8::NamedValue& member) {
      const auto* text = std::get_if<std::string>(&member.value.value);
      return member.name.starts_with("field ") && text != nullptr && text->starts_with(pointer);
    });
  }

  /// The list of requests is in no symbol; their live objects are known by their classes.
  static Result<std::vector<uint64_t>> requests(v8::Runtime& runtime, Report& report) {
    auto async = runtime.async_report(v8::Reachability::kLive);
    if (!async) return std::move(async).error();
    std::vector<uint64_t> words;
    for (const v8::HandleGroup& group : async->handles) {
      if (!group.request) continue;
      auto instances = runtime.instances(group.type, {.which = v8::Reachability::kLive});
      if (!instances) return std::move(instances).error();
      for (const v8::Instance& instance : instances->rows) words.push_back(instance.address.value());
    }
    report.note("Requests are told by their live objects.");
    return words;
  }

  /// AsyncWrap::GetOwner: the net.Socket of a TCP.
  static uint64_t owner_of(v8::Runtime& runtime, uint64_t word) {
    for (int i = 0; i < kMostOwners; ++i) {
      auto value = runtime.inspect(word, {}, {.depth = 1});
      if (!value) return word;
      auto owner = std::ranges::find_if(value->properties, [](const v8::NamedValue& member) {
        return member.symbol && (member.name == "owner_symbol" || member.name == "owner");
      });
      bool object = owner != value->properties.end() && owner->value.brief;
      if (!object) return word;
      word = owner->value.address.value();
    }
    return word;
  }

  bool requests_;
};

CommandSpec spec_of(const char* name, const char* summary, const char* description, const char* what) {
  CommandSpec spec{
      .name = {"v8", name},
      .summary = summary,
      .description = description,
      .examples = {{fmt::format("v8 {}", name), what}},
  };
  for (OptionSpec& option : length_options()) spec.options.push_back(std::move(option));
  for (OptionSpec& option : detail_options()) spec.options.push_back(std::move(option));
  return spec;
}

}  // namespace

std::unique_ptr<const Command> make_v8_getactivehandles() {
  return std::make_unique<GetActive>(
      spec_of(
          "getactivehandles", "objects of the handles that keep the event loop alive",
          "What process._getActiveHandles() would have given: sockets, servers, child processes, each as `v8 inspect` "
          "shows it, and their number. Timers are no such handles; `v8 async` and `v8 nodeinfo` tell them.",
          "what the process waited for"),
      false);
}

std::unique_ptr<const Command> make_v8_getactiverequests() {
  return std::make_unique<GetActive>(
      spec_of("getactiverequests", "objects of the requests that are under way",
              "What process._getActiveRequests() would have given: reads, writes, look-ups, each as `v8 inspect` shows "
              "it, and their number.",
              "reads and look-ups without an answer yet"),
      true);
}

}  // namespace inquest::commands
