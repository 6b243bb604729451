// DebugInfo from DWARF, with ELF symbols where that ends.
//
// What is read for a question: the headers of all units, and .debug_aranges or else the first DIE of every unit (an
// address leads to a unit by the ranges that its DIE names), then per unit that is hit its line program, the list of
// its functions, and the DIEs below the functions that are hit. Units are independent, so threads share them out; see
// function_index.h for what is skipped.
#pragma once

#include <array>
#include <atomic>
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
#include "postmortem/dwarf/quick_once.h"
#include "postmortem/dwarf/split_dwarf.h"
#include "postmortem/model/debug_info.h"

namespace inquest::dwarf {

/// Thread-safe.
class DwarfDebugInfo : public DebugInfo {
 public:
  /// `symbols` may be null. `folders` are asked for .dwo files that are not where they were made.
  DwarfDebugInfo(DebugFiles files, std::shared_ptr<const SymbolSource> symbols, std::vector<std::string> folders);
  ~DwarfDebugInfo() override;

  void prepare(bool arguments) override;
  CodeLocations locate(std::span<const uint64_t> addresses) override;
  std::vector<Variable> arguments(uint64_t address, const CodeLocation& location, const FrameContext& context) override;
  std::optional<std::vector<TailCall>> tail_calls(uint64_t address) override;
  std::vector<std::string> notes() const override;

  /// The DIE of the function whose code `address` is in; no DIE when DWARF does not say. The unit of that DIE is the
  /// split one where there is one.
  Die function_at(uint64_t address);

  /// The units, or null where there is no DWARF.
  const DwarfFile* file() const { return file_.get(); }

 private:
  struct UnitState;
  struct Task;
  struct Hint;
  class WorkLimit;

  UnitState* unit_at(uint64_t address);
  UnitState* state_of(size_t unit);
  void map_hints();
  bool is_true(size_t unit, Hint& hint);
  /// False for what lies outside of all segments: no code of this file.
  bool is_loaded(uint64_t address) const;
  void map_units();
  void map_silent_units();
  const Unit& functions_of(const Unit& unit);
  void run(Task& task, WorkLimit& lines);
  /// Bytes of line programs to read for one question.
  uint64_t line_limit() const;
  void locate_in_unit(UnitState& state, std::span<const uint64_t> addresses, const LineRow& row,
                      std::vector<CodeLocation>& out);
  void locate_by_symbol(uint64_t address, std::vector<CodeLocation>& out);
  void name_by_symbol(UnitState& state, uint64_t address, const FunctionName& known_as, CodeLocation& location);
  const FunctionName* name_of(UnitState& state, const Unit& unit, const InlineNode& node);
  std::string_view path_of(UnitState& state, uint64_t file);
  Parameters make_parameters();
  void add_note(std::string note);
  uint64_t jump_target(uint64_t end) const;

  DebugFiles files_;
  std::shared_ptr<const SymbolSource> symbols_;
  std::unique_ptr<DwarfFile> file_;
  std::unique_ptr<SplitDwarf> split_;
  FunctionNames names_;
  /// Threads that ask for arguments at the same time have their own.
  std::array<Parameters, 4> parameters_{make_parameters(), make_parameters(), make_parameters(), make_parameters()};
  std::once_flag states_once_;
  std::vector<std::atomic<UnitState*>> states_;  ///< by number of the unit in `file_`; null: not asked for so far
  std::mutex states_mutex_;                      ///< for the next one
  std::vector<std::unique_ptr<UnitState>> kept_states_;

  // What .debug_aranges says, and whether it has been found to be so.
  QuickOnce hints_once_;
  std::vector<std::unique_ptr<Hint>> hints_;  ///< by number of the unit
  IntervalMap<uint32_t> hint_map_;

  // What the DIEs of all units say.
  QuickOnce units_once_, silent_once_;
  std::vector<uint32_t> silent_;  ///< units that name no ranges
  IntervalMap<uint32_t> map_, silent_map_;

  mutable std::mutex notes_mutex_;
  std::vector<std::string> notes_;
  bool more_notes_ = false;
};

}  // namespace inquest::dwarf
