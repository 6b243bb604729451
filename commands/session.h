// What is known about one target between commands: the opened runtimes and where paging stands. One per core and front
// end; nothing about a target is kept anywhere else.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands/report.h"
#include "postmortem/model/result.h"
#include "postmortem/model/target.h"
#include "v8/runtime.h"

namespace inquest::commands {

/// What a front end puts in: how things are opened. Tests put in fakes.
struct SessionHooks {
  std::function<Result<std::unique_ptr<v8::Runtime>>(const Target&)> open_runtime;
  std::function<Result<std::unique_ptr<Target>>(const std::string& core)> open_core;
};

/// Where the last `v8 findjsinstances` stopped: the same request again gives the next page.
struct Paging {
  std::string request;
  uint64_t next = 0;  ///< instances shown so far, 0 after the last page
};

/// Whether the file of the main program has been found, without which little can be said.
bool has_executable(const Target& target);

class Session {
 public:
  Session(std::unique_ptr<const Target> target, SessionHooks hooks);

  const Target& target() const { return *target_; }

  /// The V8 runtime, opened on first use. A failure is remembered and given again.
  Result<v8::Runtime*> v8();

  /// A session on another core with the same hooks, for comparisons.
  Result<std::unique_ptr<Session>> open_other(const std::string& core) const;

  /// Who is told about long work from now on; empty for nobody.
  void set_progress(v8::Progress progress);

  /// Adds what the target and the runtimes opened so far could not see.
  void add_notes(Report& report) const;

  Paging& paging() { return paging_; }

 private:
  std::unique_ptr<const Target> target_;
  SessionHooks hooks_;
  v8::Progress progress_;
  std::unique_ptr<v8::Runtime> runtime_;
  std::optional<Error> runtime_error_;
  Paging paging_;
};

}  // namespace inquest::commands
