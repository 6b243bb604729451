#include "v8/heap/census.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>

#include "v8/heap/backing_store.h"
#include "v8/heap/object_index.h"
#include "v8/heap/parallel.h"
#include "v8/heap/per_map.h"
#include "v8/objects/constructor_name.h"
#include "v8/objects/shape.h"

namespace inquest::v8 {
namespace {

void ignore_store(const MapInfo&, uint64_t) {}

struct Tally {
  uint64_t count = 0;
  uint64_t self_size = 0;
  uint64_t owned = 0;            ///< bytes of backing stores these objects own
  uint64_t owned_by_others = 0;  ///< bytes of these objects that are counted with their owner
  uint64_t sample = 0;           ///< lowest tagged address

  void add(uint64_t address, uint64_t size, uint64_t stores) {
    ++count;
    self_size += size;
    owned += stores;
    if (sample == 0 || address + 1 < sample) sample = address + 1;
  }
  void add(const Tally& other) {
    count += other.count;
    self_size += other.self_size;
    owned += other.owned;
    owned_by_others += other.owned_by_others;
    if (sample == 0 || (other.sample != 0 && other.sample < sample)) sample = other.sample;
  }
  uint64_t size() const { return self_size + owned - std::min(owned_by_others, self_size); }
};

/// Rows are kept by type and, when asked for, by shape.
struct RowKey {
  uint32_t isolate;
  std::string type;
  Shape shape;
  auto operator<=>(const RowKey&) const = default;
};
using Rows = std::map<RowKey, Tally>;

bool wanted(Reachability which, const Page& page, uint64_t address) {
  if (which == Reachability::kAll) return true;
  bool live = page.space == Space::kReadOnly || ObjectIndex::is_marked(page, address);
  return live == (which == Reachability::kLive);
}

/// One worker's counts: by map wherever the map tells type and shape, by key where the object itself does.
class Counter {
 public:
  Counter(const Heap& heap, const CensusOptions& options)
      : heap_(heap),
        options_(options),
        maps_(heap.new_map_cache()),
        walker_(heap.new_walker(maps_)),
        stores_(heap, walker_),
        objects_(heap, maps_) {
    for (const Isolate& isolate : heap.isolates()) {
      names_.emplace_back(objects_, isolate.index);
      by_map_.emplace_back();
      by_elements_.emplace_back();
    }
  }

  void count_page(const Page& page, bool index, WalkStats& stats) {
    walker_.walk(page, heap_.areas_of(page), stats,
                 [&](uint64_t address, const MapInfo& map, uint64_t size, const std::byte* bytes) {
                   if (index) ObjectIndex::set_start(page, address);
                   if (map.category == Category::kFiller || !wanted(options_.which, page, address)) return;
                   count_object(page, address, map, size, bytes);
                 });
  }

  /// Adds what was counted by map to `rows`; the maps get their names here.
  void finish(Rows& rows) {
    for (uint32_t isolate = 0; isolate < by_map_.size(); ++isolate) {
      by_map_[isolate].for_each([&](uint32_t index, const Tally& tally) {
        if (tally.count == 0 && tally.owned_by_others == 0) return;
        const MapInfo& map = maps_.at(index);
        Shape shape;
        if (options_.by_shape) shape = shape_of_map(objects_, map);
        rows[{isolate, names_[isolate].name(map, 0), std::move(shape)}].add(tally);
      });
    }
    for (uint32_t isolate = 0; isolate < by_elements_.size(); ++isolate) {
      for (const auto& [key, tally] : by_elements_[isolate]) {
        const MapInfo& map = maps_.at(static_cast<uint32_t>(key >> 32));
        Shape shape = shape_of_map(objects_, map);
        shape.elements = key & 0xffffffff;
        rows[{isolate, names_[isolate].name(map, 0), std::move(shape)}].add(tally);
      }
    }
    for (auto& [key, tally] : by_key_) rows[key].add(tally);
  }

 private:
  void count_object(const Page& page, uint64_t address, const MapInfo& map, uint64_t size, const std::byte* bytes) {
    PerMap<Tally>& by_map = by_map_[page.isolate];
    if (map.index >= per_object_.size()) grow(map.index);
    uint64_t owned = 0;
    if (map.has_properties) {
      owned = stores_.owned(
          bytes, [&](const MapInfo& store, uint64_t store_size) { by_map[store.index].owned_by_others += store_size; });
    }
    if (per_object_[map.index]) {
      RowKey key{page.isolate, names_[page.isolate].name(map, address + 1), {}};
      if (options_.by_shape) key.shape = shape_of_object(objects_, map, address + 1);
      by_key_[key].add(address, size, owned);
    } else if (options_.by_shape && map.has_properties) {
      uint64_t elements = std::min<uint64_t>(element_count(objects_, map, address + 1), 0xffffffff);
      by_elements_[page.isolate][uint64_t{map.index} << 32 | elements].add(address, size, owned);
    } else {
      by_map[map.index].add(address, size, owned);
    }
  }

