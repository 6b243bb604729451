#include "postmortem/dwarf/line_table.h"

#include <dwarf.h>

#include <algorithm>
#include <optional>

#include "postmortem/dwarf/dwarf_file.h"

namespace inquest::dwarf {
namespace {

constexpr size_t kMaxFiles = 1 << 20;
constexpr size_t kMaxFormats = 64;  // five kinds of content exist
// Rows of a sequence that is out of order, which must be kept: hand-written ones have some dozen.
constexpr size_t kMaxUnordered = 1 << 22;
// Sequences of one program that hold the same address: of functions that the linker merged. In a hostile program every
// sequence holds every address.
constexpr size_t kTimesAnswered = 64, kFewAnswers = 1 << 16;

bool is_absolute(std::string_view path) { return path.starts_with('/'); }

void append(std::string& path, std::string_view part) {
  if (part.empty()) return;
  if (!path.empty() && !path.ends_with('/')) path += '/';
  path += part;
}

}  // namespace

// The answers of one sequence, as its rows come by.
class LineTable::Answers {
 public:
  explicit Answers(std::span<const uint64_t> addresses)
      : addresses_(addresses), rows_(addresses.size()), ends_(addresses.size()) {}

  void begin() {
    started_ = out_of_order_ = false;
    found_.clear();
  }
  void add(const State& row) {
    if (!started_ || row.address > wanted_)
      pass(row.address);
    else if (row.address < last_.address)
      out_of_order_ = true;
    last_ = row;
  }
  bool is_ordered(uint64_t end) const { return !started_ || (!out_of_order_ && last_.address <= end); }
  void end(uint64_t end) {
    if (!started_) return;
    pass(end);
    if (low_ == 0 || low_ >= UINT64_MAX - 1) return;  // code that the linker left out
    for (size_t i = 0; i < found_.size(); ++i) {
      LineRow& row = rows_[first_ + i];
      // Of sequences that overlap the one that ends first, as llvm-symbolizer takes them.
      if (row.known && ends_[first_ + i] <= end) continue;
      row = found_[i];
      ends_[first_ + i] = end;
    }
  }
  std::vector<LineRow> take() { return std::move(rows_); }

 private:
  // A row at `address`, or the end, is met: the one before it holds for what was asked for between the two.
  void pass(uint64_t address) {
    if (!started_) {
      started_ = true;
      low_ = address;
      first_ = next_ = static_cast<size_t>(std::ranges::lower_bound(addresses_, address) - addresses_.begin());
    }
    auto narrow = [](uint64_t line) { return static_cast<uint32_t>(std::min<uint64_t>(line, UINT32_MAX)); };
    bool enough = answers_ > addresses_.size() * kTimesAnswered + kFewAnswers;
    for (; !enough && next_ < addresses_.size() && addresses_[next_] < address; ++next_, ++answers_)
      found_.push_back({last_.file, narrow(last_.line), last_.column, true});
    wanted_ = next_ < addresses_.size() ? addresses_[next_] : UINT64_MAX;
  }

  std::span<const uint64_t> addresses_;
  std::vector<LineRow> rows_;
  std::vector<uint64_t> ends_;  // of the sequences that `rows_` are from
  size_t answers_ = 0;          // in all sequences

