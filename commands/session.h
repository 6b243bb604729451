// What is known about one target between commands: the opened runtimes and where paging stands. One per core and front
// end; nothing about a target is kept anywhere else.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/printed_values.h"
#include "commands/report.h"
#include "postmortem/model/debug_info.h"
#include "postmortem/model/object_file.h"
#include "postmortem/model/result.h"
#include "postmortem/model/target.h"
#include "postmortem/model/unwinder.h"
#include "v8/runtime.h"

namespace inquest {
class FileWatch;
class ProbeEventSource;
class TcpWatch;
struct FileWatchRequest;
struct ProbeCheck;
struct ProbePlace;
struct SampleRequest;
struct TcpWatchRequest;
struct TraceRequest;
}  // namespace inquest

namespace inquest::commands {

/// What a front end puts in: how things are opened. Tests put in fakes.
struct SessionHooks {
  std::function<Result<std::unique_ptr<v8::Runtime>>(const Target&)> open_runtime = {};
  std::function<Result<std::unique_ptr<Target>>(const std::string& core)> open_core = {};
  std::function<std::unique_ptr<Unwinder>(const Target&)> open_unwinder = {};
  std::function<std::unique_ptr<DebugInfoSource>(const Target*)> open_debug_info = {};  ///< null: files only
  std::function<Result<ProcessDebugInfo>(uint64_t pid)> examine_process = {};
  std::function<Result<ObjectFile>(const std::string& path)> open_object = {};
  std::function<Result<std::unique_ptr<ProbeEventSource>>(const TraceRequest&)> start_trace = {};
  std::function<Result<std::unique_ptr<ProbeEventSource>>(const SampleRequest&)> start_sampling = {};
  std::function<Result<std::vector<ProbePlace>>(const std::string& path, const std::string& pattern)> list_probes = {};
  std::function<Result<ProbeCheck>(const std::string& probe, const TraceRequest&)> check_probe = {};
  std::function<Result<std::unique_ptr<FileWatch>>(const FileWatchRequest&)> watch_files = {};
  std::function<Result<std::unique_ptr<TcpWatch>>(const TcpWatchRequest&)> watch_tcp = {};
  std::function<Result<std::unique_ptr<ProbeEventSource>>(const std::string& path)> open_events = {};
  std::function<void(std::string_view line)> tell = {};  ///< a line for the user at once, not for the answer
};

/// Where the last `v8 findjsinstances` stopped: the same request again gives the next page.
struct Paging {
  std::string request;
  uint64_t next = 0;  ///< instances shown so far, 0 after the last page
};

/// `v8 settings`.
struct Settings {
  uint32_t tree_padding = 2;  ///< columns for each level of `v8 findrefs -r`, 1 to 10
};

/// A number that an expression of a debugger comes to, or a usage error of one line.
using Evaluator = std::function<Result<uint64_t>(const std::string& expression)>;

/// Whether the file of the main program has been found, without which little can be said.
bool has_executable(const Target& target);

class Session {
 public:
  /// `target` may be null: then only commands whose specification says that they need no core may run.
  Session(std::unique_ptr<const Target> target, SessionHooks hooks);

  bool has_target() const { return target_ != nullptr; }
  const Target& target() const { return *target_; }

  /// The thread that commands speak of by default: the one selected in the debugger, else the one that died. Null
  /// when the core names no thread.
  const Thread* selected_thread() const;
  void select_thread(uint64_t tid) { selected_tid_ = tid; }

  /// Opened on first use, kept until the session ends.
  Unwinder& unwinder();
  DebugInfoSource& debug_info();

  /// A program or library on this machine. Not kept.
  Result<ObjectFile> open_object(const std::string& path) const { return hooks_.open_object(path); }
  /// The debug information of a running process.
  Result<ProcessDebugInfo> examine_process(uint64_t pid) const { return hooks_.examine_process(pid); }

  /// Events of running processes, or an error where this front end cannot trace.
  Result<std::unique_ptr<ProbeEventSource>> start_trace(const TraceRequest& request) const;
  /// Stacks of running processes at times; events of kind kSample.
  Result<std::unique_ptr<ProbeEventSource>> start_sampling(const SampleRequest& request) const;
  /// The places in a program or library that can be traced.
  Result<std::vector<ProbePlace>> list_probes(const std::string& path, const std::string& pattern) const;
  /// What a specification means for the processes of the request, without setting it.
  Result<ProbeCheck> check_probe(const std::string& probe, const TraceRequest& request) const;
  /// Counts of a running process and of the machine's sockets, from now on.
  Result<std::unique_ptr<FileWatch>> watch_files(const FileWatchRequest& request) const;
  Result<std::unique_ptr<TcpWatch>> watch_tcp(const TcpWatchRequest& request) const;
  /// The events that a tracer saved.
  Result<std::unique_ptr<ProbeEventSource>> open_events(const std::string& path) const;

  /// For sessions of commands that make their targets themselves.
  const SessionHooks& hooks() const { return hooks_; }

  /// The V8 runtime, opened on first use. A failure is remembered and given again.
  Result<v8::Runtime*> v8();

  /// A session on another core with the same hooks, for comparisons.
  Result<std::unique_ptr<Session>> open_other(const std::string& core) const;

  /// Who is told about long work from now on; empty for nobody.
  void set_progress(v8::Progress progress);

  /// Adds what the target and the runtimes opened so far could not see.
  void add_notes(Report& report) const;

  Paging& paging() { return paging_; }

  /// The values that $N stands for.
  PrintedValues& printed() { return printed_; }
  const PrintedValues& printed() const { return printed_; }

  Settings& settings() { return settings_; }

  /// Whether commands can follow that use what this one has printed; else nothing is said about it.
  bool has_further_commands() const { return has_further_commands_; }
  void set_further_commands() { has_further_commands_ = true; }

  /// Who evaluates what commands do not understand themselves; empty where no debugger is.
  const Evaluator& evaluator() const { return evaluator_; }
  void set_evaluator(Evaluator evaluator) { evaluator_ = std::move(evaluator); }

 private:
  std::unique_ptr<const Target> target_;
  SessionHooks hooks_;
  v8::Progress progress_;
  std::unique_ptr<v8::Runtime> runtime_;
  std::optional<Error> runtime_error_;
  Paging paging_;
  PrintedValues printed_;
  Settings settings_;
  bool has_further_commands_ = false;
  Evaluator evaluator_;
  std::unique_ptr<Unwinder> unwinder_;
  std::unique_ptr<DebugInfoSource> debug_info_;
  uint64_t selected_tid_ = 0;
};

}  // namespace inquest::commands
