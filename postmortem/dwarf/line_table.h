// Line number programs (DWARF 5, 6.2; versions 2 to 5).
//
// Rows of a sequence come in the order of addresses; a row holds up to the next one, the last row of a sequence only
// ends it. Where several rows have one address the last counts.
//
// The rows of a large program would take 200 MB, and few are asked for. So none are kept: a program is run once for all
// addresses wanted of its unit, and each is answered as the rows come by. For few addresses only the sequences around
// them are run, where the bytes that end one and begin the next tell where those are.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "postmortem/dwarf/unit.h"

namespace inquest::dwarf {

struct LineRow {
  uint32_t file = 0;
  uint32_t line = 0;
  uint32_t column = 0;
  bool known = false;  ///< there is such a row
};

class LineTable {
 public:
  /// The files of the program of `unit`; empty when it has none.
  explicit LineTable(const Unit& unit);
  LineTable() = default;  ///< that of no unit
  /// How many bytes the program of `unit` has with its header; 0: none.
  static uint64_t size_of(const Unit& unit);

  /// The rows that hold for `addresses`, which are in ascending order. Runs the program.
  std::vector<LineRow> find(std::span<const uint64_t> addresses);
  /// DW_AT_comp_dir, directory and name joined; empty when there is no such file. `file` counts as the version does.
  std::string path(uint64_t file) const;
  /// The ranges of its sequences. Runs the program.
  std::vector<AddressRange> ranges();
  /// Calls `visit` for each row at which a statement begins (is_stmt), in the order of the program. Runs it.
  using Visit = std::function<void(uint64_t address, uint32_t file, uint32_t line)>;
  void for_each_statement(const Visit& visit);
  /// One more than the highest number that `path` may know before a program has run.
  uint64_t file_limit() const { return files_.size() + 1; }

 private:
  struct File {
    std::string_view name;
    uint64_t directory = 0;
  };
  /// The registers of the state machine that lead to rows.
  struct State {
    uint64_t address = 0, line = 1;
    uint32_t file = 1, column = 0;
    uint8_t operation = 0;  ///< op_index: which instruction of a bundle of several (VLIW)
    bool is_statement = true;
  };
  /// What a special opcode does.
  struct Special {
    uint32_t advance = 0;  ///< of the address
    uint8_t operations = 0;
    int32_t line = 0;
  };
  class Answers;
  /// Where a sequence begins, and the address that it sets first.
  struct Start {
    uint64_t address, offset;

    auto operator<=>(const Start&) const = default;
  };

  bool read_header(const Unit& unit, Bytes section, uint64_t offset);
  void read_old_files(ByteReader& reader);
  void read_new_entries(ByteReader& reader, const Unit& unit, const FormSizes& sizes, bool directories);
  template <class Emit>
  bool run_sequence(ByteReader& given, State& state, Emit&& emit);
  bool extended(ByteReader& reader, State& state);
  std::vector<Start> find_starts() const;
  std::optional<uint64_t> start_behind(uint64_t offset) const;
  std::optional<std::vector<LineRow>> find_few(std::span<const uint64_t> addresses);
  void advance(State& state, uint64_t operations) const;

  uint16_t version_ = 0;
  std::string_view comp_dir_;
  std::vector<std::string_view> directories_;
  std::vector<File> files_;
  size_t header_files_ = 0;  ///< the program may define more

  ByteReader program_;
  uint8_t min_instruction_ = 1, max_operations_ = 1, opcode_base_ = 1;
  bool default_is_statement_ = true;
  std::vector<uint8_t> lengths_;      ///< operands of standard opcodes, from opcode 1 on
  std::array<Special, 256> special_;  ///< by opcode
};

}  // namespace inquest::dwarf
