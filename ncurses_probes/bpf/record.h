/* What the BPF program and the user side agree on: the configuration of probes and the records of the ring buffer.
 * Included by both, so plain C with types of fixed size. */
#pragma once

#ifndef __bpf__
#include <linux/types.h>
#endif

#define INQUEST_MAX_PROBES 64   /* specifications; each may have any number of places */
#define INQUEST_MAX_TERMS 6     /* comparisons of one predicate */
#define INQUEST_MAX_LOADS 2     /* pointers followed from an argument in a comparison */
#define INQUEST_MAX_STRINGS 2   /* arguments followed as text */
#define INQUEST_STRING 128      /* bytes of each, the NUL included */
#define INQUEST_MAX_MEMBERS 4   /* members of structures recorded, or other values that arguments lead to */
#define INQUEST_MEMBER_LOADS 4  /* pointers followed to each */
#define INQUEST_MAX_RETURNS 8   /* repaired return slots, see return_slot */
#define INQUEST_MAX_OPERANDS 6  /* arguments of a static probe */
#define INQUEST_MAX_STATIC 4096 /* places of static probes */
#define INQUEST_STACK_SMALL 4096
#define INQUEST_STACK_MIDDLE 16384
#define INQUEST_STACK_LARGE 65536
/* Stacks are copied from one multiple of this to another: copies that lie otherwise in the lines of the caches take up
 * to seven times as long ("rep movsb" of AMD's family 25). */
#define INQUEST_LINE 64
#define INQUEST_OTHER_STACK 32768 /* where the interrupted stack begins in the room, and its size */

enum inquest_operator {
  INQUEST_EQUAL,
  INQUEST_NOT_EQUAL,
  INQUEST_LESS,
  INQUEST_LESS_EQUAL,
  INQUEST_GREATER,
  INQUEST_GREATER_EQUAL,
  INQUEST_BITS, /* value & constant is not 0 */
};

/* One comparison: the argument, maybe followed through pointers, against a constant. */
struct inquest_term {
  __u64 value;
  __s32 offsets[INQUEST_MAX_LOADS]; /* of each load, from the pointer before it */
  __u8 loads;
  __u8 argument;  /* 0 to 5: rdi, rsi, rdx, rcx, r8, r9; 6: rax, the value returned */
  __u8 operation; /* enum inquest_operator */
  __u8 size;      /* bytes compared: 1, 2, 4 or 8 */
  __u8 is_signed;
  __u8 begins_group; /* terms of a group must all hold; one group must hold */
};

/* Where an argument of a static probe is. */
enum inquest_operand_kind { INQUEST_CONSTANT = 1, INQUEST_REGISTER = 2, INQUEST_MEMORY = 3 };
struct inquest_operand {
  __s64 value; /* the constant, or the displacement */
  __u8 kind;   /* enum inquest_operand_kind; 0: there is none */
  __u8 base;   /* enum inquest_register */
  __u8 index;
  __u8 scale; /* 0: no index */
  __u8 size;  /* bytes: 1, 2, 4 or 8 */
  __u8 is_signed;
};
struct inquest_operands {
  struct inquest_operand operands[INQUEST_MAX_OPERANDS];
};

/* A value that an argument leads to. */
struct inquest_member {
  __s32 offsets[INQUEST_MEMBER_LOADS]; /* of each load, from the pointer before it */
  __s32 add; /* to the pointer of the last load: where text that is part of a structure begins */
  __u8 loads;
  __u8 argument; /* as in inquest_term */
  __u8 size;     /* bytes of the last load: 1, 2, 4 or 8 */
  __u8 is_text;  /* the value points to text, which is wanted too */
};

/* What was found there. */
struct inquest_members {
  __u64 values[INQUEST_MAX_MEMBERS];
  __u32 text_sizes[INQUEST_MAX_MEMBERS]; /* with the NUL; 0: could not be read */
  __u32 known;                           /* bit i: values[i] could be read */
  __u32 count;
  char texts[INQUEST_MAX_MEMBERS][INQUEST_STRING];
};

