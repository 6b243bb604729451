// Counts what one process reads and writes, by file. A call is looked at when it ends, for then the registers of its
// arguments are still there and its result is known: one tracepoint that every call of the machine passes, and most
// pass it at the first comparison.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "kernel_types.h"
#include "open_files.h"
#include "watch.h"

char LICENSE[] SEC("license") = "GPL";

/* Numbers of calls (arch/x86/entry/syscalls/syscall_64.tbl). */
#define CALL_READ 0
#define CALL_WRITE 1
#define CALL_PREAD64 17
#define CALL_PWRITE64 18
#define CALL_READV 19
#define CALL_WRITEV 20
#define CALL_SENDFILE 40
#define CALL_PREADV 295
#define CALL_PWRITEV 296
#define CALL_COPY_FILE_RANGE 326
#define CALL_PREADV2 327
#define CALL_PWRITEV2 328

/* include/uapi/linux/stat.h */
#define TYPE_MASK 0170000
#define TYPE_REGULAR 0100000
#define TYPE_CHARACTER 0020000
#define TYPE_BLOCK 0060000

const volatile __u32 wanted_tgid = 0;

__u64 not_counted; /* calls for files beyond those that have room */
__u64 not_found;   /* calls whose descriptor was closed when they ended */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, INQUEST_MAX_FILES);
  __type(key, struct inquest_file_key);
  __type(value, struct inquest_file_counts);
} files SEC(".maps");

/* A new entry is made here, for it is larger than a program's stack may be. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct inquest_file_counts);
} scratch SEC(".maps");

static __always_inline struct inquest_file_counts *counts_of(struct file *file) {
  struct inode *inode = BPF_CORE_READ(file, f_inode);
  unsigned int type = BPF_CORE_READ(inode, i_mode) & TYPE_MASK;
  if (type != TYPE_REGULAR && type != TYPE_CHARACTER && type != TYPE_BLOCK) return 0;
  struct inquest_file_key key = {.inode = BPF_CORE_READ(inode, i_ino), .device = BPF_CORE_READ(inode, i_sb, s_dev)};
  struct inquest_file_counts *counts = bpf_map_lookup_elem(&files, &key);
  if (counts) return counts;
  __u32 zero = 0;
  struct inquest_file_counts *fresh = bpf_map_lookup_elem(&scratch, &zero);
  if (!fresh) return 0;
  __builtin_memset(fresh, 0, sizeof *fresh);
  struct dentry *entry = BPF_CORE_READ(file, f_path.dentry), *parent = BPF_CORE_READ(entry, d_parent);
  bpf_probe_read_kernel_str(fresh->name, sizeof fresh->name, BPF_CORE_READ(entry, d_name.name));
  if (parent && parent != entry)
    bpf_probe_read_kernel_str(fresh->folder, sizeof fresh->folder, BPF_CORE_READ(parent, d_name.name));
  /* Another thread may have been faster. */
  bpf_map_update_elem(&files, &key, fresh, BPF_NOEXIST);
  counts = bpf_map_lookup_elem(&files, &key);
  if (!counts) __sync_fetch_and_add(&not_counted, 1);
  return counts;
}

static __always_inline void count(unsigned long descriptor, bool writes, long bytes) {
  struct file *file = file_of(descriptor);
  if (!file) {
    __sync_fetch_and_add(&not_found, 1);
    return;
  }
  struct inquest_file_counts *counts = counts_of(file);
  if (!counts) return;
  __sync_fetch_and_add(writes ? &counts->writes : &counts->reads, 1);
  __sync_fetch_and_add(writes ? &counts->written_bytes : &counts->read_bytes, bytes);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call_end, struct pt_regs *registers, long result) {
  if (bpf_get_current_pid_tgid() >> 32 != wanted_tgid || result <= 0) return 0;
  unsigned long first = BPF_CORE_READ(registers, di);
  switch (BPF_CORE_READ(registers, orig_ax)) {
    case CALL_READ:
    case CALL_PREAD64:
    case CALL_READV:
    case CALL_PREADV:
    case CALL_PREADV2: count(first, false, result); break;
    case CALL_WRITE:
    case CALL_PWRITE64:
    case CALL_WRITEV:
    case CALL_PWRITEV:
    case CALL_PWRITEV2: count(first, true, result); break;
    case CALL_SENDFILE: /* to, from */
      count(first, true, result);
      count(BPF_CORE_READ(registers, si), false, result);
      break;
    case CALL_COPY_FILE_RANGE: /* from, its offset, to */
      count(first, false, result);
      count(BPF_CORE_READ(registers, dx), true, result);
      break;
  }
  return 0;
}
