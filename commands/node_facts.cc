#include "commands/node_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace inquest::commands {
namespace {

constexpr uint64_t kMaxText = 1 << 16;
constexpr uint64_t kMaxItems = 10'000;

class Gatherer {
 public:
  Gatherer(v8::Runtime& runtime, const Target& target, v8::Reachability which, Report& report)
      : runtime_(runtime), target_(target), which_(which), report_(report) {
    options_.depth = 1;
    options_.max_elements = options_.max_properties = kMaxItems;
    options_.max_text = kMaxText;
  }

  Result<NodeFacts> gather() {
    if (auto failed = find_process()) return *failed;
    facts_.pid = static_cast<uint64_t>(number({"pid"}).value_or(0));
    if (facts_.pid == 0) facts_.pid = target_.facts().pid;
    facts_.platform = text({"platform"});
    facts_.architecture = text({"arch"});
    facts_.version = text({"version"});
    facts_.executable = text({"execPath"});
    facts_.argv0 = text({"argv0"});
    facts_.versions = table("versions");
    std::ranges::sort(facts_.versions.items);
    facts_.release = table("release");
    facts_.arguments = list("argv");
    facts_.node_arguments = list("execArgv");
    facts_.state = runtime_.node_state();
    directory();
    title();
    if (auto failed = modules()) return *failed;
    auto async = runtime_.async_report(which_);
    if (!async) return std::move(async).error();
    facts_.handles = std::move(async->handles);
    facts_.timers = std::move(async->timers);
    missing();
    return std::move(facts_);
  }

 private:
  /// One for each thread that runs JavaScript; instances beside it (its prototype) have no versions.
  std::optional<Error> find_process() {
    auto found = runtime_.instances("process", {.which = v8::Reachability::kAll});
    if (!found) return std::move(found).error();
    std::map<uint32_t, Address> by_isolate;
    for (const v8::Instance& instance : found->rows) {
      if (!runtime_.member(instance.address.value(), {"versions", "node"}, options_)) continue;
      by_isolate.try_emplace(instance.isolate, instance.address);
    }
    if (by_isolate.empty()) {
      return incomplete("No process objects found.",
                        "the process died before Node.js had made one, or its heap is not "
                        "in the core");
    }
    facts_.process = by_isolate.begin()->second;
    facts_.workers = by_isolate.size() - 1;
    return std::nullopt;
  }

  std::optional<v8::Value> member(const v8::MemberPath& path) const {
    return runtime_.member(facts_.process.value(), path, options_);
  }
  std::string text(const v8::MemberPath& path) const {
    auto value = member(path);
    const auto* found = value ? std::get_if<std::string>(&value->value) : nullptr;
    return found != nullptr && value->kind == v8::ValueKind::kString ? *found : "";
  }
  std::optional<double> number(const v8::MemberPath& path) const {
    auto value = member(path);
    const auto* found = value ? std::get_if<double>(&value->value) : nullptr;
    return found != nullptr ? std::optional(*found) : std::nullopt;
  }

  NodeFacts::Table table(const char* name) const {
    NodeFacts::Table result;
    auto value = member({name});
    if (!value) return result;
    result.address = value->address;
    for (const v8::NamedValue& item : value->properties) {
      const auto* found = std::get_if<std::string>(&item.value.value);
      if (found != nullptr && item.value.kind == v8::ValueKind::kString) result.items.emplace_back(item.name, *found);
    }
    return result;
  }
  NodeFacts::List list(const char* name) const {
    NodeFacts::List result;
    auto value = member({name});
    if (!value) return result;
    result.address = value->address;
    for (const v8::Entry& item : value->elements) {
      const auto* found = std::get_if<std::string>(&item.value.value);
      result.items.push_back(found != nullptr ? *found : "");
    }
    return result;
  }

