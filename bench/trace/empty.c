/* The cheapest probe that libbpf can set: a program that does nothing, on one instruction, until standard input ends.
 *
 *   empty FILE OFFSET PID     one link for many places (uprobe_multi), as inquest sets it
 *   empty FILE OFFSET PID single   a perf event, as bpf_program__attach_uprobe does
 * Prints "ready" when it is set. */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI of Linux 6.6 */

struct multi_link {
  uint32_t prog_fd, target_fd, attach_type, flags;
  uint64_t path, offsets, ref_ctr_offsets, cookies;
  uint32_t count, multi_flags, pid, pad;
};

static int load(int with_multi) {
  struct bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT},
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = (enum bpf_attach_type)(with_multi ? UPROBE_MULTI : 0));
  return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "empty", "GPL", instructions, 2, &options);
}

static int attach_multi(int program, const char *file, uint64_t offset, int pid) {
  struct multi_link link = {.prog_fd = (uint32_t)program, .attach_type = UPROBE_MULTI, .path = (uint64_t)(uintptr_t)file,
                            .offsets = (uint64_t)(uintptr_t)&offset, .count = 1, .pid = (uint32_t)pid};
  return (int)syscall(__NR_bpf, BPF_LINK_CREATE, &link, sizeof link);
}

static int attach_single(int program, const char *file, uint64_t offset, int pid) {
  FILE *type = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
  unsigned number = 0;
  if (!type || fscanf(type, "%u", &number) != 1) return -1;
  fclose(type);
  struct perf_event_attr attributes = {.size = sizeof attributes, .type = number, .config1 = (uint64_t)(uintptr_t)file, .config2 = offset};
  int event = (int)syscall(__NR_perf_event_open, &attributes, pid, pid > 0 ? -1 : 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (event < 0 || ioctl(event, PERF_EVENT_IOC_SET_BPF, program) != 0 || ioctl(event, PERF_EVENT_IOC_ENABLE, 0) != 0) return -1;
  return event;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int single = argc > 4 && !strcmp(argv[4], "single");
  uint64_t offset = strtoull(argv[2], 0, 0);
  int program = load(!single), pid = atoi(argv[3]);
  if (program < 0 || (single ? attach_single : attach_multi)(program, argv[1], offset, pid) < 0) {
    perror("empty");
    return 1;
  }
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
