// A process as it was mapped at the moment of an event, as a Target.
//
// It is written down as a small core file in memory: what was mapped from which file (NT_FILE), the first page of each
// program and library, which proves later that a file is the one that ran, and the vdso. So files are found, checked
// and read by the same code as those of a core, and the event file holds snapshots as they are. Only the stack and the
// registers, which every event has anew, are laid over it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ncurses_probes/capture/process_maps.h"
#include "postmortem/model/probe_event.h"

namespace inquest::probes {

class CoreSnapshot : public ProcessSnapshot {
 public:
  /// `core`: the bytes of a small core file. `may_run_scripts`: taken just now, of a process
  /// that has code of no file.
  explicit CoreSnapshot(std::vector<std::byte> core, bool may_run_scripts = false)
      : core_(std::move(core)), may_run_scripts_(may_run_scripts) {}

  Result<std::unique_ptr<EventTarget>> open() const override;
  bool may_run_scripts() const override { return may_run_scripts_; }
  const std::vector<std::byte>& core() const { return core_; }

 private:
  std::vector<std::byte> core_;
  bool may_run_scripts_;
};

/// `pid`: read from while it lives (mapped files that have been deleted or lie in another mount namespace).
std::shared_ptr<const ProcessSnapshot> make_snapshot(uint64_t pid, const std::vector<Mapping>& mappings);

}  // namespace inquest::probes
