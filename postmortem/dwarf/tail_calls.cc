#include "postmortem/dwarf/tail_calls.h"

#include <dwarf.h>

namespace inquest::dwarf {
namespace {

// Real functions have some dozen; the limit only keeps a hostile file from growing the list without end.
constexpr size_t kMaxSites = 4096;

bool lists_all(const Die& function) {
  bool all = false;
  function.for_each_attribute([&](const Attribute& attribute) {
    switch (attribute.name) {
      case DW_AT_call_all_calls:
      case DW_AT_call_all_tail_calls:
      case DW_AT_GNU_all_call_sites:
      case DW_AT_GNU_all_tail_call_sites: all |= attribute.value != 0; break;
      default: break;
    }
    return !all;
  });
  return all;
}

// Functions and types in a function have calls of their own.
bool is_apart(uint16_t tag) {
  switch (tag) {
    case DW_TAG_subprogram:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type: return true;
    default: return false;
  }
}

// Reads the site at `die` and gives the offset behind its attributes, 0 when it is damaged.
uint64_t read_site(const Die& die, std::vector<TailCallSite>& sites) {
  TailCallSite site;
  const Unit& unit = die.unit();
  uint64_t return_pc = 0;
  bool is_tail = false;
  uint64_t end = die.for_each_attribute([&](const Attribute& attribute) {
    switch (attribute.name) {
      case DW_AT_low_pc:
      case DW_AT_call_return_pc: return_pc = unit.address(attribute).value_or(0); break;
      case DW_AT_call_pc: site.pc = unit.address(attribute).value_or(0); break;
      case DW_AT_abstract_origin:
      case DW_AT_call_origin: site.origin = unit.reference(attribute); break;
      case DW_AT_GNU_tail_call:
      case DW_AT_call_tail_call: is_tail = attribute.value != 0; break;
      default: break;
    }
    return true;
  });
  site.is_return_pc = return_pc != 0;
  if (site.is_return_pc) site.pc = return_pc;
  if (end != 0 && is_tail && site.pc != 0) sites.push_back(site);
  return end;
}

}  // namespace

std::vector<TailCallSite> tail_call_sites(const Die& function) {
  std::vector<TailCallSite> sites;
  if (!lists_all(function)) return sites;
  Die first = function.first_child();
  const Unit& unit = function.unit();
  ByteReader reader(unit.section().first(unit.end()), first ? first.offset() : unit.end());
  uint64_t apart = 0;  // depth of the DIE whose children do not count; 0: none
  for (uint64_t depth = 1; depth > 0 && !reader.at_end() && sites.size() < kMaxSites;) {
    if (*reader.position() == std::byte{0}) {
      reader.skip(1);
      if (--depth == apart) apart = 0;
      continue;
    }
    Die die = unit.die_at(reader.offset());
    if (!die) break;
    bool is_site = die.tag() == DW_TAG_call_site || die.tag() == DW_TAG_GNU_call_site;
    uint64_t next =
        is_site && !apart ? read_site(die, sites) : die.for_each_attribute([](const Attribute&) { return true; });
    if (next == 0) break;
    reader.seek(next);
    if (!die.has_children()) continue;
    if (!apart && is_apart(die.tag())) apart = depth;
    ++depth;
  }
  return sites;
}

uint64_t entry_of(const Die& function) {
  auto first = function.first_range();
  return first ? function.address(DW_AT_low_pc).value_or(first->low) : 0;
}

}  // namespace inquest::dwarf
