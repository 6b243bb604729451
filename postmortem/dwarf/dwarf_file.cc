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

// .debug_info is as large as all the others together.
void DwarfFile::prepare(bool arguments) const {
  prepared_once_.run([&] {
    sections_.unpack_ahead({SectionId::kInfo});
    sections_.unpack_ahead({SectionId::kAranges, SectionId::kAbbrev, SectionId::kRanges, SectionId::kRnglists,
                            SectionId::kLine, SectionId::kLineStr, SectionId::kStr});
  });
  if (arguments) arguments_once_.run([&] { sections_.unpack_ahead({SectionId::kLoc, SectionId::kLoclists}); });
}

void DwarfFile::scan() const {
  prepare(false);
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
          add_damage("a unit header of .debug_info is damaged");
        }
        break;
      }
    }
    if (first) info_units_ = units_.size();
    first = false;
  }
}

std::optional<size_t> DwarfFile::index_at(uint64_t offset) const {
  units();
  auto begin = units_.begin(), end = begin + static_cast<ptrdiff_t>(info_units_);
  auto after = std::upper_bound(begin, end, offset, [](uint64_t at, auto& unit) { return at < unit->offset(); });
  if (after == begin || offset >= (*std::prev(after))->end()) return std::nullopt;
  return static_cast<size_t>(after - begin) - 1;
}

const Unit* DwarfFile::unit_at(uint64_t offset) const {
  auto index = index_at(offset);
  return index ? units_[*index].get() : nullptr;
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

// Tables of different units may be one table, but they do not overlap: each byte is read twice at the most, for one or
// two versions of DWARF. In a hostile file each unit may begin at another byte of one table.
std::shared_ptr<const AbbreviationTable> DwarfFile::parse_abbreviations(uint64_t offset, const FormSizes& sizes,
                                                                        uint64_t code) const {
  constexpr uint64_t kTimesRead = 8, kSmall = 1 << 16, kAlways = 4096;
  Bytes section = sections_.get(SectionId::kAbbrev);
  if (table_bytes_ > section.size() * kTimesRead + kSmall) {
    add_damage("its abbreviation tables overlap, some are not read whole");
    section = elf::slice(section, 0, offset + std::min(kAlways, UINT64_MAX - offset));
  }
  auto table = std::make_shared<const AbbreviationTable>(AbbreviationTable::parse_until(section, offset, sizes, code));
  table_bytes_ += table->bytes_read();
  return table;
}

std::shared_ptr<const AbbreviationTable> DwarfFile::abbreviations(uint64_t offset, const FormSizes& sizes) const {
  auto key = std::tuple(offset, sizes);
  {
    std::lock_guard lock(mutex_);
    if (auto found = tables_.find(key); found != tables_.end() && found->second) return found->second;
  }
  auto table = parse_abbreviations(offset, sizes, 0);
  std::lock_guard lock(mutex_);
  auto& known = tables_[key];
  if (!known) known = std::move(table);
  return known;
}

std::shared_ptr<const AbbreviationTable> DwarfFile::abbreviations_until(uint64_t offset, const FormSizes& sizes,
                                                                        uint64_t code) const {
  {
    std::lock_guard lock(mutex_);
    auto [entry, is_new] = tables_.try_emplace({offset, sizes});
    if (entry->second) return entry->second;
    if (!is_new) code = 0;
  }
  return code ? parse_abbreviations(offset, sizes, code) : abbreviations(offset, sizes);
}

void DwarfFile::add_damage(std::string_view phrase) const {
  std::lock_guard lock(mutex_);
  if (std::ranges::find(damage_, phrase) == damage_.end()) damage_.emplace_back(phrase);
}

std::vector<std::string> DwarfFile::damage() const {
  std::vector<std::string> all = sections_.damage();
  std::lock_guard lock(mutex_);
  all.insert(all.end(), damage_.begin(), damage_.end());
  return all;
}

}  // namespace inquest::dwarf
