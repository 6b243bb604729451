#include "v8/graph/string_search.h"

#include <atomic>
#include <memory>
#include <optional>

#include "v8/graph/object_starts.h"
#include "v8/objects/string_text.h"

namespace inquest::v8 {
namespace {

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
    auto flat = flat_text(objects_, word, 0, length);
    if (flat) return flat;
    const MapInfo* bottom = map_below(word, &map);
    if (bottom == nullptr || string_kind(*bottom) != StringKind::kCons) {
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
      StringKind kind = string_kind(*map);
      if (kind != StringKind::kSliced && kind != StringKind::kThin) break;
      word = objects_.field(word, heap_.layout().string.parent);
      map = objects_.map_of(word);
    }
    return map;
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
