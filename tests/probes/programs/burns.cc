// Uses processor time in two functions, three parts to one, in turns, and prints how much each has used by its own
// clock. `turns`: of 40 ms. With a word behind it, the thread gets a name that no file format likes, and the stack is
// deep.
#include <sys/prctl.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace load {

static double now() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <class Number>
struct Mixer {
  Number state;
  inline __attribute__((always_inline)) void mix() { state = state * 6364136223846793005U + 1442695040888963407U; }
  inline __attribute__((always_inline)) Mixer& operator<<(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      mix();
      asm volatile("" : "+r"(state));
    }
    return *this;
  }
};

__attribute__((noipa)) double heavy(Mixer<uint64_t>& mixer, double seconds) {
  double begin = now();
  while (now() - begin < seconds) mixer << 200'000;
  return now() - begin;
}

__attribute__((noipa)) double light(Mixer<uint64_t>& mixer, double seconds) {
  double begin = now();
  while (now() - begin < seconds) mixer << 200'000;
  return now() - begin;
}

struct Used {
  double heavy = 0, light = 0;
};

__attribute__((noipa)) void turns(int count, Used& used) {
  Mixer<uint64_t> mixer{1};
  for (int i = 0; i < count; ++i) {
    used.heavy += heavy(mixer, 0.030);
    used.light += light(mixer, 0.010);
  }
}

__attribute__((noipa)) int deep(int levels, int count, Used& used) {
  int below = 0;
  if (levels == 0)
    turns(count, used);
  else
    below = deep(levels - 1, count, used);
  asm volatile("" : "+r"(below));  // no tail call
  return below + 1;
}

}  // namespace load

int main(int argc, char** argv) {
  int count = argc > 1 ? std::atoi(argv[1]) : 1;
  if (argc > 2) prctl(PR_SET_NAME, "<&\"]]>\xff\x01;'\xef\xbf\xbf");
  load::Used used;
  load::deep(argc > 2 ? 1000 : 0, count, used);
  std::printf("{\"heavy\": %.6f, \"light\": %.6f}\n", used.heavy, used.light);
}
