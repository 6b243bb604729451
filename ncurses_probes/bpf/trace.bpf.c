// The kernel's half of the tracer: decides whether a hit is wanted, and copies what user space needs to unwind it.
//
// Programs that follow pointers are sleepable (Linux 6.0): text and structures that arguments point to may lie in pages
// that nobody has touched yet, and only bpf_copy_from_user can bring those in. Whatever may sleep is done before room in
// the ring buffer is taken, because records are handed on in the order in which room was taken.
//
// Most hits are those that nobody wants, so the predicate comes first: it is a few comparisons with constants of the
// loaded program, while to ask whether the process is wanted is a look-up.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define COUNTERS (INQUEST_MAX_PROBES + 1) /* the last one: signals */
#include "capture.h"

char LICENSE[] SEC("license") = "GPL";

#define SIGNAL_KILL 9
#define SIGNAL_STOP 19
/* Signals that leave a core: QUIT ILL TRAP ABRT BUS FPE SEGV XCPU XFSZ SYS (include/linux/signal.h, SIG_KERNEL_COREDUMP_MASK). */
#define CORE_SIGNALS 0x830009f8ULL

/* Signals that by themselves do not kill: CHLD CONT STOP TSTP TTIN TTOU URG WINCH (SIG_KERNEL_IGNORE_MASK, SIG_KERNEL_STOP_MASK). */
#define HARMLESS_SIGNALS 0x10fe0000ULL

const volatile struct inquest_probe probes[INQUEST_MAX_PROBES];
const volatile __u64 wanted_signals = 0;     /* bit N: signal N, where a handler takes it too */
const volatile bool may_sleep = true;        /* loaded as sleepable programs */
const volatile __u64 rate = 0;               /* events of each probe in a second; 0: any number */
const volatile bool stops = false;           /* a process that hits a probe is stopped */
const volatile bool stops_once = false;      /* at its first hit only */
const volatile bool has_static = false;      /* static probes */
const volatile bool has_strings = false;     /* arguments are followed as text */
const volatile bool has_members = false;     /* values that arguments lead to are recorded */
const volatile bool only_one = false;        /* probe 0 is the only one */

__u64 limited[INQUEST_MAX_PROBES + 1];       /* left out for the rate */

/* The second that is running, and how many events each probe has had in it. */
__u64 seconds[INQUEST_MAX_PROBES];
__u64 events_of_second[INQUEST_MAX_PROBES];

/* Processes that were stopped here: 1; 2: that the tracer has let go on. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __type(key, __u32);
  __type(value, __u8);
} stopped SEC(".maps");

/* Arguments of calls that have not returned: by thread and place of the return address, for functions recurse. */
struct call_key {
  __u32 tid;
  __u32 place;
  __u64 sp;
};
struct call {
  __u64 arguments[6];
  __u64 time;
};
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, struct call_key);
  __type(value, struct call);
} calls SEC(".maps");

