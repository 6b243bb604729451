#include "postmortem/dwarf/split_units.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace inquest::dwarf {
namespace {

using elf::ElfImage;
using elf::MappedFile;

constexpr uint32_t kMaxPackageUnits = 1'000'000;
constexpr uint32_t kMaxColumns = 16;                                   // DW_SECT_* has 8 values
constexpr size_t kMaxAttempts = 500;                                   // shown; the rest is counted
constexpr uint32_t kInfo = 1, kAbbreviations = 3, kStringOffsets = 6;  // DW_SECT_* (the same in version 2)

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }
std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class SplitSearch {
 public:
  SplitSearch(const DebugFiles& files, std::string path, const DebugFileFinder& finder)
      : files_(files), path_(std::move(path)), finder_(finder) {}

  SplitUnits run(const std::vector<UnitSummary>& units) {
    open_package();
    std::set<std::pair<std::string, uint64_t>> seen;
    for (const UnitSummary& unit : units) {
      if (!unit.skeleton || !seen.emplace(unit.folder + "/" + unit.dwo_name, unit.dwo_id.value_or(0)).second) continue;
      ++result_.wanted;
      if (in_package(unit) || in_file(unit)) continue;
      if (result_.missing++ == 0) result_.first_missing = full_name(unit);
    }
    if (hidden_ > 0) result_.attempts.push_back({fmt::format("({} further paths)", hidden_), "not listed"});
    return std::move(result_);
  }

 private:
  void attempt(std::string path, std::string outcome) {
    if (result_.attempts.size() < kMaxAttempts) {
      result_.attempts.push_back({std::move(path), std::move(outcome)});
    } else {
      ++hidden_;
    }
  }

  static std::string full_name(const UnitSummary& unit) {
    return unit.dwo_name.starts_with('/') ? unit.dwo_name : unit.folder + "/" + unit.dwo_name;
  }

  std::shared_ptr<const ElfImage> open(const std::string& path) {
    int failure = 0;
    auto file = MappedFile::open(path, &failure);
    if (!file) {
      attempt(path, open_failure(failure));
      return nullptr;
    }
    auto image = ElfImage::from_file(std::move(file));
    if (!image) attempt(path, "not an x86-64 ELF file");
    return image;
  }

  void open_package() {
    std::vector<std::string> candidates;
    auto add = [&candidates](std::string name) {
      if (std::ranges::count(candidates, name) == 0) candidates.push_back(std::move(name));
    };
    if (files_.image && files_.image->file()) add(files_.image->file()->path() + ".dwp");
    if (files_.debug->file()) {
      std::string name = files_.debug->file()->path();
      add(name + ".dwp");
      if (name.ends_with(".debug")) add(name.substr(0, name.size() - 6) + ".dwp");
    }
    for (const std::string& folder : finder_.options().debug_dirs) {
      add(folder + path_ + ".dwp");
      add(folder + "/" + base_name(path_) + ".dwp");
    }
    for (const std::string& candidate : candidates) {
      auto image = open(candidate);
      if (!image) continue;
      SectionPrefix index = debug_section(*image, "debug_cu_index");
      rows_ = parse_package_index(index.up_to(index.size()));
      if (rows_.empty()) {
        attempt(candidate, "has no index of units (.debug_cu_index)");
        continue;
      }
      package_ = std::move(image);
      reader_.emplace(*package_, nullptr, true);
      package_path_ = candidate;
      package_attempt_ = result_.attempts.size();
      attempt(candidate, "has none of the units wanted");
      return;
    }
  }

  bool in_package(const UnitSummary& unit) {
    if (!package_ || !unit.dwo_id) return false;
    auto row = rows_.find(*unit.dwo_id);
    if (row == rows_.end()) return false;
    if (auto found = reader_->unit_at(row->second.info, row->second.bases)) result_.units.push_back(std::move(*found));
    if (result_.package.empty() && package_attempt_ < result_.attempts.size())
      result_.attempts[package_attempt_].outcome = "taken";
    result_.package = package_path_;
    return true;
  }

  bool in_file(const UnitSummary& unit) {
    std::vector<std::string> candidates;
    auto add = [&candidates](std::string name) {
      if (std::ranges::count(candidates, name) == 0) candidates.push_back(std::move(name));
    };
    std::string full = full_name(unit);
    if (const std::string& sysroot = finder_.options().sysroot; !sysroot.empty()) add(sysroot + full);
    add(full);
    std::vector<std::string> folders;
    if (files_.image && files_.image->file()) folders.push_back(folder_of(files_.image->file()->path()));
    for (const std::string& folder : finder_.options().debug_dirs) folders.push_back(folder + "/");
    for (const std::string& folder : folders) {
      if (!unit.dwo_name.starts_with('/')) add(folder + unit.dwo_name);
      add(folder + base_name(unit.dwo_name));
    }
    for (const std::string& candidate : candidates) {
      auto image = open(candidate);
      if (image && take(candidate, *image, unit)) return true;
    }
    return false;
  }

  /// Of a .dwo file, with the places of its units by dwo_id. Several skeletons may name one file.
  struct Contents {
    UnitSurvey survey;
    std::map<std::optional<uint64_t>, size_t> by_id;
  };
  static Contents survey_of(const ElfImage& image) {
    Contents contents{UnitReader(image, nullptr, true).survey(), {}};
    const auto& units = contents.survey.units;
    for (size_t i = 0; i < units.size(); ++i) contents.by_id.emplace(units[i].dwo_id, i);
    return contents;
  }

  bool take(const std::string& path, const ElfImage& image, const UnitSummary& wanted) {
    auto [known, is_new] = surveys_.try_emplace(path);
    const auto& [survey, by_id] = known->second;
    if (is_new) known->second = survey_of(image);
    if (survey.units.empty()) {
      refuse(path, "has no split units");
      return false;
    }
    auto found = by_id.find(wanted.dwo_id);
    if (found == by_id.end()) {
      refuse(path, fmt::format("another build (dwo_id {:016x}, wanted {:016x})",
                               survey.units.front().dwo_id.value_or(0), wanted.dwo_id.value_or(0)));
      return false;
    }
    attempt(path, "taken");
    if (result_.first_found.empty()) result_.first_found = path;
    result_.units.push_back(survey.units[found->second]);
    return true;
  }

  void refuse(const std::string& path, const std::string& outcome) {
    if (result_.first_refusal.empty()) result_.first_refusal = path + ": " + outcome;
    attempt(path, outcome);
  }

  const DebugFiles& files_;
  std::string path_;
  const DebugFileFinder& finder_;
  std::shared_ptr<const ElfImage> package_;
  std::string package_path_;
  size_t package_attempt_ = 0;
  std::optional<UnitReader> reader_;
  std::unordered_map<uint64_t, PackageRow> rows_;
  std::map<std::string, Contents> surveys_;  ///< by path
  size_t hidden_ = 0;
  SplitUnits result_;
};

}  // namespace

