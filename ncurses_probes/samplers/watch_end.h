// When a watch ends: SIGINT, SIGTERM or SIGHUP (which then do not end this program), a number of seconds, the end of
// the watched process.
#pragma once

#include <sys/types.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>

#include "postmortem/model/result.h"

namespace inquest::probes {

class WatchEnd {
 public:
  /// `pid` 0: no process ends it; `seconds` 0: no time. The error says that there is no such process.
  static Result<std::unique_ptr<WatchEnd>> prepare(uint64_t pid, uint64_t seconds);
  ~WatchEnd();
  WatchEnd(const WatchEnd&) = delete;
  WatchEnd& operator=(const WatchEnd&) = delete;

  /// Waits at most this long; whether the end has come. Once it has, it stays so.
  bool wait(int milliseconds);

 private:
  WatchEnd() = default;
  int64_t milliseconds_left() const;

  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  sigset_t before_ = {};
  bool is_masked_ = false;
  int signals_ = -1;      ///< signalfd
  int process_ = -1;      ///< pidfd
  int64_t deadline_ = 0;  ///< milliseconds of CLOCK_MONOTONIC; 0: none
  bool has_ended_ = false;
};

}  // namespace inquest::probes
