/* What the tracers are set on. Times itself: each round prints nanoseconds per call.
 *
 *   storm calls ROUNDS CALLS            from main, without a pause
 *   storm bursts ROUNDS CALLS BYTES     with BYTES of stack above the call, and a pause behind each round for the reader
 *   storm copies ROUNDS COPIES          no call, but a copy of 16 KiB to the next part of a buffer of 16 MiB
 *   storm paths CALLS                   through 4,096 different stacks of 16 to 28 frames; once, without times */
#define _GNU_SOURCE
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEPT __attribute__((noinline, noipa))

/* Begins with an instruction that the kernel need not step over. */
__attribute__((naked, noinline, noipa)) long hit(long number, const char *text) {
  __asm__("push %rbp\n\tpop %rbp\n\tret");
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

KEPT static void round_of(long calls) {
  double start = seconds();
  for (long i = 0; i < calls; ++i) hit(i, "storm");
  printf("%.1f\n", (seconds() - start) / (double)calls * 1e9);
  fflush(stdout);
}

KEPT static void below(size_t bytes, long rounds, long calls) {
  char *room = alloca(bytes);
  memset(room, 1, bytes);
  for (long i = 0; i < rounds; ++i) {
    round_of(calls);
    usleep(400000);
  }
  __asm__ volatile("" : : "r"(room) : "memory");
}

/* Each bit of `way` decides which of two functions is called next. */
KEPT long left(unsigned way, int depth);
KEPT long right(unsigned way, int depth);
static inline long step(unsigned way, int depth) {
  if (depth == 0) return hit(way, "paths");
  return (way & 1 ? left : right)(way >> 1 | way << 31, depth - 1) + depth;
}
KEPT long left(unsigned way, int depth) { return step(way, depth) + 1; }
KEPT long right(unsigned way, int depth) { return step(way, depth) + 2; }

KEPT static void copies(long rounds, long count) {
  enum { kBuffer = 16 << 20, kSize = 16 << 10 };
  char *buffer = malloc(kBuffer), *from = malloc(kSize);
  if (!buffer || !from) exit(1);
  memset(buffer, 1, kBuffer), memset(from, 2, kSize);
  for (long i = 0; i < rounds; ++i) {
    double start = seconds();
    for (long k = 0; k < count; ++k) {
      memcpy(buffer + k * (kSize + 512) % (kBuffer - kSize), from, kSize);
      __asm__ volatile("" : : "r"(buffer) : "memory");
    }
    printf("%.1f\n", (seconds() - start) / (double)count * 1e9);
    usleep(400000);
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 2 ? argv[1] : "";
  long first = argc > 2 ? atol(argv[2]) : 0, second = argc > 3 ? atol(argv[3]) : 0;
  if (!strcmp(what, "calls")) {
    for (long i = 0; i < first; ++i) round_of(second);
    return 0;
  }
  if (!strcmp(what, "copies")) {
    copies(first, second);
    return 0;
  }
  if (!strcmp(what, "bursts") && argc > 4) {
    below((size_t)atol(argv[4]), first, second);
    return 0;
  }
  if (!strcmp(what, "paths")) {
    for (long i = 0; i < first; ++i) {
      unsigned way = (unsigned)(i * 2654435761UL) & 4095;
      left(way, 12 + (int)(way % 13));
      if (i % 500 == 499) usleep(20000);
    }
    return 0;
  }
  return 2;
}
