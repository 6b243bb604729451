#include <pthread.h>

#include "crash.h"
#include "threads.h"
#include "truth.h"

OUT_OF_LINE static int join(pthread_t thread) {
  ENTER("");
  int result = AT(truth::ready(), pthread_join(thread, nullptr));
  return result * 2;
}

int main() {
  truth::begin_thread("main");
  ENTER("");
  void* (*const bodies[])(void*) = {threads::condition_thread,       threads::read_thread, threads::clock_thread,
                                    threads::signal_thread,          threads::sort_thread, threads::jit_thread,
                                    threads::jit_without_rbp_thread, crash_thread};
  pthread_t started[8];
  for (int i = 0; i < 8; ++i) {
    if (pthread_create(&started[i], nullptr, bodies[i], nullptr) != 0) return 1;
  }
  int result = AT(join(started[7]));
  return result + 1;
}
