// Units of .debug_info and .debug_types, and the DIEs in them (DWARF 5, 7.5; DWARF 2 to 4 and GNU's extensions too).
//
// Nothing is copied or kept per DIE: a Die is a place in the mapped section, its attributes are decoded when asked for.
// References lead within the unit (ref1..8, ref_udata), within the file (ref_addr), to the file that `dwz -m` made
// (GNU_ref_alt, ref_sup), or to a type unit by its signature (ref_sig8). All are checked; a bad one gives no Die.
//
// In split DWARF a skeleton unit stays in the program, with address ranges and the line table, and names a .dwo file
// that has the rest: `Unit::skeleton` leads back, because addresses there are indexes into .debug_addr of the program.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "postmortem/dwarf/abbreviations.h"
#include "postmortem/dwarf/debug_sections.h"
#include "postmortem/dwarf/quick_once.h"

namespace inquest::dwarf {

class DwarfFile;
class Unit;

struct AddressRange {
  uint64_t low = 0, high = 0;
};

/// How many entries of range lists may be read to answer one question. Compilers give every DIE a list of its own; a
/// hostile file can have a million DIEs refer to one list, or to lists that share their ends.
struct RangeBudget {
  static constexpr uint64_t kAlways = 16;  ///< of each list, for the rest of the file to be answered all the same

  uint64_t left;
  bool is_sample = false;  ///< the first few are all that is wanted
  uint64_t left_of_list = kAlways;
  bool exhausted = false;

  void begin_list() {
    left_of_list = kAlways;
    exhausted = false;
  }
  bool spend() {
    if (left == 0 && left_of_list == 0) exhausted = true;
    if (left > 0)
      --left;
    else if (left_of_list > 0)
      --left_of_list;
    return !exhausted;
  }
};

/// The attributes that say where the code of a DIE is.
struct CodeAttributes {
  std::optional<Attribute> low, high, list;

  void take(const Attribute& attribute);
};

class Die {
 public:
  Die() = default;
  /// The DIE at `offset` of the unit's section; no DIE when there is none there.
  Die(const Unit* unit, uint64_t offset);

  explicit operator bool() const { return abbreviation_ != nullptr; }
  const Unit& unit() const { return *unit_; }
  uint64_t offset() const { return offset_; }
  uint16_t tag() const { return abbreviation_->tag; }
  bool has_children() const { return abbreviation_->has_children; }
  /// The address of its bytes: unlike the offset unique across all files that are open.
  const std::byte* key() const;

  std::optional<Attribute> attribute(uint16_t name) const;
  /// Every attribute in order; `visit` returns false to stop. Gives the offset after the attributes, 0 when damaged.
  template <class Visit>
  uint64_t for_each_attribute(Visit&& visit) const;

  std::string_view text(uint16_t name) const;
  std::optional<uint64_t> number(uint16_t name) const;
  std::optional<uint64_t> address(uint16_t name) const;
  bool flag(uint16_t name) const;
  Die reference(uint16_t name) const;
  /// As `attribute`, also looked for in DW_AT_abstract_origin, DW_AT_specification and DW_AT_signature, as far as they
  /// lead.
  std::optional<std::pair<Attribute, Die>> inherited(uint16_t name) const;

  /// Code ranges from DW_AT_low_pc/high_pc or DW_AT_ranges, as `Unit::ranges` has them.
  std::vector<AddressRange> ranges() const;
  std::vector<AddressRange> ranges(RangeBudget& budget) const;
  /// The first of them.
  std::optional<AddressRange> first_range() const;

  Die first_child() const;
  Die next_sibling() const;

 private:
  friend class Unit;
  uint64_t attributes_end() const;

  const Unit* unit_ = nullptr;
  const Abbreviation* abbreviation_ = nullptr;
  uint64_t offset_ = 0;
  uint64_t attributes_ = 0;  ///< where they begin
};

/// What the DIE of a unit says about the whole unit.
struct UnitRoot {
  uint16_t tag = 0;
  uint16_t language = 0;
  std::string_view name, comp_dir, producer;
  std::string_view dwo_name;  ///< of a skeleton
  std::optional<uint64_t> dwo_id;
  std::optional<uint64_t> low_pc, high_pc;
  std::optional<Attribute> ranges;
  std::optional<uint64_t> line_table;  ///< offset in .debug_line
  uint64_t str_offsets_base = 0, addr_base = 0, rnglists_base = 0, loclists_base = 0;
  uint64_t gnu_ranges_base = 0;
  uint64_t die_end = 0;  ///< offset of what follows the DIE; 0: damaged
};

/// Where the parts of a unit of a .dwp file begin in its sections (DWARF 5, 7.3.5); all 0 elsewhere.
struct Contributions {
  uint64_t abbrev = 0, str_offsets = 0, loclists = 0, loc = 0, rnglists = 0;
};

/// What one walk over the children of the unit's DIE finds. What is below them is passed over where DW_AT_sibling says
/// where it ends.
struct UnitOutline {
  struct Extent {
    uint64_t begin, end;  ///< offsets of a DIE and of its next sibling
  };
  std::vector<Extent> parents;      ///< the children that have children
  std::vector<uint64_t> functions;  ///< offsets of functions with code
  bool whole = true;                ///< nothing was passed over
};

class Unit {
 public:
  /// Reads the header at `offset` of `section`. Null when it is damaged, of an unknown version, or has no DIEs; `next`
  /// is then 0 when nothing behind it can be read either.
  static std::unique_ptr<Unit> parse(const DwarfFile& file, SectionId id, Bytes section, uint64_t offset,
                                     uint64_t* next);