/* Arguments of static probes, by place: one probe may be at several, with arguments in different registers. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, INQUEST_MAX_STATIC);
  __type(key, __u32);
  __type(value, struct inquest_operands);
} operands SEC(".maps");

/* What arguments of the hit lead to, by thread: too large for a program's stack. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct inquest_members);
} members SEC(".maps");
static const struct inquest_members no_members;

static __always_inline bool is_too_often(__u32 probe) {
  if (rate == 0) return false;
  probe %= INQUEST_MAX_PROBES;
  __u64 now = bpf_ktime_get_boot_ns() / 1000000000, second = seconds[probe];
  if (second != now && __sync_val_compare_and_swap(&seconds[probe], second, now) == second) events_of_second[probe] = 0;
  if (__sync_fetch_and_add(&events_of_second[probe], 1) < rate) return false;
  __sync_fetch_and_add(&limited[probe], 1);
  return true;
}

static __always_inline void stop(struct task_struct *task) {
  __u32 tgid = task->tgid;
  __u8 one = 1;
  if (!stops || (stops_once && bpf_map_lookup_elem(&stopped, &tgid))) return;
  if (bpf_map_update_elem(&stopped, &tgid, &one, BPF_ANY) == 0) bpf_send_signal(SIGNAL_STOP);
}

static __always_inline int copy_in(void *to, __u32 size, const void *from) {
  long failure = bpf_probe_read_user(to, size, from);
  return failure && may_sleep ? bpf_copy_from_user(to, size, from) : failure;
}

static __always_inline bool compare(__u64 left, const volatile struct inquest_term *term) {
  __u64 right = term->value;
  __u32 shift = 64 - 8 * (__u32)term->size;
  if (shift < 64) left <<= shift, right <<= shift;
  if (term->operation == INQUEST_EQUAL) return left == right;
  if (term->operation == INQUEST_NOT_EQUAL) return left != right;
  if (term->operation == INQUEST_BITS) return (left & right) != 0;
  bool less = term->is_signed ? (__s64)left < (__s64)right : left < right;
  if (term->operation == INQUEST_LESS) return less;
  if (term->operation == INQUEST_GREATER_EQUAL) return !less;
  return (term->operation == INQUEST_LESS_EQUAL) == (less || left == right);
}

static __always_inline bool holds_term(const volatile struct inquest_term *term, const __u64 *values) {
  __u64 value = values[term->argument & 7];
  if (term->loads > 0) {
    if (copy_in(&value, sizeof value, (const void *)(value + term->offsets[0]))) return false;
    if (term->loads > 1 && copy_in(&value, sizeof value, (const void *)(value + term->offsets[1]))) return false;
  }
  return compare(value, term);
}

/* Values in the order of inquest_term::argument. */
static __always_inline bool holds(const volatile struct inquest_probe *probe, const __u64 *values) {
  bool all = true;
  for (__u32 i = 0; i < INQUEST_MAX_TERMS; ++i) {
    if (i >= probe->term_count) break;
    const volatile struct inquest_term *term = &probe->terms[i];
    if (i > 0 && term->begins_group) {
      if (all) return true;
      all = true;
    }
    if (all) all = holds_term(term, values);
  }
  return all;
}

/* What only some records have. */
struct extras {
  const __u64 *arguments;  /* of the entry, for returns */
  const struct inquest_members *members;
  __u32 string_sizes[INQUEST_MAX_STRINGS];
  char strings[INQUEST_MAX_STRINGS][INQUEST_STRING];
};

/* The verifier of Linux before 6.3 wants the text to be written before it is copied. */
static __always_inline void clear(struct extras *extras) {
  extras->arguments = 0;
  extras->members = 0;
  if (!has_strings) return;
  __builtin_memset(extras->string_sizes, 0, sizeof extras->string_sizes);
  __builtin_memset(extras->strings, 0, sizeof extras->strings);
}

static __always_inline void finish(struct inquest_record *record, const struct extras *extras) {
  record->members.count = 0;
  if (extras) {
    if (has_strings) {
      __builtin_memcpy(record->strings, extras->strings, sizeof record->strings);
      record->string_sizes[0] = extras->string_sizes[0];
      record->string_sizes[1] = extras->string_sizes[1];
    }
    if (has_members && extras->members)
      bpf_probe_read_kernel(&record->members, sizeof record->members, extras->members);
    if (extras->arguments) {
      __builtin_memcpy(record->arguments, extras->arguments, sizeof record->arguments);
      record->has_arguments = 1;
    }
  }
  bpf_ringbuf_submit(record, wake_up(record));
}

/* Of the context of a uprobe, word by word: the verifier allows that, and it is faster than a helper's copy. */
static __always_inline void take_registers(struct inquest_record *record, const struct pt_regs *registers) {
  const unsigned long *from = (const unsigned long *)registers;
#pragma clang loop unroll(full)
  for (int i = 0; i < INQUEST_REGISTERS; ++i) record->registers[i] = from[i];
}