  void grow(uint32_t index) {
    for (uint32_t i = static_cast<uint32_t>(per_object_.size()); i <= index; ++i) {
      const MapInfo& map = maps_.at(i);
      bool needs_object = names_.front().depends_on_object(map);
      needs_object |= options_.by_shape && map.has_properties && objects_.is_dictionary_map(map);
      per_object_.push_back(needs_object);
    }
  }

  const Heap& heap_;
  const CensusOptions& options_;
  MapCache maps_;
  Walker walker_;
  BackingStores stores_;
  ObjectReader objects_;
  std::vector<ConstructorNames> names_;
  std::vector<PerMap<Tally>> by_map_;                             ///< by isolate
  std::vector<std::unordered_map<uint64_t, Tally>> by_elements_;  ///< [isolate][map index << 32 | elements], by shape
  std::vector<uint8_t> per_object_;
  Rows by_key_;
};

Census to_census(Rows rows) {
  Census census;
  for (auto& [key, tally] : rows) {
    if (tally.count == 0) continue;
    CensusRow& row = census.rows.emplace_back();
    row.type = key.type;
    row.isolate = key.isolate;
    row.count = tally.count;
    row.self_size = tally.self_size;
    row.size = tally.size();
    row.sample = Address(tally.sample);
    row.properties = static_cast<uint32_t>(key.shape.properties.size());
    row.elements = key.shape.elements;
    row.property_names = key.shape.properties;
    census.count += row.count;
    census.size += row.size;
    census.self_size += row.self_size;
  }
  return census;
}

/// Hands out the pages that hold objects to the workers, keeps count of the bytes done, and stops when told to.
template <class Job>
void for_each_page(const Heap& heap, size_t workers, const WalkProgress& progress, Job&& job) {
  const std::vector<Page>& pages = heap.pages().pages();
  uint64_t all = 0;
  for (const Page& page : pages) all += page.stale ? 0 : page.area_size();
  std::atomic<uint64_t> done{0};
  std::atomic<bool> stop{false};
  parallel_for(pages.size(), workers, [&](size_t worker, size_t i) {
    if (pages[i].stale || stop) return;
    job(worker, pages[i]);
    uint64_t now = done.fetch_add(pages[i].area_size()) + pages[i].area_size();
    if (progress && worker == 0 && !progress(now, all)) stop = true;
  });
}

WalkStats& stats_of(HeapTotals& totals, const Page& page) {
  return totals.isolates[page.isolate][static_cast<size_t>(page.space)];
}

/// Finds the objects with one type name. One for each thread.
class InstanceFinder {
 public:
  InstanceFinder(const Heap& heap, std::string_view type, Reachability which)
      : heap_(heap),
        type_(type),
        which_(which),
        maps_(heap.new_map_cache()),
        walker_(heap.new_walker(maps_)),
        stores_(heap, walker_),
        objects_(heap, maps_),
        matches_(heap.isolates().size()) {
    for (const Isolate& isolate : heap.isolates()) names_.emplace_back(objects_, isolate.index);
  }

  void search(const Page& page) {
    WalkStats stats;
    page_begins_.push_back(found_.size());
    walker_.walk(page, heap_.areas_of(page), stats,
                 [&](uint64_t address, const MapInfo& map, uint64_t size, const std::byte* bytes) {
                   if (map.category == Category::kFiller || !wanted(which_, page, address)) return;
                   if (!matches(page.isolate, map, address)) return;
                   uint64_t owned = map.has_properties ? stores_.owned(bytes, ignore_store) : 0;
                   found_.push_back({Address(address + 1), page.isolate, size + owned, size});
                 });
  }

  /// What was found on each page that has any.
  void add_found(std::vector<std::span<const Instance>>& of_pages) const {
    for (size_t i = 0; i < page_begins_.size(); ++i) {
      size_t end = i + 1 < page_begins_.size() ? page_begins_[i + 1] : found_.size();
      if (end > page_begins_[i]) of_pages.push_back(std::span(found_).subspan(page_begins_[i], end - page_begins_[i]));
    }
  }

 private:
  enum class Match : uint8_t { kUnknown, kNo, kYes, kPerObject };  // unknown is what a fresh value is

  bool matches(uint32_t isolate, const MapInfo& map, uint64_t address) {
    Match& match = matches_[isolate][map.index];
    const ConstructorNames& naming = names_[isolate];
    if (match == Match::kUnknown) {
      if (naming.depends_on_object(map))
        match = Match::kPerObject;
      else
        match = naming.name(map, 0) == type_ ? Match::kYes : Match::kNo;
    }
    return match == Match::kYes || (match == Match::kPerObject && naming.name(map, address + 1) == type_);
  }

