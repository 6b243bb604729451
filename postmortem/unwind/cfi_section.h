// Finding the call frame information of an address in one .eh_frame or .debug_frame section.
//
// Both sections hold entries one after the other (DWARF 5, 6.4.1; LSB 5.0, "Exception Frames"):
//
//   length (4 bytes, or 0xffffffff and 8)   id   rest
//
// A CIE (common information entry) says how to read the FDEs (frame description entries) that point to it; an FDE
// covers one range of code. They differ in details:
//
//                   .eh_frame                               .debug_frame
//   id of a CIE     0                                       0xffffffff (ffs; 8 of them in 64-bit entries)
//   FDE to CIE      distance back from the id field         offset in the section
//   addresses       encoded as the augmentation "R" says    8 bytes
//   at run time     mapped                                  not mapped, maybe compressed, maybe in a debug file only
//
// .eh_frame_hdr is a table of (address, FDE) sorted by address. Where it is missing, or written in another encoding
// than every linker's (4-byte offsets from its own start), the section is read once from begin to end instead.
//
// What gcc, clang, lld, gold, ld and hand-written assembly emit is handled. Not handled: entries with addresses
// relative to a data or text base (other processors), and indirect ones; they are passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "postmortem/unwind/cfi_reader.h"

namespace inquest::unwind {

/// Bytes and the link-time address of the first.
struct LinkedBytes {
  Bytes bytes;
  uint64_t address = 0;
};

struct Cie {
  uint64_t code_alignment = 1;
  int64_t data_alignment = 1;
  uint64_t return_register = 16;
  uint8_t address_encoding = 0;   ///< DW_EH_PE_*, of FDE addresses
  bool has_augmentation = false;  ///< FDEs have augmentation data to be passed over
  bool signal_frame = false;      ///< "S": describes a frame that a signal was delivered in
  Bytes instructions;
};

struct Fde {
  Cie cie;
  uint64_t start = 0, end = 0;  ///< link-time
  Bytes instructions;

  bool covers(uint64_t pc) const { return pc - start < end - start; }
};

class CfiSection {
 public:
  enum class Kind : uint8_t { kEhFrame, kDebugFrame };

  /// The bytes must outlive the section. `header` is .eh_frame_hdr, or empty.
  CfiSection(Kind kind, LinkedBytes section, LinkedBytes header = {});

  /// The entry that covers the link-time address `pc`.
  std::optional<Fde> find(uint64_t pc) const;

 private:
  struct IndexEntry {
    uint64_t start, end, offset;
  };

  std::optional<uint64_t> offset_by_header(uint64_t pc) const;
  std::optional<uint64_t> offset_by_index(uint64_t pc) const;
  void build_index() const;
  std::optional<Cie> parse_cie(uint64_t offset) const;
  std::optional<Fde> parse_fde(uint64_t offset) const;

  Kind kind_;
  LinkedBytes section_, header_;
  uint64_t table_count_ = 0;                                       ///< entries of .eh_frame_hdr; 0: not usable
  mutable std::unordered_map<uint64_t, std::optional<Cie>> cies_;  ///< by offset
  mutable bool indexed_ = false;
  mutable std::vector<IndexEntry> index_;  ///< sorted by start
};

}  // namespace inquest::unwind
