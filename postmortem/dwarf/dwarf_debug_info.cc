#include "postmortem/dwarf/dwarf_debug_info.h"

#include <dwarf.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "postmortem/dwarf/address_ranges.h"
#include "postmortem/dwarf/pointer_map.h"
#include "postmortem/dwarf/tail_calls.h"
#include "postmortem/model/huge_pages.h"

namespace inquest::dwarf {
namespace {

// Fewer addresses than this in all are not worth a second thread.
constexpr size_t kMinParallel = 8;
constexpr unsigned kMaxThreads = 16;
constexpr size_t kManyAddresses = 1 << 12;  // whose answers take megabytes
constexpr uint64_t kSmallBudget = 1 << 20;
constexpr size_t kMaxNotes = 100;  // of .dwo files that are missing, each with its path

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

// The linker leaves the version of some symbols in .symtab: "memcpy@@GLIBC_2.14" is memcpy (binutils, ld/ld.texi,
// "VERSION").
std::string_view without_version(std::string_view symbol) {
  size_t at = symbol.find('@');
  return at == 0 ? symbol : symbol.substr(0, at);
}

SplitDwarf::Places split_places(const DebugFiles& files, std::vector<std::string> folders) {
  SplitDwarf::Places places;
  for (const auto& image : {files.image, files.debug}) {
    if (!image || !image->file()) continue;
    const std::string& path = image->file()->path();
    places.packages.push_back(path + ".dwp");
    places.folders.push_back(folder_of(path));
  }
  places.folders.insert(places.folders.end(), folders.begin(), folders.end());
  return places;
}

}  // namespace

struct DwarfDebugInfo::UnitState {
  explicit UnitState(const Unit& own) : unit(own) {}

  const Unit& unit;
  std::mutex mutex;  ///< for all below
  // Of the units that are hit only: a line table has 3 KB, and there may be a million units.
  std::unique_ptr<FunctionIndex> functions;
  std::unique_ptr<LineTable> lines;
  std::vector<std::optional<std::string_view>> paths;
  PointerMap<FunctionName> names;  ///< by offset of the DIE that calls inlined here refer to
  // Of the symbol last asked for: the next address is mostly in it too.
  const char* symbol = nullptr;
  FunctionName symbol_name;
};

// Bytes that may be read in all to answer one question: what is shared by all units of a hostile file is not read for
// each of them.
class DwarfDebugInfo::WorkLimit {
 public:
  explicit WorkLimit(uint64_t bytes) : bytes_(bytes) {}
  /// Little is always allowed, for the rest of the file to be answered all the same.
  bool allows(uint64_t bytes) { return bytes <= kAlways || used_.fetch_add(bytes) < bytes_; }

 private:
  static constexpr uint64_t kAlways = 4096;

