#include "v8/heap/map_cache.h"

#include <algorithm>
#include <cstring>

namespace inquest::v8 {
namespace {
size_t hash(uint64_t word, size_t slots) { return ((word >> 3) * 0x9e3779b97f4a7c15ull >> 20) & (slots - 1); }

template <class T>
T load(const std::byte* bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof value);
  return value;
}
constexpr uint64_t kMapBytes = 72;  ///< Map::kSize is 72 or 80
}  // namespace

MapCache::MapCache(const PageTable& pages, const Layout& layout, const TypeTable& types)
    : pages_(pages), layout_(layout), types_(types), front_(kFront), table_(1024) {}

bool MapCache::is_map(uint64_t word) const {
  if (!is_heap_object(word)) return false;
  // Its map and the map of its map must be maps; 12.x and later have several meta maps, so none is required.
  for (int level = 0; level < 2; ++level) {
    auto map = pages_.word(word - 1);
    if (!map || !is_heap_object(*map)) return false;
    const std::byte* bytes = pages_.bytes(*map - 1, kMapBytes);
    if (!bytes || load<uint16_t>(bytes, layout_.map.instance_type) != types_.map) return false;
    word = *map;
  }
  return true;
}

void MapCache::decode(uint64_t map, MapInfo& info) const {
  const std::byte* bytes = pages_.bytes(map, kMapBytes);
  info.map = map;
  info.type = load<uint16_t>(bytes, layout_.map.instance_type);
  info.instance_size = load<uint8_t>(bytes, layout_.map.instance_size_in_words) * 8u;
  info.bit_field2 = load<uint8_t>(bytes, layout_.map.bit_field2);
  info.bit_field3 = load<uint32_t>(bytes, layout_.map.bit_field3);
  info.inobject_start = load<uint8_t>(bytes, layout_.map.inobject_start);
  const TypeInfo& type = types_[info.type];
  info.rule = type.size;
  info.body = type.body;
  info.category = type.category;
  info.backing_store = type.backing_store;
  // A map with an instance size settles the matter, except for holes, whose map does not count what follows them.
  if (info.instance_size != 0 && info.rule != SizeRule::kHole) {
    info.rule = SizeRule::kInstanceSize;
  } else if (info.instance_size == 0 && info.rule == SizeRule::kInstanceSize) {
    info.rule = SizeRule::kUntilNextMap;
  }
  info.has_properties =
      info.category == Category::kReceiver && info.type != types_.js_proxy && info.instance_size >= 24;
}

const MapInfo* MapCache::find_slow(uint64_t word, Entry& entry) {
  if (!is_heap_object(word)) return nullptr;
  for (size_t slot = hash(word, table_.size());; slot = (slot + 1) & (table_.size() - 1)) {
    if (table_[slot].word == word) {
      entry = table_[slot];
      return entry.info;
    }
    if (table_[slot].word == 0) break;
  }
  const MapInfo* info = nullptr;
  if (is_map(word) && pages_.bytes(word - 1, kMapBytes)) {
    MapInfo& fresh = maps_.emplace_back();
    fresh.index = static_cast<uint32_t>(maps_.size() - 1);
    decode(word - 1, fresh);
    info = &fresh;
    if (maps_.size() * 2 > table_.size()) grow();
    size_t slot = hash(word, table_.size());
    while (table_[slot].word != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = {word, info};
  }
  entry = {word, info};
  return info;
}

void MapCache::clear() {
  std::ranges::fill(front_, Entry());
  std::ranges::fill(table_, Entry());
  maps_.clear();
}

void MapCache::grow() {
  std::vector<Entry> old(table_.size() * 2);
  old.swap(table_);
  for (const Entry& entry : old) {
    if (entry.word == 0) continue;
    size_t slot = hash(entry.word, table_.size());
    while (table_[slot].word != 0) slot = (slot + 1) & (table_.size() - 1);
    table_[slot] = entry;
  }
}

}  // namespace inquest::v8
