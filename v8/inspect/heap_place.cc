#include "v8/inspect/heap_place.h"

#include <algorithm>

#include "v8/heap/heap.h"
#include "v8/heap/object_index.h"
#include "v8/objects/object_reader.h"
#include "v8/objects/shape.h"

namespace inquest::v8 {
namespace {

/// Also far inside of large pages, of which PageTable knows the first block only.
const Page* page_at(const Heap& heap, Address address) {
  const std::vector<Page>& pages = heap.pages().pages();
  auto after = std::ranges::upper_bound(pages, address, {}, &Page::chunk);
  if (after == pages.begin()) return nullptr;
  const Page& page = *std::prev(after);
  return address - page.chunk < page.size ? &page : nullptr;
}

/// What a JavaScript object keeps `offset` bytes from its start. JSObject has its map, properties or hash, elements
/// (src/objects/js-objects.tq), then embedder fields, then in-object properties as its map says.
std::string field_at(const ObjectReader& objects, const MapInfo& map, uint64_t object, uint64_t offset) {
  uint64_t word = offset / 8;
  if (word == 0) return "map";
  if (!map.has_properties) return {};
  if (word == 1) return "properties or hash";
  if (word == 2) return "elements";
  if (word < map.inobject_start || objects.is_dictionary_map(map)) return {};
  const PropertyLayout& layout = objects.heap().layout().property;
  std::string name;
  objects.for_each_property(object, [&](const ObjectReader::Property& property) {
    bool in_descriptor = (property.details & layout.location_mask) != 0;
    uint64_t index = (property.details & layout.index_mask) >> layout.index_shift;
    if (in_descriptor || map.inobject_start + index != word) return true;
    name = "." + property_name(objects, property.key);
    return false;
  });
  return name;
}

/// The object that holds `at`, as the walk of its page meets it.
struct Holder {
  uint64_t start = 0, size = 0;
  const MapInfo* map = nullptr;
};
Holder find_holder(const Heap& heap, const Page& page, MapCache& maps, uint64_t at) {
  Holder holder;
  Walker walker = heap.new_walker(maps);
  WalkStats stats;
  walker.walk(page, heap.areas_of(page), stats,
              [&](uint64_t start, const MapInfo& map, uint64_t size, const std::byte*) {
                if (at - start < size) holder = {start, size, &map};
              });
  return holder;
}

bool is_unused(const Heap& heap, const Page& page, uint64_t at) {
  return std::ranges::any_of(heap.areas_of(page),
                             [&](const LinearArea& area) { return at >= area.top && at < area.limit; });
}

}  // namespace

std::string_view to_string(HeapPlace::Kind kind) {
  switch (kind) {
    case HeapPlace::Kind::kObject: return "object";
    case HeapPlace::Kind::kFreeSpace: return "free-space";
    case HeapPlace::Kind::kPageHeader: return "page-header";
    case HeapPlace::Kind::kUnused: return "unused";
    case HeapPlace::Kind::kLeftover: return "leftover";
    case HeapPlace::Kind::kNotParsed: return "not-parsed";
  }
  return "not-parsed";
}

std::optional<HeapPlace> locate_in_heap(const Heap& heap, Address address, bool marked) {
  const Page* page = page_at(heap, address);
  if (page == nullptr) return std::nullopt;
  HeapPlace place;
  place.space = space_name(page->space);
  place.page = page->chunk;
  place.page_size = page->size;
  if (!page->heap.is_null()) place.isolate = page->isolate;
  place.offset = address - page->chunk;
  if (!page->contains(address)) {
    place.kind = HeapPlace::Kind::kPageHeader;
    return place;
  }
  MapCache maps = heap.new_map_cache();
  ObjectReader objects(heap, maps);
  uint64_t at = address.value();
  Holder holder = find_holder(heap, *page, maps, at);
  // A tagged pointer is the object itself, not its second byte.
  uint64_t tag = at & kTagMask;
  bool tagged = holder.map != nullptr && (tag == kHeapObjectTag || tag == kWeakTag) && at - tag == holder.start;
  if (tagged) at -= tag;
  if (holder.map == nullptr) {
    place.kind = page->stale                  ? HeapPlace::Kind::kLeftover
                 : is_unused(heap, *page, at) ? HeapPlace::Kind::kUnused
                                              : HeapPlace::Kind::kNotParsed;
    return place;
  }
  place.object = Address(holder.start + kHeapObjectTag);
  place.size = holder.size;
  place.offset = at - holder.start;
  place.kind = page->stale                                 ? HeapPlace::Kind::kLeftover
               : holder.map->category == Category::kFiller ? HeapPlace::Kind::kFreeSpace
                                                           : HeapPlace::Kind::kObject;
  if (place.kind != HeapPlace::Kind::kObject) return place;
  if (!tagged) place.field = field_at(objects, *holder.map, place.object.value(), place.offset);
  if (page->space == Space::kReadOnly) {
    place.live = true;
  } else if (marked) {
    place.live = ObjectIndex::is_marked(*page, holder.start);
  }
  return place;
}

}  // namespace inquest::v8
