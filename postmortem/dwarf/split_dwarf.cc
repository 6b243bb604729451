#include "postmortem/dwarf/split_dwarf.h"

#include <dwarf.h>

#include <algorithm>
#include <cerrno>
#include <unordered_map>

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

using Rows = std::unordered_map<uint64_t, Row>;

// The rows of a .debug_cu_index section by id. All slots are read once: in a table that is full a search for an id that
// is not there would pass over all of them each time.
Rows read_rows(Bytes index) {
  ByteReader reader(index);
  uint32_t version = reader.u32();  // 5: a half and padding
  uint32_t columns = reader.u32(), used = reader.u32(), slots = reader.u32();
  Rows rows;
  if ((version != 2 && (version & 0xffff) != 5) || columns == 0 || columns > kMaxColumns) return rows;
  if (uint64_t{slots} * 12 > reader.left()) return rows;
  uint64_t hashes = reader.offset(), numbers = hashes + uint64_t{slots} * 8, names = numbers + uint64_t{slots} * 4;
  uint64_t offsets = names + uint64_t{columns} * 4, sizes = offsets + uint64_t{used} * columns * 4;
  bool five = version != 2;
  for (uint64_t slot = 0; slot < slots; ++slot) {
    uint32_t number = elf::load<uint32_t>(index, numbers + slot * 4).value_or(0);
    if (number == 0 || number > used) continue;
    Row row;
    bool whole = true;
    for (uint32_t column = 0; column < columns && whole; ++column) {
      uint64_t cell = (uint64_t{number - 1} * columns + column) * 4;
      auto name = elf::load<uint32_t>(index, names + uint64_t{column} * 4);
      auto offset = elf::load<uint32_t>(index, offsets + cell), size = elf::load<uint32_t>(index, sizes + cell);
      whole = name && offset && size;
      if (!whole) break;
      if (*name == kInfo) row.info = *offset, row.info_size = *size;
      if (*name == kAbbrev) row.parts.abbrev = *offset;
      if (*name == kStrOffsets) row.parts.str_offsets = *offset;
      if (five && *name == kLoclists) row.parts.loclists = *offset;
      if (five && *name == kRnglists) row.parts.rnglists = *offset;
      if (!five && *name == kOldLoc) row.parts.loc = *offset;
    }
    if (whole) rows.emplace(elf::load<uint64_t>(index, hashes + slot * 8).value_or(0), row);
  }
  return rows;
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

struct SplitDwarf::Package {
  explicit Package(std::shared_ptr<const elf::ElfImage> image)
      : file(std::move(image), DebugSections::Flavour::kSplit),
        rows(read_rows(file.sections().get(SectionId::kCuIndex))) {}

  DwarfFile file;
  Rows rows;
  std::map<uint64_t, std::unique_ptr<Unit>> units;  ///< by dwo_id
};

// A .dwo file; without units when it cannot be used, which is then said by `reason`.
struct SplitDwarf::File {
  explicit File(const std::string& path) {
    auto image = open_image(path, &reason);
    if (!image) return;
    dwarf = std::make_unique<DwarfFile>(std::move(image), DebugSections::Flavour::kSplit);
    for (auto& unit : dwarf->units()) {
      if (unit->type() == DW_UT_type || unit->type() == DW_UT_split_type) continue;
      if (!first) first = unit.get();
      // The root of a unit is read with its skeleton at hand, for the addresses in it, so not here.
      bool has_id = unit->type() == DW_UT_split_compile;
      Die die = has_id ? Die() : unit->die();
      auto id = has_id ? unit->dwo_id() : die ? die.number(DW_AT_GNU_dwo_id) : std::nullopt;
      if (id) by_id.emplace(*id, unit.get());
    }
    reason = "is of another build";
  }

  std::string reason;
  std::unique_ptr<DwarfFile> dwarf;
  const Unit* first = nullptr;
  std::unordered_map<uint64_t, const Unit*> by_id;
};

void SplitDwarf::open_packages() {
  packages_open_ = true;
  for (const std::string& path : places_.packages) {
    std::string reason;
    if (auto image = open_image(path, &reason)) packages_.push_back(std::make_shared<Package>(std::move(image)));
  }
}

const Unit* SplitDwarf::find_in_package(const Unit& skeleton) {
  if (!packages_open_) open_packages();
  auto id = skeleton.dwo_id();
  if (!id) return nullptr;
  for (auto& package : packages_) {
    if (auto known = package->units.find(*id); known != package->units.end()) return known->second.get();
    auto found = package->rows.find(*id);
    if (found == package->rows.end()) continue;
    const Row& row = found->second;
    Bytes info = package->file.sections().get(SectionId::kInfo);
    if (row.info > info.size() || row.info_size > info.size() - row.info) continue;
    uint64_t next = 0;
    auto unit = Unit::parse(package->file, SectionId::kInfo, info.first(row.info + row.info_size), row.info, &next);
    if (!unit) continue;
    unit->attach(&skeleton, row.parts);
    return package->units.emplace(*id, std::move(unit)).first->second.get();
  }
  return nullptr;
}

const Unit* SplitDwarf::find_in_file(const Unit& skeleton, const std::string& path, std::string* reason) {
  auto& file = files_[path];
  if (!file) file = std::make_shared<File>(path);
  const Unit* unit = file->first;
  if (auto id = skeleton.dwo_id()) {
    auto found = file->by_id.find(*id);
    unit = found == file->by_id.end() ? nullptr : found->second;
  }
  // Two skeletons cannot share a unit: it knows addresses through the one it belongs to.
  if (!unit || (unit->skeleton() && unit->skeleton() != &skeleton)) {
    *reason = file->reason;
    return nullptr;
  }
  if (!unit->skeleton()) unit->attach(&skeleton, {});
  return unit;
}

const Unit* SplitDwarf::find(const Unit& skeleton, std::string* missing) {
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
