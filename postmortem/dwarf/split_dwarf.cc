#include "postmortem/dwarf/split_dwarf.h"

#include <dwarf.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "postmortem/dwarf/debug_files.h"

namespace inquest::dwarf {
namespace {

constexpr uint32_t kMaxColumns = 16;  // eight kinds of section exist

// DW_SECT_* of version 5 (DWARF 5, table 7.1) and of GNU's version 2.
enum : uint32_t { kInfo = 1, kAbbrev = 3, kLoclists = 5, kStrOffsets = 6, kRnglists = 8 };
enum : uint32_t { kOldLoc = 5 };

struct Row {
  uint64_t info = 0, info_size = 0;
  Contributions parts;
};

// The row for `id` in a .debug_cu_index section.
bool find_row(Bytes index, uint64_t id, Row* row) {
  ByteReader reader(index);
  uint32_t version = reader.u32();  // 5: a half and padding
  uint32_t columns = reader.u32(), used = reader.u32(), slots = reader.u32();
  if ((version != 2 && (version & 0xffff) != 5) || columns == 0 || columns > kMaxColumns) return false;
  if (slots == 0 || (slots & (slots - 1)) != 0 || uint64_t{slots} * 12 > reader.left()) return false;
  uint64_t hashes = reader.offset(), rows = hashes + uint64_t{slots} * 8, names = rows + uint64_t{slots} * 4;
  uint64_t offsets = names + uint64_t{columns} * 4, sizes = offsets + uint64_t{used} * columns * 4;
  uint64_t mask = slots - 1, slot = id & mask, step = ((id >> 32) & mask) | 1;
  uint32_t number = 0;
  for (uint32_t tries = 0; tries < slots && number == 0; ++tries, slot = (slot + step) & mask) {
    number = elf::load<uint32_t>(index, rows + slot * 4).value_or(0);
    if (number == 0) return false;
    if (elf::load<uint64_t>(index, hashes + slot * 8) != id) number = 0;
  }
  if (number == 0 || number > used) return false;
  for (uint32_t column = 0; column < columns; ++column) {
    uint64_t cell = (uint64_t{number - 1} * columns + column) * 4;
    auto name = elf::load<uint32_t>(index, names + uint64_t{column} * 4);
    auto offset = elf::load<uint32_t>(index, offsets + cell), size = elf::load<uint32_t>(index, sizes + cell);
    if (!name || !offset || !size) return false;
    bool five = version != 2;
    if (*name == kInfo) row->info = *offset, row->info_size = *size;
    if (*name == kAbbrev) row->parts.abbrev = *offset;
    if (*name == kStrOffsets) row->parts.str_offsets = *offset;
    if (five && *name == kLoclists) row->parts.loclists = *offset;
    if (five && *name == kRnglists) row->parts.rnglists = *offset;
    if (!five && *name == kOldLoc) row->parts.loc = *offset;
  }
  return true;
}

std::string joined(const std::string& folder, const std::string& name) {
  if (name.starts_with('/') || folder.empty()) return name;
  return folder.ends_with('/') ? folder + name : folder + "/" + name;
}

std::shared_ptr<const elf::ElfImage> open_image(const std::string& path, std::string* reason) {
  int failure = 0;
  auto file = elf::MappedFile::open(path, &failure);
  if (!file) {
    *reason = failure == ENOENT || failure == ENOTDIR ? "is missing" : open_failure(failure);
    return nullptr;
  }
  auto image = elf::ElfImage::from_file(file);
  if (!image) *reason = "is no ELF file";
  return image;
}

}  // namespace

struct SplitUnits::Package {
  explicit Package(std::shared_ptr<const elf::ElfImage> image)
      : file(std::move(image), DebugSections::Flavour::kSplit) {}

  DwarfFile file;
  std::map<uint64_t, std::unique_ptr<Unit>> units;  ///< by dwo_id
};

void SplitUnits::open_packages() {
  packages_open_ = true;
  for (const std::string& path : places_.packages) {
    std::string reason;
    if (auto image = open_image(path, &reason)) packages_.push_back(std::make_shared<Package>(std::move(image)));
  }
}

const Unit* SplitUnits::find_in_package(const Unit& skeleton) {
  if (!packages_open_) open_packages();
  auto id = skeleton.dwo_id();
  if (!id) return nullptr;
  for (auto& package : packages_) {
    if (auto known = package->units.find(*id); known != package->units.end()) return known->second.get();
    Row row;
    const DebugSections& sections = package->file.sections();
    if (!find_row(sections.get(SectionId::kCuIndex), *id, &row)) continue;
    Bytes info = sections.get(SectionId::kInfo);
    if (row.info > info.size() || row.info_size > info.size() - row.info) continue;
    uint64_t next = 0;
    auto unit = Unit::parse(package->file, SectionId::kInfo, info.first(row.info + row.info_size), row.info, &next);
    if (!unit) continue;
    unit->attach(&skeleton, row.parts);
    return package->units.emplace(*id, std::move(unit)).first->second.get();
  }
  return nullptr;
}

const Unit* SplitUnits::find_in_file(const Unit& skeleton, const std::string& path, std::string* reason) {
  auto& file = files_[path];
  if (!file) {
    auto image = open_image(path, reason);
    if (!image) return nullptr;
    file = std::make_shared<DwarfFile>(std::move(image), DebugSections::Flavour::kSplit);
  }
  auto id = skeleton.dwo_id();
  for (auto& unit : file->units()) {
    if (unit->type() == DW_UT_type || unit->type() == DW_UT_split_type) continue;
    if (unit->skeleton() && unit->skeleton() != &skeleton) continue;
    // Its root is read with the skeleton at hand, for the addresses in it.
    if (!unit->skeleton()) unit->attach(&skeleton, {});
    if (!id || unit->dwo_id() == id) return unit.get();
    unit->attach(nullptr, {});
  }
  *reason = "is of another build";
  return nullptr;
}

const Unit* SplitUnits::find(const Unit& skeleton, std::string* missing) {
  std::lock_guard lock(mutex_);
  if (const Unit* unit = find_in_package(skeleton)) return unit;
  const UnitRoot& root = skeleton.root();
  std::string name(root.dwo_name), folder(root.comp_dir);
  std::vector<std::string> paths = {joined(folder, name)};
  std::string base = name.substr(name.rfind('/') + 1);
  for (const std::string& other : places_.folders) {
    if (!name.starts_with('/')) paths.push_back(joined(other, name));
    paths.push_back(joined(other, base));
  }
  std::string reason;
  for (const std::string& path : paths) {
    std::string why;
    if (const Unit* unit = find_in_file(skeleton, path, &why)) return unit;
    // The first path is where it should be; what was found but refused matters more.
    if (reason.empty() || (reason.ends_with("is missing") && why != "is missing")) reason = path + " " + why;
  }
  *missing = reason;
  return nullptr;
}

}  // namespace inquest::dwarf
