// Static probes (USDT): places that the author of a program marked with DTRACE_PROBE or STAP_PROBE (sys/sdt.h).
//
// Each is a nop in the code and a note in the section .note.stapsdt, owner "stapsdt", type 3:
//
//   u64 location of the nop, u64 link-time address of .stapsdt.base, u64 semaphore or 0
//   provider NUL  name NUL  arguments NUL
//
// all as linked; where the section .stapsdt.base has been moved since (prelink), the addresses move with it. The
// arguments are assembler operands with their sizes, "8@%rdi -4@112(%rsp) 4@$5": size in bytes, negative when signed,
// then a register, memory or a constant. The program computes expensive arguments only while the semaphore, a 16-bit
// counter in its data, is not 0: the kernel counts it up while a probe is set. Format: systemtap 4.8,
// includes/sys/sdt.h, and https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ncurses_probes/bpf/record.h"
#include "postmortem/elf/elf_image.h"

namespace inquest::probes {

struct UsdtProbe {
  std::string provider, name;
  uint64_t location = 0;   ///< of the nop, as linked
  uint64_t semaphore = 0;  ///< as linked; 0: none
  std::string arguments;   ///< as in the note
};

/// All of an image, in the order of the notes; those with damaged notes are left out.
std::vector<UsdtProbe> usdt_probes(const elf::ElfImage& image);

/// One word of the arguments: "-4@112(%rsp)". Nothing when it is none that can be read (vector registers, symbols).
std::optional<inquest_operand> parse_operand(std::string_view word);

/// As many as can be recorded; one that cannot be read ends the list.
std::vector<inquest_operand> parse_operands(std::string_view arguments);

}  // namespace inquest::probes