  uint64_t bytes_;
  std::atomic<uint64_t> used_ = 0;
};

// The addresses of one unit, and what was found.
struct DwarfDebugInfo::Task {
  UnitState* state = nullptr;
  std::span<const uint64_t> addresses;
  std::span<const uint32_t> numbers;  ///< of `addresses` among all that are different
  std::vector<CodeLocation> locations;
  std::vector<uint32_t> ends;
};

DwarfDebugInfo::DwarfDebugInfo(DebugFiles files, std::shared_ptr<const SymbolSource> symbols,
                               std::vector<std::string> folders)
    : files_(std::move(files)), symbols_(std::move(symbols)) {
  if (!files_.debug) return;
  auto alternate =
      files_.alternate ? std::make_shared<DwarfFile>(files_.alternate, DebugSections::Flavour::kPlain) : nullptr;
  file_ = std::make_unique<DwarfFile>(files_.debug, DebugSections::Flavour::kPlain, std::move(alternate));
  split_ = std::make_unique<SplitDwarf>(split_places(files_, std::move(folders)));
}

DwarfDebugInfo::~DwarfDebugInfo() = default;

void DwarfDebugInfo::prepare(bool arguments) {
  if (file_) file_->prepare(arguments);
}

namespace {

bool has_code(const Unit& unit) {
  if (unit.section_id() != SectionId::kInfo || unit.type() == DW_UT_type) return false;
  uint16_t tag = unit.root().tag;
  return tag == DW_TAG_compile_unit || tag == DW_TAG_skeleton_unit;
}

bool by_start(const AddressRange& a, const AddressRange& b) { return a.low != b.low ? a.low < b.low : a.high < b.high; }

}  // namespace

// What .debug_aranges says of one unit.
struct DwarfDebugInfo::Hint {
  std::vector<AddressRange> ranges;
  QuickOnce once;
  bool is_true = false;
};

void DwarfDebugInfo::map_hints() {
  const DebugSections& sections = file_->sections();
  if (sections.pieces(SectionId::kInfo).size() != 1) return;
  for (UnitCode& code : read_address_ranges(sections.get(SectionId::kAranges))) {
    auto unit = file_->index_at(code.unit);
    if (!unit || file_->units()[*unit]->offset() != code.unit) continue;
    if (*unit >= hints_.size()) hints_.resize(*unit + 1);
    auto& hint = hints_[*unit];
    if (hint) continue;  // one set per unit
    for (const AddressRange& range : code.ranges) hint_map_.add(range.low, range.high, static_cast<uint32_t>(*unit));
    hint = std::make_unique<Hint>();
    hint->ranges = std::move(code.ranges);
  }
  hint_map_.build();
}

// Whether the unit says the same.
bool DwarfDebugInfo::is_true(size_t unit, Hint& hint) {
  hint.once.run([&] {
    const Unit& own = *file_->units()[unit];
    if (!has_code(own)) return;
    constexpr uint64_t kFew = 1024;  // of code that the linker left out; each of the others may have a base of its own
    RangeBudget budget{2 * hint.ranges.size() + kFew, true};
    std::vector<AddressRange> ranges = own.root_ranges(budget);
    std::ranges::sort(ranges, by_start);
    std::ranges::sort(hint.ranges, by_start);
    hint.is_true = std::ranges::equal(ranges, hint.ranges, [](const AddressRange& a, const AddressRange& b) {
      return a.low == b.low && a.high == b.high;
    });
    hint.ranges = {};
  });
  return hint.is_true;
}

void DwarfDebugInfo::map_units() {
  // An entry of .debug_ranges has 8 bytes or 16, of .debug_rnglists mostly 3 or more.
  const DebugSections& sections = file_->sections();
  RangeBudget budget{kSmallBudget + sections.get(SectionId::kRanges).size() / 4 +
                     sections.get(SectionId::kRnglists).size()};
  const auto& units = file_->units();
  for (uint32_t i = 0; i < units.size(); ++i) {
    if (!has_code(*units[i])) continue;
    auto ranges = units[i]->root_ranges(budget);
    for (const AddressRange& range : ranges) map_.add(range.low, range.high, i);
    if (ranges.empty()) silent_.push_back(i);
  }
  map_.build();
}

// Old and hand-written DWARF has units without ranges; their functions or lines tell. Skeletons without ranges have no
// code (DWARF 5, 3.1.2), and of units with one line program the first is taken.
void DwarfDebugInfo::map_silent_units() {
  std::unordered_set<uint64_t> programs;
  WorkLimit lines(line_limit());
  for (uint32_t i : silent_) {
    const Unit& unit = *file_->units()[i];
    if (!unit.root().dwo_name.empty()) continue;
    for (const AddressRange& range : FunctionIndex(unit).ranges()) silent_map_.add(range.low, range.high, i);
    auto program = unit.root().line_table;
    if (!program || !programs.insert(*program).second || !lines.allows(LineTable::size_of(unit))) continue;
    for (const AddressRange& range : LineTable(unit).ranges()) silent_map_.add(range.low, range.high, i);
  }
  silent_map_.build();
}

uint64_t DwarfDebugInfo::line_limit() const {
  constexpr uint64_t kTimesRun = 8;
  return file_ ? file_->sections().get(SectionId::kLine).size() * kTimesRun + kSmallBudget : 0;
}

DwarfDebugInfo::UnitState* DwarfDebugInfo::state_of(size_t unit) {
  std::call_once(states_once_, [this] { states_ = std::vector<std::atomic<UnitState*>>(file_->units().size()); });
  if (UnitState* known = states_[unit].load(std::memory_order_acquire)) return known;
  std::lock_guard lock(states_mutex_);
  if (UnitState* known = states_[unit].load(std::memory_order_acquire)) return known;
  auto& state = kept_states_.emplace_back(std::make_unique<UnitState>(*file_->units()[unit]));
  states_[unit].store(state.get(), std::memory_order_release);
  return state.get();
}

bool DwarfDebugInfo::is_loaded(uint64_t address) const {
  const auto& segments = (files_.image ? files_.image : files_.debug)->headers().segments;
  bool any = false;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD) continue;
    any = true;
    if (address - segment.p_vaddr < segment.p_memsz) return true;
  }
  return !any;
}

