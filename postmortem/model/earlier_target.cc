#include "postmortem/model/earlier_target.h"

#include <algorithm>

namespace inquest {

void EarlierPieces::show(const MemoryReader& later, std::span<const StackPiece> pieces, bool is_whole) {
  pieces_.clear();
  later_.clear();
  for (const StackPiece& piece : pieces) {
    if (piece.bytes.empty()) continue;
    pieces_.push_back(piece);
    Address end = piece.start + piece.bytes.size();
    // The mapping may have grown since, or be gone with its thread. Above a thread's stack lies what the C library
    // keeps about the thread.
    const MemoryRegion* region = later.region_of(piece.start);
    if (region != nullptr) later_.push_back({region->start, is_whole ? end : std::max(end, region->end())});
  }
}

std::span<const std::byte> EarlierPieces::view(const MemoryReader& later, Address address, uint64_t limit) const {
  for (const StackPiece& piece : pieces_) {
    uint64_t inside = address - piece.start;
    if (inside < piece.bytes.size())
      return piece.bytes.subspan(inside, std::min<uint64_t>(limit, piece.bytes.size() - inside));
    if (address < piece.start) limit = std::min(limit, piece.start - address);
  }
  for (const Range& range : later_) {
    if (address >= range.start && address < range.end) return {};
    if (address < range.start) limit = std::min(limit, range.start - address);
  }
  return later.view(address, limit);
}

}  // namespace inquest
