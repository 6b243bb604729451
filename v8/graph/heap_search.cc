#include "v8/graph/heap_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "v8/graph/object_starts.h"
#include "v8/graph/string_search.h"
#include "v8/inspect/numbers.h"

namespace inquest::v8 {
namespace {

using By = ReferenceQuery::By;

constexpr size_t kMostInstances = 10000000;  ///< with a property of one name
constexpr size_t kMostRows = 4000000;        ///< for a number, as many holders as an array that is shared may have more
constexpr size_t kMostSlots = 1 << 10;       ///< of one key in one array of descriptors
constexpr uint64_t kMostText = 100;          ///< UTF-16 units of a string that was found

}  // namespace

HeapSearch::HeapSearch(const Heap& heap, std::unique_ptr<ReferenceGraph> graph, std::vector<uint64_t> roots)
    : heap_(heap),
      graph_(std::move(graph)),
      roots_(std::move(roots)),
      referrers_(heap, *graph_),
      maps_(heap.new_map_cache()),
      objects_(heap, maps_),
      describer_(heap) {}

Result<References> HeapSearch::references(const ReferenceQuery& query) {
  References found;
  switch (query.by) {
    case By::kValue: by_value(query, found); break;
    case By::kNumber: by_number(query, found); break;
    case By::kName: by_name(query, found); break;
    case By::kString:
    case By::kSubstring:
    case By::kRegex: {
      auto by = by_text(query);
      if (!by) return std::move(by).error();
      found = std::move(by).value();
      break;
    }
  }
  if (query.limit != 0 && found.rows.size() > query.skip + query.limit) {
    found.more += found.rows.size() - query.skip - query.limit;
    found.rows.resize(query.skip + query.limit);
  }
  auto skipped = static_cast<ptrdiff_t>(std::min<uint64_t>(query.skip, found.rows.size()));
  found.rows.erase(found.rows.begin(), found.rows.begin() + skipped);
  for (Reference& row : found.rows) {
    row.root = !row.holder.is_null() && std::binary_search(roots_.begin(), roots_.end(), row.holder.value() - 1);
  }
  return found;
}

void HeapSearch::by_value(const ReferenceQuery& query, References& found) {
  uint64_t word = (query.word & ~kTagMask) + kHeapObjectTag;
  const Page* page = heap_.pages().page_of(word - 1);
  bool tagged = (query.word & kTagMask) == kHeapObjectTag || (query.word & kTagMask) == 0;
  if (page == nullptr || !tagged || !ObjectIndex::is_start(*page, word - 1)) {
    found.remarks.push_back(fmt::format("no object of JavaScript or V8 starts at {:#x}", query.word));
    return;
  }
  uint64_t most = query.limit == 0 ? 0 : query.skip + query.limit;
  referrers_.find(word, {.which = query.which, .internal = query.internal, .limit = most}, found);
  if (std::binary_search(roots_.begin(), roots_.end(), word - 1)) {
    found.hints.push_back("native memory (a stack, a handle, another root) refers to it too");
  }
}

/// Whether it is what a settled promise, a wrapper or a date is there for, though JavaScript has no property of it.
bool HeapSearch::is_own_value(const NumberPlace& place) const {
  constexpr uint64_t kValue = 24, kPromiseFlags = 32;  // JSPromise, JSPrimitiveWrapper, JSDate
  const MapInfo* map = objects_.map_of(place.object);
  if (map == nullptr || place.offset != kValue) return false;
  const std::string& type = heap_.types()[map->type].name;
  if (type == "JSPromise") return (smi_value(objects_.field(place.object, kPromiseFlags)) & 3) != 0;
  return type == "JSPrimitiveWrapper" || type == "JSValue" || type == "JSDate";
}

void HeapSearch::by_number(const ReferenceQuery& query, References& found) {
  NumberPlaces places = find_number(heap_, query.number, query.which);
  std::string text = number_text(query.number);
  for (size_t i = 0; i < places.places.size(); ++i) {
    if (is_enough(query, found) || found.rows.size() >= kMostRows) {
      found.more += places.places.size() - i;
      break;
    }
    const NumberPlace& place = places.places[i];
    if (place.offset == 0) {
      if (query.places) {
        add_place(place.object, found);
      } else {
        referrers_.find(place.object, {.which = query.which, .internal = query.internal}, found);
      }
      continue;
    }
    auto add = [&](uint64_t owner, EdgeName name, uint64_t store) {
      found.rows.push_back(referrers_.describe(owner, std::move(name), store, 0));
      found.rows.back().text = text;
    };
    if (referrers_.add_owners(place.object, place.offset, query.which, add)) continue;
    EdgeName name = referrers_.names().of(place.object, place.offset);
    if (!name.internal() || is_own_value(place)) add(place.object, std::move(name), 0);
  }
  found.more += places.more + referrers_.take_left_out();
  sort_by_holder(found.rows, 0);
}

void HeapSearch::add_property_value(uint64_t object, uint64_t key, References& found) {
  objects_.for_each_property(object, [&](const ObjectReader::Property& property) {
    if (property.key != key) return true;
    EdgeName name = referrers_.names().property(key);
    uint64_t value = property.raw_double || is_smi(property.value) ? 0 : property.value;
    Reference row = referrers_.describe(object, std::move(name), 0, value);
    row.text = property.raw_double ? fmt::format("<Number: {}>", number_text(std::bit_cast<double>(property.value)))
                                   : describer_.brief(property.value);
    found.rows.push_back(std::move(row));
    return false;
  });
}

void HeapSearch::holders_of_name(uint64_t key, const ReferenceQuery& query, References& found) {
  uint64_t header = heap_.layout().table.descriptor_array_header;
  uint64_t more = 0;
  std::vector<uint64_t> maps, objects;
  for (uint64_t holder : referrers_.holders_of(key, Reachability::kAll, more)) {
    const MapInfo* map = objects_.map_of(holder);
    if (map == nullptr) continue;
    if (map->rule == SizeRule::kDescriptorArray) {
      for (const EdgeNames::Slot& slot : referrers_.names().slots(holder, key, kMostSlots, more)) {
        if (slot.offset < header || (slot.offset - header) % 24 != 0) continue;
        uint64_t index = (slot.offset - header) / 24;
        for (uint64_t user : referrers_.holders_of(holder, Reachability::kAll, more)) {
          const MapInfo* described = maps_.find(user);
          if (described == nullptr || !described->has_properties) continue;
          if (objects_.own_descriptors(*described) > index) maps.push_back(described->map);
        }
      }
    } else if (map->backing_store || map->type == heap_.types().property_cell) {
      // A dictionary, or a cell of a global one: whose it is.
      for (uint64_t owner : referrers_.holders_of(holder, query.which, more)) {
        const MapInfo* owner_map = objects_.map_of(owner);
        if (owner_map == nullptr) continue;
        if (owner_map->has_properties && objects_.field(owner, 8) == holder) objects.push_back(owner);
        if (owner_map->type != heap_.types().global_dictionary) continue;
        for (uint64_t global : referrers_.holders_of(owner, query.which, more)) objects.push_back(global);
      }
    }
  }
  std::sort(maps.begin(), maps.end());
  maps.erase(std::unique(maps.begin(), maps.end()), maps.end());
  if (!maps.empty()) {
    std::vector<uint64_t> instances = referrers_.instances_of(maps, query.which, kMostInstances, found.more);
    objects.insert(objects.end(), instances.begin(), instances.end());
  }
  std::sort(objects.begin(), objects.end());
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
  for (size_t i = 0; i < objects.size(); ++i) {
    if (is_enough(query, found)) {
      found.more += objects.size() - i;
      break;
    }
    add_property_value(objects[i], key, found);
  }
}

void HeapSearch::by_name(const ReferenceQuery& query, References& found) {
  auto pattern = TextPattern::make(By::kString, query.text);
  if (!pattern) return;
  StringMatches names = find_strings(heap_, *pattern, Reachability::kAll);
  for (uint64_t word : names.words) {
    // The key of a property is the one internalised string of its text, or a symbol with it as its description.
    constexpr uint16_t kNotInternalized = 0x20;
    const MapInfo* map = objects_.map_of(word);
    if (map == nullptr) continue;
    if ((map->type & kNotInternalized) == 0) holders_of_name(word, query, found);
    uint64_t more = 0;
    for (uint64_t holder : referrers_.holders_of(word, Reachability::kAll, more)) {
      const MapInfo* holder_map = objects_.map_of(holder);
      if (holder_map != nullptr && holder_map->category == Category::kSymbol) holders_of_name(holder, query, found);
    }
  }
  sort_by_holder(found.rows, 0);
}

void HeapSearch::add_place(uint64_t word, References& found) {
  Reference row;
  const MapInfo* map = objects_.map_of(word);
  row.value = Address(word);
  if (map != nullptr) row.type = ConstructorNames::internal_name(heap_, *map);
  bool string = map != nullptr && map->category == Category::kString;
  row.text = string ? objects_.string(word, kMostText).value_or("") : describer_.brief(word);
  if (string && objects_.string_length(word).value_or(0) > kMostText) row.text += "...";
  found.rows.push_back(std::move(row));
}

Result<References> HeapSearch::by_text(const ReferenceQuery& query) {
  auto pattern = TextPattern::make(query.by, query.text);
  if (!pattern) return std::move(pattern).error();
  References found;
  StringMatches matches = find_strings(heap_, *pattern, query.places ? query.which : Reachability::kAll);
  found.searched_bytes = matches.searched_bytes;
  if (matches.too_long > 0) {
    found.remarks.push_back(fmt::format(
        "{} strings that are made of others were not searched: together they are longer than 2 billion characters",
        matches.too_long));
  }
  if (matches.unreadable > 0) {
    found.remarks.push_back(fmt::format("the characters of {} strings are not in the core", matches.unreadable));
  }
  if (matches.given_up > 0) {
    found.remarks.push_back(
        fmt::format("in {} strings the regular expression was given up after too many steps", matches.given_up));
  }
  if (query.places) found.total = matches.words.size();
  for (size_t i = 0; i < matches.words.size(); ++i) {
    if (is_enough(query, found)) {
      found.more += matches.words.size() - i;
      break;
    }
    uint64_t word = matches.words[i];
    if (query.places) {
      add_place(word, found);
      continue;
    }
    size_t before = found.rows.size();
    referrers_.find(word, {.which = query.which, .internal = query.internal}, found);
    std::string text = objects_.string(word, kMostText).value_or("");
    for (size_t row = before; row < found.rows.size(); ++row) found.rows[row].text = text;
  }
  sort_by_holder(found.rows, 0);
  return found;
}

}  // namespace inquest::v8
