// Counts that the kernel takes of running processes and sockets for some time: which files a process reads and writes,
// how full the queues of a TCP port are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/result.h"

namespace inquest {

struct FileWatchRequest {
  uint64_t pid = 0;
  uint64_t seconds = 0;  ///< 0: until SIGINT, SIGTERM or the end of the process
};

/// What one process did with one file.
struct FileAccess {
  std::string name;     ///< last part of its path
  std::string folder;   ///< the part before that; empty when not known
  uint64_t device = 0;  ///< as the kernel numbers it (dev_t), with `inode` the file's identity
  uint64_t inode = 0;
  uint64_t reads = 0, read_bytes = 0;  ///< calls that read at least one byte
  uint64_t writes = 0, written_bytes = 0;
};

struct TcpWatchRequest {
  enum class What : uint8_t {
    kAcceptOverflow,  ///< connections that a listening socket had no room for
    kAcceptLengths,   ///< lengths of its queues when connections come
    kAcceptLatency,   ///< time from the end of the handshake to accept(2)
    kReceiveLatency,  ///< time from the first byte in a receive queue to the call that reads it
  };
  What what = What::kAcceptOverflow;
  uint16_t port = 0;     ///< local port
  uint64_t limit = 0;    ///< overflows after which it ends; 0: none
  uint64_t seconds = 0;  ///< 0: until SIGINT or SIGTERM
};

struct QueueOverflow {
  enum class Queue : uint8_t { kSyn, kAccept };
  Queue queue = Queue::kAccept;
  int64_t wall_time = 0;  ///< nanoseconds since 1970
  uint64_t length = 0, limit = 0;
  uint64_t dropped = 0;  ///< connection requests that were dropped since the report before
};

struct TcpQueues {
  size_t sockets = 0;                        ///< that have listened on the port
  uint64_t syn_limit = 0, accept_limit = 0;  ///< the largest among them
  uint64_t dropped = 0;                      ///< connection requests that they had no room for, while it ran
};

/// A watch that runs from its making on.
class KernelWatch {
 public:
  virtual ~KernelWatch() = default;
  virtual std::vector<std::string> notes() const = 0;  ///< what could not be seen: whole sentences
};

class FileWatch : public KernelWatch {
 public:
  /// "/usr/bin/node" of the process.
  virtual const std::string& program() const = 0;
  /// Waits until the end; the files are in no order.
  virtual std::vector<FileAccess> finish() = 0;
};

class TcpWatch : public KernelWatch {
 public:
  /// Waits for the next overflow; nothing at the end.
  virtual std::optional<QueueOverflow> next() = 0;
  enum class Series : uint8_t { kSynQueue, kAcceptQueue, kLatency };
  /// Waits until the end and hands on what was measured: lengths, or microseconds.
  virtual TcpQueues finish(const std::function<void(Series, uint64_t value)>& sample) = 0;
};

}  // namespace inquest
