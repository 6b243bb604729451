#include "postmortem/dwarf/range_lists.h"

#include <dwarf.h>

#include "postmortem/dwarf/dwarf_file.h"

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxRanges = 1 << 20;  // a unit of LTO has some 100,000

// Entries without a base of their own count from DW_AT_low_pc of the unit (DWARF 5, 2.17.3), which split DWARF has in
// the skeleton.
uint64_t base_of(const Unit& unit) {
  const UnitRoot& root = unit.skeleton() ? unit.skeleton()->root() : unit.root();
  return root.low_pc.value_or(0);
}

void read_old(const Unit& unit, uint64_t offset, RangeBudget& budget, std::vector<AddressRange>& ranges) {
  const Unit& home = unit.skeleton() ? *unit.skeleton() : unit;
  ByteReader reader(home.file().sections().get(SectionId::kRanges), 0);
  // Split DWARF 4 keeps the lists in the program, from DW_AT_GNU_ranges_base of the skeleton on.
  if (unit.skeleton()) offset += home.root().gnu_ranges_base;
  reader.seek(offset);
  unsigned size = unit.sizes().address;
  uint64_t base = base_of(unit), select = size == 8 ? UINT64_MAX : UINT32_MAX;
  while (ranges.size() < kMaxRanges && budget.spend()) {
    uint64_t low = reader.sized(size), high = reader.sized(size);
    if (!reader.ok() || (low == 0 && high == 0)) break;
    if (low == select)
      base = high;
    else
      ranges.push_back({base + low, base + high});
  }
}

void read_new(const Unit& unit, ByteReader reader, RangeBudget& budget, std::vector<AddressRange>& ranges) {
  unsigned size = unit.sizes().address;
  uint64_t base = base_of(unit);
  auto indexed = [&] {
    auto address = unit.indexed_address(reader.uleb());
    if (!address) reader.fail();
    return address.value_or(0);
  };
  while (ranges.size() < kMaxRanges && budget.spend()) {
    AddressRange range;
    switch (reader.u8()) {
      case DW_RLE_base_addressx: base = indexed(); continue;
      case DW_RLE_base_address: base = reader.sized(size); continue;
      case DW_RLE_startx_endx:
        range.low = indexed();
        range.high = indexed();
        break;
      case DW_RLE_startx_length:
        range.low = indexed();
        range.high = range.low + reader.uleb();
        break;
      case DW_RLE_offset_pair:
        range.low = reader.uleb();
        range.high = reader.uleb();
        // Against the linker's tombstone as base everything is dead.
        if (base >= UINT64_MAX - 1) continue;
        range.low += base;
        range.high += base;
        break;
      case DW_RLE_start_end:
        range.low = reader.sized(size);
        range.high = reader.sized(size);
        break;
      case DW_RLE_start_length:
        range.low = reader.sized(size);
        range.high = range.low + reader.uleb();
        break;
      default: return;  // DW_RLE_end_of_list, or what cannot be read
    }
    if (!reader.ok()) break;
    ranges.push_back(range);
  }
}

}  // namespace

void read_range_list(const Unit& unit, const Attribute& attribute, RangeBudget& budget,
                     std::vector<AddressRange>* out) {
  out->clear();
  if (attribute.data) return;
  budget.begin_list();
  if (unit.sizes().version < 5) return read_old(unit, attribute.value, budget, *out);
  Bytes lists = unit.file().sections().get(SectionId::kRnglists);
  uint64_t offset = attribute.value;
  if (attribute.form == DW_FORM_rnglistx) {
    uint64_t base = unit.root().rnglists_base, width = unit.sizes().offset;
    if (base > lists.size() || offset > lists.size()) return;
    ByteReader table(lists, base + offset * width);
    offset = base + table.sized(unit.sizes().offset);
    if (!table.ok()) return;
  } else {
    offset += unit.contributions().rnglists;
  }
  ByteReader reader(lists, 0);
  reader.seek(offset);
  read_new(unit, reader, budget, *out);
}

}  // namespace inquest::dwarf
