#include "v8/frames/code_tables.h"

#include <cstring>

namespace inquest::v8 {
namespace {

class Varints {
 public:
  explicit Varints(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::optional<uint64_t> next() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      uint64_t byte = std::to_integer<uint64_t>(bytes_[at_++]);
      value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
    return std::nullopt;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

/// Deltas are added modulo 2^64: damaged tables must not overflow.
int64_t zigzag(uint64_t value) { return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1)); }
int64_t add(int64_t a, int64_t b) { return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }

}  // namespace

SourcePosition SourcePosition::from_raw(int64_t raw) {
  auto bits = static_cast<uint64_t>(raw);
  return {static_cast<int32_t>(bits >> 1 & 0x3fffffff) - 1, static_cast<int32_t>(bits >> 31 & 0xffff) - 1};
}

std::optional<SourcePosition> find_source_position(std::span<const std::byte> table, const V8Version& version,
                                                   int64_t offset) {
  Varints varints(table);
  int64_t at = version < V8Version{8, 0} ? 0 : -1;
  int64_t position = 0;
  std::optional<SourcePosition> found;
  while (true) {
    auto first = varints.next();
    auto second = varints.next();
    if (!first || !second) return found;
    int64_t delta;
    if (version >= V8Version{14, 2}) {
      delta = static_cast<int64_t>(*first >> 2);
    } else {
      delta = zigzag(*first);
      if (delta < 0) delta = -(delta + 1);
    }
    at = add(at, delta);
    position = add(position, zigzag(*second));
    if (at > offset) return found;
    found = SourcePosition::from_raw(position);
  }
}

std::optional<InliningPosition> inlining_position(std::span<const std::byte> table, int32_t id) {
  constexpr size_t kEntry = 16;
  if (id < 0 || static_cast<size_t>(id) >= table.size() / kEntry) return std::nullopt;
  const std::byte* entry = table.data() + static_cast<size_t>(id) * kEntry;
  int64_t raw;
  InliningPosition position;
  std::memcpy(&raw, entry, sizeof raw);
  std::memcpy(&position.function, entry + 8, sizeof position.function);
  position.call = SourcePosition::from_raw(raw);
  return position;
}

std::optional<int64_t> baseline_bytecode_offset(std::span<const std::byte> table, std::span<const std::byte> bytecodes,
                                                const BytecodeSizes& sizes, uint64_t pc_offset) {
  Varints varints(table);
  auto prologue = varints.next();
  if (!prologue) return std::nullopt;
  if (*prologue >= pc_offset) return -1;
  uint64_t end = *prologue;
  size_t at = 0;
  while (at < bytecodes.size()) {
    auto code = varints.next();
    if (!code) return std::nullopt;
    end += *code;
    if (end >= pc_offset) return static_cast<int64_t>(at);
    // Wide, ExtraWide, DebugBreakWide, DebugBreakExtraWide come first of all bytecodes.
    auto bytecode = std::to_integer<size_t>(bytecodes[at]);
    size_t scale = 0, size = 0;
    if (bytecode < 4) {
      if (at + 1 >= bytecodes.size()) return std::nullopt;
      scale = 1 + (bytecode & 1);
      size = 1;
      bytecode = std::to_integer<size_t>(bytecodes[at + 1]);
    }
    if (bytecode >= sizes.count()) return std::nullopt;
    uint8_t operands = sizes.sizes[scale * sizes.count() + bytecode];
    if (operands == 0) return std::nullopt;
    at += size + operands;
  }
  return std::nullopt;
}

std::vector<uint32_t> line_ends(std::u16string_view source) {
  std::vector<uint32_t> ends;
  for (size_t i = 0; i < source.size(); ++i) {
    char16_t c = source[i];
    bool carriage_return = c == u'\r' && (i + 1 == source.size() || source[i + 1] != u'\n');
    if (c == u'\n' || carriage_return || c == 0x2028 || c == 0x2029) ends.push_back(static_cast<uint32_t>(i));
  }
  ends.push_back(static_cast<uint32_t>(source.size()));
  return ends;
}

}  // namespace inquest::v8
