#include "tests/support/dwarf_builder.h"

#include <span>

#include "tests/support/elf_builder.h"

namespace inquest::test {

std::string sized(uint64_t value, unsigned size) {
  std::string bytes;
  for (unsigned i = 0; i < size; ++i) bytes += static_cast<char>(i < 8 ? value >> 8 * i & 0xff : 0);
  return bytes;
}
std::string u8(uint64_t value) { return sized(value, 1); }
std::string u16(uint64_t value) { return sized(value, 2); }
std::string u24(uint64_t value) { return sized(value, 3); }
std::string u32(uint64_t value) { return sized(value, 4); }
std::string u64(uint64_t value) { return sized(value, 8); }

std::string uleb(uint64_t value) {
  std::string bytes;
  for (; value > 0x7f; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

std::string sleb(int64_t value) {
  std::string bytes;
  for (; value < -0x40 || value > 0x3f; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value & 0x7f);
}

std::string text(const std::string& value) { return value + '\0'; }

std::string abbreviation(uint64_t code, unsigned tag, bool children, const std::vector<AttributeShape>& attributes) {
  std::string bytes = uleb(code) + uleb(tag) + u8(children ? DW_CHILDREN_yes : DW_CHILDREN_no);
  for (const AttributeShape& attribute : attributes) {
    bytes += uleb(attribute.name) + uleb(attribute.form);
    if (attribute.form == DW_FORM_implicit_const) bytes += sleb(attribute.implicit);
  }
  return bytes + u16(0);
}

std::string with_length(unsigned offset_size, const std::string& contents) {
  return (offset_size == 8 ? u32(0xffffffff) + u64(contents.size()) : u32(contents.size())) + contents;
}

std::string unit(const UnitShape& shape, const std::string& dies) {
  std::string head = u16(shape.version);
  std::string table = sized(shape.abbreviations, shape.offset_size);
  head += shape.version >= 5 ? u8(shape.type) + u8(shape.address_size) + table : table + u8(shape.address_size);
  return with_length(shape.offset_size, head + shape.more + dies);
}

uint64_t unit_header_size(const UnitShape& shape) { return unit(shape, "").size(); }

DwarfImage::DwarfImage(const DwarfSections& sections, dwarf::DebugSections::Flavour flavour,
                       const DwarfImage* alternate) {
  ImageBuilder builder;
  for (const auto& [name, bytes] : sections) builder.section(name, bytes);
  bytes_ = builder.build();
  image_ = elf::ElfImage::from_bytes(std::as_bytes(std::span(bytes_)));
  file_ = std::make_shared<dwarf::DwarfFile>(image_, flavour, alternate ? alternate->file_ : nullptr);
}

}  // namespace inquest::test
