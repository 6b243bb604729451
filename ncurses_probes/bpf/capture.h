/* What every BPF program of inquest that captures stacks shares: which processes are wanted, the ring buffer, and a
 * record with the identity, the registers and the stack of the running thread.
 *
 * Included once by a program, behind linux/bpf.h, stdbool.h and libbpf's bpf_helpers.h, bpf_core_read.h, bpf_tracing.h,
 * and behind #define COUNTERS: how many kinds of hits it counts (hit.probe is below that). What it has behind the room
 * of the stack, if anything: #define TAIL_BYTES and take_tail(record, context, tail), which gives how many are used. */
#pragma once

#include "kernel_types.h"
#include "record.h"

#ifndef TAIL_BYTES
#define TAIL_BYTES 0
#define take_tail(record, context, tail) 0
#endif

#define AT_RANDOM_TYPE 25 /* include/uapi/linux/auxvec.h */
#define AUXV_ENTRIES 22   /* more than x86 has */
#define MAX_MAIN_STACK (1UL << 30)
#define MAX_THREAD_STACK (1UL << 28)
#define RED_ZONE 128            /* System V ABI, 3.2.2: below rsp, in use by leaf functions */
#define ON_OWN_STACK 0x08000000 /* SA_ONSTACK, include/uapi/asm-generic/signal-defs.h */
#define MAX_UNMAPPED_PAGES 16   /* between sp and the lowest page of a stack that has overflown */

const volatile bool only_tracked = true; /* processes in `tracked`, not all */
const volatile bool follow_children = true;
const volatile __u32 own_tgid = 0; /* the tracer, which never traces itself */

__u64 hits[COUNTERS]; /* recorded or dropped */
__u64 dropped[COUNTERS];
volatile bool paused = true;

#define RING_BYTES (16 << 20)
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, RING_BYTES);
} events SEC(".maps");

/* Processes by tgid: enum inquest_tracked. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, __u8);
} tracked SEC(".maps");

struct random_bytes {
  __u8 bytes[16];
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct inquest_process);
  __type(value, struct random_bytes);
} randoms SEC(".maps");

/* Where the stack ended that a handler with a stack of its own (sigaltstack(2)) has interrupted, by thread. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, __u32);
  __type(value, __u64);
} interrupted SEC(".maps");

static __always_inline __u64 line_of(__u64 address) { return address & ~(INQUEST_LINE - 1UL); }

_Static_assert((BPF_RINGBUF_HDR_SZ + sizeof(struct inquest_record)) % INQUEST_LINE == 0, "stacks lie askew");
_Static_assert((BPF_RINGBUF_HDR_SZ + sizeof(struct inquest_wait)) % INQUEST_LINE == 0, "records behind it lie askew");
_Static_assert((INQUEST_STACK_SMALL | INQUEST_STACK_MIDDLE | INQUEST_STACK_LARGE | TAIL_BYTES) % INQUEST_LINE == 0,
               "records behind it lie askew");

/* What a hit has, collected before room in the ring buffer is taken. */
struct hit {
  __u32 kind;
  __u32 probe;
  __u32 place;
  __u64 sp;
  __u64 top;
  __u64 limit;
  __u64 other_sp; /* 0: there is no other stack */
  __u64 other_top;
  void* context; /* of the program, for take_tail */
};

static __always_inline bool is_wanted_process(void) {
  __u32 tgid = bpf_get_current_task_btf()->tgid;
  if (paused || tgid == own_tgid) return false;
  if (!only_tracked) return true;
  __u8* state = bpf_map_lookup_elem(&tracked, &tgid);
  return state && *state == INQUEST_TRACKED;
}

static __always_inline struct inquest_process this_process(struct task_struct* task) {
  struct inquest_process process = {
      .started = task->group_leader->start_boottime, .tgid = task->tgid, .exec_id = (__u32)task->self_exec_id};
  return process;
}

