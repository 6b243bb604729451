// Threads that wait where stacks are hard to walk: behind system calls, in the vdso, behind a signal, inside a sort.
#include "threads.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <mutex>
#include <vector>

#include "shapes.h"

namespace threads {

template <typename Condition>
INLINED void wait_until(std::mutex& mutex, std::condition_variable& changed, Condition condition) {
  ENTER_INLINED("threads");
  std::unique_lock lock(mutex);
  while (!condition()) AT(truth::ready(), changed.wait(lock));
}

void* condition_thread(void*) {
  truth::begin_thread("condition");
  ENTER("threads");
  std::mutex mutex;
  std::condition_variable never;
  AT(wait_until(mutex, never, [] { return shapes::opaque == 0; }));
  return nullptr;
}

OUT_OF_LINE static long read_byte(int file) {
  ENTER("threads");
  char byte = 0;
  long got = AT(truth::ready(), read(file, &byte, 1));
  return got + byte;
}

void* read_thread(void*) {
  truth::begin_thread("read");
  ENTER("threads");
  int ends[2];
  if (pipe(ends) != 0) return nullptr;
  long got = AT(read_byte(ends[0]));
  return reinterpret_cast<void*>(got + shapes::opaque);
}

OUT_OF_LINE static long watch_clock() {
  ENTER("threads");
  timespec now{};
  for (AT(truth::ready()); clock_gettime(CLOCK_MONOTONIC, &now) == 0;) continue;
  return now.tv_nsec;
}

void* clock_thread(void*) {
  truth::begin_thread("clock", true, false);
  ENTER("threads");
  long result = AT(watch_clock());
  return reinterpret_cast<void*>(result + shapes::opaque);
}

OUT_OF_LINE static int settle(int signal) {
  ENTER("threads");
  int result = AT(truth::ready(), pause());
  return result + signal;
}

static void handle(int signal) {
  ENTER("threads");
  shapes::opaque = AT(settle(signal));
}

/// Its first instruction is the one that is interrupted: who looks one byte before it, finds another function. So it
/// cannot speak for itself.
constexpr int kTripLine = __LINE__ + 1;
INLINED void trip() { asm volatile("ud2"); }

OUT_OF_LINE static int stumble(int steps) {
  ENTER("threads");
  int sum = steps * shapes::opaque;
  truth::Frame tripped("threads", "trip", __FILE__, true);
  tripped.line(kTripLine);
  AT(trip());
  return sum + shapes::opaque;
}

void* signal_thread(void*) {
  truth::begin_thread("signal");
  ENTER("threads");
  struct sigaction action = {};
  action.sa_handler = handle;
  sigaction(SIGILL, &action, nullptr);
  int sum = AT(stumble(3));
  return reinterpret_cast<void*>(static_cast<long>(sum + shapes::opaque));
}

struct Item {
  int key;
  int rank;
};

OUT_OF_LINE static int sort_items(std::vector<Item>& items) {
  ENTER("threads");
  int compared = 0;
  auto less = [&compared](const Item& left, const Item& right) __attribute__((always_inline)) {
    ENTER_INLINED("");
    if (++compared == 100) AT(truth::ready(), pause());
    return left.key < right.key;
  };
  AT(std::sort(items.begin(), items.end(), less));
  return compared + shapes::opaque;
}

void* sort_thread(void*) {
  truth::begin_thread("sort");
  ENTER("threads");
  std::vector<Item> items;
  for (int i = 0; i < 200; ++i) items.push_back({i * 7919 % 211, i});
  int sum = AT(sort_items(items));
  return reinterpret_cast<void*>(static_cast<long>(sum + shapes::opaque));
}

}  // namespace threads
