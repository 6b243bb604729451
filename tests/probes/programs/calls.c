/* Calls its functions as often and with what its arguments say; what it did is its last line, one JSON object. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct item {
  long kind;
  struct item *next;
  const char *name;
  short weight;
  union {
    unsigned char flag;
    unsigned whole;
  };
  struct {
    int first, second;
  } pair;
  unsigned bit : 1;
};

#define KEPT __attribute__((noinline, noipa))

KEPT long target(int number, const char *text, struct item *item, unsigned char small) {
  __asm__ volatile("" : : "r"(text), "r"(item), "r"((int)small) : "memory");
  return number * 2L;
}

KEPT long countdown(int level) {
  if (level == 0) return target(7, "bottom", 0, 1);
  long below = countdown(level - 1);
  __asm__ volatile("" : "+r"(below));
  return below + 1;
}

KEPT void storm(long count) {
  for (long i = 0; i < count; ++i) target((int)i, "storm", 0, 0);
}

static void *thread_main(void *argument) {
  target(11, argument, 0, 0);
  return argument;
}

static int various(void) {
  struct item last = {5, 0, "last", 12, {200}, {1, -1}, 0}, first = {-3, &last, "first", -7, {9}, {2, 3}, 1};
  for (int i = -3; i <= 3; ++i) target(i, i % 2 ? "odd" : "even", i > 0 ? &first : &last, (unsigned char)(250 + i));
  puts("{\"calls\": 7}");
  return 0;
}

static int children(long count) {
  for (long i = 0; i < count; ++i) {
    pid_t pid = fork();
    if (pid == 0) execl("/proc/self/exe", "child", "one", (char *)0);
    if (pid > 0) waitpid(pid, 0, 0);
  }
  printf("{\"children\": %ld}\n", count);
  return 0;
}

static void *again(void *argument) {
  while (1) {
    target(2, "thread", 0, 0);
    usleep(10000);
  }
  return argument;
}

/* Calls from this process (3), from its second thread (2) and from children that it makes all the time (1). */
static int family(void) {
  pthread_t thread;
  if (pthread_create(&thread, 0, again, 0) != 0) return 1;
  while (1) {
    pid_t pid = fork();
    if (pid == 0) {
      target(1, "child", 0, 0);
      _exit(0);
    }
    waitpid(pid, 0, 0);
    target(3, "parent", 0, 0);
    usleep(10000);
  }
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  long count = argc > 2 ? atol(argv[2]) : 1;
  if (!strcmp(what, "various")) return various();
  if (!strcmp(what, "one")) return target(1, "one", 0, 0) == 0;
  if (!strcmp(what, "deep")) return countdown((int)count) == 0;
  if (!strcmp(what, "children")) return children(count);
  if (!strcmp(what, "storm")) {
    storm(count);
    printf("{\"calls\": %ld}\n", count);
    return 0;
  }
  if (!strcmp(what, "thread")) {
    pthread_t thread;
    if (pthread_create(&thread, 0, thread_main, "in a thread") != 0) return 1;
    return pthread_join(thread, 0);
  }
  if (!strcmp(what, "family")) return family();
  if (!strcmp(what, "forever")) {
    for (long i = 0;; ++i) {
      target((int)i, "again", 0, 0);
      usleep(10000);
    }
  }
  return 2;
}
