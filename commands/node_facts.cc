#include "commands/node_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "commands/node_objects.h"

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
    auto workers = find_workers(runtime_, target_, which_);
    if (!workers) return std::move(workers).error();
    facts_.workers = std::move(*workers);
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

  /// As Module._extensions and the loader of ES modules go by the end of the name.
  static std::string_view format_of(std::string_view name, std::string_view otherwise) {
    if (name.ends_with(".json")) return "json";
    if (name.ends_with(".node")) return "addon";
    return name.ends_with(".wasm") ? "wasm" : otherwise;
  }

  /// Scripts that are modules by their names: URLs of ES modules and of code that was compiled from bytes.
  void script(const v8::ScriptInfo& script) {
    const std::string& name = script.name;
    bool path = name.starts_with('/');
    if (path) sizes_.try_emplace({script.isolate, name}, script.size);
    bool url = name.starts_with("file://") || name.starts_with("data:") || name.starts_with("http://") ||
               name.starts_with("https://");
    if (url) add({name, true, "module", true, script.size, script.isolate});
    // What is compiled with the WebAssembly API has no name of its own: "wasm://wasm/8c62a46e", until 7.x
    // "wasm-8c62a46e".
    bool wasm = name.starts_with("wasm://") || (name.starts_with("wasm-") && script.length == 0);
    if (wasm) add({name, false, "wasm", true, std::nullopt, script.isolate});
    bool builtin = name.starts_with("node:") || (!path && !wasm && name.find(':') == std::string::npos);
    if (!builtin) return;
    ++facts_.builtin_scripts;
    facts_.builtin_size += script.size;
  }
  void add(LoadedModule module) {
    known_.emplace(module.isolate, module.path);
    facts_.modules.push_back(std::move(module));
  }

  /// CommonJS: every Module with a file, in the require cache or still referred to. ES modules: the scripts whose names
  /// are URLs, and what has no script (JSON) by its ModuleWrap (src/module_wrap.cc).
  std::optional<Error> modules() {
    auto scripts = runtime_.scripts(which_);
    if (!scripts) return std::move(scripts).error();
    for (const v8::ScriptInfo& found : *scripts) script(found);
    auto found = runtime_.instances("Module", {.which = which_});
    if (!found) return std::move(found).error();
    for (const v8::Instance& instance : found->rows) {
      auto file = runtime_.member(instance.address.value(), {"filename"}, options_);
      auto loaded = runtime_.member(instance.address.value(), {"loaded"}, options_);
      const auto* name = file ? std::get_if<std::string>(&file->value) : nullptr;
      const bool* is_loaded = loaded ? std::get_if<bool>(&loaded->value) : nullptr;
      if (name == nullptr || is_loaded == nullptr) continue;
      LoadedModule module{*name, false, format_of(*name, "commonjs"), *is_loaded, std::nullopt, instance.isolate};
      if (auto size = sizes_.find({instance.isolate, *name}); size != sizes_.end()) module.size = size->second;
      add(std::move(module));
    }
    if (auto failed = wrapped_modules()) return failed;
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

  /// Of a builtin module or a CommonJS module that was imported the wrap is but a facade.
  std::optional<Error> wrapped_modules() {
    auto found = runtime_.instances("ModuleWrap", {.which = which_});
    if (!found) return std::move(found).error();
    for (const v8::Instance& instance : found->rows) {
      auto value = runtime_.member(instance.address.value(), {"url"}, options_);
      const auto* url = value ? std::get_if<std::string>(&value->value) : nullptr;
      if (url == nullptr || value->kind != v8::ValueKind::kString) continue;
      constexpr std::string_view kFile = "file://";
      bool file = url->starts_with(kFile);
      if (!file && !url->starts_with("data:")) continue;
      bool repeated = known_.contains({instance.isolate, *url}) ||
                      (file && known_.contains({instance.isolate, url->substr(kFile.size())}));
      if (!repeated) add({*url, true, format_of(*url, "module"), true, std::nullopt, instance.isolate});
    }
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
    size_t without_loop = 0, without_number = 0;
    for (const WorkerFacts& worker : facts_.workers) {
      const auto& loops = facts_.state.loops;
      if (worker.isolate >= loops.size() || !loops[worker.isolate]) ++without_loop;
      if (!worker.thread_id) ++without_number;
    }
    if (without_loop > 0) {
      report_.incomplete = true;
      report_.warn(fmt::format("The event loops of {} workers were not found.", without_loop));
    }
    // As of isolates that a program which embeds Node.js has made itself.
    if (without_number > 0)
      report_.note(fmt::format("{} isolates belong to no Worker object that was found.", without_number));
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
  std::map<std::pair<uint32_t, std::string>, uint64_t> sizes_;  ///< of sources, by isolate and path
  std::set<std::pair<uint32_t, std::string>> known_;            ///< isolate and path or URL of modules
};

}  // namespace

Result<NodeFacts> gather_node_facts(v8::Runtime& runtime, const Target& target, v8::Reachability which,
                                    Report& report) {
  return Gatherer(runtime, target, which, report).gather();
}

}  // namespace inquest::commands
