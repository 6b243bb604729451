// The beginning of a section, unpacked only as far as somebody looks: unit headers of a compressed .debug_info of
// hundreds of megabytes must not cost unpacking it all.
//
// Compressed sections come in three kinds: SHF_COMPRESSED with an Elf64_Chdr of type 1 (zlib) or 2 (zstd) (System V
// gABI, chapter 4, "Section Compression"), and the older .zdebug_* of GNU: "ZLIB", the size as 8 bytes big-endian, then
// a zlib stream (binutils bfd/compress.c).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "postmortem/elf/elf_image.h"

namespace inquest::dwarf {

class SectionPrefix {
 public:
  /// A null section reads as an empty one.
  explicit SectionPrefix(const elf::ElfSection* section);
  ~SectionPrefix();
  SectionPrefix(SectionPrefix&&) noexcept;
  SectionPrefix& operator=(SectionPrefix&&) noexcept;

  /// The bytes from the start to `end` at most, less where the section is shorter, damaged or larger than we unpack.
  /// Good until the next call.
  elf::Bytes up_to(uint64_t end);
  /// Of the unpacked section.
  uint64_t size() const { return size_; }
  /// "zlib", "zlib-gnu", "zstd"; empty: stored as it is.
  const std::string& compression() const { return compression_; }
  /// Why it cannot be unpacked (further); empty so far as all went well.
  const std::string& failure() const { return failure_; }

 private:
  struct Decoder;
  struct ZlibDecoder;
  struct ZstdDecoder;
  void start(elf::Bytes packed, bool zstd);

  elf::Bytes plain_;
  uint64_t size_ = 0;
  std::string compression_;
  std::string failure_;
  std::unique_ptr<Decoder> decoder_;
};

/// `name` ("debug_info") as .debug_info or .zdebug_info.
SectionPrefix debug_section(const elf::ElfImage& image, const std::string& name);

}  // namespace inquest::dwarf
