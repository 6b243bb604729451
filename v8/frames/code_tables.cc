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

namespace {

/// Calls visit(offset in the code, raw position) for each entry until it returns false.
template <class Visit>
void for_each_position(std::span<const std::byte> table, const V8Version& version, Visit&& visit) {
  Varints varints(table);
  int64_t at = version < V8Version{8, 2} ? 0 : -1;
  int64_t position = 0;
  while (true) {
    auto first = varints.next();
    auto second = varints.next();
    if (!first || !second) return;
    int64_t delta;
    if (version >= V8Version{14, 0}) {
      delta = static_cast<int64_t>(*first >> 2);
    } else {
      delta = zigzag(*first);
      if (delta < 0) delta = -(delta + 1);
    }
    at = add(at, delta);
    position = add(position, zigzag(*second));
    if (!visit(at, position)) return;
  }
}

}  // namespace

std::optional<SourcePosition> find_source_position(std::span<const std::byte> table, const V8Version& version,
                                                   int64_t offset) {
  std::optional<SourcePosition> found;
  for_each_position(table, version, [&](int64_t at, int64_t position) {
    if (at <= offset) found = SourcePosition::from_raw(position);
    return at <= offset;
  });
  return found;
}

int64_t last_position_offset(std::span<const std::byte> table, const V8Version& version) {
  int64_t last = -1;
  for_each_position(table, version, [&](int64_t at, int64_t) {
    last = at;
    return true;
  });
  return last;
}

uint64_t jump_to_block_around(std::span<const std::byte> code, uint64_t offset) {
  constexpr uint64_t kShort = 5, kLong = 6;  // jmp rel32; 0f 8x, jcc rel32
  uint64_t best_target = 0, from = offset;
  for (uint64_t at = 0; at + kLong <= std::min<uint64_t>(code.size(), offset); ++at) {
    bool conditional = code[at] == std::byte{0x0f} && (code[at + 1] & std::byte{0xf0}) == std::byte{0x80};
    if (!conditional && code[at] != std::byte{0xe9}) continue;
    uint64_t length = conditional ? kLong : kShort;
    int32_t distance;
    std::memcpy(&distance, code.data() + at + length - sizeof distance, sizeof distance);
    if (distance <= 0) continue;
    uint64_t target = at + length + static_cast<uint64_t>(distance);
    if (target > offset || target <= best_target) continue;
    best_target = target;
    from = at;
  }
  return from;
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

namespace {

struct BytecodeExtent {
  size_t size = 0;   ///< in bytes, with its prefix
  size_t scale = 0;  ///< operands of 1, 2 or 4 bytes: 0, 1, 2
};

/// Of the bytecode that begins at `at`; nothing when its size is not known.
std::optional<BytecodeExtent> bytecode_extent(std::span<const std::byte> bytecodes, const BytecodeSizes& sizes,
                                              size_t at) {
  // Wide, ExtraWide, DebugBreakWide, DebugBreakExtraWide come first of all bytecodes.
  auto bytecode = std::to_integer<size_t>(bytecodes[at]);
  size_t scale = 0, prefix = 0;
  if (bytecode < 4) {
    if (at + 1 >= bytecodes.size()) return std::nullopt;
    scale = 1 + (bytecode & 1);
    prefix = 1;
    bytecode = std::to_integer<size_t>(bytecodes[at + 1]);
  }
  if (bytecode >= sizes.count()) return std::nullopt;
  uint8_t size = sizes.sizes[scale * sizes.count() + bytecode];
  if (size == 0) return std::nullopt;
  return BytecodeExtent{prefix + size, scale};
}

/// Where each bytecode begins; nothing when a size is not known.
std::optional<std::vector<int64_t>> bytecode_starts(std::span<const std::byte> bytecodes, const BytecodeSizes& sizes) {
  std::vector<int64_t> starts;
  for (size_t at = 0; at < bytecodes.size();) {
    starts.push_back(static_cast<int64_t>(at));
    auto extent = bytecode_extent(bytecodes, sizes, at);
    if (!extent) return std::nullopt;
    at += extent->size;
  }
  return starts;
}

/// The format of 9.0: pairs for the bytecodes that call, how far the return address and how far the bytecode lies
/// behind the one before.
std::optional<int64_t> offset_from_pairs(std::span<const uint64_t> values, size_t length, uint64_t pc_offset) {
  uint64_t end = 0, bytecode = 0;
  std::optional<int64_t> found;
  for (size_t i = 0; i + 1 < values.size(); i += 2) {
    end += values[i];
    bytecode += values[i + 1];
    if (!found && end >= pc_offset) found = static_cast<int64_t>(bytecode);
  }
  return values.size() % 2 == 0 && bytecode < length ? found : std::nullopt;
}

}  // namespace

std::optional<int64_t> baseline_bytecode_offset(std::span<const std::byte> table, std::span<const std::byte> bytecodes,
                                                const BytecodeSizes& sizes, const V8Version& version,
                                                uint64_t pc_offset) {
  Varints varints(table);
  std::vector<uint64_t> values;
  while (auto value = varints.next()) values.push_back(*value);
  if (values.empty()) return std::nullopt;
  auto starts = bytecode_starts(bytecodes, sizes);
  if (!starts || values.size() != starts->size() + 1) {
    if (version >= V8Version{9, 1}) return std::nullopt;
    return offset_from_pairs(values, bytecodes.size(), pc_offset);
  }
  uint64_t end = values.front();
  if (end >= pc_offset) return -1;
  for (size_t i = 0; i < starts->size() && i + 1 < values.size(); ++i) {
    end += values[i + 1];
    if (end >= pc_offset) return (*starts)[i];
  }
  return std::nullopt;
}

std::optional<uint32_t> last_operand(std::span<const std::byte> bytecodes, const BytecodeSizes& sizes, size_t at) {
  if (at >= bytecodes.size()) return std::nullopt;
  auto extent = bytecode_extent(bytecodes, sizes, at);
  if (!extent || extent->size > bytecodes.size() - at) return std::nullopt;
  size_t width = size_t{1} << extent->scale;
  if (extent->size <= width) return std::nullopt;
  uint32_t operand = 0;
  std::memcpy(&operand, bytecodes.data() + at + extent->size - width, width);
  return operand;
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
