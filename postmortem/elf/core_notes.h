// What the kernel wrote down about the process beside its memory: the notes of a core file.
//
// Sources: Linux fs/binfmt_elf.c (fill_note_info, fill_psinfo, fill_siginfo_note, fill_auxv_note, fill_files_note) and
// include/linux/elfcore.h. Each thread gives NT_PRSTATUS (the one that died comes first), then once per process
// NT_PRPSINFO, NT_SIGINFO, NT_AUXV, NT_FILE.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/elf/byte_view.h"
#include "postmortem/model/target.h"

namespace inquest::elf {

/// One entry of NT_FILE: a piece of a file that was mapped.
struct FileMapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t file_offset = 0;  ///< in bytes
  std::string path;          ///< " (deleted)" stripped
};

struct CoreNotes {
  std::vector<Thread> threads;
  std::vector<FileMapping> files;  ///< sorted by address, not overlapping
  uint64_t pid = 0;
  std::string command;
  std::string arguments;
  int signal = 0;
  int signal_code = 0;
  bool has_signal_info = false;
  std::optional<Address> fault_address;
  std::optional<uint32_t> sender_pid, sender_uid;
  bool has_file_note = false;
  std::map<uint64_t, CpuTime> cpu_times;  ///< by thread id; the leader's is the whole process's (fill_prstatus)
  std::optional<CpuTime> cpu_time;        ///< of the whole process

  /// The auxiliary vector's entry of this type (AT_PHDR ...).
  std::optional<uint64_t> auxv(uint64_t type) const;
  std::vector<std::pair<uint64_t, uint64_t>> auxv_entries;
};

/// Reads every note; damaged ones are left out.
CoreNotes parse_notes(const std::vector<Bytes>& segments);

/// Sorts by address and drops what overlaps an earlier mapping.
void sort_mappings(std::vector<FileMapping>& files);

/// The path without the " (deleted)" that the kernel appends for unlinked files (fs/d_path.c).
std::string strip_deleted(std::string_view path);

}  // namespace inquest::elf
