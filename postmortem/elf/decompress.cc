#include "postmortem/elf/decompress.h"

#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <vector>

namespace inquest::elf {
namespace {

// Collects output into whole blocks.
class BlockWriter {
 public:
  BlockWriter(const BlockSink& sink, DecompressOutcome& outcome)
      : sink_(sink), outcome_(outcome), block_(kBlockBytes) {}

  std::byte* space() { return block_.data() + used_; }
  size_t room() const { return block_.size() - used_; }
  /// False when the work has to stop.
  bool produced(size_t bytes, uint64_t input_done) {
    used_ += bytes;
    return used_ < block_.size() || flush(input_done);
  }
  bool flush(uint64_t input_done) {
    if (used_ > 0 && !sink_(Bytes(block_.data(), used_), input_done)) outcome_.stopped = true;
    used_ = 0;
    return !outcome_.stopped;
  }

 private:
  const BlockSink& sink_;
  DecompressOutcome& outcome_;
  std::vector<std::byte> block_;
  size_t used_ = 0;
};

constexpr const char* kEndsEarly = "the compressed data end early";

void unpack_zstd(Bytes input, BlockWriter& out, DecompressOutcome& outcome) {
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 31);  // files made with --long=31
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  size_t expected = 0;
  bool full = false;
  // After the last input byte the decoder may hold back output: go on while it fills the whole room it gets.
  while (in.pos < in.size || full) {
    ZSTD_outBuffer to{out.space(), out.room(), 0};
    expected = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(expected)) outcome.damage = std::string("damaged zstd data: ") + ZSTD_getErrorName(expected);
    full = to.pos == to.size;
    if (!out.produced(to.pos, in.pos) || !outcome.damage.empty()) return;
  }
  if (expected != 0) outcome.damage = kEndsEarly;
}

void unpack_lz4(Bytes input, BlockWriter& out, DecompressOutcome& outcome) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION))) {
    outcome.damage = "no memory for lz4";
    return;
  }
  std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(raw, LZ4F_freeDecompressionContext);
  uint64_t done = 0;
  size_t expected = 0;
  bool full = false;
  while (done < input.size() || full) {
    size_t produced = out.room(), taken = input.size() - done;
    expected = LZ4F_decompress(context.get(), out.space(), &produced, input.data() + done, &taken, nullptr);
    if (LZ4F_isError(expected)) {
      outcome.damage = std::string("damaged lz4 data: ") + LZ4F_getErrorName(expected);
      return;
    }
    done += taken;
    full = produced == out.room();
    if (!out.produced(produced, done)) return;
  }
  if (expected != 0) outcome.damage = kEndsEarly;
}

void unpack_gzip(Bytes input, BlockWriter& out, DecompressOutcome& outcome) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) {  // 15: largest window; 16: gzip header
    outcome.damage = "no memory for gzip";
    return;
  }
  std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  uint64_t done = 0;
  int status = Z_OK;
  while (true) {
    constexpr uint64_t kMaxInput = 1 << 30;  // avail_in has 32 bits
    uInt given = static_cast<uInt>(std::min(kMaxInput, input.size() - done));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data() + done));
    stream.avail_in = given;
    stream.next_out = reinterpret_cast<Bytef*>(out.space());
    stream.avail_out = static_cast<uInt>(out.room());
    uInt room = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    done += given - stream.avail_in;
    uInt produced = room - stream.avail_out;
    if (!out.produced(produced, done)) return;
    // Members follow one another (pigz, cat a.gz b.gz); anything else behind the last one is padding.
    if (status == Z_STREAM_END) {
      if (input.size() - done < 2 || std::to_integer<int>(input[done]) != 0x1f) return;
      inflateReset(&stream);
    } else if (status != Z_OK) {
      outcome.damage = status == Z_BUF_ERROR
                           ? std::string(kEndsEarly)
                           : std::string("damaged gzip data: ") + (stream.msg ? stream.msg : "unknown");
      return;
    } else if (done == input.size() && produced == 0) {
      outcome.damage = kEndsEarly;
      return;
    }
  }
}

}  // namespace

std::optional<Compression> detect_compression(Bytes bytes) {
  uint32_t magic = load<uint32_t>(bytes, 0).value_or(0);
  // A zstd file may begin with a skippable frame (RFC 8878, section 3.1.2), as pzstd writes it.
  if (magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START)
    return Compression::kZstd;
  if (magic == 0x184D2204) return Compression::kLz4;          // lz4_Frame_format.md
  if ((magic & 0xffff) == 0x8b1f) return Compression::kGzip;  // RFC 1952
  return std::nullopt;
}

const char* unsupported_compression(Bytes bytes) {
  std::string_view start(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 6));
  if (start == std::string_view("\xfd"
                                "7zXZ\0",
                                6))
    return "xz";
  if (start.starts_with("BZh")) return "bzip2";
  if (start.starts_with("PK\x03\x04")) return "zip";
  return nullptr;
}

DecompressOutcome decompress(Compression kind, Bytes input, const BlockSink& sink) {
  DecompressOutcome outcome;
  BlockWriter out(sink, outcome);
  switch (kind) {
    case Compression::kZstd: unpack_zstd(input, out, outcome); break;
    case Compression::kLz4: unpack_lz4(input, out, outcome); break;
    case Compression::kGzip: unpack_gzip(input, out, outcome); break;
  }
  if (!outcome.stopped) out.flush(input.size());
  return outcome;
}

}  // namespace inquest::elf
