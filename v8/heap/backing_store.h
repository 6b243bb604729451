// Bytes that belong to one object alone: its out-of-object properties and its elements.
#pragma once

#include <cstdint>
#include <cstring>

#include "v8/heap/heap.h"
#include "v8/heap/root_set.h"

namespace inquest::v8 {

class BackingStores {
 public:
  BackingStores(const Heap& heap, Walker& walker)
      : heap_(heap),
        walker_(walker),
        cow_map_(heap, "fixed_cow_array_map"),
        empty_(heap, "empty_fixed_array"),
        empty_properties_(heap, "empty_property_array") {}

  /// Calls `found(map, size)` for each backing store that only the JSObject at `bytes` can own, and returns the sum of
  /// their sizes. Empty ones, copy-on-write arrays and everything in the read-only heap are shared.
  template <class Found>
  uint64_t owned(const std::byte* bytes, Found&& found) {
    uint64_t sum = 0;
    for (uint64_t offset : {8, 16}) {  // properties or hash; elements
      uint64_t word;
      std::memcpy(&word, bytes + offset, sizeof word);
      if (!is_heap_object(word) || empty_.contains(word) || empty_properties_.contains(word)) continue;
      sum += owned_store(word, found);
    }
    return sum;
  }

 private:
  template <class Found>
  uint64_t owned_store(uint64_t word, Found& found) {
    const Page* page = heap_.pages().page_of(word - 1);
    if (!page || page->space == Space::kReadOnly || !page->contains(Address(word - 1))) return 0;
    if (page->stale) return 0;  // freed, while something that is no heap still holds its dead owner
    uint64_t offset = word - 1 - page->area_start.value();
    if (offset + 16 > page->area_size()) return 0;
    uint64_t map_word;
    std::memcpy(&map_word, page->data + offset, sizeof map_word);
    if (cow_map_.contains(map_word)) return 0;  // shared until written
    const MapInfo* map = walker_.maps().find(map_word);
    if (!map || !map->backing_store) return 0;
    uint64_t size = walker_.size(*map, page->data + offset, page->area_size() - offset);
    found(*map, size);
    return size;
  }

  const Heap& heap_;
  Walker& walker_;
  RootSet cow_map_;
  RootSet empty_;
  RootSet empty_properties_;
};

}  // namespace inquest::v8
