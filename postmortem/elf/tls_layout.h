// Where each thread's thread-local variables are.
//
// x86-64 uses variant II (Drepper, "ELF Handling For Thread-Local Storage", section 3): the thread pointer fs_base
// points at the TCB, whose first word is its own address, and the static TLS blocks lie below it. The main program's
// block ends there. Libraries loaded at start follow in load order, their offsets given by glibc's elf/dl-tls.c,
// _dl_determine_tlsoffset, or musl's ldso/dynlink.c. The second word of the TCB points to the DTV, which lists every
// block's address by module id; module ids are given in load order, which the link map keeps.
//
// Limits: libraries loaded later (dlopen) have their blocks anywhere and their ids may be reused ones; they are
// answered only when they happen to fit the static layout, which the DTV proves. No answer is better than a wrong one.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "postmortem/elf/modules.h"
#include "postmortem/model/memory_reader.h"
#include "postmortem/model/target.h"

namespace inquest::elf {

class TlsLayout {
 public:
  TlsLayout(const MemoryReader& memory, const ModuleMap& map) : memory_(memory), map_(map) {}

  /// Start of the TLS block of module number `module` in `thread`, or nothing. Thread-safe.
  std::optional<Address> block(const Thread& thread, size_t module) const;

  /// The address of the variable, as Target::tls_address gives it. Thread-safe.
  std::optional<Address> address(const Thread& thread, const Module& module, const Symbol& symbol) const;

 private:
  struct Slot {
    uint64_t id = 0;            ///< module id; 0: not known
    uint64_t glibc_offset = 0;  ///< block = fs_base - offset
    uint64_t musl_offset = 0;
  };

  void resolve() const;
  std::vector<size_t> load_order() const;
  std::optional<uint64_t> link_map_head() const;

  const MemoryReader& memory_;
  const ModuleMap& map_;
  mutable std::once_flag once_;
  mutable std::vector<Slot> slots_;  ///< per module
};

}  // namespace inquest::elf
