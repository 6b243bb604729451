// One line on a terminal that tells how far long work is; nothing for work shorter than a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace inquest::commands {

class ProgressLine {
 public:
  using Clock = std::chrono::steady_clock;

  /// `write` puts characters on the terminal at once; `now` is for tests.
  explicit ProgressLine(std::function<void(std::string_view)> write,
                        std::function<Clock::time_point()> now = Clock::now);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(std::string_view what, uint64_t done, uint64_t total);
  /// Removes the line; the next update counts as the begin of new work.
  void clear();

 private:
  std::function<void(std::string_view)> write_;
  std::function<Clock::time_point()> now_;
  Clock::time_point begin_{};
  Clock::time_point last_{};
  bool working_ = false;
  std::string shown_;
};

}  // namespace inquest::commands
