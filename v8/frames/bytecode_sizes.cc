#include "v8/frames/bytecode_sizes.h"

#include <algorithm>
#include <array>
#include <functional>

namespace inquest::v8 {
namespace {

constexpr size_t kMaxBytes = 4096;
constexpr size_t kMaxBytecodes = 256;
// Wide, ExtraWide, DebugBreakWide, DebugBreakExtraWide, DebugBreak0 to DebugBreak6 in all versions with baseline code:
// a byte each, and as many operands as the number says, of 1, 2 and 4 bytes (the last two also of a runtime id).
constexpr std::array<uint8_t, 8> kSingle = {1, 1, 1, 1, 1, 2, 3, 4};
constexpr std::array<uint8_t, 8> kDouble = {1, 1, 1, 1, 1, 3, 5, 7};
constexpr std::array<uint8_t, 8> kQuadruple = {1, 1, 1, 1, 1, 5, 9, 13};

bool begins(std::span<const std::byte> bytes, const std::array<uint8_t, 8>& head) {
  return bytes.size() >= head.size() && std::ranges::equal(bytes.first(head.size()), std::as_bytes(std::span(head)));
}

BytecodeSizes to_sizes(std::span<const std::byte> bytes) {
  BytecodeSizes sizes;
  for (std::byte byte : bytes) sizes.sizes.push_back(std::to_integer<uint8_t>(byte));
  return sizes;
}

/// Of the symbol. Until 8.x the sizes are ints, little-endian. Nothing when they do not begin as sizes do.
BytecodeSizes whole_table(std::span<const std::byte> bytes) {
  std::vector<std::byte> narrow;
  bool wide = bytes.size() % sizeof(uint32_t) == 0 && bytes.size() > 1 && bytes[1] == std::byte{0};
  for (size_t i = 0; wide && i < bytes.size(); i += sizeof(uint32_t)) narrow.push_back(bytes[i]);
  if (wide) bytes = narrow;
  return begins(bytes, kSingle) ? to_sizes(bytes) : BytecodeSizes{};
}

/// The whole table when one begins here.
std::optional<BytecodeSizes> table_at(std::span<const std::byte> bytes) {
  constexpr size_t kFewest = 64;
  for (size_t count = kFewest; count <= kMaxBytecodes && 3 * count <= bytes.size(); ++count) {
    if (begins(bytes.subspan(count), kDouble) && begins(bytes.subspan(2 * count), kQuadruple)) {
      return to_sizes(bytes.first(3 * count));
    }
  }
  return std::nullopt;
}

}  // namespace

BytecodeSizes find_bytecode_sizes(const Target& target, const Module& module) {
  const MemoryReader& memory = target.memory();
  if (!module.symbols) return {};
  if (auto table = module.symbols->find("_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE")) {
    if (table->size == 0 || table->size > kMaxBytes) return {};
    return whole_table(memory.view(module.runtime(table->value), table->size));
  }
  auto head = std::as_bytes(std::span(kSingle));
  std::boyer_moore_horspool_searcher searcher(head.begin(), head.end());
  for (const MemoryRegion& region : memory.regions()) {
    if (region.path != module.path || region.writable || region.start < module.start || region.start >= module.end)
      continue;
    auto bytes = memory.view(region.start, region.available);
    for (auto at = bytes.begin();;) {
      at = std::search(at, bytes.end(), searcher);
      if (at == bytes.end()) break;
      if (auto sizes = table_at(bytes.subspan(static_cast<size_t>(at - bytes.begin())))) return *sizes;
      ++at;
    }
  }
  return {};
}

}  // namespace inquest::v8