  bool started_ = false, out_of_order_ = false;
  uint64_t low_ = 0, wanted_ = 0;
  size_t first_ = 0, next_ = 0;  // into `addresses_`
  State last_;
  std::vector<LineRow> found_;  // from `first_` on
};

uint64_t LineTable::size_of(const Unit& unit) {
  auto offset = unit.root().line_table;
  Bytes section = unit.file().sections().get(SectionId::kLine);
  if (!offset || *offset >= section.size()) return 0;
  ByteReader reader(section, *offset);
  uint8_t offset_size = 0;
  return reader.initial_length(&offset_size);
}

LineTable::LineTable(const Unit& unit) {
  auto offset = unit.root().line_table;
  Bytes section = unit.file().sections().get(SectionId::kLine);
  if (!offset || *offset >= section.size()) return;
  comp_dir_ = unit.root().comp_dir;
  if (!read_header(unit, section, *offset)) program_ = ByteReader();
  header_files_ = files_.size();
}

bool LineTable::read_header(const Unit& unit, Bytes section, uint64_t offset) {
  FormSizes sizes = unit.sizes();
  ByteReader reader(section, offset);
  uint64_t length = reader.initial_length(&sizes.offset);
  Bytes whole = section.first(reader.offset() + length);
  reader = ByteReader(whole, reader.offset());
  version_ = reader.u16();
  if (version_ < 2 || version_ > 5) return false;
  sizes.version = static_cast<uint8_t>(version_);
  if (version_ >= 5) {
    sizes.address = reader.u8();
    reader.u8();  // segment selector size
  }
  uint64_t header_length = reader.sized(sizes.offset);
  uint64_t program = reader.offset() + header_length;
  min_instruction_ = reader.u8();
  if (version_ >= 4) max_operations_ = std::max<uint8_t>(reader.u8(), 1);
  default_is_statement_ = reader.u8() != 0;
  auto line_base = static_cast<int8_t>(reader.u8());
  uint8_t line_range = reader.u8();
  opcode_base_ = reader.u8();
  for (int i = 1; i < opcode_base_; ++i) lengths_.push_back(reader.u8());
  if (version_ >= 5) {
    read_new_entries(reader, unit, sizes, true);
    read_new_entries(reader, unit, sizes, false);
  } else {
    read_old_files(reader);
  }
  if (!reader.ok() || header_length > whole.size() || program > whole.size() || line_range == 0) return false;
  program_ = ByteReader(whole, program);
  // DWARF 5, 6.2.5.1. For standard opcodes the entries say what DW_LNS_const_add_pc would need.
  for (unsigned opcode = opcode_base_; opcode < special_.size(); ++opcode) {
    unsigned adjusted = opcode - opcode_base_;
    special_[opcode].operations = static_cast<uint8_t>(adjusted / line_range);
    special_[opcode].advance = adjusted / line_range * min_instruction_;
    special_[opcode].line = line_base + static_cast<int>(adjusted % line_range);
  }
  return true;
}

void LineTable::read_old_files(ByteReader& reader) {
  while (directories_.size() < kMaxFiles) {
    std::string_view name = reader.c_string();
    if (name.empty()) break;
    directories_.push_back(name);
  }
  while (files_.size() < kMaxFiles) {
    File file{reader.c_string(), 0};
    if (file.name.empty()) break;
    file.directory = reader.uleb();
    reader.skip_leb();  // modification time
    reader.skip_leb();  // size
    files_.push_back(file);
  }
}

void LineTable::read_new_entries(ByteReader& reader, const Unit& unit, const FormSizes& sizes, bool directories) {
  std::vector<AttributeSpec> formats;
  unsigned format_count = reader.u8();
  for (unsigned i = 0; i < format_count && i < kMaxFormats; ++i) {
    uint64_t content = reader.uleb(), form = reader.uleb();
    formats.emplace_back(static_cast<uint16_t>(std::min<uint64_t>(content, UINT16_MAX)),
                         static_cast<uint16_t>(std::min<uint64_t>(form, UINT16_MAX)), sizes);
  }
  uint64_t count = reader.uleb();
  if (formats.empty() && count != 0) reader.fail();
  for (uint64_t i = 0; i < count && i < kMaxFiles && reader.ok(); ++i) {
    File file;
    uint64_t begin = reader.offset();
    for (const AttributeSpec& format : formats) {
      Attribute value;
      if (!read_attribute(reader, format, sizes, &value)) return reader.fail();
      if (format.name == DW_LNCT_path) file.name = unit.text(value);
      if (format.name == DW_LNCT_directory_index) file.directory = value.value;
    }
    // Forms that take no bytes would make millions of entries of nothing.
    if (reader.offset() == begin) return reader.fail();
    if (directories)
      directories_.push_back(file.name);
    else
      files_.push_back(file);
  }
}

// DWARF 5, 6.2.5.1. For processors that execute one instruction at a time it is a multiplication.
void LineTable::advance(State& state, uint64_t operations) const {
  if (max_operations_ == 1) {
    state.address += operations * min_instruction_;
    return;
  }
  uint64_t in_all = state.operation + operations;
  state.address += in_all / max_operations_ * min_instruction_;
  state.operation = static_cast<uint8_t>(in_all % max_operations_);
}

// Runs to the end of a sequence; `state.address` is then its end. False when the program stops before.
template <class Emit>
bool LineTable::run_sequence(ByteReader& given, State& state, Emit&& emit) {
  ByteReader reader = given;  // a copy stays in registers
  auto narrow = [](uint64_t value) { return static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX)); };
  bool ended = false;
  while (!ended && !reader.at_end()) {
    unsigned opcode = reader.u8();
    if (opcode >= opcode_base_) {
      if (max_operations_ == 1)
        state.address += special_[opcode].advance;
      else
        advance(state, special_[opcode].operations);
      state.line += static_cast<uint64_t>(int64_t{special_[opcode].line});
      emit(state);
      continue;
    }
    switch (opcode) {
      case 0: ended = extended(reader, state); break;
      case DW_LNS_copy: emit(state); break;
      case DW_LNS_advance_pc: advance(state, reader.uleb()); break;
      case DW_LNS_advance_line: state.line += static_cast<uint64_t>(reader.sleb()); break;
      case DW_LNS_set_file: state.file = narrow(reader.uleb()); break;
      case DW_LNS_set_column: state.column = narrow(reader.uleb()); break;
      case DW_LNS_const_add_pc: advance(state, special_[255].operations); break;
      case DW_LNS_fixed_advance_pc:
        state.address += reader.u16();
        state.operation = 0;
        break;
      case DW_LNS_negate_stmt: state.is_statement = !state.is_statement; break;
      case DW_LNS_set_basic_block:
      case DW_LNS_set_prologue_end:
      case DW_LNS_set_epilogue_begin: break;
      default:  // DW_LNS_set_isa and what later versions may add: the header says how many operands to skip
        for (int i = 0; i < lengths_[opcode - 1U]; ++i) reader.skip_leb();
    }
  }
  given = reader;
  return ended;
}

