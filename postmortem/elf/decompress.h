// Unpacking of the formats in which core files are stored: systemd-coredump writes .zst or .lz4, people write .gz.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "postmortem/elf/byte_view.h"

namespace inquest::elf {

enum class Compression : uint8_t { kZstd, kLz4, kGzip };

/// By the magic number, never by the name.
std::optional<Compression> detect_compression(Bytes bytes);

/// The name of a format that is recognised but cannot be read here ("xz", "bzip2"), or null.
const char* unsupported_compression(Bytes bytes);

/// Takes each block of output; false stops the work. All blocks but the last are kBlockBytes long.
inline constexpr size_t kBlockBytes = 1 << 20;
using BlockSink = std::function<bool(Bytes block, uint64_t input_done)>;

struct DecompressOutcome {
  bool stopped = false;  ///< the sink said stop
  std::string damage;    ///< why the stream ended before its end; empty when it was whole
};

/// Everything that could be unpacked has been given to `sink` when this returns, damaged or not.
DecompressOutcome decompress(Compression kind, Bytes input, const BlockSink& sink);

}  // namespace inquest::elf
