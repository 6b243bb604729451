// What each traced process has mapped, kept up to date from what the kernel tells about mmap, fork and exec, so that it
// is known for processes that are gone by the time their events are looked at.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "postmortem/live/mappings.h"
#include "postmortem/model/probe_event.h"

namespace inquest::probes {

using live::Mapping;
using live::read_mappings;

/// The mappings of one process. A later one replaces what it overlaps, as mmap does.
class AddressSpace {
 public:
  void add(Mapping mapping);
  void clear() { mappings_.clear(), snapshot_.reset(); }
  bool empty() const { return mappings_.empty(); }
  std::vector<Mapping> mappings() const;

  /// These mappings as a process to unwind in; the same one as long as nothing that matters has changed. `pid` is where
  /// the files are looked for while it lives.
  std::shared_ptr<const ProcessSnapshot> snapshot(uint64_t pid);

 private:
  bool is_known_code(const Mapping& mapping) const;

  std::map<uint64_t, Mapping> mappings_;  ///< by start
  std::shared_ptr<const ProcessSnapshot> snapshot_;
};

/// All processes that are followed, by process id.
class ProcessMaps {
 public:
  /// `all`: processes that nobody has named are followed too.
  explicit ProcessMaps(bool all) : all_(all) {}

  void follow(uint64_t pid) { spaces_[pid]; }
  /// Reads what a process has mapped now. False when it is gone or may not be read.
  bool read(uint64_t pid);

  bool follows(uint64_t pid) const { return all_ || spaces_.contains(pid); }
  void on_map(uint64_t pid, Mapping mapping);
  void on_exec(uint64_t pid);
  void on_fork(uint64_t pid, uint64_t parent);
  void on_exit(uint64_t pid) { spaces_.erase(pid); }

  /// Null when nothing is known about the process and it is gone.
  std::shared_ptr<const ProcessSnapshot> snapshot(uint64_t pid);

 private:
  bool all_;
  std::unordered_map<uint64_t, AddressSpace> spaces_;
};

}  // namespace inquest::probes
