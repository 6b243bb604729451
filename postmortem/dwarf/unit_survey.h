// What the units of a file say about how it was compiled: the header and the first DIE of each, nothing behind them.
//
// Facts used (DWARF 5; 4 where it differs):
// - 7.5.1: unit headers. Version 5 has a unit type, and skeleton and split units have their dwo_id in the header.
//   Version 4 split units are GNU's: DW_AT_GNU_dwo_name and DW_AT_GNU_dwo_id in the first DIE
//   (gcc.gnu.org/wiki/DebugFission).
// - 7.5.3: abbreviations. The table of a unit names every tag that can occur in it, so whether a unit describes types
// and
//   parameters (-g) or functions and inlined calls only (-g1, -gline-tables-only) can be read from it alone.
// - 7.26: .debug_str_offsets; in a .dwo the base is implied: behind the 8 byte header, or 0 for version 4.
// - GNU forms: DW_FORM_GNU_strp_alt 0x1f21 (dwz) points into .debug_str of the alternate file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "postmortem/dwarf/section_prefix.h"
#include "postmortem/elf/elf_image.h"

namespace inquest::dwarf {

struct UnitSummary {
  int version = 0;
  bool skeleton = false;         ///< the rest is in a .dwo
  bool partial = false;          ///< made by dwz, imported by others
  bool describes_types = false;  ///< more than functions and lines
  std::optional<uint64_t> dwo_id;
  std::string dwo_name;
  std::string folder;  ///< DW_AT_comp_dir
  std::string name;
  std::string producer;
  uint64_t language = 0;
};

/// Where the parts of a unit begin inside a .dwp; all 0 elsewhere.
struct UnitBases {
  uint64_t abbreviations = 0;
  uint64_t string_offsets = 0;
};

struct UnitSurvey {
  std::vector<UnitSummary> units;  ///< type units are left out
  bool all = true;                 ///< false: more units follow than were looked at
  std::string failure;             ///< why reading ended early; empty: it did not
};

class UnitReader {
 public:
  /// `alternate` is the dwz file or null. `split`: the sections end in .dwo.
  UnitReader(const elf::ElfImage& image, const elf::ElfImage* alternate, bool split);

  UnitSurvey survey();
  /// The one unit at `offset` of .debug_info.
  std::optional<UnitSummary> unit_at(uint64_t offset, const UnitBases& bases);
  const std::string& compression() const { return info_.compression(); }

 private:
  struct Header;
  struct Text;
  /// The shape of a first DIE.
  struct Declaration {
    struct Attribute {
      uint64_t name = 0, form = 0, constant = 0;
    };
    uint64_t tag = 0;
    std::vector<Attribute> attributes;
    bool table_describes_types = false;
  };

  std::optional<Header> header_at(uint64_t offset);
  UnitSummary summarise(const Header& header, const UnitBases& bases);
  const Declaration& declaration_of(const Header& header, const UnitBases& bases, uint64_t code);
  std::string text(const Header& header, const UnitBases& bases, const Text& where, std::optional<uint64_t> base);

  SectionPrefix info_, abbreviations_, strings_, line_strings_, string_offsets_, alternate_strings_;
  bool split_;
  /// By offset of the table and code: units share tables.
  std::map<std::pair<uint64_t, uint64_t>, Declaration> declarations_;
  uint64_t table_bytes_ = 0;  ///< of abbreviation tables, read so far
  size_t texts_bytes_ = 0;    ///< of names, folders and producers, kept so far
};

/// DW_AT_language in words ("C++14"); empty for 0.
std::string language_name(uint64_t language);

}  // namespace inquest::dwarf