static __always_inline void finish_hit(struct inquest_record *record, const struct pt_regs *registers,
                                       const struct extras *extras) {
  take_registers(record, registers);
  finish(record, extras);
}

static __always_inline void emit(const struct hit *hit, struct task_struct *task, struct pt_regs *registers,
                                 const struct extras *extras) {
  __sync_fetch_and_add(&hits[hit->probe], 1);
  __u64 size = wanted_size(hit);
  struct inquest_record *record;
  if (size <= INQUEST_STACK_SMALL && !hit->other_sp) {
    record = begin_INQUEST_STACK_SMALL(hit, task);
    if (record) finish_hit(record, registers, extras);
  } else if (size <= INQUEST_STACK_MIDDLE && !hit->other_sp) {
    record = begin_INQUEST_STACK_MIDDLE(hit, task);
    if (record) finish_hit(record, registers, extras);
  } else {
    record = begin_INQUEST_STACK_LARGE(hit, task);
    if (record) finish_hit(record, registers, extras);
  }
  /* Nobody would know of a process that is stopped without a record. */
  if (record) stop(task);
}

/* Text that a pointer leads to. What is not in memory yet is read again by the way that may sleep, up to the end of its
 * page, behind which nothing may be mapped. */
static __always_inline __u32 take_string(char *to, __u64 from) {
  long size = bpf_probe_read_user_str(to, INQUEST_STRING, (const void *)from);
  if (size > 0) return size;
  __u32 room = 4096 - (from & 4095);
  if (room > INQUEST_STRING) room = INQUEST_STRING;
  if (room == 0 || !may_sleep || bpf_copy_from_user(to, room, (const void *)from)) return 0;
  to[INQUEST_STRING - 1] = 0;
  size = bpf_probe_read_user_str(to, INQUEST_STRING, (const void *)from);
  return size > 0 ? size : room;
}

static __always_inline void take_strings(const volatile struct inquest_probe *probe, const __u64 *values,
                                         struct extras *extras) {
  if (!has_strings) return;
  if (probe->string_count > 0) extras->string_sizes[0] = take_string(extras->strings[0], values[probe->strings[0] & 7]);
  if (probe->string_count > 1) extras->string_sizes[1] = take_string(extras->strings[1], values[probe->strings[1] & 7]);
}

static __always_inline void take_member(const volatile struct inquest_member *member, const __u64 *values,
                                        struct inquest_members *to, __u32 number) {
  __u64 value = values[member->argument & 7];
  for (__u32 i = 0; i < INQUEST_MEMBER_LOADS; ++i) {
    if (i >= member->loads) break;
    const void *from = (const void *)(value + member->offsets[i]);
    __u32 size = i + 1 == member->loads ? member->size : sizeof value;
    if (size > sizeof value) return;
    value = 0;
    if (copy_in(&value, size, from)) return;
  }
  value += member->add;
  to->values[number] = value;
  to->known |= 1u << number;
  if (member->is_text) to->text_sizes[number] = take_string(to->texts[number], value);
}

static __always_inline void take_members(const volatile struct inquest_probe *probe, const __u64 *values,
                                         struct extras *extras) {
  if (!has_members || probe->member_count == 0) return;
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  if (bpf_map_update_elem(&members, &tid, &no_members, BPF_ANY)) return;
  struct inquest_members *found = bpf_map_lookup_elem(&members, &tid);
  if (!found) return;
  found->count = probe->member_count;
  take_member(&probe->members[0], values, found, 0);
  if (probe->member_count > 1) take_member(&probe->members[1], values, found, 1);
  if (probe->member_count > 2) take_member(&probe->members[2], values, found, 2);
  if (probe->member_count > 3) take_member(&probe->members[3], values, found, 3);
  extras->members = found;
}

static __always_inline void forget_members(void) {
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  if (has_members) bpf_map_delete_elem(&members, &tid);
}

