// The memory of the dead process: the core's segments first, then the mapped files for what the kernel left out.
//
// A kernel core leaves out the pages of a file mapping only when no page of it was ever written (Linux fs/coredump.c,
// vma_dump_size: vma->anon_vma forces a full dump), so wherever FileSiz is short of MemSiz the file has the bytes.
#pragma once

#include <memory>
#include <vector>

#include "postmortem/elf/core_file.h"
#include "postmortem/elf/modules.h"
#include "postmortem/model/memory_reader.h"

namespace inquest::elf {

class CoreMemory : public MemoryReader {
 public:
  /// `map` says which file backs each of `notes.files`; the images and the core must outlive this object.
  CoreMemory(const CoreFile& core, const CoreNotes& notes, const ModuleMap& map);

  std::span<const std::byte> view(Address address, uint64_t limit) const override;
  const std::vector<MemoryRegion>& regions() const override { return regions_; }
  std::vector<DataExtent> data_extents(Address start, uint64_t size) const override;

 private:
  /// A run of addresses whose bytes lie side by side in one of our maps.
  struct Piece {
    uint64_t start = 0;
    uint64_t size = 0;
    const std::byte* bytes = nullptr;
    bool from_core = false;
    uint64_t end() const { return start + size; }
  };
  /// Which pieces touch a chunk of kChunk bytes: pieces_[first ... first + count).
  struct Chunk {
    uint64_t number = UINT64_MAX;
    uint32_t first = 0;
    uint32_t count = 0;
  };

  void add_region(uint64_t start, uint64_t end, const CoreSegment* segment, const FileMapping* mapping,
                  const MappedObject* object);
  void add_piece(uint64_t start, Bytes bytes, bool from_core);
  void build_chunks();
  const Piece* find(uint64_t address) const;

  const CoreFile& core_;
  std::vector<MemoryRegion> regions_;
  std::vector<Piece> pieces_;  ///< by address, not overlapping
  std::vector<Chunk> chunks_;  ///< hash table by chunk number; empty when there would be too many
};

}  // namespace inquest::elf
