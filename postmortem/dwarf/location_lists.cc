// Location lists come in three forms:
//
//   .debug_loc            DWARF 2 to 4 (DWARF 4, 2.6.2): pairs of addresses that count from a base (at first that of
//   the
//                         unit), then an expression with a two-byte length; (-1, x) sets the base, (0, 0) ends the list
//   .debug_loc.dwo        GNU's split DWARF 4 (gcc.gnu.org/wiki/DebugFission): a byte says the kind of entry, addresses
//                         are indexes into .debug_addr, sizes and offsets have four bytes
//   .debug_loclists(.dwo) DWARF 5, 7.7.3: a byte for the kind, LEB128 numbers; DW_FORM_loclistx goes through a table
//
// GNU's location views (DW_LLE_GNU_view_pair, or a list beside it) number places within one address; they are skipped.
#include "postmortem/dwarf/location_lists.h"

#include <dwarf.h>

#include "postmortem/dwarf/dwarf_file.h"

namespace inquest::dwarf {
namespace {

enum : uint8_t { kViewPair = 9 };                                                     // DW_LLE_GNU_view_pair
enum : uint8_t { kGnuEnd, kGnuBase, kGnuStartEnd, kGnuStartLength, kGnuOffsetPair };  // DW_LLE_GNU_*

uint64_t base_of(const Unit& unit) {
  const UnitRoot& root = unit.skeleton() ? unit.skeleton()->root() : unit.root();
  return root.low_pc.value_or(0);
}

/// Addresses by index; fails the reader where there is none.
uint64_t indexed(const Unit& unit, ByteReader& reader) {
  auto address = unit.indexed_address(reader.uleb());
  if (!address) reader.fail();
  return address.value_or(0);
}

std::optional<Bytes> find_old(const Unit& unit, uint64_t offset, uint64_t address, uint64_t& entries) {
  ByteReader reader(unit.file().sections().get(SectionId::kLoc), 0);
  reader.seek(offset);
  unsigned size = unit.sizes().address;
  uint64_t base = base_of(unit), select = size == 8 ? UINT64_MAX : UINT32_MAX;
  for (; entries > 0; --entries) {
    uint64_t low = reader.sized(size), high = reader.sized(size);
    if (!reader.ok() || (low == 0 && high == 0)) break;
    if (low == select) {
      base = high;
      continue;
    }
    Bytes expression = reader.block(reader.u16());
    if (reader.ok() && address >= base + low && address < base + high) return expression;
  }
  return std::nullopt;
}

std::optional<Bytes> find_gnu_split(const Unit& unit, uint64_t offset, uint64_t address, uint64_t& entries) {
  ByteReader reader(unit.file().sections().get(SectionId::kLoc), 0);
  reader.seek(offset + unit.contributions().loc);
  uint64_t base = base_of(unit);
  for (; entries > 0; --entries) {
    uint64_t low = 0, high = 0;
    switch (reader.u8()) {
      case kGnuBase: base = indexed(unit, reader); continue;
      case kGnuStartEnd:
        low = indexed(unit, reader);
        high = indexed(unit, reader);
        break;
      case kGnuStartLength:
        low = indexed(unit, reader);
        high = low + reader.u32();
        break;
      case kGnuOffsetPair:
        low = base + reader.u32();
        high = base + reader.u32();
        break;
      default: return std::nullopt;
    }
    Bytes expression = reader.block(reader.u16());
    if (!reader.ok()) break;
    if (address >= low && address < high) return expression;
  }
  return std::nullopt;
}

std::optional<Bytes> find_new(const Unit& unit, uint64_t offset, uint64_t address, uint64_t& entries) {
  ByteReader reader(unit.file().sections().get(SectionId::kLoclists), 0);
  reader.seek(offset);
  unsigned size = unit.sizes().address;
  uint64_t base = base_of(unit);
  std::optional<Bytes> fallback;
  for (; entries > 0; --entries) {
    uint64_t low = 0, high = 0;
    bool is_default = false;
    switch (reader.u8()) {
      case DW_LLE_base_addressx: base = indexed(unit, reader); continue;
      case DW_LLE_base_address: base = reader.sized(size); continue;
      case kViewPair:
        reader.skip_leb();
        reader.skip_leb();
        continue;
      case DW_LLE_startx_endx:
        low = indexed(unit, reader);
        high = indexed(unit, reader);
        break;
      case DW_LLE_startx_length:
        low = indexed(unit, reader);
        high = low + reader.uleb();
        break;
      case DW_LLE_offset_pair:
        low = base + reader.uleb();
        high = base + reader.uleb();
        break;
      case DW_LLE_default_location: is_default = true; break;
      case DW_LLE_start_end:
        low = reader.sized(size);
        high = reader.sized(size);
        break;
      case DW_LLE_start_length:
        low = reader.sized(size);
        high = low + reader.uleb();
        break;
      default: return fallback;  // DW_LLE_end_of_list, or what cannot be read
    }
    Bytes expression = reader.block(reader.uleb());
    if (!reader.ok()) break;
    if (is_default) fallback = expression;
    if (address >= low && address < high) return expression;
  }
  return fallback;
}

/// The offset in .debug_loclists of the list that DW_FORM_loclistx counts.
std::optional<uint64_t> list_number(const Unit& unit, uint64_t index) {
  Bytes lists = unit.file().sections().get(SectionId::kLoclists);
  uint64_t base = unit.root().loclists_base, width = unit.sizes().offset;
  if (base > lists.size() || index > lists.size()) return std::nullopt;
  ByteReader table(lists, 0);
  table.seek(base + index * width);
  uint64_t offset = base + table.sized(unit.sizes().offset);
  return table.ok() ? std::optional(offset) : std::nullopt;
}

}  // namespace

std::optional<Bytes> location_at(const Unit& unit, const Attribute& attribute, uint64_t address, uint64_t& entries) {
  switch (attribute.form) {
    case DW_FORM_exprloc:
    case DW_FORM_block:
    case DW_FORM_block1:
    case DW_FORM_block2:
    case DW_FORM_block4: return attribute.block();
    case DW_FORM_loclistx:
      if (auto offset = list_number(unit, attribute.value)) return find_new(unit, *offset, address, entries);
      return std::nullopt;
    case DW_FORM_sec_offset:
    case DW_FORM_data4:  // DWARF 2 and 3 have no form of their own for offsets
    case DW_FORM_data8:
      if (unit.sizes().version >= 5)
        return find_new(unit, attribute.value + unit.contributions().loclists, address, entries);
      return unit.skeleton() ? find_gnu_split(unit, attribute.value, address, entries)
                             : find_old(unit, attribute.value, address, entries);
    default: return std::nullopt;
  }
}

}  // namespace inquest::dwarf
