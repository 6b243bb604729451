#include "postmortem/unwind/section_bytes.h"

#include <zlib.h>
#include <zstd.h>

namespace inquest::unwind {
namespace {

using elf::Bytes;

// The largest .debug_frame that was seen (an unstripped Chromium) has 60 MB.
constexpr uint64_t kMaxUnpacked = uint64_t{1} << 30;
constexpr Elf64_Word kTypeZstd = 2;  // ELFCOMPRESS_ZSTD, which the elf.h of Debian 12 does not have yet

std::vector<std::byte> inflate_all(Bytes input, uint64_t size) {
  std::vector<std::byte> out(size);
  uLongf written = size;
  int status = uncompress(reinterpret_cast<Bytef*>(out.data()), &written, reinterpret_cast<const Bytef*>(input.data()),
                          input.size());
  if (status != Z_OK || written != size) out.clear();
  return out;
}

std::vector<std::byte> unpack_zstd(Bytes input, uint64_t size) {
  std::vector<std::byte> out(size);
  size_t written = ZSTD_decompress(out.data(), out.size(), input.data(), input.size());
  if (ZSTD_isError(written) || written != size) out.clear();
  return out;
}

/// No format packs better than this; a damaged size must not make us allocate gigabytes.
bool believable(uint64_t size, Bytes input) { return size <= kMaxUnpacked && size / 2048 <= input.size(); }

}  // namespace

std::optional<std::vector<std::byte>> unpack_section(const elf::ElfSection& section) {
  if (section.header.sh_flags & SHF_COMPRESSED) {
    auto header = elf::load<Elf64_Chdr>(section.bytes, 0);
    if (!header) return std::vector<std::byte>();
    Bytes input = section.bytes.subspan(sizeof *header);
    if (!believable(header->ch_size, input)) return std::vector<std::byte>();
    if (header->ch_type == ELFCOMPRESS_ZLIB) return inflate_all(input, header->ch_size);
    if (header->ch_type == kTypeZstd) return unpack_zstd(input, header->ch_size);
    return std::vector<std::byte>();
  }
  if (!section.name.starts_with(".zdebug")) return std::nullopt;
  // binutils' older format: "ZLIB", the size in 8 bytes (big-endian), the stream.
  constexpr size_t kHeaderBytes = 12;
  if (section.bytes.size() < kHeaderBytes || elf::c_string(section.bytes.first(4), 0) != "ZLIB") {
    return std::vector<std::byte>();
  }
  uint64_t size = 0;
  for (size_t i = 4; i < kHeaderBytes; ++i) size = size << 8 | std::to_integer<uint64_t>(section.bytes[i]);
  Bytes input = section.bytes.subspan(kHeaderBytes);
  if (!believable(size, input)) return std::vector<std::byte>();
  return inflate_all(input, size);
}

}  // namespace inquest::unwind
