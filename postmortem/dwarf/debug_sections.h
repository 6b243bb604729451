// The DWARF sections of one ELF file by their canonical names, whichever way they are stored.
//
//   .debug_X       plain, or with SHF_COMPRESSED: an Elf64_Chdr and a zlib or zstd stream (gABI, "Section Compression")
//   .zdebug_X      GNU's older form: "ZLIB", the size as a big-endian 64-bit number, a zlib stream (bfd/compress.c)
//   .debug_X.dwo   the half of split DWARF that lies in .dwo and .dwp files (DWARF 5, 7.3.2)
//
// A section is unpacked when it is first asked for: of 437 MB of a large program 0.3 s of inflating are never needed.
// What was unpacked ahead is kept for later runs (section_cache.h).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "postmortem/dwarf/quick_once.h"
#include "postmortem/elf/elf_image.h"
#include "postmortem/elf/mapped_file.h"

namespace inquest::dwarf {

using elf::Bytes;

enum class SectionId : uint8_t {
  kInfo,
  kTypes,
  kAbbrev,
  kStr,
  kLine,
  kLineStr,
  kRanges,
  kRnglists,
  kAddr,
  kStrOffsets,
  kLoc,
  kLoclists,
  kCuIndex,
  kTuIndex,
  kAranges,
};
inline constexpr size_t kSectionCount = 15;

struct FreeBytes {
  void operator()(std::byte* bytes) const { std::free(bytes); }
};
using UnpackedBytes = std::unique_ptr<std::byte[], FreeBytes>;

class DebugSections {
 public:
  enum class Flavour : uint8_t { kPlain, kSplit };

  DebugSections(std::shared_ptr<const elf::ElfImage> image, Flavour flavour);

  /// Empty when there is none or it cannot be unpacked. Thread-safe.
  Bytes get(SectionId id) const;
  /// All sections of that name: in a .dwo file each type unit has one of its own.
  const std::vector<Bytes>& pieces(SectionId id) const;
  /// Begins to unpack those that are compressed, one after the other in a thread of their own, and does not wait.
  void unpack_ahead(std::initializer_list<SectionId> ids) const;

  /// What was asked for and could not be unpacked, one phrase each.
  std::vector<std::string> damage() const;

  const elf::ElfImage& image() const { return *image_; }
  Flavour flavour() const { return flavour_; }

 private:
  /// Unpacked by this run.
  struct Fresh {
    Bytes packed, unpacked;
  };
  struct Slot {
    QuickOnce once;
    std::atomic<bool> asked = false;
    std::vector<std::string> failures;
    std::vector<Bytes> pieces;
    std::vector<UnpackedBytes> storage;
    std::vector<std::shared_ptr<const elf::MappedFile>> kept;  ///< unpacked by another run
    std::vector<Fresh> fresh;
  };
  void load(SectionId id, Slot& slot) const;
  void unpack(const elf::ElfSection& section, bool gnu, Slot& slot) const;
  bool is_packed(SectionId id) const;

  std::shared_ptr<const elf::ElfImage> image_;
  Flavour flavour_;
  mutable std::array<Slot, kSectionCount> slots_;
  mutable std::mutex workers_mutex_;
  mutable std::vector<std::jthread> workers_;  ///< the last member: they use the others
};

}  // namespace inquest::dwarf
