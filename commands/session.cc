#include "commands/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "postmortem/model/kernel_watch.h"
#include "postmortem/model/probe_event.h"
#include "postmortem/model/sample_request.h"
#include "postmortem/model/trace_request.h"

namespace inquest::commands {

bool has_executable(const Target& target) {
  return std::ranges::any_of(target.modules(),
                             [](const Module& module) { return module.is_executable && !module.file.empty(); });
}

Session::Session(std::unique_ptr<const Target> target, SessionHooks hooks)
    : target_(std::move(target)), hooks_(std::move(hooks)) {}

const Thread* Session::selected_thread() const {
  auto threads = target_->threads();
  auto selected = std::ranges::find(threads, selected_tid_, &Thread::tid);
  if (selected != threads.end()) return &*selected;
  return threads.empty() ? nullptr : &threads.front();
}

Unwinder& Session::unwinder() {
  if (!unwinder_) unwinder_ = hooks_.open_unwinder(*target_);
  return *unwinder_;
}

DebugInfoSource& Session::debug_info() {
  if (!debug_info_) debug_info_ = hooks_.open_debug_info(target_.get());
  return *debug_info_;
}

Result<std::unique_ptr<ProbeEventSource>> Session::start_trace(const TraceRequest& request) const {
  if (!hooks_.start_trace) return unusable("processes cannot be traced from here", "run inquest trace in a shell");
  return hooks_.start_trace(request);
}

Result<std::unique_ptr<ProbeEventSource>> Session::start_sampling(const SampleRequest& request) const {
  if (!hooks_.start_sampling) return unusable("processes cannot be sampled from here", "run inquest in a shell");
  return hooks_.start_sampling(request);
}

Result<std::vector<ProbePlace>> Session::list_probes(const std::string& path, const std::string& pattern) const {
  if (!hooks_.list_probes)
    return unusable("places for probes cannot be listed from here", "run inquest trace in a shell");
  return hooks_.list_probes(path, pattern);
}

Result<ProbeCheck> Session::check_probe(const std::string& probe, const TraceRequest& request) const {
  if (!hooks_.check_probe) return unusable("probes cannot be looked up from here", "run inquest trace in a shell");
  return hooks_.check_probe(probe, request);
}

Result<std::unique_ptr<FileWatch>> Session::watch_files(const FileWatchRequest& request) const {
  if (!hooks_.watch_files) return unusable("processes cannot be watched from here", "run inquest in a shell");
  return hooks_.watch_files(request);
}

Result<std::unique_ptr<TcpWatch>> Session::watch_tcp(const TcpWatchRequest& request) const {
  if (!hooks_.watch_tcp) return unusable("sockets cannot be watched from here", "run inquest in a shell");
  return hooks_.watch_tcp(request);
}

Result<std::unique_ptr<ProbeEventSource>> Session::open_events(const std::string& path) const {
  if (!hooks_.open_events) return unusable("event files cannot be read from here");
  return hooks_.open_events(path);
}

Result<v8::Runtime*> Session::v8() {
  if (runtime_) return runtime_.get();
  if (runtime_error_) return *runtime_error_;
  auto opened = hooks_.open_runtime(*target_);
  if (!opened) {
    runtime_error_ = opened.error();
    return *runtime_error_;
  }
  runtime_ = std::move(opened).value();
  runtime_->set_progress(progress_);
  return runtime_.get();
}

Result<std::unique_ptr<Session>> Session::open_other(const std::string& core) const {
  auto other = hooks_.open_core(core);
  if (!other) return std::move(other).error();
  auto session = std::make_unique<Session>(std::move(other).value(), hooks_);
  session->set_progress(progress_);
  return session;
}

void Session::set_progress(v8::Progress progress) {
  progress_ = std::move(progress);
  if (runtime_) runtime_->set_progress(progress_);
}

void Session::add_notes(Report& report) const {
  auto add = [&](Note note) {
    if (std::ranges::find(report.notes, note) == report.notes.end()) report.notes.push_back(std::move(note));
  };
  if (!target_) return;
  // A missing library does not hide heap objects, a truncated core may.
  bool truncated = target_->facts().truncated_bytes > 0;
  for (const std::string& text : target_->notes()) {
    add({truncated ? Note::Severity::kWarning : Note::Severity::kInfo, text});
  }
  report.incomplete |= truncated;
  if (!runtime_) return;
  for (const v8::Runtime::Note& note : runtime_->notes()) {
    add({note.incomplete ? Note::Severity::kWarning : Note::Severity::kInfo, note.text});
    report.incomplete |= note.incomplete;
  }
}

}  // namespace inquest::commands