std::unordered_map<uint64_t, PackageRow> parse_package_index(elf::Bytes section) {
  constexpr uint64_t kHeader = 16;
  auto word = [section](uint64_t at) { return elf::load<uint32_t>(section, at).value_or(0); };
  // Version 2 is a word; version 5 a half with padding behind it.
  uint32_t version = elf::load<uint16_t>(section, 0).value_or(0);
  uint32_t columns = word(4), units = word(8), slots = word(12);
  std::unordered_map<uint64_t, PackageRow> rows;
  bool sane = (version == 2 || version == 5) && columns <= kMaxColumns && units <= kMaxPackageUnits &&
              uint64_t{slots} * 12 <= section.size();
  if (!sane) return rows;
  uint64_t indexes = kHeader + uint64_t{slots} * 8;
  uint64_t headings = indexes + uint64_t{slots} * 4;
  uint64_t offsets = headings + uint64_t{columns} * 4;
  for (uint32_t slot = 0; slot < slots; ++slot) {
    uint32_t row = word(indexes + uint64_t{slot} * 4);
    auto id = elf::load<uint64_t>(section, kHeader + uint64_t{slot} * 8);
    if (row == 0 || row > units || !id) continue;
    PackageRow found;
    for (uint32_t column = 0; column < columns; ++column) {
      uint64_t offset = word(offsets + (uint64_t{row - 1} * columns + column) * 4);
      switch (word(headings + uint64_t{column} * 4)) {
        case kInfo: found.info = offset; break;
        case kAbbreviations: found.bases.abbreviations = offset; break;
        case kStringOffsets: found.bases.string_offsets = offset; break;
        default: break;
      }
    }
    rows.emplace(*id, found);
  }
  return rows;
}

SplitUnits find_split_units(const DebugFiles& files, const std::string& path, const std::vector<UnitSummary>& units,
                            const DebugFileFinder& finder) {
  return SplitSearch(files, path, finder).run(units);
}

}  // namespace inquest::dwarf