/* The 16 bytes that the kernel gave the process when it started: its name across the tracer and its core. */
static __always_inline void take_random(struct inquest_record* record, struct task_struct* task) {
  struct random_bytes* known = bpf_map_lookup_elem(&randoms, &record->process);
  if (known) {
    __builtin_memcpy(record->at_random, known->bytes, 16);
    record->has_at_random = 1;
    return;
  }
  const char* auxv = (const char*)__builtin_preserve_access_index(&task->mm->saved_auxv[0]);
  struct random_bytes bytes;
  for (__u32 i = 0; i < AUXV_ENTRIES; ++i) {
    unsigned long entry[2];
    if (bpf_probe_read_kernel(entry, sizeof entry, auxv + i * sizeof entry) || entry[0] == 0) return;
    if (entry[0] != AT_RANDOM_TYPE) continue;
    if (bpf_probe_read_user(bytes.bytes, 16, (const void*)entry[1])) return;
    bpf_map_update_elem(&randoms, &record->process, &bytes, BPF_ANY);
    __builtin_memcpy(record->at_random, bytes.bytes, 16);
    record->has_at_random = 1;
    return;
  }
}

struct top {
  __u64 value;
};
static long take_vma_end(struct task_struct* task, struct vm_area_struct* vma, void* context) {
  ((struct top*)context)->value = vma->vm_end;
  return 0;
}

/* Where the stack that `sp` is in ends. The main thread's is known from its start, those of glibc's threads end with
 * the thread's control block, that %fs points at; coroutines and signal stacks are looked up. Reading past the end
 * costs a fault and wipes what was read. */
static __always_inline __u64 stack_top(struct task_struct* task, __u64 sp) {
  __u64 main_stack = task->mm->start_stack;
  if (sp < main_stack && main_stack - sp < MAX_MAIN_STACK) return main_stack;
  struct top top = {0};
  /* Not found while another thread changes what is mapped: then the control block is the better guess than nothing. */
  long failure = bpf_find_vma(task, sp, take_vma_end, &top, 0);
  __u64 control_block = task->thread.fsbase;
  bool is_near = sp < control_block && control_block - sp < MAX_THREAD_STACK;
  if (is_near && (failure || control_block < top.value)) return control_block;
  return top.value;
}

static __always_inline void take_returns(struct inquest_record* record, struct task_struct* task) {
  struct uprobe_task* utask = task->utask;
  if (!utask) return;
  struct return_instance* instance = utask->return_instances;
  for (__u32 i = 0; i < INQUEST_MAX_RETURNS; ++i) {
    if (!instance) return;
    record->returns[i].slot = instance->stack;
    record->returns[i].address = instance->orig_ret_vaddr;
    record->return_count = i + 1;
    instance = instance->next;
  }
}

static __always_inline void take_identity(struct inquest_record* record, struct task_struct* task) {
  record->tid = task->pid;
  record->time = bpf_ktime_get_boot_ns();
  record->process = this_process(task);
  record->fs_base = task->thread.fsbase;
  const __u64* comm = (const __u64*)task->comm;
  __u64* to = (__u64*)record->comm;
  to[0] = comm[0], to[1] = comm[1];
  record->has_at_random = 0;
  take_random(record, task);
  record->return_count = 0;
  take_returns(record, task);
}

static __always_inline void take_other(struct inquest_record* record, const struct hit* hit) {
  __u64 size = hit->other_top > hit->other_sp ? hit->other_top - hit->other_sp : 0;
  record->other_start = hit->other_sp;
  record->other_top = hit->other_top;
  if (size > INQUEST_OTHER_STACK) size = INQUEST_OTHER_STACK;
  char* to = (char*)record + sizeof *record + INQUEST_OTHER_STACK;
  if (size > 0 && !bpf_probe_read_user(to, size, (const void*)hit->other_sp)) record->other_size = size;
}

static __always_inline bool is_on_own_stack(struct task_struct* task, __u64 sp) {
  __u64 size = task->sas_ss_size;
  return size > 0 && sp - task->sas_ss_sp < size;
}

static __always_inline void find_other_stack(struct hit* hit, struct task_struct* task) {
  if (!is_on_own_stack(task, hit->sp + RED_ZONE)) return;
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  __u64* sp = bpf_map_lookup_elem(&interrupted, &tid);
  if (!sp) return;
  hit->other_sp = line_of(*sp);
  hit->other_top = stack_top(task, *sp);
}

