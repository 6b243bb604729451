#include "postmortem/dwarf/unit_survey.h"

#include <dwarf.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace inquest::dwarf {
namespace {

using elf::Bytes;

// Enough for the largest programs there are, and an end for a file made to be endless.
constexpr size_t kMaxUnits = 20'000;
constexpr size_t kMaxDeclarations = 20'000;  // of one unit; compilers make some hundred
constexpr size_t kMaxAttributes = 4096;      // of one DIE
constexpr size_t kMaxText = 16'384;          // a producer with all flags of a long command line
constexpr size_t kMaxTexts = 64 << 20;       // of all units
// Of a compressed .debug_info: a fifth of a second of unpacking.
constexpr uint64_t kMaxUnpackedInfo = 64 << 20;
// A first DIE has a dozen attributes; its strings may be inline.
constexpr uint64_t kFirstDie = 64 * 1024;

/// Reads on from a place; after running over the end all reads give 0 and `ok` is false.
class Cursor {
 public:
  Cursor(Bytes bytes, uint64_t at) : bytes_(bytes), at_(at) {}

  bool ok() const { return ok_; }
  uint64_t at() const { return at_; }

  uint64_t fixed(size_t size) {
    uint64_t value = 0;
    if (!has(size)) return 0;
    std::memcpy(&value, bytes_.data() + at_, std::min<size_t>(size, 8));
    at_ += size;
    return value;
  }
  uint64_t uleb() {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (!has(1)) return 0;
      auto byte = std::to_integer<uint64_t>(bytes_[at_++]);
      if (shift < 64) value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
  }
  void skip(uint64_t size) {
    if (has(size)) at_ += size;
  }
  std::string_view text() {
    std::string_view value = elf::c_string(bytes_, at_);
    skip(value.size() + 1);
    return ok_ ? value : std::string_view();
  }

 private:
  bool has(uint64_t size) {
    if (ok_ && at_ <= bytes_.size() && bytes_.size() - at_ >= size) return true;
    ok_ = false;
    return false;
  }

  Bytes bytes_;
  uint64_t at_;
  bool ok_ = true;
};

/// Tags that -g1 and -gline-tables-only do not emit. Base types they may: operators of location expressions refer to
/// them.
bool is_full_tag(uint64_t tag) {
  switch (tag) {
    case DW_TAG_formal_parameter:
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_pointer_type:
    case DW_TAG_typedef: return true;
    default: return false;
  }
}

}  // namespace

struct UnitReader::Header {
  uint64_t next = 0;  ///< offset of the unit behind it
  uint64_t die = 0;   ///< offset of the first DIE
  int version = 0;
  int type = 0;  ///< DW_UT_*; 0 before version 5
  uint64_t abbreviations = 0;
  uint8_t address_size = 8;
  uint8_t offset_size = 4;
  std::optional<uint64_t> dwo_id;
};

/// Where a string attribute has its text.
struct UnitReader::Text {
  uint64_t form = 0;
  uint64_t value = 0;  ///< offset or index
  std::string here;    ///< DW_FORM_string
};

UnitReader::UnitReader(const elf::ElfImage& image, const elf::ElfImage* alternate, bool split)
    : info_(debug_section(image, split ? "debug_info.dwo" : "debug_info")),
      abbreviations_(debug_section(image, split ? "debug_abbrev.dwo" : "debug_abbrev")),
      strings_(debug_section(image, split ? "debug_str.dwo" : "debug_str")),
      line_strings_(debug_section(image, "debug_line_str")),
      string_offsets_(debug_section(image, split ? "debug_str_offsets.dwo" : "debug_str_offsets")),
      alternate_strings_(alternate ? debug_section(*alternate, "debug_str") : SectionPrefix(nullptr)),
      split_(split) {}

