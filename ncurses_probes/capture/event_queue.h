// Events on their way from the thread that empties the kernel's buffer to the one that names their stacks, which is
// slower. What does not fit stays in the kernel, which counts what it has no room for.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "postmortem/model/probe_event.h"

namespace inquest::probes {

class EventQueue {
 public:
  /// Memory that events in the queue take at most, one event beyond it.
  static constexpr size_t kMaxBytes = 64 << 20;

  /// Whether there is room for more. Waits at most `milliseconds` for it.
  bool wait_for_room(int milliseconds) {
    std::unique_lock lock(mutex_);
    return has_room_.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return bytes_ < kMaxBytes; });
  }
  bool has_room() {
    std::lock_guard lock(mutex_);
    return bytes_ < kMaxBytes;
  }
  void push(ProbeEvent event) {
    std::lock_guard lock(mutex_);
    bytes_ += size_of(event);
    events_.push_back(std::move(event));
    has_more_.notify_one();
  }
  /// Nothing will be pushed any more.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    has_more_.notify_one();
  }
  /// Waits; nothing once it is closed and empty.
  std::optional<ProbeEvent> pop() {
    std::unique_lock lock(mutex_);
    has_more_.wait(lock, [this] { return closed_ || !events_.empty(); });
    if (events_.empty()) return std::nullopt;
    ProbeEvent event = std::move(events_.front());
    events_.pop_front();
    bytes_ -= size_of(event);
    has_room_.notify_one();
    return event;
  }

 private:
  static size_t size_of(const ProbeEvent& event) {
    return sizeof event + event.stack.size() + event.other_stack.size() + 256;
  }

  std::mutex mutex_;
  std::condition_variable has_more_, has_room_;
  std::deque<ProbeEvent> events_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace inquest::probes