/* One of these per size of room, for the verifier wants that as a constant. */
#define EMIT(ROOM)                                                                                              \
  static __always_inline struct inquest_record* begin_##ROOM(const struct hit* hit, struct task_struct* task) { \
    struct inquest_record* record = bpf_ringbuf_reserve(&events, sizeof *record + ROOM + TAIL_BYTES, 0);        \
    if (!record) {                                                                                              \
      __sync_fetch_and_add(&dropped[hit->probe], 1);                                                            \
      return 0;                                                                                                 \
    }                                                                                                           \
    record->kind = hit->kind;                                                                                   \
    record->probe = hit->probe;                                                                                 \
    record->place = hit->place;                                                                                 \
    __u64 start = line_of(hit->sp);                                                                             \
    record->stack_start = start;                                                                                \
    record->stack_top = hit->top;                                                                               \
    record->stack_size = 0;                                                                                     \
    record->stack_room = ROOM;                                                                                  \
    record->is_fatal = 0;                                                                                       \
    record->signal = 0;                                                                                         \
    record->signal_code = 0;                                                                                    \
    record->fault_address = 0;                                                                                  \
    record->has_arguments = 0;                                                                                  \
    record->string_sizes[0] = 0;                                                                                \
    record->string_sizes[1] = 0;                                                                                \
    __u64 size = hit->top - start;                                                                              \
    if (hit->top <= hit->sp) size = 0;                                                                          \
    if (size > hit->limit) size = hit->limit;                                                                   \
    if (size > ROOM) size = ROOM;                                                                               \
    if (ROOM == INQUEST_STACK_LARGE && hit->other_sp && size > INQUEST_OTHER_STACK) size = INQUEST_OTHER_STACK; \
    if (size > 0 && !bpf_probe_read_user((char*)record + sizeof *record, size, (const void*)start))             \
      record->stack_size = size;                                                                                \
    record->weight = 0;                                                                                         \
    record->tail_size = take_tail(record, hit->context, (char*)record + sizeof *record + ROOM);                 \
    record->other_size = 0;                                                                                     \
    if (ROOM == INQUEST_STACK_LARGE && hit->other_sp) take_other(record, hit);                                  \
    take_identity(record, task);                                                                                \
    return record;                                                                                              \
  }
EMIT(INQUEST_STACK_SMALL)
EMIT(INQUEST_STACK_MIDDLE)
EMIT(INQUEST_STACK_LARGE)

static __always_inline __u64 wanted_size(const struct hit* hit) {
  __u64 size = hit->top > hit->sp ? hit->top - line_of(hit->sp) : 0;
  return size < hit->limit ? size : hit->limit;
}

/* To wake the reader costs more than all the rest, and it looks by itself some times a second: it is woken when a part
 * of the buffer has been filled. */
static __always_inline __u64 wake_up(const struct inquest_record* record) {
  __u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  bool crosses =
      waiting >= RING_BYTES / 8 && waiting - sizeof *record - record->stack_room - TAIL_BYTES <= RING_BYTES / 8;
  return crosses ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* The first byte at or above `sp` that can be read: a stack that has overflown ends above it. */
static __always_inline __u64 readable_from(__u64 sp) {
  char byte;
  for (int i = 0; i < MAX_UNMAPPED_PAGES; ++i) {
    if (!bpf_probe_read_user(&byte, 1, (const void*)sp)) break;
    sp = (sp & ~4095UL) + 4096;
  }
  return sp;
}

/* Notes for `find_other_stack` what a handler is going to interrupt. */
static __always_inline void note_interrupted(struct task_struct* task, struct k_sigaction* action, __u64 sp) {
  if (!(action->sa.sa_flags & ON_OWN_STACK) || is_on_own_stack(task, sp)) return;
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  __u64 from = readable_from(sp - RED_ZONE);
  bpf_map_update_elem(&interrupted, &tid, &from, BPF_ANY);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct* parent, struct task_struct* child) {
  __u32 from = parent->tgid, to = child->tgid;
  __u8 one = 1;
  if (!follow_children || from == to || !bpf_map_lookup_elem(&tracked, &from)) return 0;
  bpf_map_update_elem(&tracked, &to, &one, BPF_ANY);
  return 0;
}
