#include "v8/functions/function_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "v8/frames/source_position.h"
#include "v8/functions/code_objects.h"
#include "v8/heap/object_index.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMaxLine = 10000;  ///< bytes of a line that is shown; minified files have but one

bool wanted(Reachability which, const Page& page, uint64_t address) {
  if (which == Reachability::kAll || page.space == Space::kReadOnly) return true;
  return ObjectIndex::is_marked(page, address) == (which == Reachability::kLive);
}

/// What belongs to one SharedFunctionInfo.
struct Parts {
  bool seen = false;  ///< the SharedFunctionInfo itself
  uint32_t isolate = 0;
  uint64_t closures = 0;
  uint64_t sample = 0;
  Tier tier = Tier::kNone;
  std::unordered_set<uint64_t> codes;
};

class Functions {
 public:
  explicit Functions(const Heap& heap)
      : heap_(heap), maps_(heap.new_map_cache()), objects_(heap, maps_), positions_(objects_), codes_(objects_) {}

  void walk(Reachability which, const std::function<bool()>& go_on) {
    Walker walker = heap_.new_walker(maps_);
    for (const Page& page : heap_.pages().pages()) {
      if (page.stale) continue;
      if (go_on && !go_on()) return;
      WalkStats stats;
      walker.walk(page, heap_.areas_of(page), stats,
                  [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                    if (wanted(which, page, address)) object(page, address + 1, map);
                  });
    }
  }

  std::vector<FunctionInfo> rows(const FunctionFilter& filter) {
    uint64_t only = filter.at ? shared_at(*filter.at) : 0;
    std::vector<FunctionInfo> rows;
    if (filter.at && only == 0) return rows;
    for (auto& [shared, parts] : parts_) {
      if (!parts.seen || (only != 0 && shared != only)) continue;
      FunctionInfo row = info(shared, parts);
      if (row.name.find(filter.name) == std::string::npos || row.file.find(filter.script) == std::string::npos)
        continue;
      if (!filter.script.empty() && row.file.empty()) continue;
      rows.push_back(std::move(row));
    }
    std::ranges::sort(rows, {}, [](const FunctionInfo& row) {
      return std::tuple(row.file, row.line, row.column, row.isolate, row.shared.value());
    });
    return rows;
  }

 private:
  void object(const Page& page, uint64_t word, const MapInfo& map) {
    if (map.type == heap_.types().shared_function_info) {
      Parts& parts = parts_[word];
      parts.seen = true;
      parts.isolate = page.isolate;
      if (uint64_t baseline = positions_.baseline_code_of(word); baseline != 0) add_code(parts, baseline);
      return;
    }
    if (map.category == Category::kReceiver && objects_.is_function(word)) {
      Parts& parts = parts_[positions_.shared_of(word)];
      ++parts.closures;
      if (parts.sample == 0 || word < parts.sample) parts.sample = word;
      if (uint64_t code = codes_.code_of_function(word); code != 0) add_code(parts, code);
      return;
    }
    // Where functions hold numbers instead of their code, the code tells.
    if (codes_.is_code(map) && heap_.layout().version >= V8Version{13, 0}) {
      uint64_t shared = codes_.shared_of(word);
      if (shared != 0 && !codes_.is_osr(word)) add_code(parts_[shared], word);
    }
  }

  void add_code(Parts& parts, uint64_t code) {
    Tier tier = codes_.tier(code);
    if (tier == Tier::kNone) return;
    parts.tier = std::max(parts.tier, tier);
    parts.codes.insert(code);
  }

  FunctionInfo info(uint64_t shared, const Parts& parts) {
    FunctionInfo row;
    row.shared = Address(shared);
    row.isolate = parts.isolate;
    row.name = objects_.shared_debug_name(shared);
    uint64_t script = positions_.script_of(shared);
    if (script != 0) {
      auto range = positions_.range_of(shared);
      if (auto whole = parts.sample != 0 ? positions_.class_range(parts.sample) : std::nullopt) range = whole;
      SourcePlace place = positions_.place(script, range ? range->start : -1);
      row.file = place.script;
      row.line = place.line;
      row.column = place.column;
      row.script_word = script;
    }
    uint64_t bytecode = positions_.bytecode_of(shared);
    row.compiled = bytecode != 0;
    row.bytecode_size = bytecode != 0 ? positions_.bytecode_size(bytecode) : 0;
    row.tier = row.compiled ? std::max(parts.tier, Tier::kIgnition) : Tier::kNone;
    for (uint64_t code : parts.codes) row.code_size += codes_.size(code);
    row.closures = parts.closures;
    row.sample = Address(parts.sample);
    return row;
  }