DwarfDebugInfo::UnitState* DwarfDebugInfo::unit_at(uint64_t address) {
  if (!file_) return nullptr;
  hints_once_.run([this] { map_hints(); });
  const uint32_t* hinted = hint_map_.find(address);
  if (hinted && is_true(*hinted, *hints_[*hinted])) return state_of(*hinted);
  if (!hints_.empty() && !is_loaded(address)) return nullptr;  // the callers of a library are asked about too
  units_once_.run([this] { map_units(); });
  if (const uint32_t* found = map_.find(address)) return state_of(*found);
  if (silent_.empty()) return nullptr;
  silent_once_.run([this] { map_silent_units(); });
  const uint32_t* found = silent_map_.find(address);
  return found ? state_of(*found) : nullptr;
}

const Unit& DwarfDebugInfo::functions_of(const Unit& unit) {
  const UnitRoot& root = unit.root();
  if (root.dwo_name.empty()) return unit;
  std::string missing;
  if (const Unit* split = split_->find(unit, &missing)) return *split;
  std::string_view name = root.name.empty() ? root.dwo_name : root.name;
  add_note("inlined functions of " + std::string(base_name(name)) + " are unknown: " + missing);
  return unit;
}

void DwarfDebugInfo::add_note(std::string note) {
  std::lock_guard lock(notes_mutex_);
  if (std::find(notes_.begin(), notes_.end(), note) != notes_.end()) return;
  if (notes_.size() < kMaxNotes)
    notes_.push_back(std::move(note));
  else
    more_notes_ = true;
}

std::string_view DwarfDebugInfo::path_of(UnitState& state, uint64_t file) {
  constexpr size_t kMaxCached = 1 << 16;
  if (file >= kMaxCached) return names_.keep(state.lines->path(file));
  if (file >= state.paths.size()) state.paths.resize(file + 1);
  auto& path = state.paths[file];
  if (!path) path = names_.keep(state.lines->path(file));
  return *path;
}

void DwarfDebugInfo::locate_by_symbol(uint64_t address, std::vector<CodeLocation>& out) {
  auto symbol = symbols_ ? symbols_->covering(address) : std::nullopt;
  if (!symbol) return;
  std::string_view linkage = without_version(symbol->name);
  FunctionName name = names_.of_symbol(linkage);
  CodeLocation location;
  location.function = name.function;
  location.linkage_name = linkage;
  location.from_symbol = true;
  location.function_start = symbol->value;
  out.push_back(location);
}

// Only the symbol of a function's own code tells which copy of it that is: "_Z3fooi.isra.0", "_Z3fooi.cold". DWARF has
// the linker name of the function they were all made from, and for C none at all.
void DwarfDebugInfo::name_by_symbol(UnitState& state, uint64_t address, const FunctionName& known_as,
                                    CodeLocation& location) {
  auto symbol = symbols_ ? symbols_->covering(address) : std::nullopt;
  if (!symbol) return;
  std::string_view linkage = without_version(symbol->name), known = location.linkage_name;
  bool is_copy = linkage.size() > known.size() && linkage[known.size()] == '.' && linkage.starts_with(known);
  if (known_as.has_linkage && !is_copy) return;
  if (state.symbol != linkage.data()) {
    state.symbol = linkage.data();
    state.symbol_name = names_.of_symbol(linkage);
  }
  const FunctionName& name = state.symbol_name;
  location.linkage_name = linkage;
  if (location.function.empty() || !known_as.whole) location.function = name.function;
}

// The same function is inlined in many places.
const FunctionName* DwarfDebugInfo::name_of(UnitState& state, const Unit& unit, const InlineNode& node) {
  if (node.origin == 0) return &names_.of(unit.die_at(node.die));
  const FunctionName*& name = state.names[node.origin];
  if (!name) {
    Die origin = unit.die_at(node.origin);
    name = &names_.of(origin ? origin : unit.die_at(node.die));
  }
  return name;
}