  const Heap& heap_;
  std::string_view type_;
  Reachability which_;
  MapCache maps_;
  Walker walker_;
  BackingStores stores_;
  ObjectReader objects_;
  std::vector<ConstructorNames> names_;  ///< by isolate
  std::vector<PerMap<Match>> matches_;   ///< by isolate
  std::vector<Instance> found_;
  std::vector<size_t> page_begins_;  ///< in `found_`
};

}  // namespace

void HeapTotals::add(const HeapTotals& other) {
  for (size_t i = 0; i < isolates.size() && i < other.isolates.size(); ++i) {
    for (size_t space = 0; space < kSpaceCount; ++space) isolates[i][space].add(other.isolates[i][space]);
  }
}

WalkStats HeapTotals::sum() const {
  WalkStats sum;
  for (const auto& spaces : isolates) {
    for (const WalkStats& stats : spaces) sum.add(stats);
  }
  return sum;
}

std::vector<uint64_t> HeapTotals::numbers() const {
  std::vector<uint64_t> numbers;
  for (const auto& spaces : isolates) {
    for (const WalkStats& stats : spaces) {
      numbers.insert(numbers.end(),
                     {stats.objects, stats.bytes, stats.unused, stats.not_parsed, stats.bad_regions, stats.forwarded});
    }
  }
  return numbers;
}

std::optional<HeapTotals> HeapTotals::from_numbers(std::span<const uint64_t> numbers, size_t count) {
  constexpr size_t kEach = 6;
  if (numbers.size() != count * kSpaceCount * kEach) return std::nullopt;
  HeapTotals totals(count);
  for (auto& spaces : totals.isolates) {
    for (WalkStats& stats : spaces) {
      stats = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
      numbers = numbers.subspan(kEach);
    }
  }
  return totals;
}

HeapTotals index_heap(const Heap& heap, const WalkProgress& progress) {
  size_t workers = worker_count();
  std::vector<HeapTotals> totals(workers, HeapTotals(heap.isolates().size()));
  std::vector<std::unique_ptr<MapCache>> maps;
  for (size_t i = 0; i < workers; ++i) maps.push_back(std::make_unique<MapCache>(heap.new_map_cache()));
  for_each_page(heap, workers, progress, [&](size_t worker, const Page& page) {
    Walker walker = heap.new_walker(*maps[worker]);
    walker.walk(
        page, heap.areas_of(page), stats_of(totals[worker], page),
        [&](uint64_t address, const MapInfo&, uint64_t, const std::byte*) { ObjectIndex::set_start(page, address); });
  });
  HeapTotals sum(heap.isolates().size());
  for (const HeapTotals& one : totals) sum.add(one);
  return sum;
}

Census take_census(const Heap& heap, const CensusOptions& options, const WalkProgress& progress, HeapTotals* index) {
  size_t workers = worker_count();
  std::vector<std::unique_ptr<Counter>> counters;
  for (size_t i = 0; i < workers; ++i) counters.push_back(std::make_unique<Counter>(heap, options));
  std::vector<HeapTotals> totals(workers, HeapTotals(heap.isolates().size()));
  for_each_page(heap, workers, progress, [&](size_t worker, const Page& page) {
    counters[worker]->count_page(page, index != nullptr, stats_of(totals[worker], page));
  });
  Rows rows;
  for (auto& counter : counters) counter->finish(rows);
  if (index) {
    for (const HeapTotals& one : totals) index->add(one);
  }
  return to_census(std::move(rows));
}

std::vector<Instance> find_instances(const Heap& heap, std::string_view type, Reachability which) {
  std::vector<std::unique_ptr<InstanceFinder>> finders(worker_count());
  for_each_page(heap, finders.size(), {}, [&](size_t worker, const Page& page) {
    if (!finders[worker]) finders[worker] = std::make_unique<InstanceFinder>(heap, type, which);
    finders[worker]->search(page);
  });
  // Each page was searched as a whole, from its beginning to its end: what was found is in order once the pages are.
  std::vector<std::span<const Instance>> of_pages;
  size_t count = 0;
  for (const auto& finder : finders) {
    if (finder) finder->add_found(of_pages);
  }
  std::ranges::sort(of_pages, {}, [](std::span<const Instance> page) { return page.front().address; });
  for (std::span<const Instance> page : of_pages) count += page.size();
  std::vector<Instance> found;
  found.reserve(count);
  for (std::span<const Instance> page : of_pages) found.insert(found.end(), page.begin(), page.end());
  if (!std::ranges::is_sorted(found, {}, &Instance::address)) std::ranges::sort(found, {}, &Instance::address);
  return found;
}

}  // namespace inquest::v8
