#include "postmortem/dwarf/call_sites.h"

#include <dwarf.h>

#include <algorithm>

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxSites = 1 << 16;  // of one function; generated code has some thousand
constexpr size_t kMaxKept = 1 << 20;
constexpr size_t kMaxDepth = 256;  // blocks in blocks

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
  std::vector<Die> path = {function.first_child()};
  while (!path.empty() && sites.size() < kMaxSites) {
    Die die = path.back();
    if (!die) {
      path.pop_back();
      continue;
    }
    path.back() = die.next_sibling();
    bool is_old = die.tag() == DW_TAG_GNU_call_site;
    if (is_old || die.tag() == DW_TAG_call_site) {
      if (auto address = die.address(is_old ? DW_AT_low_pc : DW_AT_call_return_pc))
        sites.push_back({*address, die.offset()});
    } else if (holds_calls(die.tag()) && path.size() < kMaxDepth) {
      path.push_back(die.first_child());
    }
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