std::optional<UnitReader::Header> UnitReader::header_at(uint64_t offset) {
  constexpr uint64_t kLongestHeader = 40;
  Cursor cursor(info_.up_to(offset + kLongestHeader), offset);
  Header header;
  uint64_t length = cursor.fixed(4);
  if (length == 0xffffffff) {
    header.offset_size = 8;
    length = cursor.fixed(8);
  }
  if (!cursor.ok() || length > info_.size() || cursor.at() > info_.size() - length) return std::nullopt;
  header.next = cursor.at() + length;
  header.version = static_cast<int>(cursor.fixed(2));
  if (header.version >= 5) {
    header.type = static_cast<int>(cursor.fixed(1));
    header.address_size = static_cast<uint8_t>(cursor.fixed(1));
    header.abbreviations = cursor.fixed(header.offset_size);
    if (header.type == DW_UT_skeleton || header.type == DW_UT_split_compile) header.dwo_id = cursor.fixed(8);
  } else {
    header.abbreviations = cursor.fixed(header.offset_size);
    header.address_size = static_cast<uint8_t>(cursor.fixed(1));
  }
  header.die = cursor.at();
  if (!cursor.ok() || header.version < 2 || header.version > 5) return std::nullopt;
  return header;
}

UnitSurvey UnitReader::survey() {
  UnitSurvey result;
  uint64_t offset = 0;
  while (offset < info_.size()) {
    bool far = !info_.compression().empty() && offset > kMaxUnpackedInfo;
    if (far || result.units.size() >= kMaxUnits) {
      result.all = false;
      break;
    }
    auto header = header_at(offset);
    if (!header) {
      result.failure = info_.failure();
      if (result.failure.empty()) result.failure = fmt::format("the unit at {:#x} of .debug_info is damaged", offset);
      break;
    }
    bool of_types = header->type == DW_UT_type || header->type == DW_UT_split_type;
    if (!of_types) result.units.push_back(summarise(*header, {}));
    offset = header->next;
  }
  return result;
}

std::optional<UnitSummary> UnitReader::unit_at(uint64_t offset, const UnitBases& bases) {
  auto header = header_at(offset);
  if (!header) return std::nullopt;
  return summarise(*header, bases);
}

const UnitReader::Declaration& UnitReader::declaration_of(const Header& header, const UnitBases& bases, uint64_t code) {
  uint64_t begin = header.abbreviations + bases.abbreviations;
  auto [known, is_new] = declarations_.try_emplace({begin, code});
  Declaration& found = known->second;
  if (!is_new) return found;
  // Tables do not overlap, so what is read more than a few times over is a file made to take for ever.
  constexpr uint64_t kLongestTable = 1 << 20, kAlways = 4096, kTimesRead = 8;
  bool enough = table_bytes_ > abbreviations_.size() * kTimesRead + kLongestTable;
  Cursor cursor(abbreviations_.up_to(begin + (enough ? kAlways : kLongestTable)), begin);
  for (size_t count = 0; count < kMaxDeclarations; ++count) {
    uint64_t number = cursor.uleb();
    if (number == 0 || !cursor.ok()) break;
    uint64_t tag = cursor.uleb();
    cursor.skip(1);  // DW_CHILDREN
    found.table_describes_types |= is_full_tag(tag);
    bool wanted = number == code && found.tag == 0;
    if (wanted) found.tag = tag;
    for (size_t i = 0; i < kMaxAttributes; ++i) {
      Declaration::Attribute attribute{cursor.uleb(), cursor.uleb(), 0};
      if (attribute.form == DW_FORM_implicit_const) attribute.constant = cursor.uleb();
      if ((attribute.name == 0 && attribute.form == 0) || !cursor.ok()) break;
      if (wanted) found.attributes.push_back(attribute);
      // int main() of C: the one thing that needs a type is what the function returns.
      found.table_describes_types |= tag == DW_TAG_subprogram && attribute.name == DW_AT_type;
    }
  }
  table_bytes_ += cursor.at() - std::min(begin, cursor.at());
  return found;
}

