#include "v8/frames/code_finder.h"

#include <algorithm>

namespace inquest::v8 {
namespace {
constexpr std::string_view kBuiltinPrefix = "Builtins_";
}

const Page* CodeFinder::code_page(Address pc) const {
  const Page* page = heap_.pages().page_of(pc.value());
  if (page == nullptr) {
    // Of large pages only the first block is in the table.
    for (const Page& candidate : heap_.pages().pages()) {
      if (candidate.large && candidate.contains(pc)) page = &candidate;
    }
  }
  if (page == nullptr || !page->contains(pc)) return nullptr;
  return page->space == Space::kCode || page->space == Space::kCodeLarge ? page : nullptr;
}

std::optional<CodeFinder::Place> CodeFinder::builtin_at(Address pc) const {
  const Module& own = heap_.module();
  for (const Module& module : heap_.target().modules()) {
    if (pc < module.start || pc >= module.end || !module.symbols) continue;
    if (module.path != own.path) continue;
    auto symbol = module.symbols->covering(module.link_time(pc));
    if (!symbol || !symbol->name.starts_with(kBuiltinPrefix)) continue;
    return Place{symbol->name.substr(kBuiltinPrefix.size()), module.link_time(pc) - symbol->value};
  }
  return std::nullopt;
}

/// A stripped binary does not name its builtins, but every isolate knows where they are: Isolate::embedded_blob_code_
/// and its size lie side by side, behind the Heap that is part of the Isolate (0x1e00 to 0x2400 bytes in 7.8 to 14.6).
/// The pointer may be that of the copy near the code range, which is a module of its own here.
void CodeFinder::find_nameless_builtins() {
  constexpr uint64_t kSearched = 0x4000;
  constexpr uint64_t kLeast = 256 << 10, kMost = 6 << 20;  // the builtins of 7.4 to 14.6 take 1 to 3 MB
  constexpr uint64_t kLeastData = 64 << 10;  // what describes them, 9.0 and later: pointer and size follow
  const Module& own = heap_.module();
  if (!own.symbols || own.symbols->find("Builtins_InterpreterEntryTrampoline") || heap_.isolates().empty()) return;
  const MemoryReader& memory = heap_.target().memory();
  Address heap = heap_.isolates().front().heap;
  for (uint64_t offset = 0; offset < kSearched; offset += 8) {
    auto start = memory.read_u64(heap + offset);
    auto size = memory.read_value<uint32_t>(heap + offset + 8);
    if (!start || !size || *size < kLeast || *size > kMost || *start % 32 != 0) continue;
    const MemoryRegion* first = memory.region_of(Address(*start));
    if (heap_.layout().version >= V8Version{9, 0}) {
      auto data = memory.read_u64(heap + offset + 16);
      auto data_size = memory.read_value<uint32_t>(heap + offset + 24);
      if (!data || !data_size || *data_size < kLeastData || *data_size > kMost) continue;
      if (memory.region_of(Address(*data)) == nullptr) continue;
    }
    if (first == nullptr || !first->executable || !first->contains(Address(*start + *size - 1))) continue;
    for (const Module& module : heap_.target().modules()) {
      Address code(*start);
      if (module.path != own.path || code < module.start || code >= module.end) continue;
      builtins_start_ = module.link_time(code);
      builtins_end_ = builtins_start_ + *size;
      return;
    }
  }
}

bool CodeFinder::in_nameless_builtins(Address pc) const {
  if (builtins_end_ == 0) return false;
  for (const Module& module : heap_.target().modules()) {
    if (pc < module.start || pc >= module.end || module.path != heap_.module().path) continue;
    uint64_t at = module.link_time(pc);
    if (at >= builtins_start_ && at < builtins_end_) return true;
  }
  return false;
}

/// The deoptimiser makes frames that "return" to the first instruction of a builtin that goes on with them,
/// InterpreterEnterAtBytecode, ContinueToJavaScriptBuiltin and their kin (SetPc in src/deoptimizer/deoptimizer.cc):
/// there pc - 1 lies in another builtin or between two. No call returns to such a place.
std::string CodeFinder::builtin_of(const Frame& frame) const {
  auto place = builtin_at(frame.pc);
  if (!place || place->offset != 0) place = builtin_at(frame.lookup_pc());
  return place ? std::string(place->name) : std::string();
}

CompiledCode CodeFinder::compiled_code(uint64_t address, const MapInfo& map, uint64_t size) const {
  const LayoutTable& table = heap_.layout().table;
  CompiledCode code{.start = address + table.code_header, .end = address + size, .code = address + 1};
  if (map.rule == SizeRule::kInstructionStream) {
    bool wide = table.code == CodeLayout::kInstructionStream32;
    code.start = address + (wide ? 32 : 16);
    code.code = objects_.field(address + 1, 8);
  }
  return code;
}

/// Code is made while a live process runs, so its pages are not walked: the object that a pc lies in begins with the
/// map of all such objects. That map may also be a constant in the code; what is taken for a header then does not reach
/// so far, or leads to no Code object.
std::optional<CompiledCode> CodeFinder::header_before(const Page& page, Address pc) const {
  constexpr uint64_t kFarthest = 1 << 20;  // bytes of code of one function
  bool is_inline = heap_.layout().table.code == CodeLayout::kInline;
  uint64_t map_word = heap_.root(is_inline ? "code_map" : "instruction_stream_map", page.isolate);
  const MapInfo* map = maps_.find(map_word);
  if (map == nullptr) return std::nullopt;
  Walker walker = heap_.new_walker(maps_);
  uint64_t inside = (pc - page.area_start) & ~uint64_t{7};
  for (uint64_t back = 8; back <= std::min(inside, kFarthest); back += 8) {
    uint64_t address = page.area_start.value() + inside - back;
    if (heap_.pages().word(address) != map_word) continue;
    uint64_t available = page.area_end.value() - address;
    const std::byte* bytes = heap_.pages().object_bytes(address, 0, std::min<uint64_t>(available, 64));
    uint64_t size = bytes != nullptr ? walker.size(*map, bytes, available) : 0;
    CompiledCode code = compiled_code(address, *map, size);
    if (pc.value() >= code.start && pc.value() < code.end && objects_.map_of(code.code) != nullptr) return code;
  }
  return std::nullopt;
}

const std::vector<CompiledCode>& CodeFinder::code_on(const Page& page) const {
  auto [entry, fresh] = code_of_pages_.try_emplace(page.chunk.value());
  std::vector<CompiledCode>& all = entry->second;
  if (!fresh) return all;
  Walker walker = heap_.new_walker(maps_);
  WalkStats stats;
  walker.walk(page, heap_.areas_of(page), stats,
              [&](uint64_t address, const MapInfo& map, uint64_t size, const std::byte*) {
                bool has_code = map.rule == SizeRule::kCode || map.rule == SizeRule::kInstructionStream;
                if (has_code) all.push_back(compiled_code(address, map, size));
              });
  return all;
}

std::optional<CompiledCode> CodeFinder::compiled_at(Address pc) const {
  const Page* page = code_page(pc);
  if (page == nullptr) return std::nullopt;
  if (heap_.is_live()) return header_before(*page, pc);
  const std::vector<CompiledCode>& all = code_on(*page);
  auto next = std::ranges::upper_bound(all, pc.value(), {}, &CompiledCode::start);
  if (next == all.begin() || pc.value() >= std::prev(next)->end) return std::nullopt;
  return *std::prev(next);
}

}  // namespace inquest::v8
