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

std::string CodeFinder::builtin_at(Address pc) const {
  const Module& own = heap_.module();
  for (const Module& module : heap_.target().modules()) {
    if (pc < module.start || pc >= module.end || !module.symbols) continue;
    if (module.path != own.path) continue;
    auto symbol = module.symbols->covering(module.link_time(pc));
    if (!symbol || !symbol->name.starts_with(kBuiltinPrefix)) continue;
    return std::string(symbol->name.substr(kBuiltinPrefix.size()));
  }
  return {};
}

/// Deoptimised code "returns" to the first instruction of InterpreterEnterAtBytecode and its kin: there pc - 1 lies in
/// another builtin or between two.
std::string CodeFinder::builtin_of(const Frame& frame) const {
  std::string at_pc = builtin_at(frame.pc);
  if (at_pc.find("InterpreterEnterAt") != at_pc.npos) return at_pc;
  return builtin_at(frame.lookup_pc());
}

const std::vector<CompiledCode>& CodeFinder::code_on(const Page& page) const {
  auto [entry, fresh] = code_of_pages_.try_emplace(page.chunk.value());
  std::vector<CompiledCode>& all = entry->second;
  if (!fresh) return all;
  Walker walker = heap_.new_walker(maps_);
  WalkStats stats;
  const LayoutTable& table = heap_.layout().table;
  walker.walk(page, heap_.areas_of(page), stats,
              [&](uint64_t address, const MapInfo& map, uint64_t size, const std::byte*) {
                bool has_code = map.rule == SizeRule::kCode || map.rule == SizeRule::kInstructionStream;
                if (!has_code) return;
                CompiledCode code{.start = address + table.code_header, .end = address + size, .code = address + 1};
                if (map.rule == SizeRule::kInstructionStream) {
                  bool wide = table.code == CodeLayout::kInstructionStream32;
                  code.start = address + (wide ? 32 : 16);
                  code.code = objects_.field(address + 1, 8);
                }
                all.push_back(code);
              });
  return all;
}

std::optional<CompiledCode> CodeFinder::compiled_at(Address pc) const {
  const Page* page = code_page(pc);
  if (page == nullptr) return std::nullopt;
  const std::vector<CompiledCode>& all = code_on(*page);
  auto next = std::ranges::upper_bound(all, pc.value(), {}, &CompiledCode::start);
  if (next == all.begin() || pc.value() >= std::prev(next)->end) return std::nullopt;
  return *std::prev(next);
}

}  // namespace inquest::v8