namespace {

struct FormValue {
  uint64_t number = 0;
  std::string_view text;
};

/// Reads past an attribute value; false for a form that is not known.
bool read_form(Cursor& cursor, uint64_t form, uint8_t address_size, uint8_t offset_size, int version,
               FormValue& value) {
  switch (form) {
    case DW_FORM_addr: value.number = cursor.fixed(address_size); return true;
    case DW_FORM_data1:
    case DW_FORM_flag:
    case DW_FORM_ref1:
    case DW_FORM_strx1:
    case DW_FORM_addrx1: value.number = cursor.fixed(1); return true;
    case DW_FORM_data2:
    case DW_FORM_ref2:
    case DW_FORM_strx2:
    case DW_FORM_addrx2: value.number = cursor.fixed(2); return true;
    case DW_FORM_strx3:
    case DW_FORM_addrx3: value.number = cursor.fixed(3); return true;
    case DW_FORM_data4:
    case DW_FORM_ref4:
    case DW_FORM_ref_sup4:
    case DW_FORM_strx4:
    case DW_FORM_addrx4: value.number = cursor.fixed(4); return true;
    case DW_FORM_data8:
    case DW_FORM_ref8:
    case DW_FORM_ref_sig8:
    case DW_FORM_ref_sup8: value.number = cursor.fixed(8); return true;
    case DW_FORM_data16: cursor.skip(16); return true;
    case DW_FORM_string: value.text = cursor.text(); return true;
    case DW_FORM_strp:
    case DW_FORM_line_strp:
    case DW_FORM_strp_sup:
    case DW_FORM_sec_offset:
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_GNU_strp_alt: value.number = cursor.fixed(offset_size); return true;
    case DW_FORM_ref_addr: value.number = cursor.fixed(version == 2 ? address_size : offset_size); return true;
    case DW_FORM_sdata:
    case DW_FORM_udata:
    case DW_FORM_ref_udata:
    case DW_FORM_strx:
    case DW_FORM_addrx:
    case DW_FORM_loclistx:
    case DW_FORM_rnglistx:
    case DW_FORM_GNU_addr_index:
    case DW_FORM_GNU_str_index: value.number = cursor.uleb(); return true;
    case DW_FORM_block1: cursor.skip(cursor.fixed(1)); return true;
    case DW_FORM_block2: cursor.skip(cursor.fixed(2)); return true;
    case DW_FORM_block4: cursor.skip(cursor.fixed(4)); return true;
    case DW_FORM_block:
    case DW_FORM_exprloc: cursor.skip(cursor.uleb()); return true;
    case DW_FORM_flag_present: value.number = 1; return true;
    default: return false;  // DW_FORM_indirect too: no compiler uses it in first DIEs
  }
}

}  // namespace

UnitSummary UnitReader::summarise(const Header& header, const UnitBases& bases) {
  UnitSummary unit;
  unit.version = header.version;
  unit.dwo_id = header.dwo_id;
  unit.skeleton = header.type == DW_UT_skeleton;
  unit.partial = header.type == DW_UT_partial;
  Cursor cursor(info_.up_to(std::min(header.next, header.die + kFirstDie)), header.die);
  uint64_t code = cursor.uleb();
  const Declaration& declaration = declaration_of(header, bases, code);
  unit.partial |= declaration.tag == DW_TAG_partial_unit;
  unit.describes_types = declaration.table_describes_types;
  std::optional<uint64_t> string_base;
  std::vector<std::pair<std::string*, Text>> texts;
  for (const auto& attribute : declaration.attributes) {
    FormValue value{attribute.constant, {}};
    bool known = attribute.form == DW_FORM_implicit_const ||
                 read_form(cursor, attribute.form, header.address_size, header.offset_size, header.version, value);
    if (!known || !cursor.ok()) break;
    auto take_text = [&](std::string& into) {
      texts.emplace_back(&into, Text{attribute.form, value.number, std::string(value.text.substr(0, kMaxText))});
    };
    switch (attribute.name) {
      case DW_AT_name: take_text(unit.name); break;
      case DW_AT_comp_dir: take_text(unit.folder); break;
      case DW_AT_producer: take_text(unit.producer); break;
      case DW_AT_language: unit.language = value.number; break;
      case DW_AT_str_offsets_base: string_base = value.number; break;
      case DW_AT_GNU_dwo_id: unit.dwo_id = value.number; break;
      case DW_AT_dwo_name:
      case DW_AT_GNU_dwo_name:
        take_text(unit.dwo_name);
        // Split units name their own file too (version 4: no unit type tells them apart).
        unit.skeleton |= !split_;
        break;
      default: break;
    }
  }
  for (auto& [into, where] : texts) {
    if (texts_bytes_ > kMaxTexts) break;
    *into = text(header, bases, where, string_base);
    texts_bytes_ += into->size();
  }
  return unit;
}

