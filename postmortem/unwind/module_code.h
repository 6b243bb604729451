// The code of the modules: which call frame information covers an address, from whichever of these has it:
//   1. .eh_frame of the module's file;
//   2. .debug_frame of the file (C programs built without -fasynchronous-unwind-tables, hand-written assembly);
//   3. .debug_frame of its separate debug file;
//   4. .eh_frame as the process had it in memory, where the file is not at hand: the vdso, and cores that hold the
//   pages
//      of files (bit 2 of coredump_filter).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "postmortem/elf/elf_image.h"
#include "postmortem/model/target.h"
#include "postmortem/unwind/cfi_section.h"

namespace inquest::unwind {

/// The separate debug file of a module, or null.
using DebugFileOf = std::function<std::shared_ptr<const elf::ElfImage>(const Module&)>;

/// One module, opened when the first address in it is asked about.
class ModuleCode {
 public:
  ModuleCode(const Module& module, const MemoryReader& memory, const DebugFileOf& debug_file_of);

  const Module& module() const { return module_; }
  /// The entry that covers the link-time address `pc`.
  std::optional<Fde> find(uint64_t pc) const;
  /// Whether the link-time address lies in a section of stubs that jump to other modules.
  bool is_stub(uint64_t address) const;

 private:
  void open() const;
  void add_image(const std::shared_ptr<const elf::ElfImage>& image) const;
  void add_debug_frame(const elf::ElfImage& image) const;
  void add_memory() const;

  const Module& module_;
  const MemoryReader& memory_;
  const DebugFileOf& debug_file_of_;
  mutable bool opened_ = false, asked_debug_file_ = false;
  mutable std::vector<std::shared_ptr<const elf::ElfImage>> images_;  ///< keeps their bytes
  mutable std::vector<std::vector<std::byte>> unpacked_;
  mutable std::vector<std::unique_ptr<CfiSection>> sections_;
};

/// All modules of a target.
class CodeMap {
 public:
  CodeMap(const Target& target, DebugFileOf debug_file_of);

  /// The module whose mapping holds `address`, or null.
  const ModuleCode* module_at(Address address) const;
  /// Whether instructions may lie at `address`.
  bool is_code(Address address) const;

  enum class Evidence : uint8_t { kNo, kUnknown, kYes };
  /// Whether a call instruction ends at `address`; unknown when its bytes are not at hand.
  Evidence behind_call(Address address) const;
  /// Where the direct call that ends at `address` goes; nothing for other instructions.
  std::optional<Address> call_target(Address address) const;
  /// Where a stub that begins at `address` jumps: "jmp *disp(%rip)", maybe behind endbr64. Nothing for other shapes.
  std::optional<Address> stub_target(Address address) const;

  const MemoryReader& memory() const { return memory_; }
  /// Whether `bytes` more of call frame instructions may be executed: entries have some dozen bytes, and of a hostile
  /// file with one of a megabyte a deep recursion would execute gigabytes.
  bool may_execute(uint64_t bytes) const { return (executed_ += bytes) < kMaxExecuted; }

 private:
  static constexpr uint64_t kMaxExecuted = uint64_t{1} << 30;

  const MemoryReader& memory_;
  mutable uint64_t executed_ = 0;  ///< bytes of call frame instructions, of all threads
  DebugFileOf debug_file_of_;
  std::vector<std::unique_ptr<ModuleCode>> modules_;  ///< by start
  mutable const MemoryRegion* last_region_ = nullptr;
};

}  // namespace inquest::unwind
