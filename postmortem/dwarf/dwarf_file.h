// The DWARF units of one ELF file: a program, a library, its debug file, the file of `dwz -m`, a .dwo or a .dwp.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "postmortem/dwarf/abbreviations.h"
#include "postmortem/dwarf/debug_sections.h"
#include "postmortem/dwarf/quick_once.h"
#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

/// Thread-safe.
class DwarfFile {
 public:
  /// `alternate` may be null.
  DwarfFile(std::shared_ptr<const elf::ElfImage> image, DebugSections::Flavour flavour,
            std::shared_ptr<const DwarfFile> alternate = nullptr);

  const DebugSections& sections() const { return sections_; }
  const DwarfFile* alternate() const { return alternate_.get(); }

  /// Begins to unpack what finding functions and lines needs, where it is compressed, and does not wait for it. With
  /// `arguments` also what their values need.
  void prepare(bool arguments) const;

  /// All units of .debug_info in order, then those of .debug_types; headers that cannot be read are left out.
  const std::vector<std::unique_ptr<Unit>>& units() const;
  /// The unit that `offset` of .debug_info lies in, or null.
  const Unit* unit_at(uint64_t offset) const;
  /// The number of that unit among `units`.
  std::optional<size_t> index_at(uint64_t offset) const;
  const Unit* type_unit(uint64_t signature) const;

  std::shared_ptr<const AbbreviationTable> abbreviations(uint64_t offset, const FormSizes& sizes) const;
  /// When a table is first asked for it is read only as far as `code`; the second unit that shares it has it read
  /// whole.
  std::shared_ptr<const AbbreviationTable> abbreviations_until(uint64_t offset, const FormSizes& sizes,
                                                               uint64_t code) const;

  /// A phrase per kind of damage met.
  std::vector<std::string> damage() const;
  void add_damage(std::string_view phrase) const;

 private:
  std::shared_ptr<const AbbreviationTable> parse_abbreviations(uint64_t offset, const FormSizes& sizes,
                                                               uint64_t code) const;
  void scan() const;
  void scan_section(SectionId id) const;

  DebugSections sections_;
  std::shared_ptr<const DwarfFile> alternate_;
  mutable QuickOnce units_once_, signatures_once_, prepared_once_, arguments_once_;
  mutable std::vector<std::unique_ptr<Unit>> units_;
  mutable size_t info_units_ = 0;  ///< how many of `units_` are of the first .debug_info section
  mutable std::unordered_map<uint64_t, const Unit*> signatures_;
  mutable std::mutex mutex_;
  mutable std::map<std::tuple<uint64_t, FormSizes>, std::shared_ptr<const AbbreviationTable>> tables_;  ///< or null
  mutable std::atomic<uint64_t> table_bytes_ = 0;  ///< of .debug_abbrev, read so far
  mutable std::vector<std::string> damage_;
};

}  // namespace inquest::dwarf