std::string UnitReader::text(const Header& header, const UnitBases& bases, const Text& where,
                             std::optional<uint64_t> base) {
  auto string_at = [](SectionPrefix& section, uint64_t offset) {
    if (offset >= section.size()) return std::string();
    return std::string(elf::c_string(section.up_to(offset + kMaxText), offset));
  };
  switch (where.form) {
    case DW_FORM_string: return where.here;
    case DW_FORM_strp: return string_at(strings_, where.value);
    case DW_FORM_line_strp: return string_at(line_strings_, where.value);
    case DW_FORM_strp_sup:
    case DW_FORM_GNU_strp_alt: return string_at(alternate_strings_, where.value);
    case DW_FORM_strx:
    case DW_FORM_strx1:
    case DW_FORM_strx2:
    case DW_FORM_strx3:
    case DW_FORM_strx4:
    case DW_FORM_GNU_str_index: break;
    default: return {};
  }
  uint64_t implied = header.version >= 5 ? (header.offset_size == 8 ? 16 : 8) : 0;
  uint64_t index_limit = string_offsets_.size() / header.offset_size;
  if (where.value >= index_limit) return {};
  uint64_t at = bases.string_offsets + base.value_or(implied) + where.value * header.offset_size;
  Cursor cursor(string_offsets_.up_to(at + header.offset_size), at);
  uint64_t offset = cursor.fixed(header.offset_size);
  return cursor.ok() ? string_at(strings_, offset) : std::string();
}

std::string language_name(uint64_t language) {
  switch (language) {
    case 0: return {};
    case DW_LANG_C89:
    case DW_LANG_C: return "C";
    case DW_LANG_C99: return "C99";
    case DW_LANG_C11: return "C11";
    case 0x2a: return "C++17";  // assigned after DWARF 5: dwarfstd.org/languages.html
    case 0x2b: return "C++20";
    case 0x2c: return "C17";
    case DW_LANG_C_plus_plus: return "C++";
    case DW_LANG_C_plus_plus_03: return "C++03";
    case DW_LANG_C_plus_plus_11: return "C++11";
    case DW_LANG_C_plus_plus_14: return "C++14";
    case DW_LANG_ObjC: return "Objective-C";
    case DW_LANG_ObjC_plus_plus: return "Objective-C++";
    case DW_LANG_Fortran77: return "Fortran 77";
    case DW_LANG_Fortran90: return "Fortran 90";
    case DW_LANG_Fortran95: return "Fortran 95";
    case DW_LANG_Fortran03: return "Fortran 2003";
    case DW_LANG_Fortran08: return "Fortran 2008";
    case DW_LANG_Ada83:
    case DW_LANG_Ada95: return "Ada";
    case DW_LANG_Pascal83: return "Pascal";
    case DW_LANG_D: return "D";
    case DW_LANG_Go: return "Go";
    case DW_LANG_Haskell: return "Haskell";
    case DW_LANG_OCaml: return "OCaml";
    case DW_LANG_Rust: return "Rust";
    case DW_LANG_Swift: return "Swift";
    case 0x27: return "Zig";
    case DW_LANG_Mips_Assembler: return "assembler";
    default: return fmt::format("language {:#x}", language);
  }
}

}  // namespace inquest::dwarf
