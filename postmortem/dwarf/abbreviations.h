// Abbreviation tables (DWARF 5, 7.5.3): the shapes that the DIEs of a unit refer to by number.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "postmortem/dwarf/byte_reader.h"

namespace inquest::dwarf {

/// The sizes that forms depend on.
struct FormSizes {
  uint8_t version = 4;
  uint8_t address = 8;
  uint8_t offset = 4;  ///< 8 in the 64-bit format

  auto operator<=>(const FormSizes&) const = default;
};

struct AttributeSpec {
  static constexpr uint8_t kVariable = UINT8_MAX;

  AttributeSpec(uint16_t the_name, uint16_t the_form, const FormSizes& sizes);

  uint16_t name, form;
  uint8_t size;            ///< bytes it always takes, or kVariable
  uint8_t run_count = 0;   ///< how many attributes from this one on have a fixed size, as far as a byte can count
  uint16_t run_bytes = 0;  ///< what those take
  int64_t implicit = 0;    ///< of DW_FORM_implicit_const
};

struct Abbreviation {
  uint64_t code = 0;
  uint16_t tag = 0;
  bool has_children = false;
  bool has_code = false;     ///< has DW_AT_low_pc or DW_AT_ranges
  bool has_sibling = false;  ///< has DW_AT_sibling
  uint32_t first = 0, count = 0;
  uint32_t fixed_size = 0;          ///< bytes of all attributes when they always take the same; kVariable otherwise
  uint32_t sibling_at = kVariable;  ///< where a DW_AT_sibling of 4 bytes always stands behind the code, or kVariable
  static constexpr uint32_t kVariable = UINT32_MAX;
};

class AbbreviationTable {
 public:
  /// The table at `offset`; a damaged one ends at the damage.
  static AbbreviationTable parse(Bytes section, uint64_t offset, const FormSizes& sizes);
  /// Only as far as `code`, which is soon found for the DIE of a unit.
  static AbbreviationTable parse_until(Bytes section, uint64_t offset, const FormSizes& sizes, uint64_t code);
  /// How many bytes of the section were read for it.
  uint64_t bytes_read() const { return bytes_read_; }

  const Abbreviation* find(uint64_t code) const {
    if (code - 1 < all_.size() && all_[code - 1].code == code) return &all_[code - 1];
    return dense_ ? nullptr : find_sparse(code);
  }
  std::span<const AttributeSpec> specs(const Abbreviation& abbreviation) const {
    return std::span(specs_).subspan(abbreviation.first, abbreviation.count);
  }

 private:
  const Abbreviation* find_sparse(uint64_t code) const;

  std::vector<Abbreviation> all_;
  std::vector<AttributeSpec> specs_;
  uint64_t bytes_read_ = 0;
  bool dense_ = true;
};

/// A decoded attribute. What `value` is depends on the form: a constant, an address, an index, an offset or a reference
/// as it stands; the length for blocks.
struct Attribute {
  uint16_t name = 0;
  uint16_t form = 0;
  uint64_t value = 0;
  const std::byte* data = nullptr;  ///< of blocks, DW_FORM_data16 and DW_FORM_string

  Bytes block() const { return {data, data ? static_cast<size_t>(value) : 0}; }
};

/// What `read_attribute` does for forms that are no plain number.
bool read_special_attribute(ByteReader& reader, const AttributeSpec& spec, const FormSizes& sizes, Attribute* out);
/// False when the form is unknown or the section ends: the rest of the unit cannot be read then.
inline bool read_attribute(ByteReader& reader, const AttributeSpec& spec, const FormSizes& sizes, Attribute* out) {
  out->name = spec.name;
  out->form = spec.form;
  out->data = nullptr;
  switch (spec.size) {
    case 1: out->value = reader.u8(); return reader.ok();
    case 2: out->value = reader.u16(); return reader.ok();
    case 4: out->value = reader.u32(); return reader.ok();
    case 8: out->value = reader.u64(); return reader.ok();
    default: return read_special_attribute(reader, spec, sizes, out);
  }
}
/// Goes on behind all attributes; false as for `read_attribute`.
bool skip_attributes(ByteReader& reader, std::span<const AttributeSpec> specs, const FormSizes& sizes);

}  // namespace inquest::dwarf
