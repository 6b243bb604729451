#include "v8/heap/walker.h"

#include <algorithm>

namespace inquest::v8 {

uint64_t Walker::size_until_next_map(const std::byte* bytes, uint64_t available) {
  uint64_t at = 8;
  while (at + 8 <= available && !maps_.find(load(bytes + at))) at += 8;
  return std::min(at, available);
}

uint64_t Walker::forwarded_size(uint64_t word, uint64_t available) {
  // A forwarding address: the map word of an object that has been moved holds the new place, untagged.
  if (word & 1) return 0;
  const Page* page = pages_.page_of(word);
  if (!page || !page->contains(Address(word)) || word % 8) return 0;
  uint64_t offset = word - page->area_start.value();
  if (offset + 8 > page->area_size()) return 0;
  const MapInfo* map = maps_.find(load(page->data + offset));
  if (!map) return 0;
  return size(*map, page->data + offset, std::min(available, page->area_size() - offset));
}

uint64_t Walker::bytes_to_next_object(const Page& page, uint64_t from, uint64_t stop) {
  for (uint64_t at = from + 8; at + 8 <= stop; at += 8) {
    const MapInfo* map = maps_.find(load(page.data + at));
    if (!map) continue;
    uint64_t object = size(*map, page.data + at, stop - at);
    if (object >= 8 && (at + object == stop || leads_on(page, at + object))) return at - from;
  }
  return stop - from;
}

}  // namespace inquest::v8