  /// The function that an address stands for: JSFunction, SharedFunctionInfo, Code, or a place in machine code.
  uint64_t shared_at(Address at) {
    uint64_t word = at.value() | kHeapObjectTag;
    if (objects_.is_function(word)) return positions_.shared_of(word);
    if (parts_.contains(word) && parts_[word].seen) return word;
    for (const auto& [shared, parts] : parts_) {
      for (uint64_t code : parts.codes) {
        if (code == word || contains(code, at.value())) return shared;
      }
    }
    return 0;
  }
  bool contains(uint64_t code, uint64_t address) const {
    if (heap_.layout().table.code != CodeLayout::kInline) {
      // Code of 11.x and later says where its instructions begin, in one of its words.
      for (uint64_t at = 16; at <= 56; at += 8) {
        uint64_t start = objects_.field(code, at);
        if (address >= start && address - start < codes_.size(code)) return true;
      }
      return false;
    }
    uint64_t start = code - 1 + heap_.layout().table.code_header;
    return address >= start && address - start < codes_.size(code);
  }

  const Heap& heap_;
  MapCache maps_;
  ObjectReader objects_;
  SourcePositions positions_;
  CodeObjects codes_;
  std::unordered_map<uint64_t, Parts> parts_;
};

SourceLines cut(const SourcePositions& positions, uint64_t script, uint32_t middle, uint32_t count) {
  const std::u16string& source = positions.source(script);
  SourceLines result;
  result.file = positions.scripts().name(script);
  std::vector<std::pair<size_t, size_t>> lines;
  for (size_t at = 0; at <= source.size();) {
    size_t end = std::min(source.find(u'\n', at), source.size());
    lines.emplace_back(at, end);
    at = end + 1;
  }
  result.total = static_cast<uint32_t>(lines.size());
  uint32_t before = std::min((count - 1) / 2, middle - 1);
  result.first = std::min(middle - before, result.total);
  for (uint32_t line = result.first; line < result.first + count && line <= result.total; ++line) {
    auto [at, end] = lines[line - 1];
    result.lines.push_back(to_utf8(std::u16string_view(source).substr(at, std::min(end - at, kMaxLine))));
  }
  return result;
}

}  // namespace

std::vector<FunctionInfo> survey_functions(const Heap& heap, const FunctionFilter& filter, Reachability which,
                                           const std::function<bool()>& go_on) {
  Functions functions(heap);
  functions.walk(which, go_on);
  return functions.rows(filter);
}

Result<SourceLines> list_source(const Heap& heap, const SourceRequest& request) {
  MapCache maps = heap.new_map_cache();
  ObjectReader objects(heap, maps);
  SourcePositions positions(objects);
  uint32_t count = std::max(request.count, 1u);
  if (request.at) {
    uint64_t word = request.at->value() | kHeapObjectTag;
    uint64_t shared = objects.is_function(word) ? positions.shared_of(word) : word;
    const MapInfo* map = objects.map_of(shared);
    if (map == nullptr || map->type != heap.types().shared_function_info) {
      return unusable(fmt::format("there is no function at 0x{:x}", request.at->value()),
                      "v8 functions lists them with their addresses");
    }
    uint64_t script = positions.script_of(shared);
    if (script == 0) return unusable("this function has no script: it is one of V8's or Node.js's own, in C++");
    auto range = positions.range_of(shared);
    if (auto whole = positions.class_range(word)) range = whole;
    SourcePlace start = positions.place(script, range ? range->start : 0);
    if (request.line != 0) return cut(positions, script, request.line, count);
    // The function from its first line on, not around it.
    return cut(positions, script, std::max(start.line, 1u) + (count - 1) / 2, count);
  }
  // Scripts are few: all of them are looked at for the best match.
  uint64_t found = 0;
  size_t matches = 0;
  Walker walker = heap.new_walker(maps);
  for (const Page& page : heap.pages().pages()) {
    if (page.stale || page.space == Space::kReadOnly) continue;
    WalkStats stats;
    walker.walk(page, heap.areas_of(page), stats,
                [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                  if (map.category != Category::kInternal || heap.types()[map.type].name != "Script") return;
                  std::string name = positions.scripts().name(address + 1);
                  if (name == request.script) found = address + 1, matches = 1;
                  if (name.empty() || name == request.script || !name.ends_with(request.script)) return;
                  bool whole_name = name[name.size() - request.script.size() - 1] == '/';
                  if (!whole_name || (found != 0 && positions.scripts().name(found) == request.script)) return;
                  ++matches;
                  found = address + 1;
                });
  }
  if (found == 0) {
    return unusable(fmt::format("no script is called '{}'", request.script), "v8 functions lists functions with files");
  }
  return cut(positions, found, std::max(request.line, 1u), count);
}

}  // namespace inquest::v8
