#include "postmortem/dwarf/code_places.h"

#include <dwarf.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "postmortem/dwarf/die_walk.h"
#include "postmortem/dwarf/line_table.h"

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxPlaces = 100'000;

bool is_path(const std::string& path, std::string_view source) {
  if (!std::string_view(path).ends_with(source) || source.empty()) return false;
  return path.size() == source.size() || source.front() == '/' || path[path.size() - source.size() - 1] == '/';
}

/// Which numbers of files mean the source, in a table whose program has not run.
std::vector<bool> files_named(const LineTable& table, std::string_view source, bool* any) {
  std::vector<bool> named;
  for (uint64_t file = 0; file < table.file_limit(); ++file) {
    named.push_back(is_path(table.path(file), source));
    *any |= named.back();
  }
  return named;
}

void add_places(LineTable& table, const std::vector<bool>& named, uint32_t line, LinePlaces* places) {
  bool inside = false;
  table.for_each_statement([&](uint64_t address, uint32_t file, uint32_t at) {
    bool is_source = file < named.size() && named[file] && address != 0;
    bool begins = is_source && at == line && !inside;
    inside = is_source && at == line;
    if (is_source) places->knows_file = true;
    if (is_source && at > line && (places->next_line == 0 || at < places->next_line)) places->next_line = at;
    if (begins && places->addresses.size() < kMaxPlaces) places->addresses.push_back(address);
  });
}

/// The name without scopes and template arguments, which is how DIEs spell it.
std::string_view last_name(std::string_view function) {
  std::string_view name = function.substr(0, function.find('<'));
  size_t colons = name.rfind("::");
  return colons == std::string_view::npos ? name : name.substr(colons + 2);
}

class InlinedCalls {
 public:
  InlinedCalls(FunctionNames& names, std::string_view function)
      : names_(names), function_(function), last_(last_name(function)) {}

  void add(const Unit& unit) {
    const UnitRoot& root = unit.root();
    if (root.tag != DW_TAG_compile_unit || unit.section_id() != SectionId::kInfo) return;
    RangeBudget budget = unit.range_budget();
    DieWalk walk(unit, unit.first_die());
    while (walk.next() && found_.size() < kMaxPlaces) {
      if (walk.shape().tag == DW_TAG_inlined_subroutine) take(unit.die_at(walk.offset()), budget);
      walk.enter();
    }
  }
  std::vector<InlinedCall> take_found() { return std::move(found_); }

 private:
  void take(const Die& call, RangeBudget& budget) {
    Die origin = call.reference(DW_AT_abstract_origin);
    if (!origin || !is_wanted(origin)) return;
    budget.begin_list();
    auto ranges = call.ranges(budget);
    if (ranges.empty()) return;
    uint64_t lowest = std::ranges::min(ranges, {}, &AddressRange::low).low;
    // DW_AT_entry_pc may lie behind the start; of a call in pieces the first instruction that runs is there.
    uint64_t entry = call.address(DW_AT_entry_pc).value_or(lowest);
    bool inside = std::ranges::any_of(
        ranges, [&](const AddressRange& range) { return entry - range.low < range.high - range.low; });
    found_.push_back({inside ? entry : lowest, std::string(names_.of(origin).function)});
  }

  bool is_wanted(const Die& origin) {
    auto [known, is_new] = wanted_.try_emplace(origin.key(), false);
    if (!is_new) return known->second;
    auto name = origin.inherited(DW_AT_name);
    bool may_be = name && (name->second.unit().text(name->first).starts_with(last_) || last_.empty());
    auto linkage = origin.inherited(DW_AT_linkage_name);
    bool is_linkage = linkage && linkage->second.unit().text(linkage->first) == function_;
    known->second = is_linkage || (may_be && names_.of(origin).function == function_);
    return known->second;
  }

  FunctionNames& names_;
  std::string_view function_, last_;
  std::unordered_map<const std::byte*, bool> wanted_;  ///< by DIE of the function
  std::vector<InlinedCall> found_;
};

}  // namespace

LinePlaces places_of_line(const DwarfFile& file, std::string_view source, uint32_t line) {
  LinePlaces places;
  for (const auto& unit : file.units()) {
    if (unit->section_id() != SectionId::kInfo || LineTable::size_of(*unit) == 0) continue;
    LineTable table(*unit);
    bool any = false;
    std::vector<bool> named = files_named(table, source, &any);
    if (any) add_places(table, named, line, &places);
  }
  std::ranges::sort(places.addresses);
  auto repeated = std::ranges::unique(places.addresses);
  places.addresses.erase(repeated.begin(), repeated.end());
  return places;
}

std::vector<InlinedCall> inlined_calls(const DwarfFile& file, FunctionNames& names, std::string_view function) {
  InlinedCalls calls(names, function);
  for (const auto& unit : file.units()) calls.add(*unit);
  std::vector<InlinedCall> found = calls.take_found();
  std::ranges::sort(found, {}, &InlinedCall::address);
  auto repeated = std::ranges::unique(found, {}, &InlinedCall::address);
  found.erase(repeated.begin(), repeated.end());
  return found;
}

}  // namespace inquest::dwarf