static __always_inline struct hit hit_of(__u64 cookie, __u32 kind, struct task_struct *task, __u64 sp) {
  struct hit hit = {.kind = kind, .probe = (__u32)cookie % INQUEST_MAX_PROBES, .place = cookie >> 32, .sp = sp};
  hit.limit = probes[hit.probe].stack_limit;
  if (hit.limit > 0) {
    hit.top = stack_top(task, sp);
    find_other_stack(&hit, task);
  }
  return hit;
}

static __always_inline __u64 register_of(struct pt_regs *registers, __u8 number) {
  __u64 value = 0;
  if (number >= INQUEST_REGISTERS) return 0;
  bpf_probe_read_kernel(&value, sizeof value, (void *)registers + number * sizeof value);
  return value;
}

static __always_inline __u64 operand_value(struct pt_regs *registers, const struct inquest_operand *operand) {
  __u64 value = operand->value;
  if (operand->kind == INQUEST_REGISTER) value = register_of(registers, operand->base);
  if (operand->kind == INQUEST_MEMORY) {
    __u64 at = value + register_of(registers, operand->base);
    if (operand->scale) at += register_of(registers, operand->index) * operand->scale;
    if (copy_in(&value, sizeof value, (const void *)at) && copy_in(&value, 1, (const void *)at)) value = 0;
  }
  __u32 shift = 64 - 8 * (operand->size & 15);
  if (shift >= 64) return value;
  return operand->is_signed ? (__u64)((__s64)(value << shift) >> shift) : value << shift >> shift;
}

static __always_inline void take_operands(struct pt_regs *registers, __u32 place, __u64 *values) {
  struct inquest_operands *list = bpf_map_lookup_elem(&operands, &place);
  if (!list) return;
  for (int i = 0; i < INQUEST_MAX_OPERANDS; ++i) {
    if (list->operands[i].kind) values[i] = operand_value(registers, &list->operands[i]);
  }
}

/* At the first instruction of a function that is also traced at its return, the return address lies at sp. */
static __always_inline int at_entry(struct pt_regs *registers) {
  if (paused) return 0;
  __u64 cookie = only_one ? 0 : bpf_get_attach_cookie(registers);
  const volatile struct inquest_probe *probe = &probes[(__u32)cookie % INQUEST_MAX_PROBES];
  __u64 values[8] = {registers->di, registers->si, registers->dx, registers->cx, registers->r8, registers->r9};
  bool is_static = has_static && probe->is_static;
  if (is_static) take_operands(registers, bpf_get_attach_cookie(registers) >> 32, values);
  if (!probe->is_return && !holds(probe, values)) return 0;
  if (!is_wanted_process()) return 0;
  if (only_one) cookie = bpf_get_attach_cookie(registers);
  if (probe->is_return) {
    struct call_key key = {.tid = (__u32)bpf_get_current_pid_tgid(), .place = cookie >> 32, .sp = registers->sp + 8};
    struct call call = {.time = bpf_ktime_get_boot_ns()};
    __builtin_memcpy(call.arguments, values, sizeof call.arguments);
    bpf_map_update_elem(&calls, &key, &call, BPF_ANY);
    return 0;
  }
  if (is_too_often((__u32)cookie % INQUEST_MAX_PROBES)) return 0;
  struct extras extras;
  clear(&extras);
  if (is_static) extras.arguments = values;
  take_strings(probe, values, &extras);
  take_members(probe, values, &extras);
  struct task_struct *task = bpf_get_current_task_btf();
  struct hit hit = hit_of(cookie, INQUEST_HIT, task, registers->sp);
  emit(&hit, task, registers, &extras);
  forget_members();
  return 0;
}

