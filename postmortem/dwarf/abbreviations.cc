#include "postmortem/dwarf/abbreviations.h"

#include <dwarf.h>

#include <algorithm>
#include <optional>

namespace inquest::dwarf {
namespace {

// The largest tables (LTO, dwz) have some thousand entries of at most some dozen attributes; the limits keep units of a
// hostile file, which may all point at one table of 100 MB, from costing minutes.
constexpr size_t kMaxAbbreviations = 1 << 17;
constexpr size_t kMaxSpecs = 1 << 21;
// Of one DIE: DWARF 5 has 140 kinds. Some forms take no bytes, so without a limit one byte of a DIE could cost a
// million steps.
constexpr size_t kMaxAttributes = 128;
constexpr int kMaxIndirections = 4;
constexpr uint8_t kVariable = AttributeSpec::kVariable;

// Bytes a form always takes, or kVariable.
uint8_t fixed_size_of(uint16_t form, const FormSizes& sizes) {
  switch (form) {
    case DW_FORM_flag_present:
    case DW_FORM_implicit_const: return 0;
    case DW_FORM_data1:
    case DW_FORM_ref1:
    case DW_FORM_flag:
    case DW_FORM_strx1:
    case DW_FORM_addrx1: return 1;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2: return 2;
    case DW_FORM_strx3:
    case DW_FORM_addrx3: return 3;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4:
    case DW_FORM_ref_sup4: return 4;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sig8:
    case DW_FORM_ref_sup8: return 8;
    case DW_FORM_data16: return 16;
    case DW_FORM_addr: return sizes.address;
    case DW_FORM_ref_addr: return sizes.version <= 2 ? sizes.address : sizes.offset;  // DWARF 2, 7.5.4
    case DW_FORM_strp:
    case DW_FORM_line_strp:
    case DW_FORM_sec_offset:
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt: return sizes.offset;
    default: return kVariable;
  }
}

bool is_block(uint16_t form) {
  return form == DW_FORM_block || form == DW_FORM_block1 || form == DW_FORM_block2 || form == DW_FORM_block4 ||
         form == DW_FORM_exprloc;
}

uint64_t block_length(ByteReader& reader, uint16_t form) {
  switch (form) {
    case DW_FORM_block1: return reader.u8();
    case DW_FORM_block2: return reader.u16();
    case DW_FORM_block4: return reader.u32();
    default: return reader.uleb();
  }
}

// DW_FORM_indirect: the form stands in the DIE. An implicit_const there would have its value nowhere.
std::optional<uint16_t> indirect_form(ByteReader& reader) {
  uint64_t form = DW_FORM_indirect;
  for (int i = 0; i < kMaxIndirections && form == DW_FORM_indirect; ++i) form = reader.uleb();
  if (!reader.ok() || form == DW_FORM_indirect || form == DW_FORM_implicit_const || form > UINT16_MAX)
    return std::nullopt;
  return static_cast<uint16_t>(form);
}

uint16_t narrow(uint64_t value) { return value > UINT16_MAX ? UINT16_MAX : static_cast<uint16_t>(value); }

void count_runs(std::span<AttributeSpec> specs) {
  for (size_t i = specs.size(); i-- > 0;) {
    AttributeSpec& spec = specs[i];
    if (spec.size == kVariable) continue;
    spec.run_count = 1;
    spec.run_bytes = spec.size;
    if (i + 1 == specs.size() || specs[i + 1].run_count == UINT8_MAX) continue;
    spec.run_count = static_cast<uint8_t>(spec.run_count + specs[i + 1].run_count);
    spec.run_bytes = static_cast<uint16_t>(spec.run_bytes + specs[i + 1].run_bytes);
  }
}

}  // namespace

AttributeSpec::AttributeSpec(uint16_t the_name, uint16_t the_form, const FormSizes& sizes)
    : name(the_name), form(the_form), size(fixed_size_of(form, sizes)) {}

AbbreviationTable AbbreviationTable::parse(Bytes section, uint64_t offset, const FormSizes& sizes) {
  return parse_until(section, offset, sizes, 0);
}

AbbreviationTable AbbreviationTable::parse_until(Bytes section, uint64_t offset, const FormSizes& sizes,
                                                 uint64_t code) {
  AbbreviationTable table;
  ByteReader reader(section, offset);
  uint64_t left = reader.left();
  while (table.all_.size() < kMaxAbbreviations && table.specs_.size() < kMaxSpecs) {
    Abbreviation entry;
    entry.code = reader.uleb();
    if (!reader.ok() || entry.code == 0) break;
    entry.tag = narrow(reader.uleb());
    entry.has_children = reader.u8() != 0;
    entry.first = static_cast<uint32_t>(table.specs_.size());
    while (table.specs_.size() < kMaxSpecs) {
      uint16_t name = narrow(reader.uleb()), form = narrow(reader.uleb());
      AttributeSpec spec(name, form, sizes);
      if (spec.form == DW_FORM_implicit_const) spec.implicit = reader.sleb();
      if (!reader.ok() || (spec.name == 0 && spec.form == 0)) break;
      if (table.specs_.size() - entry.first == kMaxAttributes) {
        reader.fail();
        break;
      }
      table.specs_.push_back(spec);
      entry.has_code |= spec.name == DW_AT_low_pc || spec.name == DW_AT_ranges;
      entry.has_sibling |= spec.name == DW_AT_sibling;
      if (spec.name == DW_AT_sibling && spec.form == DW_FORM_ref4) entry.sibling_at = entry.fixed_size;
      bool fixed = spec.size != kVariable && entry.fixed_size != Abbreviation::kVariable;
      entry.fixed_size = fixed ? entry.fixed_size + spec.size : Abbreviation::kVariable;
    }
    if (!reader.ok()) break;
    entry.count = static_cast<uint32_t>(table.specs_.size()) - entry.first;
    count_runs(std::span(table.specs_).subspan(entry.first, entry.count));
    table.dense_ &= entry.code == table.all_.size() + 1;
    table.all_.push_back(entry);
    if (entry.code == code) break;
  }
  table.bytes_read_ = left - reader.left();
  if (!table.dense_)
    std::stable_sort(table.all_.begin(), table.all_.end(), [](auto& a, auto& b) { return a.code < b.code; });
  return table;
}

const Abbreviation* AbbreviationTable::find_sparse(uint64_t code) const {
  auto found =
      std::lower_bound(all_.begin(), all_.end(), code, [](auto& a, uint64_t wanted) { return a.code < wanted; });
  return found != all_.end() && found->code == code ? &*found : nullptr;
}

bool read_special_attribute(ByteReader& reader, const AttributeSpec& spec, const FormSizes& sizes, Attribute* out) {
  switch (spec.form) {
    case DW_FORM_flag_present: out->value = 1; return true;
    case DW_FORM_implicit_const: out->value = static_cast<uint64_t>(spec.implicit); return true;
    case DW_FORM_sdata: out->value = static_cast<uint64_t>(reader.sleb()); return reader.ok();
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_rnglistx:
    case DW_FORM_loclistx:
    case DW_FORM_GNU_str_index:
    case DW_FORM_GNU_addr_index: out->value = reader.uleb(); return reader.ok();
    case DW_FORM_string:
      out->data = reader.position();
      out->value = reader.c_string().size();
      return reader.ok();
    case DW_FORM_strx3:
    case DW_FORM_addrx3: out->value = reader.u24(); return reader.ok();
    case DW_FORM_indirect: {
      auto form = indirect_form(reader);
      return form && read_attribute(reader, AttributeSpec(spec.name, *form, sizes), sizes, out);
    }
    default: break;
  }
  if (!is_block(spec.form) && spec.form != DW_FORM_data16) return false;
  out->value = spec.form == DW_FORM_data16 ? 16 : block_length(reader, spec.form);
  out->data = reader.position();
  reader.skip(out->value);
  return reader.ok();
}

bool skip_attributes(ByteReader& reader, std::span<const AttributeSpec> specs, const FormSizes& sizes) {
  for (size_t i = 0; i < specs.size();) {
    const AttributeSpec& spec = specs[i];
    if (spec.size != kVariable) {
      reader.skip(spec.run_bytes);
      i += spec.run_count;
      continue;
    }
    Attribute ignored;
    if (spec.form == DW_FORM_exprloc)
      reader.skip(reader.uleb());
    else if (!read_special_attribute(reader, spec, sizes, &ignored))
      return false;
    ++i;
  }
  return reader.ok();
}

}  // namespace inquest::dwarf
