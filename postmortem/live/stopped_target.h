// A process of this machine that a debugger holds stopped, as a Target: memory, files and facts from /proc/PID;
// threads, registers and the reason of the stop from the debugger, which alone can have them (ptrace has one owner).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/elf/core_file.h"
#include "postmortem/elf/core_notes.h"
#include "postmortem/elf/modules.h"
#include "postmortem/elf/tls_layout.h"
#include "postmortem/live/stopped_memory.h"
#include "postmortem/model/result.h"
#include "postmortem/model/target.h"

namespace inquest::live {

/// What the debugger knows.
struct StoppedProcess {
  uint64_t pid = 0;
  std::vector<Thread> threads;  ///< the one that caused the stop first
  int signal = 0;               ///< that it was stopped by; 0: by something else
  int signal_code = 0;
  bool has_signal_info = false;
  std::optional<Address> fault_address;
  std::optional<uint32_t> sender_pid = {}, sender_uid = {};
};

struct OpenOptions {
  std::string executable;               ///< the program's file; empty: found by itself
  std::string sysroot;                  ///< prefix for the paths of mapped files; empty: where the process sees them
  std::vector<std::string> debug_dirs;  ///< further places for separate debug files
};

class StoppedTarget : public Target {
 public:
  /// kUnusable when the process is gone or may not be read. It must stay stopped while the target is used.
  static Result<std::unique_ptr<StoppedTarget>> open(StoppedProcess process, const OpenOptions& options);

  const StoppedMemory& memory() const override { return *memory_; }
  StoppedMemory& memory() { return *memory_; }
  std::span<const Module> modules() const override { return map_.modules; }
  std::span<const Thread> threads() const override { return notes_.threads; }
  const ProcessFacts& facts() const override { return facts_; }
  std::span<const std::string> notes() const override { return gaps_; }
  std::optional<Address> tls_address(const Thread& thread, const Module& module, const Symbol& symbol) const override {
    return tls_.address(thread, module, symbol);
  }

 private:
  StoppedTarget(std::unique_ptr<StoppedMemory> memory, std::unique_ptr<elf::CoreFile> core, elf::CoreNotes notes,
                elf::ModuleMap map, ProcessFacts facts);

  std::unique_ptr<StoppedMemory> memory_;
  std::unique_ptr<elf::CoreFile> core_;
  elf::CoreNotes notes_;
  elf::ModuleMap map_;
  elf::TlsLayout tls_;
  ProcessFacts facts_;
  std::vector<std::string> gaps_;
};

/// The 16 bytes of AT_RANDOM and where they are, as /proc says; nothing when the process is gone or may not be read. No
/// two runs of a program have the same, so they prove that a debugger speaks of this process.
struct RandomBytes {
  Address address;
  AtRandom bytes{};
};
std::optional<RandomBytes> random_bytes_of(uint64_t pid);

}  // namespace inquest::live