  const DwarfFile& file() const { return file_; }
  SectionId section_id() const { return section_id_; }
  Bytes section() const { return section_; }
  uint64_t offset() const { return offset_; }
  uint64_t first_die() const { return first_die_; }
  uint64_t end() const { return end_; }
  uint8_t type() const { return type_; }  ///< DW_UT_*; for versions before 5 DW_UT_compile or DW_UT_type
  const FormSizes& sizes() const { return sizes_; }
  uint64_t type_signature() const { return type_signature_; }
  uint64_t type_offset() const { return type_offset_; }

  const UnitRoot& root() const;
  std::optional<uint64_t> dwo_id() const { return header_dwo_id_ ? header_dwo_id_ : root().dwo_id; }
  const AbbreviationTable& abbreviations() const;
  const UnitOutline& outline() const;
  Die die() const { return Die(this, first_die_); }
  Die die_at(uint64_t offset) const { return Die(this, offset); }

  std::string_view text(const Attribute& attribute) const;
  std::optional<uint64_t> address(const Attribute& attribute) const;
  std::optional<uint64_t> indexed_address(uint64_t index) const;
  Die reference(const Attribute& attribute) const;
  /// Into `out`, which is cleared, without those at address 0, which a linker left behind.
  void ranges(const CodeAttributes& code, RangeBudget& budget, std::vector<AddressRange>* out) const;
  /// The ranges of DW_AT_ranges, as `ranges` gives them.
  void range_list(const Attribute& attribute, RangeBudget& budget, std::vector<AddressRange>* out) const;
  std::vector<AddressRange> root_ranges(RangeBudget& budget) const;
  std::vector<AddressRange> root_ranges() const;
  /// For going through all DIEs of the unit once, or all below one of them.
  RangeBudget range_budget() const;
  bool is_c() const;

  /// For a unit of a .dwo or .dwp file: the skeleton it belongs to.
  const Unit* skeleton() const { return skeleton_; }
  /// Before first use.
  void attach(const Unit* skeleton, const Contributions& contributions) const;
  const Contributions& contributions() const { return contributions_; }

 private:
  Unit(const DwarfFile& file, SectionId id, Bytes section) : file_(file), section_id_(id), section_(section) {}
  void read_root() const;
  void read_outline() const;
  void default_bases(UnitRoot& root) const;
  std::string_view indexed_text(uint64_t index, const UnitRoot& root, uint64_t limit) const;
  std::string_view text(const Attribute& attribute, const UnitRoot& root, uint64_t limit) const;
  std::optional<uint64_t> address(const Attribute& attribute, const UnitRoot& root) const;
  const UnitRoot& address_root(const UnitRoot& own) const;

  const DwarfFile& file_;
  SectionId section_id_;
  Bytes section_;
  uint64_t offset_ = 0, first_die_ = 0, end_ = 0;
  uint64_t abbrev_offset_ = 0;
  uint64_t type_signature_ = 0, type_offset_ = 0;
  std::optional<uint64_t> header_dwo_id_;
  FormSizes sizes_;
  uint8_t type_ = 0;

  mutable const Unit* skeleton_ = nullptr;
  mutable Contributions contributions_;
  mutable QuickOnce root_once_, abbreviations_once_, outline_once_;
  mutable UnitRoot root_;
  mutable UnitOutline outline_;
  mutable std::shared_ptr<const AbbreviationTable> abbreviations_;
};

template <class Visit>
uint64_t Die::for_each_attribute(Visit&& visit) const {
  ByteReader reader(unit_->section().first(unit_->end()), attributes_);
  Attribute attribute;
  for (const AttributeSpec& spec : unit_->abbreviations().specs(*abbreviation_)) {
    if (!read_attribute(reader, spec, unit_->sizes(), &attribute)) return 0;
    if (!visit(attribute)) break;
  }
  return reader.offset();
}

}  // namespace inquest::dwarf
