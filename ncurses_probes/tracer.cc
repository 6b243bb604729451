#include "ncurses_probes/tracer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "ncurses_probes/attach/bpf_program.h"
#include "ncurses_probes/attach/place_finder.h"
#include "ncurses_probes/capture/decode.h"
#include "ncurses_probes/events/event_file.h"
#include "ncurses_probes/live_source.h"
#include "ncurses_probes/spec/probe_sets.h"
#include "ncurses_probes/stop_guard.h"

namespace inquest::probes {
namespace {

class LiveTracer : public LiveSource {
 public:
  explicit LiveTracer(TraceRequest request)
      : LiveSource({.pid = request.pid, .command = request.command}), request_(std::move(request)) {}

  ~LiveTracer() override {
    stop_reading();
    if (program_) program_->detach();
    release_stopped();
  }

  std::optional<Error> start() {
    if (auto problem = parse()) return problem;
    if (auto problem = open_process()) return problem;
    if (auto problem = find_all_places()) return problem;
    bool tracked = request_.pid || !request_.command.empty();
    auto program =
        BpfProgram::load({.probes = probes_,
                          .stack_bytes = static_cast<uint32_t>(std::min<uint64_t>(request_.stack_bytes, UINT32_MAX)),
                          .only_tracked = tracked,
                          .follow_children = request_.follow_children,
                          .rate = request_.rate,
                          .stops = request_.stop || !request_.gcore.empty(),
                          .stops_once = !request_.gcore.empty()});
    if (!program) return std::move(program).error();
    program_ = std::move(*program);
    if (request_.stop || !request_.gcore.empty()) {
      auto guard = StopGuard::start(program_->stopped_map());
      if (!guard) return std::move(guard).error();
      guard_ = std::move(*guard);
    }
    if (auto problem = open_side_band()) return problem;
    if (!request_.output.empty()) {
      auto writer = EventFileWriter::create(request_.output);
      if (!writer) return std::move(writer).error();
      writer_ = std::move(*writer);
    }
    return begin();
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes;
    if (uint64_t dropped = program_->dropped(); dropped > 0) {
      notes.push_back(
          fmt::format("{} of {} events found no room in the buffer and are lost", dropped, program_->hits()));
    }
    add_notes_about_maps(notes);
    if (!program_->sees_signals()) {
      notes.push_back("this kernel has no BTF tracepoints: the signal that ends a process is not recorded");
    }
    notes.insert(notes.end(), failed_.begin(), failed_.end());
    return notes;
  }

  std::vector<std::string> remarks() const override {
    std::vector<std::string> remarks = left_out_;
    remarks.insert(remarks.end(), cores_.begin(), cores_.end());
    if (uint64_t limited = program_->limited(); limited > 0)
      remarks.push_back(fmt::format("{} hits beyond {} of a probe in a second are left out", limited, request_.rate));
    return remarks;
  }

 private:
  std::optional<Error> parse() {
    for (const std::string& text : request_.probes) {
      auto specs = parse_probes(text);
      if (!specs) return std::move(specs).error();
      probes_.insert(probes_.end(), specs->begin(), specs->end());
    }
    return std::nullopt;
  }

  std::optional<Error> find_all_places() {
    auto context = search_context(request_);
    if (!context) return std::move(context).error();
    for (size_t i = 0; i < probes_.size(); ++i) {
      if (probes_[i].kind == ProbeSpec::Kind::kSignal) continue;
      auto places = find_places(probes_[i], *context);
      if (!places && probes_[i].is_optional) {
        left_out_.push_back(fmt::format("{} is not traced: {}", probes_[i].label, places.error().what));
        continue;
      }
      if (!places) return std::move(places).error();
      for (Place& place : *places) {
        place.probe = i;
        places_.push_back(std::move(place));
      }
    }
    bool has_signal = std::ranges::count(probes_, ProbeSpec::Kind::kSignal, &ProbeSpec::kind) > 0;
    if (places_.empty() && !has_signal)
      return unusable("none of the probes can be set", left_out_.empty() ? "" : left_out_[0]);
    return std::nullopt;
  }

  std::optional<Error> begin() {
    if (auto problem = follow()) return problem;
    // The kernel's own filter by process leaves out children.
    uint64_t only = request_.follow_children ? 0 : request_.pid.value_or(0);
    if (auto problem = program_->attach(places_, only)) return problem;
    return go();
  }

  RecordProgram& program() const override { return *program_; }
  bool has_enough() override { return request_.limit != 0 && recorded_ >= request_.limit; }

  void take(std::span<const std::byte> bytes) override {
    if (bytes.size() < sizeof(inquest_record)) return;
    const auto& record = *reinterpret_cast<const inquest_record*>(bytes.data());
    DecodeContext context{
        .probes = probes_, .places = places_, .boot_time = boot_time(), .suspended = suspended_time()};
    ProbeEvent event = decode(record, bytes.subspan(sizeof record), context);
    bool is_end = event.kind == ProbeEvent::Kind::kSignal;
    // The limit is on what was asked for; the signal that ends the process comes with it.
    if (has_enough() && !is_end) return;
    add_process(event);
    ++recorded_;
    if (!request_.gcore.empty() && !is_end) write_core_of(event.pid);
    if (writer_) {
      if (request_.before_writing) request_.before_writing(event);
      writer_->write(event);  // nobody wants to see it now
      return;
    }
    queue_.push(std::move(event));
  }

  /// The process was stopped at its first hit.
  void write_core_of(uint64_t pid) {
    if (!cored_.insert(pid).second) return;
    auto core = write_core(pid, request_.gcore);
    if (core)
      cores_.push_back(fmt::format("the core of process {} at its first hit is {}", pid, *core));
    else
      failed_.push_back(core.error().line());
    guard_->release(pid);
  }

  void release_stopped() {
    if (guard_ && request_.leave_stopped) guard_->leave_stopped();
    guard_.reset();
  }

  std::optional<Error> finish(bool interrupted) override {
    program_->detach();
    release_stopped();
    if (child() && !interrupted && !request_.leave_stopped) child()->wait();
    return writer_ ? writer_->finish(statistics(), notes()) : std::nullopt;
  }

  TraceRequest request_;
  std::vector<ProbeSpec> probes_;
  std::vector<Place> places_;
  std::vector<std::string> left_out_;
  std::vector<std::string> cores_, failed_;
  std::set<uint64_t> cored_;
  std::unique_ptr<BpfProgram> program_;
  std::unique_ptr<StopGuard> guard_;
  std::unique_ptr<EventFileWriter> writer_;
};

}  // namespace

Result<std::unique_ptr<ProbeEventSource>> start_trace(const TraceRequest& request) {
  auto tracer = std::make_unique<LiveTracer>(request);
  if (auto problem = tracer->start()) return *std::move(problem);
  return std::unique_ptr<ProbeEventSource>(std::move(tracer));
}

}  // namespace inquest::probes
