// The dead (or stopped) process: memory, modules, threads, and the facts the kernel wrote down about it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postmortem/model/address.h"
#include "postmortem/model/memory_reader.h"
#include "postmortem/model/symbol.h"

namespace inquest {

/// An ELF file mapped into the process.
struct Module {
  std::string path;            ///< as the process knew it, " (deleted)" stripped
  std::string file;            ///< the file used on this machine; empty when none was accepted
  std::string build_id;        ///< lower-case hex, from the core where it has the page, else from the file
  Address start;               ///< lowest mapped address
  Address end;                 ///< past the highest mapped address
  uint64_t bias = 0;           ///< run-time address = link-time address + bias
  bool is_executable = false;  ///< the main program
  /// A further mapping of part of a file that another module is the load of (V8 maps its embedded builtins a second
  /// time near its code range). File and symbols are the same and hold with this bias; there is no TLS.
  bool is_copy = false;
  /// Why `file` is empty (kFileMissing, kFileMismatch), with every path tried.
  std::optional<FaultCause> missing;
  std::vector<std::string> tried;
  std::shared_ptr<const SymbolSource> symbols;  ///< null when there is neither file nor debug file
  uint64_t tls_image_size = 0;                  ///< PT_TLS p_memsz; 0 when the module has no TLS
  uint64_t tls_alignment = 1;                   ///< PT_TLS p_align

  Address runtime(uint64_t link_time) const { return Address(link_time + bias); }
  uint64_t link_time(Address runtime_address) const { return runtime_address.value() - bias; }
};

/// General-purpose registers of x86-64 in DWARF order, plus segment bases (System V ABI, table 3.36).
struct Registers {
  enum Index : uint8_t {
    kRax,
    kRdx,
    kRcx,
    kRbx,
    kRsi,
    kRdi,
    kRbp,
    kRsp,
    kR8,
    kR9,
    kR10,
    kR11,
    kR12,
    kR13,
    kR14,
    kR15,
    kRip
  };
  static constexpr size_t kCount = 17;
  std::array<uint64_t, kCount> gpr{};
  uint64_t rflags = 0;
  uint64_t fs_base = 0;
  uint64_t gs_base = 0;

  Address pc() const { return Address(gpr[kRip]); }
  Address sp() const { return Address(gpr[kRsp]); }
  Address fp() const { return Address(gpr[kRbp]); }
};

/// xmm0 to xmm15, 16 bytes each (registers 17 to 32 of DWARF: System V ABI, figure 3.36).
struct VectorRegisters {
  static constexpr size_t kFirst = 17, kCount = 16;
  std::array<std::array<std::byte, 16>, kCount> xmm{};
};

/// Processor time in microseconds.
struct CpuTime {
  uint64_t user = 0, system = 0;
};

struct Thread {
  uint64_t tid = 0;
  std::string name;  ///< empty when the core does not say
  int signal = 0;    ///< signal this thread was stopped by, 0 when none is recorded
  Registers registers;
  std::optional<VectorRegisters> vectors;  ///< where the core has them
  /// Of this thread alone. The kernel's note of the first thread of a process has the time of all of them: it has none.
  std::optional<CpuTime> cpu_time;
};

/// The random bytes that the kernel gives a program at its start (AT_RANDOM, getauxval(3)). No two runs have the same.
using AtRandom = std::array<std::byte, 16>;

/// NT_PRPSINFO, NT_PRSTATUS, NT_SIGINFO, NT_AUXV and the file's own age.
struct ProcessFacts {
  uint64_t pid = 0;
  std::string command;    ///< pr_fname
  std::string arguments;  ///< pr_psargs, cut by the kernel at 80 bytes
  int signal = 0;
  int signal_code = 0;
  bool has_signal_info = false;          ///< the core holds the siginfo of its signal
  std::optional<Address> fault_address;  ///< si_addr, for signals that have one
  std::optional<uint32_t> sender_pid;    ///< si_pid, for signals sent by kill, raise and the like
  std::optional<uint32_t> sender_uid;    ///< si_uid of those
  std::string core_path;                 ///< empty for a live process
  uint64_t core_size = 0;                ///< bytes of the (uncompressed) core file
  int64_t core_time = 0;                 ///< modification time of the core, seconds since 1970; 0 when unknown
  std::optional<AtRandom> at_random;     ///< of the program that died
  std::optional<CpuTime> cpu_time;       ///< of all its threads; cores that gdb writes do not tell
  uint64_t truncated_bytes = 0;          ///< how many bytes the program headers promise beyond the end of the file
};

class Target {
 public:
  virtual ~Target() = default;

  virtual const MemoryReader& memory() const = 0;
  virtual std::span<const Module> modules() const = 0;  ///< the main program first, then by address
  virtual std::span<const Thread> threads() const = 0;  ///< the thread that died first
  virtual const ProcessFacts& facts() const = 0;
  /// What could not be used and why (missing files, truncation): whole sentences for the user.
  virtual std::span<const std::string> notes() const = 0;

  /// The run-time address of a thread-local variable of the main program or an initially loaded library
  /// (variant II, System V ABI "ELF Handling For Thread-Local Storage"), or nothing when it cannot be known.
  virtual std::optional<Address> tls_address(const Thread& thread, const Module& module,
                                             const Symbol& symbol) const = 0;
};

}  // namespace inquest