struct inquest_probe {
  struct inquest_term terms[INQUEST_MAX_TERMS];
  struct inquest_member members[INQUEST_MAX_MEMBERS];
  __u32 member_count;
  __u32 term_count;
  __u32 stack_limit; /* bytes of stack copied at most; 0: none */
  __u32 string_count;
  __u8 strings[INQUEST_MAX_STRINGS]; /* numbers of arguments */
  __u8 is_return;
  __u8 is_static;
};

#define INQUEST_KERNEL_FRAMES 127 /* sysctl kernel.perf_event_max_stack */
#define INQUEST_KERNEL_STACK 1024 /* bytes for them behind the room of a sample's stack */

enum inquest_kind {
  INQUEST_HIT = 1,
  INQUEST_RETURN = 2,
  INQUEST_SIGNAL = 3,
  INQUEST_SAMPLE = 4,
  INQUEST_LEFT = 5, /* a thread has left its CPU; how long for is told by an inquest_wait */
  INQUEST_BACK = 6, /* an inquest_wait */
};

enum inquest_tracked {
  INQUEST_TRACKED = 1,
  INQUEST_TRACKED_LATER = 2, /* from its next execve on */
};

/* One life of a process: from one execve to the next, or to its end. */
struct inquest_process {
  __u64 started; /* ns since boot at which its first thread was made */
  __u32 tgid;
  __u32 exec_id; /* counts the calls of execve */
};

/* A return address that some tracer's return probe has replaced on the stack. */
struct inquest_return {
  __u64 slot;
  __u64 address;
};

/* struct pt_regs of x86-64 as words (Linux arch/x86/include/asm/ptrace.h). */
enum inquest_register {
  INQUEST_R15,
  INQUEST_R14,
  INQUEST_R13,
  INQUEST_R12,
  INQUEST_BP,
  INQUEST_BX,
  INQUEST_R11,
  INQUEST_R10,
  INQUEST_R9,
  INQUEST_R8,
  INQUEST_AX,
  INQUEST_CX,
  INQUEST_DX,
  INQUEST_SI,
  INQUEST_DI,
  INQUEST_ORIG_AX,
  INQUEST_IP,
  INQUEST_CS,
  INQUEST_FLAGS,
  INQUEST_SP,
  INQUEST_SS,
  INQUEST_REGISTERS
};

/* Followed by the stack in one of three sizes of room, which begins at a multiple of INQUEST_LINE bytes: what lies in
 * the ring buffer ends with such a multiple, the 8 bytes in front of it (BPF_RINGBUF_HDR_SZ, include/uapi/linux/bpf.h)
 * included. */
struct inquest_record {
  __u32 kind;  /* enum inquest_kind */
  __u32 probe; /* number of the specification */
  __u32 place; /* number of the place among those of all probes */
  __u32 tid;
  __u64 time; /* ns since boot, suspended time included */
  struct inquest_process process;
  char comm[16];
  __u64 registers[INQUEST_REGISTERS];
  __u64 fs_base;
  __u8 at_random[16];
  __u32 has_at_random;
  __u32 is_fatal; /* a signal without handler */
  __s32 signal;
  __s32 signal_code;
  __u64 fault_address;
  __u64 arguments[6]; /* of a return: those at the entry */
  __u32 has_arguments;
  __u32 return_count;
  struct inquest_return returns[INQUEST_MAX_RETURNS];
  __u32 string_sizes[INQUEST_MAX_STRINGS]; /* with the NUL; 0: could not be read */
  char strings[INQUEST_MAX_STRINGS][INQUEST_STRING];
  struct inquest_members members;
  __u64 stack_start;
  __u64 stack_top;  /* 0: not known */
  __u32 stack_size; /* bytes copied */
  __u32 stack_room;
  __u64 other_start; /* the stack that a handler on a stack of its own interrupted */
  __u64 other_top;
  __u32 other_size; /* 0: there is none */
  __u32 tail_size;  /* bytes used behind the room: the kernel's stack of a sample, its innermost address first */
  __u64 weight;     /* of a sample: 1, bytes or nanoseconds */
  __u64 unused[7];
};

/* A thread is back on a CPU: the end of what the INQUEST_LEFT of the same thread and time has begun. */
struct inquest_wait {
  __u32 kind; /* INQUEST_BACK */
  __u32 tid;
  __u64 since;  /* ns since boot: inquest_record::time */
  __u64 weight; /* ns */
  __u64 unused[4];
};
