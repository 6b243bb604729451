// A program that is started, but waits until probes are set.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/result.h"

namespace inquest::probes {

class Child {
 public:
  /// Makes the process; it waits before execve.
  static Result<std::unique_ptr<Child>> prepare(const std::vector<std::string>& command);
  /// A process that was not let go ends; one that runs is left alone.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  /// Lets it go on. The error says why the program cannot be run.
  std::optional<Error> run();
  bool has_ended();
  void wait();
  void send(int signal);

 private:
  Child() = default;

  std::string program_;
  pid_t pid_ = -1;
  int gate_ = -1;    ///< a byte written here lets the child go on
  int answer_ = -1;  ///< the errno of execve comes from here, or nothing
  bool ended_ = false;
};

}  // namespace inquest::probes
