#include "postmortem/dwarf/dwarf_file.h"

#include <dwarf.h>

#include <algorithm>

namespace inquest::dwarf {
namespace {

// Chromium has 60,000 units, with type units some millions; a hostile section could claim one per 11 bytes.
constexpr size_t kMaxUnits = 8 << 20;

}  // namespace

DwarfFile::DwarfFile(std::shared_ptr<const elf::ElfImage> image, DebugSections::Flavour flavour,
                     std::shared_ptr<const DwarfFile> alternate)
    : sections_(std::move(image), flavour), alternate_(std::move(alternate)) {}

const std::vector<std::unique_ptr<Unit>>& DwarfFile::units() const {
  units_once_.run([this] { scan(); });
  return units_;
}

void DwarfFile::scan() const {
  sections_.prefetch({SectionId::kInfo, SectionId::kAbbrev, SectionId::kStr});
  scan_section(SectionId::kInfo);
  scan_section(SectionId::kTypes);
}

void DwarfFile::scan_section(SectionId id) const {
  bool first = id == SectionId::kInfo;
  for (Bytes section : sections_.pieces(id)) {
    for (uint64_t offset = 0, next = 0; offset < section.size(); offset = next) {
      auto unit = Unit::parse(*this, id, section, offset, &next);
      if (unit && units_.size() < kMaxUnits) units_.push_back(std::move(unit));
      if (next <= offset) {
        // Padding of zeros is met at the end of sections of some linkers.
        ByteReader rest(section, offset);
        while (!rest.at_end() && *rest.position() == std::byte{0}) rest.skip(1);
        if (!rest.at_end()) {
          std::lock_guard lock(mutex_);
          damage_.push_back("a unit header of .debug_info is damaged");
        }
        break;
      }
    }
    if (first) info_units_ = units_.size();
    first = false;
  }
}

const Unit* DwarfFile::unit_at(uint64_t offset) const {
  units();
  auto begin = units_.begin(), end = begin + static_cast<ptrdiff_t>(info_units_);
  auto after = std::upper_bound(begin, end, offset, [](uint64_t at, auto& unit) { return at < unit->offset(); });
  if (after == begin) return nullptr;
  const Unit* unit = std::prev(after)->get();
  return offset < unit->end() ? unit : nullptr;
}

const Unit* DwarfFile::type_unit(uint64_t signature) const {
  signatures_once_.run([this] {
    for (auto& unit : units())
      if (unit->type() == DW_UT_type || unit->type() == DW_UT_split_type)
        signatures_.emplace(unit->type_signature(), unit.get());
  });
  auto found = signatures_.find(signature);
  return found == signatures_.end() ? nullptr : found->second;
}

std::shared_ptr<const AbbreviationTable> DwarfFile::abbreviations(uint64_t offset, const FormSizes& sizes) const {
  auto key = std::tuple(offset, sizes);
  {
    std::lock_guard lock(mutex_);
    if (auto found = tables_.find(key); found != tables_.end()) return found->second;
  }
  auto table = std::make_shared<const AbbreviationTable>(
      AbbreviationTable::parse(sections_.get(SectionId::kAbbrev), offset, sizes));
  std::lock_guard lock(mutex_);
  return tables_.emplace(key, std::move(table)).first->second;
}

std::vector<std::string> DwarfFile::damage() const {
  std::vector<std::string> all = sections_.damage();
  std::lock_guard lock(mutex_);
  all.insert(all.end(), damage_.begin(), damage_.end());
  return all;
}

}  // namespace inquest::dwarf
