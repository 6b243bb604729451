#include "v8/graph/referrers.h"

#include <algorithm>

#include "v8/graph/object_starts.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMostHolders = 1000000;  ///< of one object that are looked at
// What lies beyond these counts as more, see left_out_.
constexpr size_t kMostSlots = 1000000;      ///< references from one holder to one object
constexpr size_t kMostInstances = 1000000;  ///< of hidden classes with an accessor in their descriptors
constexpr size_t kMostRows = 4000000;       ///< of one target
constexpr int kMostSteps = 3;               ///< from a value to what holds it: accessor pair, dictionary, object

}  // namespace

Referrers::Referrers(const Heap& heap, const ReferenceGraph& graph)
    : heap_(heap), graph_(graph), names_(heap), describer_(heap), maps_(heap.new_map_cache()), objects_(heap, maps_) {
  for (const Isolate& isolate : heap.isolates()) constructor_names_.emplace_back(objects_, isolate.index);
}

/// References to objects that the graph leaves out, and to maps: every object is looked at.
std::vector<uint64_t> Referrers::scan_for(uint64_t target, Reachability which, uint64_t& more) {
  struct Worker {
    MapCache maps;
    Walker walker;
    ObjectReferences references;
    explicit Worker(const Heap& heap) : maps(heap.new_map_cache()), walker(heap.new_walker(maps)), references(heap) {}
  };
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t i = 0; i < worker_count(); ++i) workers.push_back(std::make_unique<Worker>(heap_));
  std::vector<std::vector<uint64_t>> found(workers.size());
  std::vector<uint64_t> left_out(workers.size());
  for_each_start(heap_, [&](size_t index, const Page& page, uint64_t address) {
    const std::byte* bytes = bytes_at(page, address);
    Worker& worker = *workers[index];
    bool refers = word_of(bytes) == target;
    const MapInfo* map = refers ? nullptr : worker.maps.find(word_of(bytes));
    if (map != nullptr && map->body != Body::kData) {
      uint64_t size = worker.walker.size(*map, bytes, page.area_end.value() - address);
      worker.references.for_each(*map, bytes, size,
                                 [&](uint64_t, uint64_t at, const Page&, Strength) { refers |= at + 1 == target; });
    }
    if (!refers || !is_wanted(page, address, which)) return;
    found[index].size() < kMostHolders ? found[index].push_back(address + 1) : void(++left_out[index]);
  });
  for (uint64_t count : left_out) more += count;
  return joined(std::move(found));
}

/// The objects that refer to `target`, by address.
std::vector<uint64_t> Referrers::holders_of(uint64_t target, Reachability which, uint64_t& more) {
  const MapInfo* map = objects_.map_of(target);
  const Page* page = heap_.pages().page_of(target - 1);
  if (map == nullptr || page == nullptr) return {};
  if (map->type == heap_.types().map || ReferenceGraph::is_left_out(*page, *map)) return scan_for(target, which, more);
  auto number = graph_.numbers().number_of(target - 1);
  if (!number) return {};
  std::vector<uint32_t> numbers;
  for (uint32_t edge : graph_.holders(*number)) numbers.push_back(edge & ~ReferenceGraph::kWeak);
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  std::vector<uint64_t> holders;
  for (uint32_t holder : numbers) {
    uint64_t address = graph_.numbers().address_of(holder);
    const Page* of_holder = address != 0 ? heap_.pages().page_of(address) : nullptr;
    if (of_holder == nullptr || !is_wanted(*of_holder, address, which)) continue;
    if (holders.size() >= kMostHolders) {
      ++more;
      continue;
    }
    holders.push_back(address + 1);
  }
  return holders;
}

std::vector<uint64_t> Referrers::instances_of(std::span<const uint64_t> maps, Reachability which, size_t limit,
                                              uint64_t& more) {
  std::vector<std::vector<uint64_t>> found(worker_count());
  std::vector<uint64_t> words;
  for (uint64_t map : maps) words.push_back(map + 1);
  for_each_start(heap_, [&](size_t worker, const Page& page, uint64_t address) {
    uint64_t word = word_of(bytes_at(page, address));
    bool of_these = words.size() == 1 ? word == words[0] : std::binary_search(words.begin(), words.end(), word);
    if (of_these && is_wanted(page, address, which)) found[worker].push_back(address + 1);
  });
  std::vector<uint64_t> all = joined(std::move(found));
  if (all.size() > limit) {
    more += all.size() - limit;
    all.resize(limit);
  }
  return all;
}

