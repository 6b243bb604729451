#include "ncurses_probes/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace inquest::probes {

Result<std::unique_ptr<Child>> Child::prepare(const std::vector<std::string>& command) {
  int gate[2], answer[2];
  if (pipe2(gate, O_CLOEXEC) != 0) return unusable(fmt::format("cannot start a program: {}", std::strerror(errno)));
  if (pipe2(answer, O_CLOEXEC) != 0) {
    close(gate[0]), close(gate[1]);
    return unusable(fmt::format("cannot start a program: {}", std::strerror(errno)));
  }
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = fork();
  if (pid == 0) {
    close(gate[1]), close(answer[0]);
    char go = 0;
    if (read(gate[0], &go, 1) != 1) _exit(127);
    signal(SIGPIPE, SIG_DFL);  // ignored by this program, and that would be inherited
    execvp(words[0], words.data());
    int failure = errno;
    ssize_t told = write(answer[1], &failure, sizeof failure);
    _exit(told == sizeof failure ? 127 : 126);
  }
  close(gate[0]), close(answer[1]);
  std::unique_ptr<Child> child(new Child);
  child->program_ = command[0];
  child->pid_ = pid;
  child->gate_ = gate[1];
  child->answer_ = answer[0];
  if (pid < 0) return unusable(fmt::format("cannot start a program: {}", std::strerror(errno)));
  return child;
}

Child::~Child() {
  bool waits = gate_ >= 0;
  if (gate_ >= 0) close(gate_);
  if (answer_ >= 0) close(answer_);
  if (waits && pid_ > 0) waitpid(pid_, nullptr, 0);
}

std::optional<Error> Child::run() {
  char go = 1;
  ssize_t written = write(gate_, &go, 1);
  close(gate_);
  gate_ = -1;
  int failure = written == 1 ? 0 : EPIPE;
  // Closed by execve, unless that failed.
  if (written == 1 && read(answer_, &failure, sizeof failure) != sizeof failure) failure = 0;
  if (failure == 0) return std::nullopt;
  waitpid(pid_, nullptr, 0);
  ended_ = true;
  return unusable(fmt::format("cannot run {}: {}", program_, std::strerror(failure)));
}

bool Child::has_ended() {
  if (!ended_) ended_ = waitpid(pid_, nullptr, WNOHANG) == pid_;
  return ended_;
}

void Child::wait() {
  while (!ended_) ended_ = waitpid(pid_, nullptr, 0) == pid_ || errno != EINTR;
}

void Child::send(int signal) {
  if (!ended_) kill(pid_, signal);
}

}  // namespace inquest::probes