  /// process.cwd() keeps what it found until process.chdir (lib/internal/bootstrap/switches/does_own_process_state.js,
  /// since 12.17); it is asked for when the main module is resolved.
  void directory() {
    std::vector<std::string> path = {"cwd", "context", "cachedCwd"};
    auto cached = runtime_.inspect(facts_.process.value(), path, options_);
    const auto* found = cached ? std::get_if<std::string>(&cached->value) : nullptr;
    if (found != nullptr && !found->empty()) facts_.directory = *found;
    if (!facts_.directory.empty()) return;
    for (const std::string& variable : facts_.state.environment) {
      if (!variable.starts_with("PWD=")) continue;
      facts_.directory = variable.substr(4);
      report_.note("The current directory is the one at the start, by the environment variable PWD.");
    }
  }

  void title() {
    facts_.title = facts_.state.title;
    if (!facts_.title.empty()) return;
    facts_.title = target_.facts().arguments;
    if (!facts_.title.empty()) report_.note("The title is the command line, as the kernel has noted it.");
  }

  /// CommonJS: every Module with a file, in the require cache or still referred to. Others by their scripts, whose
  /// names are URLs.
  std::optional<Error> modules() {
    auto scripts = runtime_.scripts(which_);
    if (!scripts) return std::move(scripts).error();
    std::map<std::pair<uint32_t, std::string>, uint64_t> sizes;
    for (const v8::ScriptInfo& script : *scripts) {
      bool path = script.name.starts_with('/');
      if (path) sizes.try_emplace({script.isolate, script.name}, script.size);
      if (script.name.starts_with("file://"))
        facts_.modules.push_back({script.name, true, true, script.size, script.isolate});
      bool builtin = script.name.starts_with("node:") || (!path && script.name.find(':') == std::string::npos);
      if (builtin) {
        ++facts_.builtin_scripts;
        facts_.builtin_size += script.size;
      }
    }
    auto found = runtime_.instances("Module", {.which = which_});
    if (!found) return std::move(found).error();
    for (const v8::Instance& instance : found->rows) {
      auto file = runtime_.member(instance.address.value(), {"filename"}, options_);
      auto loaded = runtime_.member(instance.address.value(), {"loaded"}, options_);
      const auto* name = file ? std::get_if<std::string>(&file->value) : nullptr;
      const bool* is_loaded = loaded ? std::get_if<bool>(&loaded->value) : nullptr;
      if (name == nullptr || is_loaded == nullptr) continue;
      LoadedModule module{*name, false, *is_loaded, std::nullopt, instance.isolate};
      if (auto size = sizes.find({instance.isolate, *name}); size != sizes.end()) module.size = size->second;
      facts_.modules.push_back(std::move(module));
    }
    std::ranges::sort(facts_.modules, [](const LoadedModule& a, const LoadedModule& b) {
      uint64_t a_size = a.size.value_or(0), b_size = b.size.value_or(0);
      return a_size != b_size ? a_size > b_size : std::tie(a.path, a.isolate) < std::tie(b.path, b.isolate);
    });
    auto repeated = std::ranges::unique(facts_.modules, [](const LoadedModule& a, const LoadedModule& b) {
      return a.path == b.path && a.isolate == b.isolate && a.size == b.size;
    });
    facts_.modules.erase(repeated.begin(), repeated.end());
    return std::nullopt;
  }

  void missing() {
    auto say = [this](const char* what) {
      report_.incomplete = true;
      report_.warn(what);
    };
    if (facts_.directory.empty()) say("The current directory is not known.");
    if (!facts_.state.loop) {
      say("The event loop was not found.");
    } else if (!facts_.state.loop->complete) {
      say("The list of the event loop's handles could not be followed to its end.");
    }
    if (!facts_.state.uptime) say("How long the process ran is not known: the symbols that tell are stripped.");
    if (facts_.state.limits.empty() || !facts_.state.limits[0]) say("The limits of the heap were not found.");
    if (!facts_.state.has_environment) say("The environment was not found, or not all of it is in the core.");
  }

  v8::Runtime& runtime_;
  const Target& target_;
  v8::Reachability which_;
  Report& report_;
  v8::InspectOptions options_;
  NodeFacts facts_;
};

}  // namespace

Result<NodeFacts> gather_node_facts(v8::Runtime& runtime, const Target& target, v8::Reachability which,
                                    Report& report) {
  return Gatherer(runtime, target, which, report).gather();
}

}  // namespace inquest::commands
