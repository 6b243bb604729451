// The file that a tracer leaves: events with registers and stacks as they were, so that they can be given names later,
// elsewhere, and with better debug files.
//
//   magic    "inquest events\n" and the number of the format as one byte
//   blocks   u32 type, u32 size, then `size` bytes; types that are not known are passed over
//     1 snapshot   u64 number, then a small core file (capture/snapshot.h)
//     2 event      u64 number of its snapshot (0: none), then the members of ProbeEvent in their order; texts and lists
//                  with a u32 for their length
//     3 end        u64 recorded, u64 dropped, notes
// All integers little-endian. A file without its end, whose tracer was killed, is read as far as it goes. Nothing in it
// is trusted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "postmortem/model/probe_event.h"
#include "postmortem/model/result.h"

namespace inquest::probes {

class EventFileWriter {
 public:
  /// Readable by its owner only: stacks may hold secrets. An existing file is replaced.
  static Result<std::unique_ptr<EventFileWriter>> create(const std::string& path);
  virtual ~EventFileWriter() = default;

  /// False once something could not be written (disk full); `finish` says why.
  virtual bool write(const ProbeEvent& event) = 0;
  virtual std::optional<Error> finish(const TraceStatistics& statistics, const std::vector<std::string>& notes) = 0;
};

/// The events of a file in the order of time.
Result<std::unique_ptr<ProbeEventSource>> open_event_file(const std::string& path);

/// Whether the first bytes of `path` are those of an event file.
bool is_event_file(const std::string& path);

}  // namespace inquest::probes
