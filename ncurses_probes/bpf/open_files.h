/* The files that the running process has open. Included behind kernel_types.h and libbpf's bpf_core_read.h. */
#pragma once

/* What a descriptor of the running process stands for; 0: nothing. */
static __always_inline struct file* file_of(unsigned long descriptor) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  struct fdtable* table = BPF_CORE_READ(task, files, fdt);
  if (!table || descriptor >= BPF_CORE_READ(table, max_fds)) return 0;
  struct file **list = BPF_CORE_READ(table, fd), *file = 0;
  bpf_probe_read_kernel(&file, sizeof file, list + descriptor);
  return file;
}
