#include "v8/graph/reference_graph.h"

#include <atomic>
#include <limits>

#include "v8/graph/object_references.h"
#include "v8/heap/parallel.h"

namespace inquest::v8 {
namespace {

/// The edges of one page by holder, as they are met: holder, how many targets, targets.
using PageEdges = std::vector<uint32_t>;

uint32_t add_one(uint32_t& counter) {
  return std::atomic_ref<uint32_t>(counter).fetch_add(1, std::memory_order_relaxed);
}

/// One thread's part of the walk.
class EdgeCollector {
 public:
  EdgeCollector(const Heap& heap, const ObjectNumbers& numbers, uint32_t* counts)
      : heap_(heap),
        numbers_(numbers),
        counts_(counts),
        references_(heap),
        maps_(heap.new_map_cache()),
        walker_(heap.new_walker(maps_)) {}

  uint64_t found() const { return found_; }

  void collect(const Page& page, PageEdges& out) {
    WalkStats stats;
    walker_.walk(page, heap_.areas_of(page), stats,
                 [&](uint64_t address, const MapInfo& map, uint64_t size, const std::byte* bytes) {
                   if (map.body == Body::kData || !ObjectIndex::is_start(page, address)) return;
                   collect_object(numbers_.number_on(page, address), map, bytes, size, out);
                 });
    out.shrink_to_fit();
  }

 private:
  void collect_object(uint32_t number, const MapInfo& map, const std::byte* bytes, uint64_t size, PageEdges& out) {
    size_t head = out.size();
    references_.for_each(map, bytes, size, [&](uint64_t, uint64_t target, const Page& page, Strength strength) {
      if (page.space == Space::kReadOnly && !is_name(page, target)) return;
      bool weak = strength != Strength::kStrong;
      if (strength == Strength::kEmbedded) weak = is_weak_in_code(page, target);
      uint32_t to = numbers_.number_on(page, target);
      if (out.size() == head) out.insert(out.end(), {number, 0});
      out.push_back(to | (weak ? ReferenceGraph::kWeak : 0));
      add_one(counts_[to]);
    });
    if (out.size() == head) return;
    out[head + 1] = static_cast<uint32_t>(out.size() - head - 2);
    found_ += out[head + 1];
  }

  const MapInfo* map_at(const Page& page, uint64_t address) {
    uint64_t word;
    std::memcpy(&word, page.data + (address - page.area_start.value()), sizeof word);
    return maps_.find(word);
  }
  bool is_name(const Page& page, uint64_t address) {
    const MapInfo* map = map_at(page, address);
    return map && !ReferenceGraph::is_left_out(page, *map);
  }
  bool is_weak_in_code(const Page& page, uint64_t address) {
    const TypeTable& types = heap_.types();
    const MapInfo* map = map_at(page, address);
    return !map || map->category == Category::kReceiver || map->type == types.map ||
           (map->type >= types.first_context && map->type <= types.last_context);
  }

  const Heap& heap_;
  const ObjectNumbers& numbers_;
  uint32_t* counts_;
  ObjectReferences references_;
  MapCache maps_;
  Walker walker_;
  uint64_t found_ = 0;
};

/// Calls visit(holder, target with its flag) for each edge.
template <class Visit>
void for_each_edge(const PageEdges& page, Visit&& visit) {
  for (size_t at = 0; at + 2 <= page.size();) {
    uint32_t holder = page[at], count = page[at + 1];
    at += 2;
    for (uint32_t i = 0; i < count; ++i) visit(holder, page[at + i]);
    at += count;
  }
}

/// Puts every edge into the list of its target. first[n + 1] is where the next edge of n goes, and in the end where the
/// list of n ends.
void turn_round(std::vector<PageEdges>& pages, EdgeLists& lists) {
  parallel_for(pages.size(), worker_count(), [&](size_t, size_t i) {
    for_each_edge(pages[i], [&](uint32_t holder, uint32_t edge) {
      uint32_t target = edge & ~ReferenceGraph::kWeak;
      lists.edges[add_one(lists.first[target + size_t{1}])] = holder | (edge & ReferenceGraph::kWeak);
    });
    PageEdges().swap(pages[i]);
  });
}

/// Turns counts[n + 1] of each n into the place where its list begins.
void counts_to_places(std::vector<uint32_t>& counts) {
  uint32_t place = 0;
  for (size_t n = 1; n < counts.size(); ++n) {
    uint32_t count = counts[n];
    counts[n] = place;
    place += count;
  }
}

}  // namespace

Result<std::unique_ptr<ReferenceGraph>> ReferenceGraph::build(const Heap& heap, const Progress& progress) {
  std::unique_ptr<ReferenceGraph> graph(new ReferenceGraph(heap));
  const ObjectNumbers& numbers = graph->numbers_;
  if (numbers.count() > ObjectNumbers::kMost) {
    return incomplete("the heap has more than 2,147,483,647 objects", "references cannot be searched in it");
  }
  auto lists = std::make_shared<EdgeLists>();
  lists->first.resize(numbers.count() + 1);
  const std::vector<Page>& pages = heap.pages().pages();
  std::vector<PageEdges> page_edges(pages.size());
  std::vector<std::unique_ptr<EdgeCollector>> collectors;
  for (size_t i = 0; i < worker_count(); ++i) {
    collectors.push_back(std::make_unique<EdgeCollector>(heap, numbers, lists->first.data() + 1));
  }
  std::atomic<uint64_t> done{0};
  std::atomic<bool> stop{false};
  parallel_for(pages.size(), collectors.size(), [&](size_t worker, size_t i) {
    if (pages[i].stale || stop) return;
    collectors[worker]->collect(pages[i], page_edges[i]);
    uint64_t now = done.fetch_add(1) + 1;
    if (progress && worker == 0 && !progress(now, pages.size())) stop = true;
  });
  if (stop) return incomplete("interrupted", "run the command again to start over");
  uint64_t found = 0;
  for (const auto& collector : collectors) found += collector->found();
  if (found > std::numeric_limits<uint32_t>::max()) {
    return incomplete("the heap has more than 4,294,967,295 references", "they cannot be searched");
  }
  counts_to_places(lists->first);
  lists->edges.resize(found);
  turn_round(page_edges, *lists);
  graph->first_ = lists->first;
  graph->edges_ = lists->edges;
  graph->owner_ = std::move(lists);
  return graph;
}

std::unique_ptr<ReferenceGraph> ReferenceGraph::adopt(const Heap& heap, std::span<const uint32_t> first,
                                                      std::span<const uint32_t> edges,
                                                      std::shared_ptr<const void> owner) {
  std::unique_ptr<ReferenceGraph> graph(new ReferenceGraph(heap));
  if (first.size() != graph->numbers_.count() + 1 || first.back() != edges.size()) return nullptr;
  graph->first_ = first;
  graph->edges_ = edges;
  graph->owner_ = std::move(owner);
  return graph;
}

EdgeLists ReferenceGraph::forward() const {
  EdgeLists lists;
  lists.first.resize(first_.size());
  lists.edges.resize(edges_.size());
  size_t objects = numbers_.count();
  for (uint32_t edge : edges_) {
    if ((edge & ~kWeak) < objects) ++lists.first[(edge & ~kWeak) + size_t{1}];
  }
  counts_to_places(lists.first);
  for (uint32_t target = 0; target < objects; ++target) {
    for (uint32_t edge : holders(target)) {
      if ((edge & ~kWeak) >= objects) continue;
      lists.edges[lists.first[(edge & ~kWeak) + size_t{1}]++] = target | (edge & kWeak);
    }
  }
  return lists;
}

}  // namespace inquest::v8
