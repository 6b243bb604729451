#include "v8/graph/string_search.h"

#include <atomic>
#include <memory>
#include <optional>

#include "v8/graph/object_starts.h"
#include "v8/objects/object_reader.h"

namespace inquest::v8 {
namespace {

// Representation of a string in its instance type (src/objects/instance-type.h).
enum Representation : uint8_t { kSeq = 0, kCons = 1, kExternal = 2, kSliced = 3, kThin = 5 };
constexpr uint16_t kRepresentationMask = 7, kOneByteBit = 8, kUncachedBit = 16;

constexpr uint64_t kMostPutTogether = 2ull << 30;  ///< units of all strings in pieces
constexpr uint64_t kMostOfOne = 1ull << 29;
constexpr int kMostSteps = 16;  ///< slices and thin strings on the way to the characters: two in a sound heap

class Searcher {
 public:
  Searcher(const Heap& heap, const TextPattern& pattern, std::atomic<uint64_t>& put_together)
      : heap_(heap),
        maps_(heap.new_map_cache()),
        objects_(heap, maps_),
        pattern_(pattern),
        matcher_(pattern),
        put_together_(put_together) {}

  std::vector<uint64_t> found;
  StringMatches counts;

  void look_at(const Page& page, uint64_t address, Reachability which) {
    const std::byte* bytes = bytes_at(page, address);
    const MapInfo* map = maps_.find(word_of(bytes));
    if (map == nullptr || map->category != Category::kString || page.area_end.value() - address < 16) return;
    if (!is_wanted(page, address, which)) return;
    uint32_t length;
    std::memcpy(&length, bytes + heap_.layout().string.length, sizeof length);
    if (pattern_.is_exact() && length != pattern_.units()) return;
    auto text = characters(address + 1, *map, length);
    if (!text) return;
    counts.searched_bytes += text->units * (text->one_byte ? 1 : 2);
    if (matcher_.matches(*text)) found.push_back(address + 1);
  }

  void finish() { counts.given_up = matcher_.given_up(); }

 private:
  std::optional<Characters> characters(uint64_t word, const MapInfo& map, uint32_t length) {
    auto flat = flat_characters(word, &map, length, 0);
    if (flat) return flat;
    const MapInfo* bottom = map_below(word, &map);
    if (bottom == nullptr || (bottom->type & kRepresentationMask) != kCons) {
      ++counts.unreadable;
      return std::nullopt;
    }
    bool too_long = length > kMostOfOne || put_together_.fetch_add(length) + length > kMostPutTogether;
    if (too_long) {
      ++counts.too_long;
      return std::nullopt;
    }
    together_ = objects_.utf16(word, length);
    return Characters{reinterpret_cast<const std::byte*>(together_.data()), together_.size(), false};
  }

  /// Past slices and thin strings.
  const MapInfo* map_below(uint64_t word, const MapInfo* map) const {
    for (int i = 0; i < kMostSteps && map != nullptr; ++i) {
      uint16_t kind = map->type & kRepresentationMask;
      if (kind != kSliced && kind != kThin) break;
      word = objects_.field(word, heap_.layout().string.parent);
      map = objects_.map_of(word);
    }
    return map;
  }

  /// The characters [from, from + length) where they lie in one piece; nothing when they do not.
  std::optional<Characters> flat_characters(uint64_t word, const MapInfo* map, uint64_t length, uint64_t from) {
    const StringLayout& layout = heap_.layout().string;
    for (int i = 0; i < kMostSteps && map != nullptr && map->category == Category::kString; ++i) {
      bool one_byte = (map->type & kOneByteBit) != 0;
      uint64_t unit = one_byte ? 1 : 2;
      switch (map->type & kRepresentationMask) {
        case kSeq: {
          const std::byte* data = heap_.pages().object_bytes(word - 1, layout.chars + from * unit, length * unit);
          if (data == nullptr) return std::nullopt;
          return Characters{data, length, one_byte};
        }
        case kExternal: {
          if ((map->type & kUncachedBit) != 0) return std::nullopt;  // the address is only in the resource object
          Address data(objects_.field(word, layout.resource_data) + from * unit);
          auto view = heap_.target().memory().view(data, length * unit);
          if (view.size() < length * unit) return std::nullopt;
          return Characters{view.data(), length, one_byte};
        }
        case kSliced:
          from += static_cast<uint32_t>(smi_value(objects_.field(word, layout.offset)));
          word = objects_.field(word, layout.parent);
          break;
        case kThin: word = objects_.field(word, layout.actual); break;
        case kCons: {
          // A string that was put together already has everything in its first part.
          if (objects_.string_length(objects_.field(word, layout.second)).value_or(1) != 0) return std::nullopt;
          word = objects_.field(word, layout.first);
          break;
        }
        default: return std::nullopt;
      }
      map = objects_.map_of(word);
    }
    return std::nullopt;
  }

  const Heap& heap_;
  MapCache maps_;
  ObjectReader objects_;
  const TextPattern& pattern_;
  TextPattern::Matcher matcher_;
  std::atomic<uint64_t>& put_together_;
  std::u16string together_;
};

}  // namespace

StringMatches find_strings(const Heap& heap, const TextPattern& pattern, Reachability which) {
  std::atomic<uint64_t> put_together{0};
  std::vector<std::unique_ptr<Searcher>> searchers;
  for (size_t i = 0; i < worker_count(); ++i) {
    searchers.push_back(std::make_unique<Searcher>(heap, pattern, put_together));
  }
  for_each_start(heap, [&](size_t worker, const Page& page, uint64_t address) {
    searchers[worker]->look_at(page, address, which);
  });
  StringMatches result;
  std::vector<std::vector<uint64_t>> parts;
  for (auto& searcher : searchers) {
    searcher->finish();
    result.searched_bytes += searcher->counts.searched_bytes;
    result.too_long += searcher->counts.too_long;
    result.unreadable += searcher->counts.unreadable;
    result.given_up += searcher->counts.given_up;
    parts.push_back(std::move(searcher->found));
  }
  result.words = joined(std::move(parts));
  return result;
}

}  // namespace inquest::v8
