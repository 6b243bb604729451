/* Reads and writes: files by each function in its own way, a pipe and /dev/null besides. Prints the bytes of each function, and what
 * the kernel has counted for the process meanwhile (/proc/self/io). argv: a file to write, how often. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define KEPT __attribute__((noipa))
static char block[70000];
static long written, vector_written, was_read, vector_read, piped, nothing;
static double waited;

static long keep(long size) {
  if (size < 0) perror("files"), exit(1);
  return size;
}

KEPT void writer(int file, int i) { written += keep(write(file, block, (size_t)(1000 + i))); }
KEPT void vector_writer(int file, int i) {
  struct iovec parts[2] = {{block, 10}, {block, (size_t)i + 1}};
  vector_written += keep(writev(file, parts, 2));
}
KEPT void reader(int file, int i) { was_read += keep(pread(file, block, sizeof block, i)); }
KEPT void vector_reader(int file, int i) {
  struct iovec part = {block, (size_t)i + 7};
  vector_read += keep(preadv(file, &part, 1, 3));
}
KEPT void no_file(int null, int *ends) {
  nothing += keep(write(null, block, 12345));
  piped += keep(write(ends[1], block, 321));
  piped += keep(read(ends[0], block, sizeof block));
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}
/* From a child that writes after a while. */
KEPT void slow_reader(int end) {
  double begin = now();
  keep(read(end, block, 1));
  waited += now() - begin;
}

KEPT void work(const char *path, int count) {
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), null = open("/dev/null", O_WRONLY), ends[2];
  if (file < 0 || null < 0 || pipe(ends) != 0) perror("files"), exit(1);
  for (int i = 0; i < count; ++i) {
    writer(file, i);
    vector_writer(file, i);
    reader(file, i);
    vector_reader(file, i);
    no_file(null, ends);
  }
  close(file), close(null), close(ends[0]), close(ends[1]);
}

KEPT long report(long *rchar, long *wchar) {
  char text[4096] = "";
  int io = open("/proc/self/io", O_RDONLY);
  long size = keep(read(io, text, sizeof text - 1));
  close(io);
  if (sscanf(text, "rchar: %ld wchar: %ld", rchar, wchar) != 2) exit(1);
  return size;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  if (argc > 3) {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    if (fork() == 0) {
      for (int i = 0; i < atoi(argv[2]); ++i) usleep(20000), keep(write(ends[1], "x", 1));
      _exit(0);
    }
    for (int i = 0; i < atoi(argv[2]); ++i) slow_reader(ends[0]);
    printf("{\"slow_reader\": %.6f}\n", waited);
    return 0;
  }
  long before[2], after[2], first = report(&before[0], &before[1]);
  work(argv[1], atoi(argv[2]));
  report(&after[0], &after[1]);
  printf("{\"writer\": %ld, \"vector_writer\": %ld, \"reader\": %ld, \"vector_reader\": %ld, \"no_file\": %ld, \"kernel\": %ld}\n",
         written, vector_written, was_read, vector_read, piped + nothing,
         after[0] - before[0] - first + after[1] - before[1]);
  return 0;
}
