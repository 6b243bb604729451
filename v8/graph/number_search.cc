#include "v8/graph/number_search.h"

#include <bit>
#include <cmath>
#include <memory>
#include <optional>

#include "v8/graph/object_starts.h"
#include "v8/heap/root_set.h"
#include "v8/objects/bigint.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMostPlaces = 4000000;            ///< found by one thread
constexpr uint64_t kHoleNan = 0xfff7fffffff7ffff;  ///< kHoleNanInt64 (src/common/globals.h): no number
constexpr V8Version kRawDate{12, 9};               ///< JSDate::value was a tagged number before
constexpr uint64_t kDateValue = 24;
constexpr uint64_t kUndefinedNan = 0xfff6fffffff6ffff;

class Searcher {
 public:
  Searcher(const Heap& heap, double number)
      : heap_(heap),
        maps_(heap.new_map_cache()),
        walker_(heap.new_walker(maps_)),
        number_(number),
        double_array_(heap, "fixed_double_array_map"),
        raw_doubles_(heap.layout().table.unboxed_doubles) {
    bool small = number == std::trunc(number) && number >= -2147483648.0 && number <= 2147483647.0;
    auto date = heap.constants().type("JSDate");
    if (date && heap.layout().rules >= kRawDate) date_ = static_cast<uint16_t>(*date);
    if (number == std::trunc(number) && std::fabs(number) < 18446744073709551616.0) {
      magnitude_ = static_cast<uint64_t>(std::fabs(number));
    }
    if (small) smi_ = uint64_t{static_cast<uint32_t>(static_cast<int32_t>(number))} << 32;
  }

  std::vector<NumberPlace> found;
  uint64_t more = 0;

  void look_at(const Page& page, uint64_t address, Reachability which) {
    const std::byte* bytes = bytes_at(page, address);
    const MapInfo* map = maps_.find(word_of(bytes));
    if (map == nullptr) return;
    bool doubles = double_array_.contains(map->map + 1),
         boxed = map->category == Category::kNumber || map->type == heap_.types().mutable_heap_number;
    bool values = map->has_properties || map->rule == SizeRule::kContext ||
                  (map->category == Category::kInternal && map->body != Body::kData && map->body != Body::kCode &&
                   map->type != heap_.types().map);
    if (map->type == heap_.types().context_cell) return look_at_cell(page, address, bytes, which);
    if (map->category == Category::kBigInt) return look_at_bigint(page, address, bytes, which);
    if (map->type == date_ && page.area_end.value() - address >= kDateValue + 8 &&
        is_number(word_of(bytes + kDateValue)) && is_wanted(page, address, which)) {
      return add({address + 1, kDateValue});
    }
    if (!doubles && !boxed && !(values && (smi_ || raw_doubles_))) return;
    if (!is_wanted(page, address, which)) return;
    uint64_t size = walker_.size(*map, bytes, page.area_end.value() - address);
    if (boxed) {
      if (size >= 16 && is_number(word_of(bytes + 8))) add({address + 1, 0});
      return;
    }
    for (uint64_t at = doubles ? 16 : 8; at + 8 <= size; at += 8) {
      uint64_t word = word_of(bytes + at);
      if (doubles ? is_number(word) : (smi_ && word == *smi_)) {
        add({address + 1, at});
      } else if (raw_doubles_ && map->has_properties && at >= 24 && !is_heap_object(word) && is_number(word)) {
        add({address + 1, at});
      }
    }
  }

 private:
  /// A variable of a closure, from 14.x on: ContextCell (src/objects/contexts.h) has its tagged value at 8, its state
  /// at 24 and what is kept unboxed at 32.
  void look_at_cell(const Page& page, uint64_t address, const std::byte* bytes, Reachability which) {
    constexpr uint64_t kTagged = 8, kState = 24, kRaw = 32, kSize = 40;
    constexpr uint32_t kInt32 = 2, kFloat64 = 3;
    if (page.area_end.value() - address < kSize) return;
    auto state = static_cast<uint32_t>(word_of(bytes + kState));
    uint64_t raw = word_of(bytes + kRaw);
    bool holds = state == kInt32     ? static_cast<double>(static_cast<int32_t>(raw)) == number_
                 : state == kFloat64 ? is_number(raw)
                                     : smi_ && word_of(bytes + kTagged) == *smi_;
    if (!holds || !is_wanted(page, address, which)) return;
    add({address + 1, state == kInt32 || state == kFloat64 ? kRaw : kTagged});
  }

  void look_at_bigint(const Page& page, uint64_t address, const std::byte* bytes, Reachability which) {
    if (!magnitude_) return;
    BigIntHeader header(word_of(bytes + 8));
    uint64_t wanted = *magnitude_ != 0 ? 1 : 0;
    if (header.count != wanted || page.area_end.value() - address < 16 + 8 * wanted) return;
    bool equal = wanted == 0 || (word_of(bytes + 16) == *magnitude_ && header.negative == (number_ < 0));
    if (equal && is_wanted(page, address, which)) add({address + 1, 0});
  }

  bool is_number(uint64_t bits) const {
    if (bits == kHoleNan || bits == kUndefinedNan) return false;
    auto value = std::bit_cast<double>(bits);
    return value == number_ || (std::isnan(value) && std::isnan(number_));
  }
  void add(NumberPlace place) {
    if (found.size() < kMostPlaces)
      found.push_back(place);
    else
      ++more;
  }

  const Heap& heap_;
  MapCache maps_;
  Walker walker_;
  double number_;
  RootSet double_array_;
  bool raw_doubles_;
  uint16_t date_ = 0xffff;  ///< where its value is a raw double
  std::optional<uint64_t> smi_;
  std::optional<uint64_t> magnitude_;  ///< of a whole number
};

}  // namespace

NumberPlaces find_number(const Heap& heap, double number, Reachability which) {
  std::vector<std::unique_ptr<Searcher>> searchers;
  for (size_t i = 0; i < worker_count(); ++i) searchers.push_back(std::make_unique<Searcher>(heap, number));
  for_each_start(heap, [&](size_t worker, const Page& page, uint64_t address) {
    searchers[worker]->look_at(page, address, which);
  });
  NumberPlaces result;
  std::vector<std::vector<NumberPlace>> parts;
  for (auto& searcher : searchers) {
    result.more += searcher->more;
    parts.push_back(std::move(searcher->found));
  }
  result.places = joined(std::move(parts));
  return result;
}

}  // namespace inquest::v8