// Of the first of `addresses`; those behind it come next.
void DwarfDebugInfo::locate_in_unit(UnitState& state, std::span<const uint64_t> addresses, const LineRow& row,
                                    std::vector<CodeLocation>& out) {
  uint64_t address = addresses[0];
  CodeLocation place;
  if (row.known) {
    place.file = path_of(state, row.file);
    place.line = row.line;
    place.column = row.column;
  }
  FunctionTree* tree = state.functions->find(addresses);
  if (!tree) {
    size_t before = out.size();
    locate_by_symbol(address, out);
    if (out.size() == before && row.known) out.push_back({});
    if (out.size() == before) return;
    out.back().file = place.file;
    out.back().line = place.line;
    out.back().column = place.column;
    return;
  }
  const Unit& unit = state.functions->unit();
  for (uint32_t index = tree->innermost(address); index != InlineNode::kNone;) {
    InlineNode& node = tree->nodes[index];
    if (!node.name) node.name = name_of(state, unit, node);
    CodeLocation location = place;
    location.function = node.name->function;
    location.linkage_name = node.name->linkage;
    location.declaration_line = node.name->declaration_line;
    location.inlined = node.parent != InlineNode::kNone;
    location.function_start = node.entry;
    location.die = node.die;
    if (!location.inlined) name_by_symbol(state, address, *node.name, location);
    out.push_back(location);
    // The caller is where the call stands.
    place.file = location.inlined ? path_of(state, node.call_file) : std::string_view();
    place.line = node.call_line;
    place.column = node.call_column;
    index = node.parent;
  }
}

void DwarfDebugInfo::run(Task& task, WorkLimit& lines) {
  task.ends.reserve(task.addresses.size());
  if (!task.state) {
    for (uint64_t address : task.addresses) {
      locate_by_symbol(address, task.locations);
      task.ends.push_back(static_cast<uint32_t>(task.locations.size()));
    }
    return;
  }
  UnitState& state = *task.state;
  std::lock_guard lock(state.mutex);
  if (!state.functions) state.functions = std::make_unique<FunctionIndex>(functions_of(state.unit), files_.image.get());
  if (!lines.allows(LineTable::size_of(state.unit))) {
    file_->add_damage("its line programs overlap, some are not run");
    state.lines = std::make_unique<LineTable>();
  }
  if (!state.lines) state.lines = std::make_unique<LineTable>(state.unit);
  std::vector<LineRow> rows = state.lines->find(task.addresses);
  constexpr size_t kLikelyDepth = 6;  // more are copied; what is not used takes no memory
  task.locations.reserve(task.addresses.size() * kLikelyDepth);
  for (size_t i = 0; i < rows.size(); ++i) {
    locate_in_unit(state, task.addresses.subspan(i), rows[i], task.locations);
    task.ends.push_back(static_cast<uint32_t>(task.locations.size()));
  }
  state.functions->forget_last();
}

CodeLocations DwarfDebugInfo::locate(std::span<const uint64_t> addresses) {
  std::vector<uint64_t> unique(addresses.begin(), addresses.end());
  if (!std::is_sorted(unique.begin(), unique.end())) std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());

  // Code of a unit mostly lies together; where it does not, in order of units every unit still has one task.
  std::vector<UnitState*> units;
  units.reserve(unique.size());
  for (uint64_t address : unique) units.push_back(unit_at(address));
  std::vector<uint32_t> order(unique.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::less<>{}, [&](uint32_t number) { return units[number]; });
  std::vector<uint64_t> ordered;
  ordered.reserve(order.size());
  for (uint32_t number : order) ordered.push_back(unique[number]);
  std::vector<Task> tasks;
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && units[order[end]] == units[order[begin]]) ++end;
    Task task;
    task.state = units[order[begin]];
    task.addresses = std::span(ordered).subspan(begin, end - begin);
    task.numbers = std::span(order).subspan(begin, end - begin);
    tasks.push_back(std::move(task));
  }
  std::atomic<size_t> next = 0;
  WorkLimit lines(line_limit());
  auto work = [&] {
    for (size_t i = next++; i < tasks.size(); i = next++) run(tasks[i], lines);
  };
  unsigned threads = std::min<unsigned>({std::max(1u, std::thread::hardware_concurrency()), kMaxThreads,
                                         static_cast<unsigned>(std::min<size_t>(tasks.size(), kMaxThreads))});
  {
    std::vector<std::jthread> helpers;
    try {
      bool much = unique.size() >= kManyAddresses;
      for (unsigned i = 1; i < threads && unique.size() >= kMinParallel; ++i) {
        helpers.emplace_back([&work, much] {
          if (much) use_huge_pages_here();
          work();
        });
      }
    } catch (const std::system_error&) {
      // As many as the system allows.
    }
    work();
  }

  CodeLocations all;
  all.expect(addresses.size());
  std::vector<std::span<const CodeLocation>> found(unique.size());
  for (Task& task : tasks) {
    auto locations = all.keep(std::move(task.locations));
    for (size_t i = 0; i < task.numbers.size(); ++i) {
      size_t begin = i ? task.ends[i - 1] : 0;
      found[task.numbers[i]] = locations.subspan(begin, task.ends[i] - begin);
    }
  }
  for (size_t i = 0; i < addresses.size(); ++i) {
    bool as_given = addresses.size() == unique.size() && addresses[i] == unique[i];
    auto number = as_given ? i : static_cast<size_t>(std::ranges::lower_bound(unique, addresses[i]) - unique.begin());
    all.set(i, found[number]);
  }
  return all;
}