/// Whether an object of this kind is part of another one, to JavaScript.
bool Referrers::is_store(const MapInfo& map) const {
  if (map.backing_store || map.rule == SizeRule::kDescriptorArray || map.body == Body::kEphemerons) return true;
  const std::string& name = heap_.types()[map.type].name;
  if (map.type == heap_.types().map) return true;
  return name == "AccessorPair" || name.ends_with("PropertyCell") || map.type == heap_.types().context_cell;
}

bool Referrers::add_owners(uint64_t store, uint64_t offset, Reachability which, const Add& add, int depth) {
  const MapInfo* map = objects_.map_of(store);
  if (map == nullptr || offset == 0 || depth >= kMostSteps || !is_store(*map)) return false;
  const std::string& type = heap_.types()[map->type].name;
  if (map->rule == SizeRule::kDescriptorArray) return add_through_descriptors(store, offset, which, add);
  if (type == "AccessorPair") return add_accessors(store, offset, which, add, depth);
  if (map->type == heap_.types().map) return offset == heap_.layout().map.prototype && add_prototype(store, which, add);
  if (type.ends_with("PropertyCell")) return offset == 24 && add_global(store, which, add);
  bool any = false;
  std::vector<uint64_t> owners = holders_of(store, which, left_out_);
  for (uint64_t owner : owners) {
    for (const EdgeNames::Slot& slot : names_.slots(owner, store, kMostSlots, left_out_)) {
      if (map->type == heap_.types().context_cell) {
        EdgeName name = names_.of(owner, slot.offset);
        if (name.kind != EdgeKind::kContext) continue;
        add(owner, std::move(name), store);
        any = true;
        continue;
      }
      auto name = names_.through(owner, slot.offset, store, offset);
      if (!name) continue;
      if (name->weak && name->key != 0) {
        // V8 draws the edge from the key too, because the key keeps the value alive.
        EdgeName pair{.kind = EdgeKind::kInternal, .name = "part of key -> value pair in WeakMap"};
        if (is_heap_object(name->key)) add(name->key, std::move(pair), store);
      }
      add(owner, std::move(*name), store);
      any = true;
    }
  }
  return any;
}

/// A value in a DescriptorArray (an accessor mostly) is a property of all objects with these descriptors.
bool Referrers::add_through_descriptors(uint64_t descriptors, uint64_t offset, Reachability which, const Add& add) {
  uint64_t index = 0;
  auto name = names_.descriptor_value(descriptors, offset, index);
  if (!name) return false;
  std::vector<uint64_t> maps;
  for (uint64_t holder : holders_of(descriptors, Reachability::kAll, left_out_)) {
    const MapInfo* map = objects_.map_of(holder);
    const MapInfo* described = map != nullptr && map->type == heap_.types().map ? maps_.find(holder) : nullptr;
    if (described == nullptr || described->category != Category::kReceiver) continue;
    if (objects_.own_descriptors(*described) > index) maps.push_back(described->map);
  }
  std::sort(maps.begin(), maps.end());
  if (maps.empty()) return false;
  std::vector<uint64_t> instances = instances_of(maps, which, kMostInstances, left_out_);
  for (uint64_t instance : instances) add(instance, *name, descriptors);
  return !instances.empty();
}

bool Referrers::add_accessors(uint64_t pair, uint64_t offset, Reachability which, const Add& add, int depth) {
  const char* word = offset == 8 ? "get " : offset == 16 ? "set " : nullptr;
  if (word == nullptr) return false;
  bool any = false;
  auto accessor = [&](uint64_t holder, EdgeName name, uint64_t) {
    if (name.kind != EdgeKind::kProperty && name.kind != EdgeKind::kElement) return;
    if (name.kind == EdgeKind::kElement) name.name = std::to_string(name.index);
    name.kind = EdgeKind::kProperty;
    name.name = word + name.name;
    add(holder, std::move(name), pair);
    any = true;
  };
  for (uint64_t holder : holders_of(pair, which, left_out_)) {
    for (const EdgeNames::Slot& slot : names_.slots(holder, pair, kMostSlots, left_out_)) {
      if (add_owners(holder, slot.offset, which, accessor, depth + 1)) continue;
      accessor(holder, names_.of(holder, slot.offset), 0);
    }
  }
  return any;
}

