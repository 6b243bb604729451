#include "ncurses_probes/capture/running_target.h"

#include <time.h>

#include <algorithm>
#include <utility>

namespace inquest::probes {
namespace {
constexpr size_t kMaxThreads = 256;
}

void RunningTarget::Memory::show(const LiveMemory& live, std::span<const StackPiece> pieces, const ProbeEvent& event) {
  live_ = &live;
  time_ = event.time;
  moment_ = event.monotonic;
  pieces_.show(live, pieces, event.stack_is_whole);
}

uint64_t RunningTarget::Memory::age() const {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  uint64_t time = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  return time > time_ ? time - time_ : 0;
}

bool RunningTarget::show(const ProbeEvent& event, std::span<const StackPiece> pieces) {
  if (!event.at_random) return false;
  if (pid_ != event.pid || at_random_ != event.at_random) {
    pid_ = event.pid;
    at_random_ = event.at_random;
    live_ = LiveMemory::open(event.pid, *event.at_random);
    ended_ = live_ == nullptr;
    threads_.clear();
  } else if (!ended_) {
    ended_ = !live_->refresh();
  }
  if (ended_) return false;
  memory_.show(*live_, pieces, event);
  std::erase_if(threads_, [&](const Thread& thread) { return thread.tid == event.tid; });
  if (threads_.size() >= kMaxThreads) threads_.pop_back();
  threads_.insert(threads_.begin(), event.thread);
  facts_ = {};
  facts_.pid = event.pid;
  facts_.command = event.comm;
  facts_.at_random = event.at_random;
  return true;
}

}  // namespace inquest::probes
