/* The few structures of the kernel that are read, with the members that are: libbpf finds where they lie in the kernel
 * that runs (CO-RE), so no header of the build machine's kernel is needed. Names as in Linux 5.17 to 6.18. */
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* arch/x86/include/asm/ptrace.h; also the context of a uprobe. */
struct pt_regs {
  unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

/* include/linux/mm_types.h */
struct mm_struct {
  unsigned long start_stack;
  unsigned long saved_auxv[52];
};

/* arch/x86/include/asm/processor.h */
struct thread_struct {
  unsigned long fsbase;
};

/* include/linux/uprobes.h */
struct return_instance {
  unsigned long stack;
  unsigned long orig_ret_vaddr;
  struct return_instance* next;
};
struct uprobe_task {
  struct return_instance* return_instances;
};

/* include/linux/sched/signal.h */
typedef struct {
  int counter;
} atomic_t;
struct signal_struct {
  atomic_t live;
  int group_exit_code;
};

/* include/linux/dcache.h, include/linux/path.h */
struct qstr {
  const unsigned char* name;
};
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
};
struct path {
  struct dentry* dentry;
};

/* include/linux/fs.h, include/linux/fdtable.h */
struct super_block {
  __u32 s_dev;
};
struct inode {
  unsigned short i_mode;
  struct super_block* i_sb;
  unsigned long i_ino;
};
struct file {
  struct inode* f_inode;
  struct path f_path;
  void* private_data;
};
struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};
struct files_struct {
  struct fdtable* fdt;
};

/* include/linux/sched.h */
struct sched_entity {
  __u64 sum_exec_runtime;
  __u64 prev_sum_exec_runtime;
};
struct task_struct {
  unsigned int flags;
  int pid;
  int tgid;
  struct task_struct* group_leader;
  __u64 start_boottime;
  __u64 self_exec_id;
  struct mm_struct* mm;
  struct signal_struct* signal;
  struct files_struct* files;
  struct uprobe_task* utask;
  unsigned long sas_ss_sp;
  unsigned long sas_ss_size;
  char comm[16];
  struct sched_entity se;
  struct thread_struct thread;
};

/* include/linux/mm_types.h */
struct vm_area_struct {
  unsigned long vm_end;
};

/* include/uapi/asm-generic/siginfo.h, include/linux/signal_types.h */
union __sifields {
  struct {
    void* _addr;
  } _sigfault;
};
struct kernel_siginfo {
  int si_signo;
  int si_code;
  union __sifields _sifields;
};
struct sigaction {
  void* sa_handler;
  unsigned long sa_flags;
};
struct k_sigaction {
  struct sigaction sa;
};

#pragma clang attribute pop
