// The kernel's half of the stack samplers: threads on a CPU at each tick of a clock, threads that leave their CPU and come
// back, and system calls that read or write files.
//
// A thread that comes back is seen at the switch from another one, whose memory is the one that can be read then. So its
// stack is taken when it leaves, for it does not change meanwhile, and how long it was away follows in a record of its own.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "record.h"

const volatile bool wants_kernel = false; /* stacks in the kernel too */

static __always_inline __u32 take_kernel_stack(void *context, void *tail) {
  if (!wants_kernel) return 0;
  long size = bpf_get_stack(context, tail, INQUEST_KERNEL_FRAMES * sizeof(__u64), 0);
  return size > 0 ? size : 0;
}

#define COUNTERS 1
#define TAIL_BYTES INQUEST_KERNEL_STACK
#define take_tail(record, context, tail) take_kernel_stack(context, tail)
#include "capture.h"
#include "open_files.h"

char LICENSE[] SEC("license") = "GPL";

#define KERNEL_THREAD 0x00200000 /* PF_KTHREAD, include/linux/sched.h; idle threads too */
#define STATE_DEAD 0x80          /* TASK_DEAD */
#define FILE_TYPE 0170000        /* S_IFMT and its values, include/uapi/linux/stat.h */
#define FILE_REGULAR 0100000
#define FILE_BLOCK 0060000

const volatile __u32 stack_limit = 0;  /* bytes of user stack copied at most */
const volatile __u64 min_wait = 0;     /* ns */
const volatile bool only_blocked = false;
const volatile bool wants_time = false; /* of system calls: their time, not their bytes */
const volatile bool any_file = false;   /* pipes, sockets and terminals too */

/* When threads have left their CPU, or have entered a system call. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, __u64);
} begun SEC(".maps");

/* The running thread as it was in user mode, 0 where there was no room. `hit` is filled by begin_sample. */
static __always_inline struct inquest_record *begin_sample(struct hit *hit, struct task_struct *task) {
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
  unsigned long sp = 0;
  bpf_core_read(&sp, sizeof sp, &registers->sp);
  hit->sp = sp;
  hit->limit = stack_limit;
  if (stack_limit > 0) {
    hit->sp = readable_from(sp); /* a stack that is just growing begins with pages that are not there yet */
    hit->top = stack_top(task, sp);
    find_other_stack(hit, task);
  }
  __sync_fetch_and_add(&hits[0], 1);
  __u64 size = wanted_size(hit);
  if (size <= INQUEST_STACK_SMALL && !hit->other_sp) return begin_INQUEST_STACK_SMALL(hit, task);
  if (size <= INQUEST_STACK_MIDDLE && !hit->other_sp) return begin_INQUEST_STACK_MIDDLE(hit, task);
  return begin_INQUEST_STACK_LARGE(hit, task);
}

/* The time of the record, 0 where there was no room. */
static __always_inline __u64 sample(void *context, __u32 kind, __u64 weight, struct task_struct *task) {
  struct hit hit = {.kind = kind, .context = context};
  struct inquest_record *record = begin_sample(&hit, task);
  if (!record) return 0;
  record->weight = weight;
  bpf_probe_read_kernel(record->registers, sizeof record->registers, (void *)bpf_task_pt_regs(task));
  __u64 time = record->time;
  bpf_ringbuf_submit(record, wake_up(record));
  return time;
}

static __always_inline bool is_user_thread(struct task_struct *task) {
  return !(task->flags & KERNEL_THREAD) && task->mm;
}

SEC("perf_event")
int on_tick(void *context) {
  struct task_struct *task = bpf_get_current_task_btf();
  if (!is_user_thread(task) || !is_wanted_process()) return 0;
  sample(context, INQUEST_SAMPLE, 1, task);
  return 0;
}

/* A thread that had left is back on a CPU since `runtime` nanoseconds. */
static __always_inline void tell_return(__u32 tid, __u64 runtime) {
  __u64 *since = bpf_map_lookup_elem(&begun, &tid);
  if (!since) return;
  __u64 left = *since, wait = bpf_ktime_get_boot_ns() - left;
  bpf_map_delete_elem(&begun, &tid);
  if (wait <= runtime) return;
  wait -= runtime;
  if (wait < min_wait) return;
  struct inquest_wait *record = bpf_ringbuf_reserve(&events, sizeof *record, 0);
  if (!record) {
    __sync_fetch_and_add(&dropped[0], 1);
    return;
  }
  record->kind = INQUEST_BACK;
  record->tid = tid;
  record->since = left;
  record->weight = wait;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* The running thread is still `task`, though its state says already that it waits. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempted, struct task_struct *task, struct task_struct *next, unsigned int state) {
  if (paused) return 0;
  tell_return(next->pid, 0);
  /* Switches away from some threads are reported by no event (seen on a virtual machine). That one came back then is
   * told when it leaves, by how long it has been running. */
  tell_return(task->pid, task->se.sum_exec_runtime - task->se.prev_sum_exec_runtime);
  if (!is_user_thread(task) || (state & STATE_DEAD) || !is_wanted_process()) return 0;
  if (only_blocked && (preempted || state == 0)) return 0;
  __u32 tid = task->pid;
  __u64 time = sample(ctx, INQUEST_LEFT, 0, task);
  if (time) bpf_map_update_elem(&begun, &tid, &time, BPF_ANY);
  return 0;
}

/* /sys/kernel/tracing/events/syscalls/sys_enter_read/format, sys_exit_read/format */
struct call_begin {
  __u64 common;
  int number;
};
struct call_end {
  __u64 common;
  int number;
  long result;
};

static __always_inline bool is_file(unsigned int number) {
  struct file *file = file_of(number);
  if (!file) return false;
  unsigned short type = BPF_CORE_READ(file, f_inode, i_mode) & FILE_TYPE;
  return type == FILE_REGULAR || type == FILE_BLOCK;
}

SEC("tracepoint")
int on_call(struct call_begin *call) {
  if (!is_wanted_process()) return 0;
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  __u64 now = bpf_ktime_get_boot_ns();
  bpf_map_update_elem(&begun, &tid, &now, BPF_ANY);
  return 0;
}

SEC("tracepoint")
int on_result(struct call_end *call) {
  if (!is_wanted_process()) return 0;
  __u64 weight = call->result;
  if (wants_time) {
    __u32 tid = (__u32)bpf_get_current_pid_tgid();
    __u64 *since = bpf_map_lookup_elem(&begun, &tid);
    if (!since) return 0;
    weight = bpf_ktime_get_boot_ns() - *since;
    bpf_map_delete_elem(&begun, &tid);
  }
  if (call->result <= 0) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
  unsigned long number = 0;
  bpf_core_read(&number, sizeof number, &registers->di);
  if (!any_file && !is_file(number)) return 0;
  sample(call, INQUEST_SAMPLE, weight, task);
  return 0;
}

/* A program that was started for sampling has begun: what its process did before that was not its own. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task) {
  __u32 tgid = task->tgid;
  __u8 *state = bpf_map_lookup_elem(&tracked, &tgid);
  if (state) *state = INQUEST_TRACKED;
  return 0;
}

/* As in the tracer: handlers on stacks of their own. */
SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal, int signal, struct kernel_siginfo *info, struct k_sigaction *action) {
  if (!is_wanted_process()) return 0;
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
  unsigned long sp = 0;
  bpf_core_read(&sp, sizeof sp, &registers->sp);
  note_interrupted(task, action, sp);
  return 0;
}
