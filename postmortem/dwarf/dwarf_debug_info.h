// DebugInfo from DWARF, with ELF symbols where that ends.
//
// What is read for a question: the headers and first DIEs of all units (an address leads to a unit by the ranges that
// its DIE names), then per unit that is hit its line program, the list of its functions, and the DIEs below the
// functions that are hit. Units are independent, so threads share them out; see function_index.h for what is skipped.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/dwarf/debug_files.h"
#include "postmortem/dwarf/dwarf_file.h"
#include "postmortem/dwarf/function_index.h"
#include "postmortem/dwarf/function_names.h"
#include "postmortem/dwarf/interval_map.h"
#include "postmortem/dwarf/line_table.h"
#include "postmortem/dwarf/parameters.h"
#include "postmortem/dwarf/split_dwarf.h"
#include "postmortem/model/debug_info.h"

namespace inquest::dwarf {

/// Thread-safe.
class DwarfDebugInfo : public DebugInfo {
 public:
  /// `symbols` may be null. `folders` are asked for .dwo files that are not where they were made.
  DwarfDebugInfo(DebugFiles files, std::shared_ptr<const SymbolSource> symbols, std::vector<std::string> folders);
  ~DwarfDebugInfo() override;

  CodeLocations locate(std::span<const uint64_t> addresses) override;
  std::vector<Variable> arguments(uint64_t address, const CodeLocation& location, const FrameContext& context) override;
  std::optional<std::vector<TailCall>> tail_calls(uint64_t address) override;
  std::vector<std::string> notes() const override;

  /// The DIE of the function whose code `address` is in; no DIE when DWARF does not say. The unit of that DIE is the
  /// split one where there is one.
  Die function_at(uint64_t address);

 private:
  struct UnitState;
  struct Task;
  class WorkLimit;

  UnitState* unit_at(uint64_t address);
  void map_units();
  void map_silent_units();
  const Unit& functions_of(const Unit& unit);
  void run(Task& task, WorkLimit& lines);
  /// Bytes of line programs to read for one question.
  uint64_t line_limit() const;
  void locate_in_unit(UnitState& state, uint64_t address, const LineRow& row, std::vector<CodeLocation>& out);
  void locate_by_symbol(uint64_t address, std::vector<CodeLocation>& out);
  void name_by_symbol(UnitState& state, uint64_t address, const FunctionName& known_as, CodeLocation& location);
  const FunctionName* name_of(UnitState& state, const Unit& unit, const InlineNode& node);
  std::string_view path_of(UnitState& state, uint64_t file);
  void add_note(std::string note);
  uint64_t jump_target(uint64_t end) const;

  DebugFiles files_;
  std::shared_ptr<const SymbolSource> symbols_;
  std::unique_ptr<DwarfFile> file_;
  std::unique_ptr<SplitDwarf> split_;
  FunctionNames names_;
  Parameters parameters_{[this](uint64_t address) { return function_at(address); }};
  std::once_flag units_once_, silent_once_;
  std::vector<std::unique_ptr<UnitState>> units_;
  std::vector<UnitState*> silent_;  ///< units that name no ranges
  IntervalMap<UnitState*> map_, silent_map_;
  mutable std::mutex notes_mutex_;
  std::vector<std::string> notes_;
  bool more_notes_ = false;
};

}  // namespace inquest::dwarf