static __always_inline int at_return(struct pt_regs *registers) {
  if (!is_wanted_process()) return 0;
  __u64 cookie = bpf_get_attach_cookie(registers);
  const volatile struct inquest_probe *probe = &probes[(__u32)cookie % INQUEST_MAX_PROBES];
  struct call_key key = {.tid = (__u32)bpf_get_current_pid_tgid(), .place = cookie >> 32, .sp = registers->sp};
  struct call *call = bpf_map_lookup_elem(&calls, &key);
  __u64 values[8] = {};
  if (call) __builtin_memcpy(values, call->arguments, sizeof call->arguments);
  values[6] = registers->ax;
  bpf_map_delete_elem(&calls, &key);
  if (!holds(probe, values)) return 0;
  if (is_too_often((__u32)cookie % INQUEST_MAX_PROBES)) return 0;
  struct extras extras;
  clear(&extras);
  if (call) extras.arguments = values;
  take_strings(probe, values, &extras);
  take_members(probe, values, &extras);
  struct task_struct *task = bpf_get_current_task_btf();
  struct hit hit = hit_of(cookie, INQUEST_RETURN, task, registers->sp);
  emit(&hit, task, registers, &extras);
  forget_members();
  return 0;
}

/* The same programs twice: links of many places at once (uprobe_multi, Linux 6.6) want another type of attachment. */
SEC("uprobe.s")
int on_entry(struct pt_regs *registers) { return at_entry(registers); }
SEC("uprobe.s")
int on_entry_multi(struct pt_regs *registers) { return at_entry(registers); }
SEC("uretprobe.s")
int on_return(struct pt_regs *registers) { return at_return(registers); }
SEC("uretprobe.s")
int on_return_multi(struct pt_regs *registers) { return at_return(registers); }

/* A signal is about to be acted upon, in the thread that gets it. */
SEC("tp_btf/signal_deliver")
int BPF_PROG(on_signal, int signal, struct kernel_siginfo *info, struct k_sigaction *action) {
  if (signal < 1 || signal > 64 || !is_wanted_process()) return 0;
  bool is_fatal = action->sa.sa_handler == 0 && !(HARMLESS_SIGNALS >> (signal & 63) & 1);
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
  unsigned long sp = 0;
  bpf_core_read(&sp, sizeof sp, &registers->sp);
  if (!is_fatal) note_interrupted(task, action, sp);
  if (!is_fatal && !(wanted_signals >> (signal & 63) & 1)) return 0;
  bool is_kill = signal == SIGNAL_KILL;
  if (is_kill) {
    /* A signal that kills without a core reaches every thread as SIGKILL; which one it was the group knows (kernel/signal.c,
     * complete_signal). Of a group that ends for a core or by exit the other threads get it too: those say nothing. */
    signal = task->signal->group_exit_code & 0x7f;
    if (signal == 0 || signal >= 32 || (CORE_SIGNALS >> signal & 1) || task->pid != task->tgid) return 0;
  }
  struct hit hit = {.kind = INQUEST_SIGNAL, .probe = INQUEST_MAX_PROBES, .limit = INQUEST_STACK_LARGE};
  hit.sp = readable_from(sp - RED_ZONE);
  hit.top = stack_top(task, hit.sp > sp ? hit.sp : sp);
  find_other_stack(&hit, task);
  __sync_fetch_and_add(&hits[INQUEST_MAX_PROBES], 1);
  struct inquest_record *record = begin_INQUEST_STACK_LARGE(&hit, task);
  if (!record) return 0;
  record->is_fatal = is_fatal;
  record->signal = signal;
  if (!is_kill) {
    record->signal_code = info->si_code;
    record->fault_address = (__u64)info->_sifields._sigfault._addr;
  }
  bpf_probe_read_kernel(record->registers, sizeof record->registers, registers);
  finish(record, 0);
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task) {
  __u32 tgid = task->tgid;
  if (task->signal->live.counter != 0) return 0;
  bpf_map_delete_elem(&tracked, &tgid);
  bpf_map_delete_elem(&stopped, &tgid);
  return 0;
}
