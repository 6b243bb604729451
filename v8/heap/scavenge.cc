#include "v8/heap/scavenge.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "v8/heap/heap.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kStackBytes = 256 << 10;
constexpr uint64_t kReferenceBudget = 64 << 20;  ///< bytes of objects looked at for references
constexpr size_t kEnoughReferences = 3;          ///< raw words may look like one by chance

/// Parts of the names of functions that move objects out of new space: Heap::Scavenge, ScavengerCollector,
/// MarkCompactCollector::Evacuate and its visitors.
constexpr std::string_view kMovingFunctions[] = {"Scaveng", "Evacuat"};

/// Whether return addresses on the thread's stack lie in such functions; nothing when the module has no symbols for its
/// local functions.
std::optional<bool> scavenger_on_stack(const Heap& heap, const Thread& thread) {
  const Module& module = heap.module();
  if (!module.symbols || !module.symbols->find("_ZN2v88internal4Heap8ScavengeEv")) return std::nullopt;
  auto bytes = heap.target().memory().view(thread.registers.sp(), kStackBytes);
  for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    if (word < module.start.value() || word >= module.end.value()) continue;
    auto symbol = module.symbols->covering(module.link_time(Address(word)));
    if (!symbol) continue;
    for (std::string_view part : kMovingFunctions) {
      if (symbol->name.find(part) != std::string_view::npos) return true;
    }
  }
  return false;
}

/// References from objects outside from-space to places on from-space pages of the isolate that hold an object or a
/// forwarding address.
size_t references_to_from_space(const Heap& heap, uint32_t isolate) {
  MapCache maps = heap.new_map_cache();
  Walker walker = heap.new_walker(maps);
  size_t found = 0;
  uint64_t budget = kReferenceBudget;
  auto count = [&](const MapInfo& map, uint64_t size, const std::byte* bytes) {
    if (map.body != Body::kTagged) return;
    for (uint64_t at = 8; at + 8 <= size; at += 8) {
      uint64_t word;
      std::memcpy(&word, bytes + at, 8);
      if (!is_heap_object(word)) continue;
      const Page* page = heap.pages().page_of(word - 1);
      if (!page || !page->from_space || page->isolate != isolate || !page->contains(Address(word - 1))) continue;
      uint64_t target = heap.pages().word(word - 1).value_or(0);
      if (maps.find(target) || (target % 8 == 0 && heap.pages().page_of(target))) ++found;
    }
  };
  for (Space space : {Space::kNew, Space::kOld}) {
    for (const Page& page : heap.pages().pages()) {
      if (found >= kEnoughReferences || budget == 0) return found;
      if (page.stale || page.isolate != isolate || page.space != space) continue;
      WalkStats stats;
      walker.walk(
          page, heap.areas_of(page), stats,
          [&](uint64_t, const MapInfo& map, uint64_t size, const std::byte* bytes) { count(map, size, bytes); });
      budget -= std::min(budget, page.area_size());
    }
  }
  return found;
}

}  // namespace

std::vector<uint32_t> find_scavenging_isolates(const Heap& heap) {
  std::vector<uint32_t> scavenging;
  for (const Isolate& isolate : heap.isolates()) {
    bool has_from_space = std::any_of(heap.pages().pages().begin(), heap.pages().pages().end(), [&](const Page& page) {
      return page.from_space && page.isolate == isolate.index;
    });
    if (!has_from_space) continue;
    bool possible = false;
    for (const Thread& thread : heap.target().threads()) {
      bool own = std::find(isolate.threads.begin(), isolate.threads.end(), thread.tid) != isolate.threads.end();
      if (own && scavenger_on_stack(heap, thread).value_or(true)) possible = true;
    }
    if (isolate.threads.empty()) possible = true;
    if (possible && references_to_from_space(heap, isolate.index) >= kEnoughReferences)
      scavenging.push_back(isolate.index);
  }
  return scavenging;
}

}  // namespace inquest::v8
