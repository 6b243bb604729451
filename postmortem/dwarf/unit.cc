#include "postmortem/dwarf/unit.h"

#include <dwarf.h>

#include <algorithm>

#include "postmortem/dwarf/die_walk.h"
#include "postmortem/dwarf/dwarf_file.h"
#include "postmortem/dwarf/range_lists.h"

namespace inquest::dwarf {
namespace {

// What of the DIE of a unit is a path or a producer with all its flags. Every unit may refer to one string.
constexpr uint64_t kMaxRootText = 16 * 1024;
constexpr uint64_t kMaxRanges = 1 << 20;  // of one DIE; a unit of LTO has some 100,000
constexpr int kMaxOrigins = 32;           // origin of an origin ...: three occur; a cycle must end

bool is_address_index(uint16_t form) {
  return form == DW_FORM_addrx || form == DW_FORM_GNU_addr_index || (form >= DW_FORM_addrx1 && form <= DW_FORM_addrx4);
}

bool is_text_index(uint16_t form) {
  return form == DW_FORM_strx || form == DW_FORM_GNU_str_index || (form >= DW_FORM_strx1 && form <= DW_FORM_strx4);
}

bool is_address(uint16_t form) { return form == DW_FORM_addr || is_address_index(form); }

// The half of split DWARF 5 in .debug_X.dwo has no base attributes: lists begin behind the header of their table.
uint64_t table_header(const FormSizes& sizes) { return sizes.offset == 8 ? 20 : 12; }
uint64_t str_offsets_header(const FormSizes& sizes) { return sizes.offset == 8 ? 16 : 8; }

// Ranges of functions that the linker removed: relocated to 0 by GNU ld, to -1 or -2 by lld.
bool is_tombstone(uint64_t low) { return low == 0 || low >= UINT64_MAX - 1; }

}  // namespace

void CodeAttributes::take(const Attribute& attribute) {
  switch (attribute.name) {
    case DW_AT_low_pc: low = attribute; break;
    case DW_AT_high_pc: high = attribute; break;
    case DW_AT_ranges: list = attribute; break;
    default: break;
  }
}

Die::Die(const Unit* unit, uint64_t offset) : unit_(unit), offset_(offset) {
  if (offset < unit->first_die() || offset >= unit->end()) return;
  ByteReader reader(unit->section().first(unit->end()), offset);
  uint64_t code = reader.uleb();
  if (!reader.ok() || code == 0) return;
  abbreviation_ = unit->abbreviations().find(code);
  attributes_ = reader.offset();
}

const std::byte* Die::key() const { return unit_->section().data() + offset_; }

std::optional<Attribute> Die::attribute(uint16_t name) const {
  std::optional<Attribute> found;
  for_each_attribute([&](const Attribute& attribute) {
    if (attribute.name == name) found = attribute;
    return !found;
  });
  return found;
}

std::string_view Die::text(uint16_t name) const {
  auto found = attribute(name);
  return found ? unit_->text(*found) : std::string_view();
}

std::optional<uint64_t> Die::number(uint16_t name) const {
  auto found = attribute(name);
  if (!found || found->data) return std::nullopt;
  return found->value;
}

std::optional<uint64_t> Die::address(uint16_t name) const {
  auto found = attribute(name);
  return found ? unit_->address(*found) : std::nullopt;
}

bool Die::flag(uint16_t name) const { return number(name).value_or(0) != 0; }

Die Die::reference(uint16_t name) const {
  auto found = attribute(name);
  return found ? unit_->reference(*found) : Die();
}

std::optional<std::pair<Attribute, Die>> Die::inherited(uint16_t name) const {
  Die die = *this;
  for (int i = 0; i < kMaxOrigins && die; ++i) {
    std::optional<Attribute> found, next;
    die.for_each_attribute([&](const Attribute& attribute) {
      if (attribute.name == name) found = attribute;
      // Concrete functions have an origin whose specification is the declaration in the class; never both at once.
      if (attribute.name == DW_AT_abstract_origin || attribute.name == DW_AT_specification ||
          (attribute.name == DW_AT_signature && !next))
        next = attribute;
      return !found;
    });
    if (found) return std::pair(*found, die);
    if (!next) break;
    die = die.unit().reference(*next);
  }
  return std::nullopt;
}

std::vector<AddressRange> Die::ranges() const {
  RangeBudget budget{kMaxRanges};
  return ranges(budget);
}

std::vector<AddressRange> Die::ranges(RangeBudget& budget) const {
  CodeAttributes code;
  for_each_attribute([&](const Attribute& attribute) { return code.take(attribute), true; });
  std::vector<AddressRange> ranges;
  unit_->ranges(code, budget, &ranges);
  return ranges;
}

std::optional<AddressRange> Die::first_range() const {
  constexpr uint64_t kFirstFew = 64;  // some may be of code that the linker left out
  RangeBudget budget{kFirstFew, true};
  auto found = ranges(budget);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

uint64_t Die::attributes_end() const {
  if (abbreviation_->fixed_size != Abbreviation::kVariable) return attributes_ + abbreviation_->fixed_size;
  ByteReader reader(unit_->section().first(unit_->end()), attributes_);
  return skip_attributes(reader, unit_->abbreviations().specs(*abbreviation_), unit_->sizes()) ? reader.offset() : 0;
}

Die Die::first_child() const {
  if (!has_children()) return {};
  uint64_t end = attributes_end();
  return end ? Die(unit_, end) : Die();
}

Die Die::next_sibling() const {
  if (abbreviation_->has_sibling && abbreviation_->has_children) {
    auto sibling = attribute(DW_AT_sibling);
    uint64_t target = sibling ? sibling->value + unit_->offset() : 0;
    if (sibling && sibling->form != DW_FORM_ref_addr && target > offset_) return Die(unit_, target);
  }
  Die die = *this;
  for (uint64_t depth = 0;;) {
    uint64_t next = die.attributes_end();
    if (next == 0) return {};
    if (die.has_children()) ++depth;
    ByteReader reader(unit_->section().first(unit_->end()), next);
    while (depth > 0 && !reader.at_end() && *reader.position() == std::byte{0}) {
      reader.skip(1);
      --depth;
    }
    die = Die(unit_, reader.offset());
    if (depth == 0 || !die) return die;
  }
}

std::unique_ptr<Unit> Unit::parse(const DwarfFile& file, SectionId id, Bytes section, uint64_t offset, uint64_t* next) {
  std::unique_ptr<Unit> unit(new Unit(file, id, section));
  ByteReader reader(section, offset);
  FormSizes& sizes = unit->sizes_;
  uint64_t length = reader.initial_length(&sizes.offset);
  unit->offset_ = offset;
  unit->end_ = reader.offset() + length;
  *next = reader.ok() && length > 0 ? unit->end_ : 0;
  uint16_t version = reader.u16();
  if (version < 2 || version > 5) return nullptr;
  sizes.version = static_cast<uint8_t>(version);
  if (version >= 5) {
    unit->type_ = reader.u8();
    sizes.address = reader.u8();
    unit->abbrev_offset_ = reader.sized(sizes.offset);
  } else {
    unit->type_ = id == SectionId::kTypes ? DW_UT_type : DW_UT_compile;
    unit->abbrev_offset_ = reader.sized(sizes.offset);
    sizes.address = reader.u8();
  }
  if (unit->type_ == DW_UT_type || unit->type_ == DW_UT_split_type) {
    unit->type_signature_ = reader.u64();
    unit->type_offset_ = reader.sized(sizes.offset);
  } else if (unit->type_ == DW_UT_skeleton || unit->type_ == DW_UT_split_compile) {
    unit->header_dwo_id_ = reader.u64();
  }
  unit->first_die_ = reader.offset();
  if (!reader.ok() || (sizes.address != 4 && sizes.address != 8) || unit->first_die_ >= unit->end_) return nullptr;
  return unit;
}

void Unit::attach(const Unit* skeleton, const Contributions& contributions) const {
  skeleton_ = skeleton;
  contributions_ = contributions;
}

const AbbreviationTable& Unit::abbreviations() const {
  abbreviations_once_.run(
      [this] { abbreviations_ = file_.abbreviations(contributions_.abbrev + abbrev_offset_, sizes_); });
  return *abbreviations_;
}

const UnitRoot& Unit::root() const {
  root_once_.run([this] { read_root(); });
  return root_;
}

const UnitOutline& Unit::outline() const {
  outline_once_.run([this] { read_outline(); });
  return outline_;
}

void Unit::read_outline() const {
  Die root = die();
  Die child = root ? root.first_child() : Die();
  if (!child) return;
  bool open = false;               // the last of `parents` has no end so far
  thread_local UnitOutline found;  // grown once for all units, copied as small as it is
  found.parents.clear();
  found.functions.clear();
  DieWalk walk(*this, child.offset());
  while (walk.next()) {
    const Abbreviation& shape = walk.shape();
    if (walk.depth() == 1) {
      if (open) found.parents.back().end = walk.offset();
      open = shape.has_children;
      if (open) found.parents.push_back({walk.offset(), UINT64_MAX});
    }
    if (shape.tag == DW_TAG_subprogram && shape.has_code) found.functions.push_back(walk.offset());
    if (walk.leave()) outline_.whole = false;
  }
  outline_.parents = found.parents;
  outline_.functions = found.functions;
}

void Unit::default_bases(UnitRoot& root) const {
  if (file_.sections().flavour() != DebugSections::Flavour::kSplit) return;
  bool five = sizes_.version >= 5;
  root.str_offsets_base = contributions_.str_offsets + (five ? str_offsets_header(sizes_) : 0);
  root.rnglists_base = contributions_.rnglists + table_header(sizes_);
  root.loclists_base = contributions_.loclists + table_header(sizes_);
}

// The bases may stand behind the attributes that need them, so those are decoded last.
void Unit::read_root() const {
  UnitRoot root;
  default_bases(root);
  Bytes whole = section_.first(end_);
  ByteReader reader(whole, first_die_);
  uint64_t code = reader.uleb();
  if (!reader.ok() || code == 0) return;
  auto table = file_.abbreviations_until(contributions_.abbrev + abbrev_offset_, sizes_, code);
  const Abbreviation* shape = table->find(code);
  if (!shape) return;
  std::vector<Attribute> attributes;
  for (const AttributeSpec& spec : table->specs(*shape)) {
    Attribute attribute;
    if (!read_attribute(reader, spec, sizes_, &attribute)) break;
    attributes.push_back(attribute);
  }
  root.tag = shape->tag;
  root.die_end = reader.ok() ? reader.offset() : 0;
  for (const Attribute& attribute : attributes) {
    switch (attribute.name) {
      case DW_AT_language: root.language = static_cast<uint16_t>(attribute.value); break;
      case DW_AT_stmt_list: root.line_table = attribute.value; break;
      case DW_AT_str_offsets_base: root.str_offsets_base = attribute.value; break;
      case DW_AT_addr_base:
      case DW_AT_GNU_addr_base: root.addr_base = attribute.value; break;
      case DW_AT_rnglists_base: root.rnglists_base = attribute.value; break;
      case DW_AT_loclists_base: root.loclists_base = attribute.value; break;
      case DW_AT_GNU_ranges_base: root.gnu_ranges_base = attribute.value; break;
      case DW_AT_GNU_dwo_id: root.dwo_id = attribute.value; break;
      case DW_AT_ranges: root.ranges = attribute; break;
      default: break;
    }
  }
  for (const Attribute& attribute : attributes) {
    switch (attribute.name) {
      case DW_AT_name: root.name = text(attribute, root, kMaxRootText); break;
      case DW_AT_comp_dir: root.comp_dir = text(attribute, root, kMaxRootText); break;
      case DW_AT_producer: root.producer = text(attribute, root, kMaxRootText); break;
      case DW_AT_dwo_name:
      case DW_AT_GNU_dwo_name: root.dwo_name = text(attribute, root, kMaxRootText); break;
      case DW_AT_low_pc: root.low_pc = address(attribute, root); break;
      case DW_AT_high_pc:
        root.high_pc = is_address(attribute.form) ? address(attribute, root) : attribute.value;
        if (root.high_pc && !is_address(attribute.form)) *root.high_pc += root.low_pc.value_or(0);
        break;
      default: break;
    }
  }
  root_ = root;
}

std::string_view Unit::text(const Attribute& attribute) const { return text(attribute, root(), kMaxString); }

std::string_view Unit::text(const Attribute& attribute, const UnitRoot& root, uint64_t limit) const {
  const DebugSections& sections = file_.sections();
  switch (attribute.form) {
    case DW_FORM_string:
      return {reinterpret_cast<const char*>(attribute.data),
              static_cast<size_t>(std::min<uint64_t>(attribute.value, limit))};
    case DW_FORM_strp: return string_at(sections.get(SectionId::kStr), attribute.value, limit);
    case DW_FORM_line_strp: return string_at(sections.get(SectionId::kLineStr), attribute.value, limit);
    case DW_FORM_GNU_strp_alt:
    case DW_FORM_strp_sup:
      return file_.alternate() ? string_at(file_.alternate()->sections().get(SectionId::kStr), attribute.value, limit)
                               : std::string_view();
    default: return is_text_index(attribute.form) ? indexed_text(attribute.value, root, limit) : std::string_view();
  }
}

std::string_view Unit::indexed_text(uint64_t index, const UnitRoot& root, uint64_t limit) const {
  Bytes offsets = file_.sections().get(SectionId::kStrOffsets);
  if (index > offsets.size()) return {};
  ByteReader reader(offsets, std::min<uint64_t>(root.str_offsets_base, offsets.size()) + index * sizes_.offset);
  uint64_t offset = reader.sized(sizes_.offset);
  return reader.ok() ? string_at(file_.sections().get(SectionId::kStr), offset, limit) : std::string_view();
}

std::optional<uint64_t> Unit::address(const Attribute& attribute) const { return address(attribute, root()); }

const UnitRoot& Unit::address_root(const UnitRoot& own) const { return skeleton_ ? skeleton_->root() : own; }

std::optional<uint64_t> Unit::address(const Attribute& attribute, const UnitRoot& root) const {
  if (attribute.form == DW_FORM_addr) return attribute.value;
  if (!is_address_index(attribute.form)) return std::nullopt;
  const DwarfFile& file = skeleton_ ? skeleton_->file() : file_;
  Bytes table = file.sections().get(SectionId::kAddr);
  uint64_t base = address_root(root).addr_base;
  if (attribute.value > table.size() || base > table.size()) return std::nullopt;
  ByteReader reader(table, base + attribute.value * sizes_.address);
  uint64_t value = reader.sized(sizes_.address);
  return reader.ok() ? std::optional(value) : std::nullopt;
}

std::optional<uint64_t> Unit::indexed_address(uint64_t index) const {
  Attribute attribute;
  attribute.form = DW_FORM_addrx;
  attribute.value = index;
  return address(attribute);
}

Die Unit::reference(const Attribute& attribute) const {
  const Unit* unit = this;
  uint64_t offset = attribute.value;
  switch (attribute.form) {
    case DW_FORM_ref1:
    case DW_FORM_ref2:
    case DW_FORM_ref4:
    case DW_FORM_ref8:
    case DW_FORM_ref_udata:
      if (offset > end_) return {};
      offset += offset_;
      break;
    case DW_FORM_ref_addr: unit = file_.unit_at(offset); break;
    case DW_FORM_GNU_ref_alt:
    case DW_FORM_ref_sup4:
    case DW_FORM_ref_sup8: unit = file_.alternate() ? file_.alternate()->unit_at(offset) : nullptr; break;
    case DW_FORM_ref_sig8:
      unit = file_.type_unit(offset);
      if (!unit) return {};
      offset = unit->offset_ + unit->type_offset_;
      break;
    default: return {};
  }
  return unit ? Die(unit, offset) : Die();
}

void Unit::range_list(const Attribute& attribute, RangeBudget& budget, std::vector<AddressRange>* out) const {
  read_range_list(*this, attribute, budget, out);
  if (budget.exhausted && !budget.is_sample) file_.add_damage("its range lists overlap, some are not read");
  std::erase_if(*out, [](const AddressRange& range) { return range.high <= range.low || is_tombstone(range.low); });
}

void Unit::ranges(const CodeAttributes& code, RangeBudget& budget, std::vector<AddressRange>* out) const {
  out->clear();
  if (code.list) return range_list(*code.list, budget, out);
  if (!code.low || !code.high) return;
  auto begin = address(*code.low);
  // DW_AT_high_pc is an address, or from DWARF 4 on a constant: the size.
  auto end = is_address(code.high->form) ? address(*code.high) : begin.value_or(0) + code.high->value;
  if (begin && end && *end > *begin && !is_tombstone(*begin)) out->push_back({*begin, *end});
}

// Of the DIEs of real units, each of ten bytes and more, few have lists, of mostly two to ten entries, and few share
// one. An entry of .debug_ranges has 8 bytes or 16, of .debug_rnglists mostly 3 or more.
RangeBudget Unit::range_budget() const {
  constexpr uint64_t kPerByte = 16, kSmall = 1024;
  const Unit& home = skeleton_ ? *skeleton_ : *this;
  uint64_t entries =
      home.file_.sections().get(SectionId::kRanges).size() / 4 + file_.sections().get(SectionId::kRnglists).size();
  return {std::min((end_ - offset_) * kPerByte, entries) + kSmall};
}

std::vector<AddressRange> Unit::root_ranges() const {
  RangeBudget budget{kMaxRanges};
  return root_ranges(budget);
}

std::vector<AddressRange> Unit::root_ranges(RangeBudget& budget) const {
  const UnitRoot& unit = root();
  if (unit.ranges) {
    std::vector<AddressRange> ranges;
    range_list(*unit.ranges, budget, &ranges);
    return ranges;
  }
  if (unit.low_pc && unit.high_pc && *unit.high_pc > *unit.low_pc && !is_tombstone(*unit.low_pc))
    return {{*unit.low_pc, *unit.high_pc}};
  return {};
}

bool Unit::is_c() const {
  switch (root().language) {
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case DW_LANG_Mips_Assembler: return true;
    default: return false;
  }
}

}  // namespace inquest::dwarf
