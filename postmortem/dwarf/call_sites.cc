#include "postmortem/dwarf/call_sites.h"

#include <dwarf.h>

#include <algorithm>

#include "postmortem/dwarf/die_walk.h"

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxSites = 1 << 16;  // of one function; generated code has some thousand
constexpr size_t kMaxKept = 1 << 20;

bool holds_calls(uint16_t tag) {
  return tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine || tag == DW_TAG_try_block ||
         tag == DW_TAG_catch_block;
}

}  // namespace

const std::vector<CallSites::Site>& CallSites::sites_of(const Die& function) {
  if (auto known = by_function_.find(function.key()); known != by_function_.end()) return known->second;
  if (kept_ > kMaxKept) {
    by_function_.clear();
    kept_ = 0;
  }
  std::vector<Site> sites;
  Die first = function.first_child();
  const Unit& unit = function.unit();
  DieWalk walk(unit, first ? first.offset() : unit.end());
  uint64_t ignored = 0;  // depth of a DIE whose children do not count; 0: none
  while (sites.size() < kMaxSites && walk.next()) {
    if (ignored >= walk.depth()) ignored = 0;
    uint16_t tag = walk.shape().tag;
    uint64_t depth = walk.depth();
    if (!ignored && holds_calls(tag)) {
      walk.enter();
      continue;
    }
    if (!ignored && (tag == DW_TAG_GNU_call_site || tag == DW_TAG_call_site)) {
      Die die = unit.die_at(walk.offset());
      if (auto address = die.address(tag == DW_TAG_call_site ? DW_AT_call_return_pc : DW_AT_low_pc))
        sites.push_back({*address, die.offset()});
    }
    walk.leave();
    if (!ignored && walk.depth() > depth) ignored = depth;
  }
  std::ranges::sort(sites, {}, &Site::address);
  kept_ += sites.size() + 1;
  return by_function_.emplace(function.key(), std::move(sites)).first->second;
}

Die CallSites::returning_to(const Die& function, uint64_t address) {
  const auto& sites = sites_of(function);
  auto found = std::ranges::lower_bound(sites, address, {}, &Site::address);
  return found != sites.end() && found->address == address ? function.unit().die_at(found->die) : Die();
}

}  // namespace inquest::dwarf