// True at the end of the sequence.
bool LineTable::extended(ByteReader& reader, State& state) {
  uint64_t length = reader.uleb();
  if (length == 0) return false;
  if (length > reader.left()) return reader.fail(), false;
  uint64_t end = reader.offset() + length;
  uint8_t opcode = reader.u8();
  switch (opcode) {
    case DW_LNE_set_address:
      state.address = reader.sized(static_cast<unsigned>(std::min<uint64_t>(length - 1, 9)));
      state.operation = 0;
      break;
    case DW_LNE_define_file: {
      File file{reader.c_string(), 0};
      file.directory = reader.uleb();
      if (files_.size() < kMaxFiles) files_.push_back(file);
      break;
    }
    default: break;  // DW_LNE_set_discriminator and vendors' own
  }
  reader.seek(end);
  return opcode == DW_LNE_end_sequence;
}

// The address that is set first in the sequence at `offset`, or nothing. Compilers set the address of a sequence before
// its first row; file, column and is_stmt of that row may come before.
std::optional<uint64_t> LineTable::start_behind(uint64_t offset) const {
  constexpr int kMaxBefore = 8;
  ByteReader reader = program_;
  reader.seek(offset);
  for (int i = 0; i < kMaxBefore; ++i) {
    switch (reader.u8()) {
      case 0:
        if (reader.u8() != 1 + sizeof(uint64_t) || reader.u8() != DW_LNE_set_address) return std::nullopt;
        return reader.left() >= sizeof(uint64_t) ? std::optional(reader.u64()) : std::nullopt;
      case DW_LNS_advance_line:
      case DW_LNS_set_file:
      case DW_LNS_set_column: reader.skip_leb(); break;
      case DW_LNS_negate_stmt: break;
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

// The end of a sequence is 0, 1 (the length), DW_LNE_end_sequence. As operands these bytes may stand elsewhere, but
// then no address is set behind them.
std::vector<LineTable::Start> LineTable::find_starts() const {
  constexpr size_t kBlock = 64;
  std::vector<Start> starts;
  const std::byte* begin = program_.position();
  auto take = [&](size_t behind) {
    uint64_t offset = program_.offset() + behind;
    if (auto address = start_behind(offset)) starts.push_back({*address, offset});
  };
  auto is_end = [begin](size_t i) {
    return static_cast<int>(begin[i] == std::byte{0}) & static_cast<int>(begin[i + 1] == std::byte{1}) &
           static_cast<int>(begin[i + 2] == std::byte{DW_LNE_end_sequence});
  };
  take(0);
  size_t last = program_.left() < 3 ? 0 : static_cast<size_t>(program_.left()) - 2;
  for (size_t block = 0; block < last; block += kBlock) {
    size_t end = std::min(block + kBlock, last);
    int any = 0;
    if (end == block + kBlock) {
      for (size_t i = 0; i < kBlock; ++i) any |= is_end(block + i);  // many at a time
      if (any == 0) continue;
    }
    for (size_t i = block; i < end; ++i)
      if (is_end(i) != 0) take(i + 3);
  }
  std::ranges::sort(starts);
  return starts;
}

// Nothing where that does not answer all: what sequences there are is then found by running them one after the other.
std::optional<std::vector<LineRow>> LineTable::find_few(std::span<const uint64_t> addresses) {
  constexpr uint64_t kWorthwhile = 4096;  // bytes of the program for each address
  uint64_t left = program_.left();
  if (addresses.size() > left / kWorthwhile) return std::nullopt;
  std::vector<Start> starts = find_starts();
  std::vector<uint64_t> wanted;
  for (uint64_t address : addresses) {
    auto after = std::ranges::upper_bound(starts, address, {}, &Start::address);
    if (after == starts.begin()) return std::nullopt;
    // Functions that the linker merged begin at one address.
    uint64_t nearest = std::prev(after)->address;
    for (; after != starts.begin() && std::prev(after)->address == nearest; --after)
      wanted.push_back(std::prev(after)->offset);
    if (wanted.size() > addresses.size() * kTimesAnswered) return std::nullopt;
  }
  std::ranges::sort(wanted);
  auto repeated = std::ranges::unique(wanted);
  wanted.erase(repeated.begin(), repeated.end());
  Answers answers(addresses);
  files_.resize(header_files_);
  for (uint64_t offset : wanted) {
    ByteReader reader = program_;
    reader.seek(offset);
    answers.begin();
    State state;
    if (!run_sequence(reader, state, [&](const State& row) { answers.add(row); })) return std::nullopt;
    uint64_t used = reader.offset() - offset;
    if (used > left || !answers.is_ordered(state.address)) return std::nullopt;
    left -= used;
    answers.end(state.address);
  }
  std::vector<LineRow> rows = answers.take();
  // Sequences may define files for those behind them.
  size_t files = header_files_ + (version_ < 5 ? 1 : 0);
  bool answered = std::ranges::all_of(rows, [files](const LineRow& row) { return row.known && row.file < files; });
  return answered && files_.size() == header_files_ ? std::optional(std::move(rows)) : std::nullopt;
}

std::vector<LineRow> LineTable::find(std::span<const uint64_t> addresses) {
  if (auto few = find_few(addresses)) return *std::move(few);
  Answers answers(addresses);
  files_.resize(header_files_);
  for (ByteReader reader = program_; !reader.at_end();) {
    uint64_t begin = reader.offset();
    answers.begin();
    State state;
    if (!run_sequence(reader, state, [&](const State& row) { answers.add(row); })) break;
    if (!answers.is_ordered(state.address)) {
      reader.seek(begin);
      std::vector<State> rows;
      state = {};
      run_sequence(reader, state, [&](const State& row) {
        if (rows.size() < kMaxUnordered) rows.push_back(row);
      });
      std::erase_if(rows, [&](const State& row) { return row.address >= state.address; });
      std::ranges::stable_sort(rows, {}, &State::address);
      answers.begin();
      for (const State& row : rows) answers.add(row);
    }
    answers.end(state.address);
  }
  return answers.take();
}

std::vector<AddressRange> LineTable::ranges() {
  std::vector<AddressRange> all;
  files_.resize(header_files_);
  for (ByteReader reader = program_; !reader.at_end();) {
    State state;
    std::optional<uint64_t> low;
    if (!run_sequence(reader, state, [&](const State& row) { low = std::min(low.value_or(UINT64_MAX), row.address); }))
      break;
    if (low.value_or(0) != 0 && *low < state.address) all.push_back({*low, state.address});
  }
  return all;
}

void LineTable::for_each_statement(const Visit& visit) {
  auto narrow = [](uint64_t line) { return static_cast<uint32_t>(std::min<uint64_t>(line, UINT32_MAX)); };
  files_.resize(header_files_);
  for (ByteReader reader = program_; !reader.at_end();) {
    State state;
    state.is_statement = default_is_statement_;
    bool whole = run_sequence(reader, state, [&](const State& row) {
      if (row.is_statement) visit(row.address, row.file, narrow(row.line));
    });
    if (!whole) return;
  }
}

std::string LineTable::path(uint64_t file) const {
  // Up to DWARF 4 files count from 1 and directory 0 is DW_AT_comp_dir; in DWARF 5 both count from 0, and directory 0
  // is the compilation directory, spelled out (6.2.4).
  bool five = version_ >= 5;
  if (!five && file-- == 0) return {};
  if (file >= files_.size()) return {};
  const File& entry = files_[file];
  if (is_absolute(entry.name)) return std::string(entry.name);
  std::string_view directory;
  if (five && entry.directory < directories_.size()) directory = directories_[entry.directory];
  if (!five && entry.directory > 0 && entry.directory <= directories_.size())
    directory = directories_[entry.directory - 1];
  std::string path;
  if (!is_absolute(directory) && (!five || entry.directory != 0)) path = comp_dir_;
  append(path, directory);
  append(path, entry.name);
  return path;
}

}  // namespace inquest::dwarf
