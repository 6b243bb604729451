#include "postmortem/dwarf/address_ranges.h"

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxRanges = 1 << 24;  // Chromium has some 5 million

/// The ranges of one set, which begins at offset `start` and ends where `reader` does.
std::vector<AddressRange> read_set(ByteReader reader, uint64_t start, unsigned address_size) {
  std::vector<AddressRange> ranges;
  // Pairs begin at a multiple of their size, counted from the set.
  uint64_t pair = 2 * address_size, behind = (reader.offset() - start) % pair;
  if (behind != 0) reader.skip(pair - behind);
  while (reader.left() >= pair) {
    uint64_t low = reader.sized(address_size), size = reader.sized(address_size);
    if (low != 0 && size != 0 && low + size > low) ranges.push_back({low, low + size});
  }
  return ranges;
}

}  // namespace

std::vector<UnitCode> read_address_ranges(Bytes section) {
  std::vector<UnitCode> units;
  size_t count = 0;
  for (uint64_t start = 0; start < section.size() && count < kMaxRanges;) {
    ByteReader reader(section, start);
    uint8_t offset_size = 4;
    uint64_t length = reader.initial_length(&offset_size);
    uint64_t end = reader.offset() + length;
    if (!reader.ok() || length == 0) break;
    reader = ByteReader(section.first(end), reader.offset());
    uint16_t version = reader.u16();
    UnitCode unit;
    unit.unit = reader.sized(offset_size);
    uint8_t address_size = reader.u8(), segment_size = reader.u8();
    if (!reader.ok() || version != 2) break;
    if ((address_size == 4 || address_size == 8) && segment_size == 0) {
      unit.ranges = read_set(reader, start, address_size);
      count += unit.ranges.size();
      units.push_back(std::move(unit));
    }
    start = end;
  }
  return units;
}

}  // namespace inquest::dwarf
