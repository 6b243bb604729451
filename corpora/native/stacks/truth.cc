#include "truth.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace truth {
namespace {

constexpr int kMaxThreads = 32;
constexpr int kMaxFrames = 64;

struct Call {
  const char* scope;
  const char* function;
  const char* file;
  int line;
  bool inlined;
};

struct Stack {
  const char* role;
  long tid;
  bool walkable;
  bool sleeps;
  int depth;
  Call calls[kMaxFrames];
};

Stack stacks[kMaxThreads];
std::atomic<int> begun;
std::atomic<int> are_ready;
thread_local Stack* mine;

bool asleep(long tid) {
  char path[64], text[512];
  std::snprintf(path, sizeof path, "/proc/self/task/%ld/stat", tid);
  FILE* file = std::fopen(path, "r");
  if (file == nullptr) return false;
  size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[size] = 0;
  const char* state = text;  // the name in parentheses has none of its own
  while (*state != 0 && *state != ')') ++state;
  return *state != 0 && state[2] == 'S';
}

void print_stack(const Stack& stack, bool last) {
  std::printf(" {\"role\": \"%s\", \"tid\": %ld, \"walkable\": %s, \"frames\": [\n", stack.role, stack.tid,
              stack.walkable ? "true" : "false");
  for (int i = stack.depth - 1; i >= 0; --i) {
    const Call& call = stack.calls[i];
    std::printf("  {\"scope\": \"%s\", \"function\": \"%s\", \"file\": \"%s\", \"line\": %d, \"inlined\": %s}%s\n",
                call.scope, call.function, call.file, call.line, call.inlined ? "true" : "false", i == 0 ? "" : ",");
  }
  std::printf(" ]}%s\n", last ? "" : ",");
}

}  // namespace

Frame::Frame(const char* scope, const char* function, const char* file, bool inlined) : index_(mine->depth++) {
  if (mine->depth > kMaxFrames) std::abort();
  mine->calls[index_] = {scope, function, file, 0, inlined};
}

Frame::~Frame() { mine->depth = index_; }

void Frame::line(int number) { mine->calls[index_].line = number; }

void begin_thread(const char* role, bool walkable, bool sleeps) {
  mine = &stacks[begun++];
  mine->role = role;
  mine->tid = syscall(SYS_gettid);
  mine->walkable = walkable;
  mine->sleeps = sleeps;
}

void ready() { ++are_ready; }

void print(int threads) {
  while (are_ready < threads) sched_yield();
  int count = begun;
  for (int i = 0; i < count; ++i) {
    while (&stacks[i] != mine && stacks[i].sleeps && !asleep(stacks[i].tid)) sched_yield();
  }
  std::printf("{\"threads\": [\n");
  for (int i = 0; i < count; ++i) print_stack(stacks[i], i == count - 1);
  std::printf("]}\n");
  std::fflush(stdout);
}

}  // namespace truth
