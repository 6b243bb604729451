// The linear walk: object after object through the area of a page, each exactly once.
//
// V8 keeps pages iterable: the area is filled without gaps by objects, fillers and free space. The exceptions are
// linear allocation areas (LABs), into which the process was still allocating: between their top and limit lies
// nothing or stale data. Where the walk meets bytes that are no object it looks for the next place from which two
// objects in a row make sense, and counts what it skipped; it never gives up and never trusts a size beyond the area.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <utility>

#include "v8/heap/map_cache.h"
#include "v8/heap/object_size.h"
#include "v8/heap/page_table.h"

namespace inquest::v8 {

/// [top, limit) is to be skipped when the walk arrives at top.
struct LinearArea {
  uint64_t top = 0;
  uint64_t limit = 0;
};

struct WalkStats {
  uint64_t objects = 0;
  uint64_t bytes = 0;       ///< of objects, fillers and free space
  uint64_t unused = 0;      ///< zero words outside objects, and linear allocation areas
  uint64_t not_parsed = 0;  ///< bytes that are no object
  uint64_t bad_regions = 0;
  uint64_t forwarded = 0;  ///< objects that a collection was just moving

  void add(const WalkStats& other) {
    objects += other.objects;
    bytes += other.bytes;
    unused += other.unused;
    not_parsed += other.not_parsed;
    bad_regions += other.bad_regions;
    forwarded += other.forwarded;
  }
};

/// Tells where an allocation area ends that is not known beforehand: its limit for its top, 0 for none.
using LimitOf = std::function<uint64_t(uint64_t top)>;

class Walker {
 public:
  /// `limit_of` is asked where there is no object; it may be empty.
  Walker(const PageTable& pages, const Layout& layout, const SizeCalibration& calibration, MapCache& maps,
         LimitOf limit_of = {})
      : sizer_(pages, layout, calibration), maps_(maps), pages_(pages), limit_of_(std::move(limit_of)) {}

  MapCache& maps() { return maps_; }

  /// Size of the object at `bytes` (its map already decoded); `available` ends at the area's end or the next LAB.
  uint64_t size(const MapInfo& map, const std::byte* bytes, uint64_t available) {
    if (map.rule == SizeRule::kUntilNextMap) return size_until_next_map(bytes, available);
    return sizer_.size(map, bytes, available);
  }

  /// Calls visit(address, map, size, bytes) for every object of the page, fillers included.
  template <class Visit>
  void walk(const Page& page, std::span<const LinearArea> areas, WalkStats& stats, Visit&& visit) {
    const uint64_t start = page.area_start.value();
    const uint64_t end = page.area_size();
    size_t area = 0;
    uint64_t at = 0;
    while (at + 8 <= end) {
      uint64_t stop = end;
      while (area < areas.size() && areas[area].top - start < at) ++area;
      if (area < areas.size()) {
        stop = areas[area].top - start;
        if (at == stop && leads_on(page, areas[area].limit - start)) {
          uint64_t limit = areas[area].limit - start;
          stats.unused += limit - at;
          at = limit;
          ++area;
          continue;
        }
        if (at == stop) stop = end;
      }
      uint64_t word = load(page.data + at);
      if (word == 0) {
        at += 8;
        stats.unused += 8;
        if (page.large) break;  // its object is not there; what lies further in is no object of the page
        continue;
      }
      uint64_t size = 0;
      if (const MapInfo* map = maps_.find(word)) {
        size = this->size(*map, page.data + at, stop - at);
        if (size < 8 && stop < end) {
          // An object that crosses the top of a linear allocation area proves that it is none.
          uint64_t crossing = this->size(*map, page.data + at, end - at);
          if (crossing >= 8 && leads_on(page, at + crossing)) {
            size = crossing;
            ++area;
          }
        }
        if (size >= 8) {
          visit(start + at, *map, size, page.data + at);
          ++stats.objects;
        }
      } else {
        size = forwarded_size(word, end - at);
        if (size) ++stats.forwarded;
      }
      if (size < 8) {
        uint64_t limit = limit_of_ ? limit_of_(start + at) : 0;
        if (limit > start + at && limit - start <= end && leads_on(page, limit - start)) {
          stats.unused += limit - start - at;
          at = limit - start;
          continue;
        }
        size = bytes_to_next_object(page, at, stop);
        stats.not_parsed += size;
        ++stats.bad_regions;
      } else {
        stats.bytes += size;
      }
      if (page.large) break;
      at += size;
    }
  }

  /// Whether an object (or the end, or unused memory) begins at `offset` of the area.
  bool leads_on(const Page& page, uint64_t offset) {
    if (offset >= page.area_size()) return offset == page.area_size();
    uint64_t word = load(page.data + offset);
    return word == 0 || maps_.find(word) != nullptr;
  }

 private:
  static uint64_t load(const std::byte* bytes) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  uint64_t size_until_next_map(const std::byte* bytes, uint64_t available);
  uint64_t forwarded_size(uint64_t word, uint64_t available);
  uint64_t bytes_to_next_object(const Page& page, uint64_t from, uint64_t stop);

  ObjectSizer sizer_;
  MapCache& maps_;
  const PageTable& pages_;
  LimitOf limit_of_;
};

}  // namespace inquest::v8
