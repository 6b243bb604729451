// What all sources of live events have: the processes that they are about, what those map, a thread that empties the
// kernel's buffer, and the ways in which it ends.
#pragma once

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ncurses_probes/attach/bpf_support.h"
#include "ncurses_probes/bpf/record.h"
#include "ncurses_probes/capture/event_queue.h"
#include "ncurses_probes/capture/process_maps.h"
#include "ncurses_probes/capture/side_band.h"
#include "ncurses_probes/child.h"
#include "postmortem/model/probe_event.h"

namespace inquest::probes {

/// While one lives, the signals that ask a program to end are noted only.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The last one; 0: none.
  static int seen();

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)];
};

/// One process, or a command to run, or neither: all processes.
struct Whom {
  std::optional<uint64_t> pid;
  std::vector<std::string> command;

  bool all() const { return !pid && command.empty(); }
};

class LiveSource : public ProbeEventSource {
 public:
  ~LiveSource() override;

  Result<std::optional<ProbeEvent>> next() override;
  void stop() override { quit_ = true; }
  TraceStatistics statistics() const override { return {.recorded = recorded_, .dropped = program().dropped()}; }

 protected:
  explicit LiveSource(Whom whom);

  /// The steps of a start, in this order. The program is loaded before `follow` and attached after it.
  std::optional<Error> open_process();
  std::optional<Error> open_side_band();
  std::optional<Error> follow();
  /// Hits are recorded and the command runs from here on.
  std::optional<Error> go();

  /// Ends the reader's thread. Must be called by destructors, before what `take` needs is gone.
  void stop_reading();

  virtual RecordProgram& program() const = 0;
  /// In the reader's thread: one record.
  virtual void take(std::span<const std::byte> record) = 0;
  /// In the reader's thread: after the last record.
  virtual void take_rest() {}
  /// In the reader's thread: whether enough has been seen.
  virtual bool has_enough() { return false; }
  /// After the last event, in the thread of `next`; `interrupted`: the user wanted it to end.
  virtual std::optional<Error> finish(bool interrupted) = 0;

  /// Gives the event the process that it is of, as it was mapped at that time.
  void add_process(ProbeEvent& event);
  /// What is missing from stacks because of lost reports about processes.
  void add_notes_about_maps(std::vector<std::string>& notes) const;

  int64_t boot_time() const { return boot_time_; }
  /// Nanoseconds, or a little more, that the machine has been suspended.
  static uint64_t suspended_time();
  Child* child() const { return child_.get(); }

  Whom whom_;
  EventQueue queue_;
  std::atomic<uint64_t> recorded_{0};

 private:
  void read_events();
  bool is_over();

  StopSignals signals_;
  std::unique_ptr<SideBand> side_band_;
  ProcessMaps maps_;
  std::unique_ptr<Child> child_;
  std::thread reader_;
  std::atomic<bool> quit_{false};
  int process_ = -1;  ///< pidfd
  int64_t boot_time_ = 0;
  uint64_t taken_ = 0, unknown_ = 0;  ///< of the reader; the rest may look once that has ended
  bool finished_ = false;
};

}  // namespace inquest::probes
