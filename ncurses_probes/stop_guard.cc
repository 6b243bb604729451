#include "ncurses_probes/stop_guard.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

extern char** environ;

namespace inquest::probes {
namespace {

// Values of the map.
constexpr uint8_t kStopped = 1, kReleased = 2;

/// In the child of a program that may have threads: only calls that are safe there.
[[noreturn]] void guard(int end_of_pipe, int map) {
  char leave = 0;
  ssize_t got = 0;
  do {
    got = read(end_of_pipe, &leave, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) _exit(0);
  uint32_t pid = 0, next = 0;
  bool first = true;
  while (bpf_map_get_next_key(map, first ? nullptr : &pid, &next) == 0) {
    uint8_t state = kReleased;
    if (bpf_map_lookup_elem(map, &next, &state) == 0 && state == kStopped) kill(static_cast<pid_t>(next), SIGCONT);
    pid = next;
    first = false;
  }
  _exit(0);
}

}  // namespace

Result<std::unique_ptr<StopGuard>> StopGuard::start(int map) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return unusable(fmt::format("no pipe can be made: {}", std::strerror(errno)));
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[1]);
    // What reads from this program waits for its end, not for the guard's.
    close(STDIN_FILENO), close(STDOUT_FILENO), close(STDERR_FILENO);
    setsid();  // the terminal's signals are for the tracer
    guard(ends[0], map);
  }
  close(ends[0]);
  std::unique_ptr<StopGuard> made(new StopGuard);
  made->guard_ = pid;
  made->pipe_ = ends[1];
  made->map_ = map;
  if (pid < 0) return unusable(fmt::format("no process can be made: {}", std::strerror(errno)));
  return made;
}

StopGuard::~StopGuard() {
  char leave = 1;
  if (leave_ && write(pipe_, &leave, 1) != 1) leave_ = false;
  close(pipe_);
  while (guard_ > 0 && waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void StopGuard::release(uint64_t pid) {
  auto key = static_cast<uint32_t>(pid);
  bpf_map_update_elem(map_, &key, &kReleased, BPF_EXIST);
  kill(static_cast<pid_t>(pid), SIGCONT);
}

Result<std::string> write_core(uint64_t pid, const std::string& prefix) {
  std::string number = fmt::format("{}", pid), path = prefix + "." + number;
  std::string words[] = {"gcore", "-o", prefix, number};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
  pid_t child = -1;
  int failure = posix_spawnp(&child, "gcore", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return unusable(fmt::format("cannot run gcore: {}", std::strerror(failure)), "apt-get install gdb");
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0 || access(path.c_str(), R_OK) != 0)
    return unusable(fmt::format("gcore wrote no core of process {}", pid));
  return path;
}

}  // namespace inquest::probes
