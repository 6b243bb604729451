// What a process of this machine has mapped now, as /proc/PID/maps tells it (proc(5)).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postmortem/model/memory_reader.h"

namespace inquest::live {

struct Mapping {
  uint64_t start = 0, end = 0;
  uint64_t offset = 0;      ///< of `start` in the file
  uint32_t protection = 0;  ///< PROT_READ, PROT_WRITE, PROT_EXEC
  std::string path;         ///< "/usr/lib/libc.so.6", "/tmp/a.out (deleted)", "[vdso]"; empty: anonymous
  bool shared = false;      ///< MAP_SHARED
};

/// What /proc/PID/maps says now; empty when the process is gone or may not be looked at.
std::vector<Mapping> read_mappings(uint64_t pid);

/// Whether nothing but what the process has written there itself is in it, so that pages never written are zeros.
bool is_private_anonymous(const Mapping& mapping);

/// The same as regions of memory, as those of a core are told. What cannot be read is not available.
std::vector<MemoryRegion> to_regions(std::vector<Mapping> mappings);

}  // namespace inquest::live
