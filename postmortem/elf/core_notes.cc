#include "postmortem/elf/core_notes.h"

#include <elf.h>
#include <signal.h>
#include <sys/procfs.h>
#include <sys/user.h>

#include <algorithm>

#include "postmortem/elf/elf_headers.h"

namespace inquest::elf {
namespace {

Registers to_registers(const user_regs_struct& from) {
  Registers to;
  to.gpr = {from.rax, from.rdx, from.rcx, from.rbx, from.rsi, from.rdi, from.rbp, from.rsp, from.r8,
            from.r9,  from.r10, from.r11, from.r12, from.r13, from.r14, from.r15, from.rip};
  to.rflags = from.eflags;
  to.fs_base = from.fs_base;
  to.gs_base = from.gs_base;
  return to;
}

void take_thread(CoreNotes& notes, Bytes desc) {
  auto status = load<elf_prstatus>(desc, 0);
  if (!status) return;
  static_assert(sizeof(user_regs_struct) == sizeof(status->pr_reg));
  user_regs_struct registers;
  std::memcpy(&registers, &status->pr_reg, sizeof(registers));
  Thread thread;
  thread.tid = static_cast<uint32_t>(status->pr_pid);
  thread.signal = status->pr_cursig;
  thread.registers = to_registers(registers);
  notes.threads.push_back(std::move(thread));
  auto microseconds = [](const auto& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
  };
  CpuTime time{microseconds(status->pr_utime), microseconds(status->pr_stime)};
  if (time.user + time.system > 0) notes.cpu_times.emplace(static_cast<uint32_t>(status->pr_pid), time);
}

// NT_FPREGSET has the FXSAVE image (Intel SDM volume 1, table 10-2) of the thread whose NT_PRSTATUS came last.
void take_vectors(CoreNotes& notes, Bytes desc) {
  auto image = load<user_fpregs_struct>(desc, 0);
  if (!image || notes.threads.empty()) return;
  VectorRegisters vectors;
  static_assert(sizeof vectors.xmm == sizeof image->xmm_space);
  std::memcpy(vectors.xmm.data(), image->xmm_space, sizeof vectors.xmm);
  notes.threads.back().vectors = vectors;
}

void take_process(CoreNotes& notes, Bytes desc) {
  auto info = load<elf_prpsinfo>(desc, 0);
  if (!info) return;
  notes.pid = static_cast<uint32_t>(info->pr_pid);
  notes.command.assign(info->pr_fname, strnlen(info->pr_fname, sizeof(info->pr_fname)));
  notes.arguments.assign(info->pr_psargs, strnlen(info->pr_psargs, sizeof(info->pr_psargs)));
  while (!notes.arguments.empty() && notes.arguments.back() == ' ') notes.arguments.pop_back();
}

// si_addr means something only when the kernel itself raised the signal for an access or instruction (si_code > 0), and
// not for SI_KERNEL: a general protection fault (say a non-canonical pointer) leaves 0 there.
bool has_fault_address(const siginfo_t& info) {
  if (info.si_code <= 0 || info.si_code == SI_KERNEL) return false;
  switch (info.si_signo) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP: return true;
    default: return false;
  }
}

// The union holds a sender for kill, raise, tgkill and sigqueue (kernel/signal.c, siginfo_layout: SIL_KILL, SIL_RT).
bool has_sender(const siginfo_t& info) {
  return info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE;
}

void take_signal(CoreNotes& notes, Bytes desc) {
  auto info = load<siginfo_t>(desc, 0);
  if (!info) return;
  notes.signal = info->si_signo;
  notes.signal_code = info->si_code;
  notes.has_signal_info = true;
  if (has_sender(*info)) {
    notes.sender_pid = static_cast<uint32_t>(info->si_pid);
    notes.sender_uid = info->si_uid;
  }
  if (has_fault_address(*info)) notes.fault_address = Address(reinterpret_cast<uint64_t>(info->si_addr));
}

void take_auxv(CoreNotes& notes, Bytes desc) {
  for (uint64_t offset = 0; auto entry = load<Elf64_auxv_t>(desc, offset); offset += sizeof(Elf64_auxv_t)) {
    if (entry->a_type == AT_NULL) break;
    notes.auxv_entries.emplace_back(entry->a_type, entry->a_un.a_val);
  }
}

// NT_FILE: count, page size, count x {start, end, offset in pages}, then count NUL-terminated paths.
void take_files(CoreNotes& notes, Bytes desc) {
  auto count = load<uint64_t>(desc, 0);
  auto page_size = load<uint64_t>(desc, 8);
  if (!count || !page_size) return;
  notes.has_file_note = true;
  constexpr uint64_t kHeader = 16, kEntry = 24;
  uint64_t entries = std::min(*count, (desc.size() - kHeader) / kEntry);
  uint64_t text = kHeader + *count * kEntry;
  if (*count != entries) return;  // the paths lie beyond the end
  for (uint64_t i = 0; i < entries && text < desc.size(); ++i) {
    FileMapping mapping;
    mapping.start = *load<uint64_t>(desc, kHeader + i * kEntry);
    mapping.end = *load<uint64_t>(desc, kHeader + i * kEntry + 8);
    mapping.file_offset = *load<uint64_t>(desc, kHeader + i * kEntry + 16) * *page_size;
    std::string_view path = c_string(desc, text);
    text += path.size() + 1;
    mapping.path = strip_deleted(path);
    if (mapping.start < mapping.end) notes.files.push_back(std::move(mapping));
  }
}

}  // namespace

