// What Node.js itself keeps outside of V8's heap: its event loop, when it began, its limits. The answers, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/model/address.h"

namespace inquest::v8 {

/// One handle of the event loop (libuv's uv_handle_t).
struct LoopHandle {
  std::string_view type;  ///< as in diagnostic reports: "timer", "tcp", "fs_event"
  Address address;
  Address data;  ///< what its owner hung on it; of Node.js's handles the HandleWrap
  bool active = false;
  bool referenced = false;
  bool closing = false;
  std::optional<int64_t> fd;  ///< of tcp, pipe, udp, tty
  // Of timers, milliseconds.
  std::optional<uint64_t> repeat;
  std::optional<int64_t> fires_in;  ///< from the last turn of the loop; negative: it was due
  std::string file;                 ///< of fs_event and fs_poll
  std::optional<int64_t> pid;       ///< of process
  std::optional<int64_t> signal;    ///< of signal
  // Of streams (tcp, pipe, tty) and udp.
  std::optional<uint64_t> write_queue_size;   ///< bytes
  std::optional<uint64_t> write_queue_count;  ///< of udp: messages
  std::optional<bool> readable, writable;     ///< of streams
  bool listening = false;                     ///< of tcp and pipe
  bool connected = false;                     ///< of udp
  std::string name;                           ///< of pipe: the path that it was bound to
};

struct EventLoop {
  Address address;
  uint64_t active_handles = 0;   ///< as the loop counts them: active and referenced
  uint64_t active_requests = 0;  ///< reads, look-ups and the like that are under way
  bool stopping = false;
  uint64_t time_ms = 0;  ///< its clock at the last turn (CLOCK_MONOTONIC)
  std::vector<LoopHandle> handles;
  bool complete = true;  ///< false: the list of handles could not be followed to its end
  /// Nanoseconds spent waiting for events, until it began to wait for the last time; nothing when libuv did not count.
  std::optional<uint64_t> idle_ns;
  std::optional<uint64_t> waiting_since_ns;  ///< of the clock of time_ms, when it was waiting

  bool alive() const { return active_handles > 0 || active_requests > 0; }
};

/// Bytes.
struct HeapLimits {
  uint64_t old_generation = 0;  ///< v8::internal::Heap::max_old_generation_size
  uint64_t semi_space = 0;      ///< max_semi_space_size
  /// v8.getHeapStatistics().heap_size_limit: old generation, two semi-spaces, as much for large new objects.
  uint64_t total() const { return old_generation + 3 * semi_space; }
};

struct NodeState {
  std::optional<EventLoop> loop;                  ///< of the main thread
  std::vector<std::optional<EventLoop>> loops;    ///< by isolate: of the thread that ran it; the first one is `loop`
  std::vector<std::optional<HeapLimits>> limits;  ///< by isolate
  std::optional<double> start_time;               ///< seconds since 1970
  std::optional<double> uptime;                   ///< seconds, until the last turn of the event loop
  std::string title;                              ///< process.title; empty when unknown
  std::vector<std::string> environment;           ///< "NAME=value", as the process had it last
  bool has_environment = false;
};

/// A script of the program or of Node.js.
struct ScriptInfo {
  std::string name;     ///< path, URL, "node:fs"
  uint64_t length = 0;  ///< of its source, UTF-16 units
  uint64_t size = 0;    ///< bytes of the source
  uint32_t isolate = 0;
  Address address;  ///< tagged
};

}  // namespace inquest::v8