std::vector<Variable> DwarfDebugInfo::arguments(uint64_t address, const CodeLocation& location,
                                                const FrameContext& context) {
  static std::atomic<size_t> threads = 0;
  thread_local const size_t thread = threads++;
  if (location.from_symbol || location.die == 0) return {};
  return parameters_[thread % parameters_.size()].of(address, location.die, context);
}

Parameters DwarfDebugInfo::make_parameters() {
  return Parameters([this](uint64_t address) { return function_at(address); });
}

Die DwarfDebugInfo::function_at(uint64_t address) {
  UnitState* state = unit_at(address);
  if (!state) return {};
  std::lock_guard lock(state->mutex);
  if (!state->functions)
    state->functions = std::make_unique<FunctionIndex>(functions_of(state->unit), files_.image.get());
  return state->functions->function_at(address);
}

// Where the jump that ends at `end` goes: E9 with 4 bytes of distance, 0F 8x with 4, EB or 7x with 1 (Intel SDM volume
// 2, JMP and Jcc). 0 when it begins nowhere in the file; what it gives may be the wrong reading of another instruction.
uint64_t DwarfDebugInfo::jump_target(uint64_t end) const {
  constexpr size_t kLongest = 6;
  const elf::ElfImage* image = files_.image.get();
  auto offset = image ? image->headers().offset_of(end - kLongest) : std::nullopt;
  if (!offset) return 0;
  elf::Bytes code = elf::slice(image->bytes(), *offset, kLongest);
  if (code.size() < kLongest) return 0;
  auto at = [&](size_t back) { return std::to_integer<unsigned>(code[kLongest - back]); };
  uint64_t far = end + static_cast<uint64_t>(int64_t{*elf::load<int32_t>(code, kLongest - 4)});
  uint64_t near = end + static_cast<uint64_t>(int64_t{*elf::load<int8_t>(code, kLongest - 1)});
  auto is_entry = [&](uint64_t address) {
    auto symbol = symbols_ ? symbols_->covering(address) : std::nullopt;
    return symbol && symbol->value == address;
  };
  if ((at(5) == 0xe9 || (at(6) == 0x0f && at(5) >> 4 == 8)) && is_entry(far)) return far;
  if ((at(2) == 0xeb || at(2) >> 4 == 7) && is_entry(near)) return near;
  return 0;
}

std::optional<std::vector<TailCall>> DwarfDebugInfo::tail_calls(uint64_t address) {
  Die function = function_at(address);
  if (!function) return std::nullopt;
  std::vector<TailCall> calls;
  for (const TailCallSite& site : tail_call_sites(function)) {
    TailCall call{.pc = site.pc, .is_return_pc = site.is_return_pc, .target = 0, .name = {}};
    if (site.origin) call.target = entry_of(site.origin);
    if (site.origin && call.target == 0) {
      // The origin is a declaration, or what instances of the function have in common.
      const FunctionName& name = names_.of(site.origin);
      auto symbol = symbols_ && name.has_linkage ? symbols_->find(name.linkage) : std::nullopt;
      call.target = symbol ? symbol->value : site.is_return_pc ? jump_target(site.pc) : 0;
      if (call.target == 0) call.name = name.linkage;
    }
    calls.push_back(call);
  }
  return calls;
}

std::vector<std::string> DwarfDebugInfo::notes() const {
  std::vector<std::string> all;
  if (!files_.missing_alternate.empty())
    all.push_back("part of the debug information is missing: " + files_.missing_alternate + " was not found");
  if (!files_.debug)
    for (const std::string& refusal : files_.refused) all.push_back("a debug file was refused: " + refusal);
  {
    std::lock_guard lock(notes_mutex_);
    all.insert(all.end(), notes_.begin(), notes_.end());
    if (more_notes_) all.push_back("inlined functions of further units are unknown, for the same reasons");
  }
  std::ranges::sort(all);  // threads find them in any order
  if (file_)
    for (std::string& damage : file_->damage()) all.push_back("debug information is damaged: " + damage);
  return all;
}

}  // namespace inquest::dwarf
