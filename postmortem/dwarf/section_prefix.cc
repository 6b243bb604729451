#include "postmortem/dwarf/section_prefix.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace inquest::dwarf {
namespace {

constexpr size_t kStep = 1 << 20;
constexpr uint64_t kMaxUnpacked = 512 << 20;  // of one section; only headers and strings are looked at
constexpr uint32_t kZlib = 1, kZstd = 2;      // ch_type

uint64_t big_endian(elf::Bytes bytes) {
  uint64_t value = 0;
  for (std::byte b : bytes) value = value << 8 | std::to_integer<uint64_t>(b);
  return value;
}

}  // namespace

struct SectionPrefix::Decoder {
  virtual ~Decoder() = default;
  /// Unpacks into `out`; gives how many bytes came, 0 at the end or on damage.
  virtual size_t next(std::byte* out, size_t room) = 0;

  std::vector<std::byte> unpacked;
  bool ended = false;
  bool damaged = false;
};

struct SectionPrefix::ZlibDecoder : Decoder {
  explicit ZlibDecoder(elf::Bytes packed) : rest(packed) { ended = damaged = inflateInit(&stream) != Z_OK; }
  ~ZlibDecoder() override { inflateEnd(&stream); }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

  size_t next(std::byte* out, size_t room) override {
    stream.next_out = reinterpret_cast<Bytef*>(out);
    stream.avail_out = static_cast<uInt>(room);
    while (stream.avail_out > 0 && !ended) {
      size_t part = std::min(rest.size(), kStep);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest.data()));
      stream.avail_in = static_cast<uInt>(part);
      int status = inflate(&stream, Z_NO_FLUSH);
      rest = rest.subspan(part - stream.avail_in);
      ended = status != Z_OK;
      damaged = ended && status != Z_STREAM_END;
    }
    return room - stream.avail_out;
  }

  elf::Bytes rest;
  z_stream stream{};
};

struct SectionPrefix::ZstdDecoder : Decoder {
  explicit ZstdDecoder(elf::Bytes packed) : input{packed.data(), packed.size(), 0}, stream(ZSTD_createDStream()) {
    ended = damaged = stream == nullptr;
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

  size_t next(std::byte* out, size_t room) override {
    ZSTD_outBuffer output{out, room, 0};
    while (output.pos < output.size && !ended) {
      size_t before = output.pos + input.pos;
      size_t status = ZSTD_decompressStream(stream, &output, &input);
      damaged = ZSTD_isError(status) != 0 || (status != 0 && output.pos + input.pos == before);
      ended = damaged || status == 0;
    }
    return output.pos;
  }

  ZSTD_inBuffer input;
  ZSTD_DStream* stream;
};

SectionPrefix::SectionPrefix(const elf::ElfSection* section) {
  if (!section) return;
  plain_ = section->bytes;
  size_ = section->header.sh_type == SHT_NOBITS ? 0 : section->header.sh_size;
  if (size_ > plain_.size()) failure_ = "the file is cut short";
  if (section->header.sh_flags & SHF_COMPRESSED) {
    auto header = elf::load<Elf64_Chdr>(plain_, 0);
    uint32_t kind = header ? header->ch_type : 0;
    compression_ = kind == kZlib ? "zlib" : kind == kZstd ? "zstd" : fmt::format("compression {}", kind);
    size_ = header ? header->ch_size : 0;
    if (kind == kZlib || kind == kZstd) {
      start(plain_.subspan(sizeof(Elf64_Chdr)), kind == kZstd);
      return;
    }
    failure_ = "its compression is unknown here";
    plain_ = {};
  } else if (section->name.starts_with(".zdebug_")) {
    constexpr size_t kHeader = 12;
    compression_ = "zlib-gnu";
    if (plain_.size() >= kHeader && std::memcmp(plain_.data(), "ZLIB", 4) == 0) {
      size_ = big_endian(plain_.subspan(4, 8));
      start(plain_.subspan(kHeader), false);
      return;
    }
    failure_ = "its compression header is damaged";
    plain_ = {};
  }
}

SectionPrefix::~SectionPrefix() = default;
SectionPrefix::SectionPrefix(SectionPrefix&&) noexcept = default;
SectionPrefix& SectionPrefix::operator=(SectionPrefix&&) noexcept = default;

void SectionPrefix::start(elf::Bytes packed, bool zstd) {
  plain_ = {};
  if (zstd) {
    decoder_ = std::make_unique<ZstdDecoder>(packed);
  } else {
    decoder_ = std::make_unique<ZlibDecoder>(packed);
  }
}

elf::Bytes SectionPrefix::up_to(uint64_t end) {
  if (!decoder_) return elf::slice(plain_, 0, end);
  uint64_t wanted = std::min({end, size_, kMaxUnpacked});
  std::vector<std::byte>& unpacked = decoder_->unpacked;
  while (unpacked.size() < wanted && !decoder_->ended) {
    size_t have = unpacked.size();
    size_t room = static_cast<size_t>(std::min<uint64_t>(kStep, size_ - have));
    unpacked.resize(have + room);
    unpacked.resize(have + decoder_->next(unpacked.data() + have, room));
  }
  if (decoder_->damaged) failure_ = "its compressed data is damaged";
  return elf::slice(unpacked, 0, end);
}

SectionPrefix debug_section(const elf::ElfImage& image, const std::string& name) {
  const elf::ElfSection* section = image.section("." + name);
  return SectionPrefix(section ? section : image.section(".z" + name));
}

}  // namespace inquest::dwarf
