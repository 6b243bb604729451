#include "postmortem/dwarf/mini_debug_info.h"

#include <lzma.h>

#include <vector>

namespace inquest::dwarf {
namespace {

constexpr uint64_t kMaxDecoderMemory = 256 << 20;  // xz -9 needs 65 MB
constexpr size_t kMaxUnpacked = 256 << 20;         // symbols and strings of a program of millions of functions
constexpr size_t kStep = 1 << 20;

struct Unpacked {
  std::vector<std::byte> bytes;
  std::shared_ptr<const elf::ElfImage> image;
};

}  // namespace

std::shared_ptr<const elf::ElfImage> unpack_mini_debug_info(elf::Bytes section, std::string* failure) {
  auto unpacked = std::make_shared<Unpacked>();
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxDecoderMemory, 0) != LZMA_OK) {
    *failure = "liblzma cannot be used";
    return nullptr;
  }
  stream.next_in = reinterpret_cast<const uint8_t*>(section.data());
  stream.avail_in = section.size();
  lzma_ret status = LZMA_OK;
  size_t made = 0;
  while (status == LZMA_OK && made < kMaxUnpacked) {
    unpacked->bytes.resize(made + kStep);
    stream.next_out = reinterpret_cast<uint8_t*>(unpacked->bytes.data() + made);
    stream.avail_out = kStep;
    status = lzma_code(&stream, LZMA_FINISH);
    made += kStep - stream.avail_out;
  }
  lzma_end(&stream);
  unpacked->bytes.resize(made);
  if (status == LZMA_OK) {
    *failure = "it is larger than 256 MB unpacked";
  } else if (status == LZMA_MEMLIMIT_ERROR) {
    *failure = "unpacking it takes more than 256 MB";
  } else if (status != LZMA_STREAM_END) {
    *failure = "its LZMA data is damaged";
  } else if (!(unpacked->image = elf::ElfImage::from_bytes(unpacked->bytes))) {
    *failure = "it holds no x86-64 ELF file";
  }
  if (!failure->empty()) return nullptr;
  return {unpacked, unpacked->image.get()};
}

}  // namespace inquest::dwarf
