// Builds sections of DWARF as bytes, so that a test of one form or one opcode is one expression:
//
//   DwarfSections sections;
//   sections[".debug_abbrev"] = abbreviation(1, DW_TAG_compile_unit, false, {{DW_AT_name, DW_FORM_strp}}) + '\0';
//   sections[".debug_info"] = unit({.version = 4}, u8(1) + u32(0));
//   DwarfImage image(sections);
//
// The functions are named after the fields of the standard; nothing is checked, so damage is easy to write down too.
#pragma once

#include <dwarf.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/dwarf/dwarf_file.h"

namespace inquest::test {

std::string u8(uint64_t value);
std::string u16(uint64_t value);
std::string u24(uint64_t value);
std::string u32(uint64_t value);
std::string u64(uint64_t value);
/// `size` bytes, little-endian.
std::string sized(uint64_t value, unsigned size);
/// DWARF 5, 7.6.
std::string uleb(uint64_t value);
std::string sleb(int64_t value);
/// With its nul.
std::string text(const std::string& value);

struct AttributeShape {
  unsigned name, form;
  int64_t implicit = 0;  ///< of DW_FORM_implicit_const
};
std::string abbreviation(uint64_t code, unsigned tag, bool children, const std::vector<AttributeShape>& attributes);

struct UnitShape {
  unsigned version = 5;
  unsigned offset_size = 4;  ///< 8: the 64-bit format
  unsigned address_size = 8;
  unsigned type = DW_UT_compile;  ///< written from version 5 on
  uint64_t abbreviations = 0;
  std::string more = {};  ///< what the header of some types of units ends with
};
std::string unit(const UnitShape& shape, const std::string& dies);
/// How long the header of `unit` is.
uint64_t unit_header_size(const UnitShape& shape);
/// unit_length in 4 or 12 bytes, then `contents`.
std::string with_length(unsigned offset_size, const std::string& contents);

using DwarfSections = std::map<std::string, std::string>;

/// A file with these sections.
class DwarfImage {
 public:
  explicit DwarfImage(const DwarfSections& sections,
                      dwarf::DebugSections::Flavour flavour = dwarf::DebugSections::Flavour::kPlain,
                      const DwarfImage* alternate = nullptr);

  const dwarf::DwarfFile& file() const { return *file_; }
  const std::shared_ptr<const elf::ElfImage>& image() const { return image_; }
  const dwarf::Unit& unit(size_t index = 0) const { return *file_->units().at(index); }

 private:
  std::string bytes_;
  std::shared_ptr<const elf::ElfImage> image_;
  std::shared_ptr<const dwarf::DwarfFile> file_;
};

}  // namespace inquest::test
