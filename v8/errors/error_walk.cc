#include "v8/errors/error_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "v8/errors/error_reader.h"
#include "v8/errors/uncaught.h"
#include "v8/heap/object_index.h"

namespace inquest::v8 {
namespace {

bool is_young(const Page& page) { return page.space == Space::kNew || page.space == Space::kNewLarge; }

bool wanted(Reachability which, const Page& page, uint64_t address) {
  if (which == Reachability::kAll) return true;
  return ObjectIndex::is_marked(page, address) == (which == Reachability::kLive);
}

}  // namespace

ErrorReport survey_errors(const Heap& heap, Reachability which, const std::function<bool()>& go_on) {
  ErrorReport report;
  MapCache maps = heap.new_map_cache();
  ObjectReader objects(heap, maps);
  SourcePositions positions(objects);
  StackLines names(positions);
  std::vector<ErrorReader> readers;
  std::vector<uint64_t> uncaught;  // by isolate; 0: none
  for (const Isolate& isolate : heap.isolates()) {
    readers.emplace_back(positions, names, isolate.index);
    auto found = find_uncaught(objects, isolate.index);
    uncaught.push_back(found ? found->value : 0);
    if (!found) continue;
    const MapInfo* map = objects.map_of(found->value);
    bool is_error = map != nullptr && readers.back().is_error(*map);
    report.uncaught_note = fmt::format(
        "thread {} died in {} reporting {}", found->thread, found->where,
        is_error ? fmt::format("the error at 0x{:x}", found->value) : "an exception that is no Error object");
  }
  Walker walker = heap.new_walker(maps);
  for (const Page& page : heap.pages().pages()) {
    if (page.stale || page.space == Space::kReadOnly) continue;
    if (go_on && !go_on()) break;
    WalkStats stats;
    const ErrorReader& reader = readers[page.isolate];
    walker.walk(page, heap.areas_of(page), stats,
                [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                  if (!reader.is_error(map) || objects.is_prototype_map(map)) return;
                  bool is_uncaught = address + 1 == uncaught[page.isolate];
                  if (!is_uncaught && !wanted(which, page, address)) return;
                  ErrorObject error = reader.read(address + 1);
                  error.young = is_young(page);
                  error.uncaught = is_uncaught;
                  report.errors.push_back(std::move(error));
                });
  }
  std::ranges::sort(report.errors, std::greater(), [](const ErrorObject& error) {
    return std::tuple(error.uncaught, error.young, error.address.value());
  });
  return report;
}

}  // namespace inquest::v8