/// A function whose instances have this map refers to their prototype by it.
bool Referrers::add_prototype(uint64_t map, Reachability which, const Add& add) {
  bool any = false;
  auto number = graph_.numbers().number_of(map - 1);
  if (!number) return false;
  for (uint32_t edge : graph_.holders(*number)) {
    uint64_t holder = graph_.numbers().address_of(edge & ~ReferenceGraph::kWeak) + 1;
    const Page* page = objects_.is_function(holder) ? heap_.pages().page_of(holder - 1) : nullptr;
    if (page == nullptr || !is_wanted(*page, holder - 1, which)) continue;
    for (const EdgeNames::Slot& slot : names_.slots(holder, map, kMostSlots, left_out_)) {
      if (slot.offset == 0 || names_.of(holder, slot.offset).name != "initial_map") continue;
      add(holder, {.kind = EdgeKind::kProperty, .name = "prototype"}, map);
      any = true;
    }
  }
  return any;
}

/// Properties of a global object lie in cells, which its dictionary refers to.
bool Referrers::add_global(uint64_t cell, Reachability which, const Add& add) {
  bool any = false;
  uint64_t key = is_heap_object(objects_.field(cell, 8)) ? objects_.field(cell, 8) : objects_.field(cell, 16);
  for (uint64_t dictionary : holders_of(cell, which, left_out_)) {
    const MapInfo* map = objects_.map_of(dictionary);
    if (map == nullptr || map->type != heap_.types().global_dictionary) continue;
    for (uint64_t owner : holders_of(dictionary, which, left_out_)) {
      const MapInfo* owner_map = objects_.map_of(owner);
      if (owner_map == nullptr || !owner_map->has_properties || objects_.field(owner, 8) != dictionary) continue;
      add(owner, names_.property(key), cell);
      any = true;
    }
  }
  return any;
}

Reference Referrers::describe(uint64_t holder, EdgeName edge, uint64_t store, uint64_t value) {
  Reference row;
  row.holder = Address(holder);
  row.store = Address(store);
  row.value = Address(value);
  const MapInfo* map = objects_.map_of(holder);
  if (map != nullptr && map->category == Category::kReceiver) {
    const Page* page = heap_.pages().page_of(holder - 1);
    row.type = constructor_names_[page ? page->isolate : 0].name(*map, holder);
    if (objects_.is_function(holder)) row.function = objects_.function_name(holder);
  } else if (map != nullptr) {
    row.of_v8 = map->category == Category::kInternal;
    row.type = ConstructorNames::internal_name(heap_, *map);
    constexpr std::string_view kSystem = "system / ";
    if (row.type.starts_with(kSystem)) row.type.erase(0, kSystem.size());
  }
  if (edge.key != 0) row.key = describer_.brief(edge.key);
  row.edge = std::move(edge);
  return row;
}

void Referrers::find(uint64_t target, const ReferrerOptions& options, References& found) {
  std::vector<uint64_t> holders = holders_of(target, options.which, found.more);
  std::string text = describer_.brief(target);
  size_t before = found.rows.size();
  for (size_t i = 0; i < holders.size(); ++i) {
    size_t most = options.limit != 0 ? std::min<size_t>(options.limit, kMostRows) : kMostRows;
    if (found.rows.size() - before >= most) {
      found.more += holders.size() - i;
      break;
    }
    uint64_t holder = holders[i];
    for (const EdgeNames::Slot& slot : names_.slots(holder, target, kMostSlots, left_out_)) {
      if (found.rows.size() - before >= kMostRows) {
        ++left_out_;
        continue;
      }
      auto add = [&](uint64_t owner, EdgeName name, uint64_t store) {
        found.rows.push_back(describe(owner, std::move(name), store, target));
        found.rows.back().text = text;
      };
      bool owned = add_owners(holder, slot.offset, options.which, add, 0);
      if (owned && !options.internal) continue;
      EdgeName name = names_.of(holder, slot.offset);
      name.weak |= slot.strength != Strength::kStrong;
      add(holder, std::move(name), 0);
    }
  }
  found.more += take_left_out();
  sort_by_holder(found.rows, before);
}

void sort_by_holder(std::vector<Reference>& rows, size_t from) {
  auto begin = rows.begin() + static_cast<ptrdiff_t>(from);
  auto lower = [](const Reference& a, const Reference& b) { return a.holder < b.holder; };
  if (!std::is_sorted(begin, rows.end(), lower)) std::stable_sort(begin, rows.end(), lower);
}

}  // namespace inquest::v8
