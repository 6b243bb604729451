// Waits in two functions of the first thread and in one of a second thread, and prints for how long each was away from
// its CPU: the time on the wall without the thread's own processor time.
#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <thread>

namespace load {

static double seconds(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class Away {
 public:
  explicit Away(double& sum) : sum_(sum) {}
  ~Away() { sum_ += seconds(CLOCK_MONOTONIC) - wall_ - (seconds(CLOCK_THREAD_CPUTIME_ID) - own_); }

 private:
  double& sum_;
  double wall_ = seconds(CLOCK_MONOTONIC), own_ = seconds(CLOCK_THREAD_CPUTIME_ID);
};

struct Times {
  double sleeping = 0, polling = 0, locking = 0;
};

__attribute__((noipa)) void sleeping(int count, Times& times) {
  Away away(times.sleeping);
  for (int i = 0; i < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

__attribute__((noipa)) void polling(int count, Times& times) {
  Away away(times.polling);
  for (int i = 0; i < count; ++i) poll(nullptr, 0, 5);
}

static std::mutex mutex;
static std::condition_variable changed;
static bool done = false;

__attribute__((noipa)) void locking(Times& times) {
  Away away(times.locking);
  std::unique_lock lock(mutex);
  changed.wait(lock, [] { return done; });
}

}  // namespace load

int main(int argc, char** argv) {
  int count = argc > 1 ? std::atoi(argv[1]) : 1;
  load::Times times;
  std::thread other([&] { load::locking(times); });
  load::sleeping(count, times);
  load::polling(count, times);
  {
    std::lock_guard lock(load::mutex);
    load::done = true;
  }
  load::changed.notify_one();
  other.join();
  std::printf("{\"sleeping\": %.6f, \"polling\": %.6f, \"locking\": %.6f}\n", times.sleeping, times.polling,
              times.locking);
}
