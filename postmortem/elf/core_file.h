// The bytes of an ELF64 x86-64 core file: which parts of the dead process's memory it holds, and where its notes are.
//
// A kernel core (Linux fs/binfmt_elf.c, elf_core_dump) is: ELF header, program headers, notes, then the memory of the
// PT_LOADs in address order. MemSiz is what was mapped, FileSiz what was dumped: all of it, nothing, or the first page
// of an ELF file's mapping. Zero pages are left as holes of a sparse file. Nothing in the file is trusted: segments may
// overlap, promise bytes beyond the end (a truncated core), or wrap around the address space.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "postmortem/elf/elf_headers.h"
#include "postmortem/elf/mapped_file.h"
#include "postmortem/model/address.h"
#include "postmortem/model/result.h"

namespace inquest::elf {

/// One PT_LOAD, cut so that segments never overlap and never wrap.
struct CoreSegment {
  uint64_t start = 0;
  uint64_t size = 0;         ///< MemSiz
  uint64_t dumped = 0;       ///< FileSiz, at most `size`
  uint64_t available = 0;    ///< leading bytes that are in the file, at most `dumped`
  uint64_t file_offset = 0;  ///< of the first byte, in the core
  uint32_t flags = 0;        ///< PF_R, PF_W, PF_X

  uint64_t end() const { return start + size; }
};

/// A run of the core file that is not a hole.
struct FileExtent {
  uint64_t begin = 0;
  uint64_t end = 0;
};

class CoreFile {
 public:
  /// Checks `file`, which the user knows as `name`. The error is one clear line (open_errors.h).
  static Result<std::unique_ptr<CoreFile>> parse(std::shared_ptr<const MappedFile> file, const std::string& name);

  Bytes bytes() const { return file_->bytes(); }
  const std::vector<CoreSegment>& segments() const { return segments_; }

  /// The file's PT_NOTE bytes, those that exist.
  const std::vector<Bytes>& notes() const { return notes_; }
  /// The size the program headers promise, and how much of it is missing.
  uint64_t promised_size() const { return promised_size_; }
  uint64_t missing_bytes() const { return promised_size_ > bytes().size() ? promised_size_ - bytes().size() : 0; }

  /// The segment that holds `address`, or null.
  const CoreSegment* segment_of(uint64_t address) const;
  /// Dumped bytes from `address` on, at most `limit`; never crosses a segment.
  Bytes memory(uint64_t address, uint64_t limit) const;

  /// The runs of the file that may hold non-zero bytes, in order. Found once, on first use; the whole file where the
  /// file system cannot tell. Thread-safe.
  const std::vector<FileExtent>& data_extents() const;

 private:
  CoreFile() = default;
  void take_segments(const ElfHeaders& headers);
  void find_extents() const;

  std::shared_ptr<const MappedFile> file_;
  std::vector<CoreSegment> segments_;
  std::vector<Bytes> notes_;
  uint64_t promised_size_ = 0;
  mutable std::once_flag extents_once_;
  mutable std::vector<FileExtent> extents_;
};

}  // namespace inquest::elf
