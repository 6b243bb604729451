// What all BPF programs of inquest share in user space: their ring buffer, and one line for what the kernel refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "postmortem/model/result.h"

struct ring_buffer;

namespace inquest::probes {

/// libbpf says no more by itself; the last thing it had to say is in what `missing_right` gives.
void keep_libbpf_messages();

/// Why `what` ("cannot load the tracer's program") has failed with `error`, and what to do.
Error missing_right(int error, const std::string& what);

/// Takes one record of the ring buffer. False: no more for now.
using RecordHandler = std::function<bool(std::span<const std::byte> record)>;

class RecordRing {
 public:
  RecordRing() = default;
  ~RecordRing();
  RecordRing(const RecordRing&) = delete;
  RecordRing& operator=(const RecordRing&) = delete;

  std::optional<Error> open(int map);
  /// Hands on what has been recorded, waiting at most `milliseconds` for it, until the handler wants no more.
  void poll(int milliseconds, const RecordHandler& handler);

 private:
  static int take(void* self, void* data, size_t size);

  ring_buffer* ring_ = nullptr;
  const RecordHandler* handler_ = nullptr;
};

/// A loaded program that leaves records in a ring buffer. What it has in the kernel lives as long as this object, or as
/// long as this process when that is killed: links and maps are held by file descriptors only.
class RecordProgram {
 public:
  virtual ~RecordProgram() = default;

  /// The processes that are wanted, unless all are.
  virtual std::optional<Error> track(uint64_t pid) = 0;
  /// The same for a process that is going to run a program, which alone is wanted.
  virtual std::optional<Error> track_program(uint64_t pid) { return track(pid); }
  /// From here on hits are recorded.
  virtual void start() = 0;
  /// From here on they are not.
  virtual void stop() = 0;
  /// Takes everything out of the kernel. What has been recorded can be read still.
  virtual void detach() = 0;
  virtual void poll(int milliseconds, const RecordHandler& handler) = 0;

  /// What was to be recorded, and how much of it found no room.
  virtual uint64_t hits() const = 0;
  virtual uint64_t dropped() const = 0;
};

}  // namespace inquest::probes
