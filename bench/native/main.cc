// 64 threads, each a few units deep; all wait in a condition variable when the first one crashes.
#include <atomic>
#include <cstdio>
#include <thread>

#include "body.h"

namespace body {

extern const int kUnits;

uint64_t travel(Journey& journey) {
  if (journey.left == 0) {
    journey.arrived(journey);
    return journey.sum;
  }
  --journey.left;
  int unit = *journey.route++;
  return kEntries[unit](journey) + journey.sum;
}

namespace {

constexpr int kThreads = 64;

std::mutex mutex;
std::condition_variable arrived, never;
int waiting = 0;

void wait_for_ever(Journey&) {
  std::unique_lock lock(mutex);
  ++waiting;
  arrived.notify_one();
  never.wait(lock, [] { return waiting < 0; });
}

/// The compiler must not see that it is null.
int* volatile nothing = nullptr;

inline void assign(int* where, int value) { *where = value; }

/// Once it holds the mutex, the others have given it up: each is inside its wait.
void crash(Journey&) {
  std::unique_lock lock(mutex);
  arrived.wait(lock, [] { return waiting == kThreads - 1; });
  assign(nothing, 42);
}

void ride(int number) {
  std::array<int, 2> route = {number % kUnits, (number * 7 + 13) % kUnits};
  Journey journey{route.data(), static_cast<int>(route.size()), number == 0 ? crash : wait_for_ever,
                  static_cast<uint64_t>(number)};
  std::printf("%lu\n", travel(journey));
}

}  // namespace
}  // namespace body

int main() {
  std::vector<std::thread> threads;
  for (int number = 0; number < body::kThreads; ++number) threads.emplace_back(body::ride, number);
  for (auto& thread : threads) thread.join();
}
