/* What the BPF programs of the watches and the user side agree on. Included by both, so plain C. */
#pragma once

#ifndef __bpf__
#include <linux/types.h>
#endif

#define INQUEST_FILE_NAME 128
#define INQUEST_MAX_FILES 16384

/* Identity of a file; padding is zero, for the kernel compares keys by bytes. */
struct inquest_file_key {
  __u64 inode;
  __u32 device;
  __u32 padding;
};
struct inquest_file_counts {
  __u64 reads, read_bytes, writes, written_bytes;
  char name[INQUEST_FILE_NAME];
  char folder[INQUEST_FILE_NAME]; /* name of the folder alone */
};

/* A listening socket, as the iterator writes it. */
struct inquest_listener {
  __u64 socket;
  __u32 accept_length, accept_limit, syn_length;
  __u32 dropped; /* since it was made; wraps */
};

enum inquest_sample_kind { INQUEST_QUEUE_LENGTHS = 1, INQUEST_LATENCY = 2 };
struct inquest_queue_sample {
  __u32 kind; /* enum inquest_sample_kind */
  __u32 syn_length;
  __u64 value; /* accept queue length, or nanoseconds */
};
