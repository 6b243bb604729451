// What a stack sampler is asked to sample.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inquest {

struct SampleRequest {
  enum class What : uint8_t {
    kOnCpu,   ///< threads that run, at each tick of a clock; weight 1
    kOffCpu,  ///< threads that do not, from when they leave their CPU until they are back; nanoseconds
    kFiles,   ///< system calls that read or write files; bytes, or nanoseconds with `latency`
  };

  What what = What::kOnCpu;
  std::optional<uint64_t> pid;       ///< one process; or
  std::vector<std::string> command;  ///< a program to run with its arguments; neither: all processes
  bool follow_children = false;      ///< of `pid` or `command`
  uint64_t seconds = 0;              ///< after which sampling ends; 0: when the process does
  uint64_t frequency = 997;          ///< ticks of each CPU in a second
  bool user = true, kernel = false;  ///< which stacks
  uint64_t stack_bytes = 64 * 1024;  ///< copied of each user stack at most
  uint64_t min_wait = 0;             ///< off CPU: nanoseconds below which a wait does not count
  bool only_blocked = false;         ///< off CPU: not where a thread could have run on
  bool reads = true, writes = true;  ///< of files
  bool latency = false;              ///< of files: the time that calls take
  bool any_file = false;             ///< pipes, sockets and terminals too
  bool only_times = false;           ///< no stacks are wanted

  /// Who is told at once, by one line, that sampling begins and that its time is up. Maybe from another thread.
  std::function<void(std::string_view line)> tell = {};
};

}  // namespace inquest
