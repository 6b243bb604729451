// Decoded maps. A walk meets few maps and many objects, so everything that follows from the map alone is worked out
// once. Not thread-safe: each worker has its own.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "v8/heap/page_table.h"
#include "v8/heap/type_table.h"
#include "v8/layout/layout.h"

namespace inquest::v8 {

struct MapInfo {
  uint64_t map = 0;            ///< untagged address
  uint32_t index = 0;          ///< position in the cache, dense from 0
  uint32_t instance_size = 0;  ///< bytes; 0 when it varies
  uint16_t type = 0;           ///< instance type
  SizeRule rule = SizeRule::kInstanceSize;
  Body body = Body::kTagged;
  Category category = Category::kInternal;
  bool backing_store = false;
  bool has_properties = false;  ///< a JSObject: word 1 is properties or hash, word 2 elements
  uint32_t bit_field3 = 0;
  uint8_t bit_field2 = 0;
  uint8_t inobject_start = 0;  ///< words
};

class MapCache {
 public:
  MapCache(const PageTable& pages, const Layout& layout, const TypeTable& types);

  /// The map whose tagged pointer is `word`, or nullptr when that is no map. The result stays valid.
  const MapInfo* find(uint64_t word) {
    Entry& entry = front_[(word >> 3) & (kFront - 1)];
    if (entry.word == word) return entry.info;
    return find_slow(word, entry);
  }

  /// Forgets all maps: those of a process that goes on running may move. What was found before is void.
  void clear();

  size_t size() const { return maps_.size(); }
  const MapInfo& at(uint32_t index) const { return maps_[index]; }

 private:
  struct Entry {
    uint64_t word = 0;
    const MapInfo* info = nullptr;
  };
  static constexpr size_t kFront = 4096;

  const MapInfo* find_slow(uint64_t word, Entry& entry);
  bool is_map(uint64_t word) const;
  void decode(uint64_t map, MapInfo& info) const;
  void grow();

  const PageTable& pages_;
  const Layout& layout_;
  const TypeTable& types_;
  std::vector<Entry> front_;
  std::vector<Entry> table_;  ///< open addressing; only true maps
  std::deque<MapInfo> maps_;
};

}  // namespace inquest::v8