void sort_mappings(std::vector<FileMapping>& files) {
  std::stable_sort(files.begin(), files.end(),
                   [](const FileMapping& a, const FileMapping& b) { return a.start < b.start; });
  uint64_t covered = 0;
  std::erase_if(files, [&covered](const FileMapping& mapping) {
    if (mapping.start < covered) return true;
    covered = mapping.end;
    return false;
  });
}

std::string strip_deleted(std::string_view path) {
  constexpr std::string_view kSuffix = " (deleted)";
  if (path.ends_with(kSuffix)) path.remove_suffix(kSuffix.size());
  return std::string(path);
}

std::optional<uint64_t> CoreNotes::auxv(uint64_t type) const {
  for (const auto& [entry_type, value] : auxv_entries)
    if (entry_type == type) return value;
  return std::nullopt;
}

CoreNotes parse_notes(const std::vector<Bytes>& segments) {
  CoreNotes notes;
  for (Bytes bytes : segments) {
    for_each_note(bytes, 4, [&notes](uint32_t type, std::string_view name, Bytes desc) {
      if (name != "CORE") return;
      switch (type) {
        case NT_PRSTATUS: take_thread(notes, desc); break;
        case NT_FPREGSET: take_vectors(notes, desc); break;
        case NT_PRPSINFO: take_process(notes, desc); break;
        case NT_SIGINFO: take_signal(notes, desc); break;
        case NT_AUXV: take_auxv(notes, desc); break;
        case NT_FILE: take_files(notes, desc); break;
        default: break;
      }
    });
  }
  sort_mappings(notes.files);
  if (notes.signal == 0 && !notes.threads.empty()) notes.signal = notes.threads.front().signal;
  if (notes.pid == 0 && !notes.threads.empty()) notes.pid = notes.threads.front().tid;
  if (auto leader = notes.cpu_times.find(notes.pid); leader != notes.cpu_times.end()) notes.cpu_time = leader->second;
  // pr_fname is the main thread's name; other threads' names are not in the core.
  for (Thread& thread : notes.threads) {
    if (thread.tid == notes.pid) thread.name = notes.command;
    auto time = notes.cpu_times.find(thread.tid);
    if (thread.tid != notes.pid && time != notes.cpu_times.end()) thread.cpu_time = time->second;
  }
  return notes;
}

}  // namespace inquest::elf
