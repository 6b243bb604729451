// The space objects keep their counters at offsets that move with every version, in an order that does not:
//
//   PagedSpaceBase (src/heap/paged-spaces.h, until 9.x spaces.h)
//     ... free_list_ ...           a pointer to the FreeList
//     area_size_                   bytes of a page in which objects can lie
//     accounting_stats_.capacity_  the sum of these over all pages (src/heap/allocation-stats.h)
//     accounting_stats_.max_capacity_
//     accounting_stats_.size_      what is allocated
//     ... committed_physical_memory_   since 10.x; nothing but zeros between
//
//   FreeList (src/heap/free-list.h)
//     vtable, number_of_categories_ and last_category_ (int), min_block_size_, then categories_ and available_, until
//     11.x with wasted_bytes_ before them
//
// so that they are found by what the pages themselves say. Until 8.4 an area that is being allocated into counts as
// allocated and is taken off when asked for; since then it is given back to the free list, or was never taken off.
#include "v8/heap/space_counters.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace inquest::v8 {
namespace {

constexpr size_t kWordsOfSpace = 128;
constexpr size_t kWordsBehindStats = 16;
constexpr uint64_t kLargestHeader = 0x8000;  ///< bytes of a page that hold no objects
constexpr uint64_t kPhysicalUnit = 0x1000;
constexpr size_t kWordsOfSemiSpace = 48;
constexpr uint64_t kLargestSemiSpace = 1ull << 33;
constexpr uint32_t kMaxCategories = 64;
/// From here on what is left of an area that is being allocated into no longer counts as allocated.
constexpr V8Version kOpenAreasAreFree{8, 5};
/// From here on spaces count the bytes that were touched; before, each page has a mark up to where it was.
constexpr V8Version kCountsTouchedPages{10, 0};
/// From here on the read-only space is no PagedSpace: it has no area_size_, and all of its pages count as touched.
constexpr V8Version kReadOnlyApart{8, 5};
constexpr size_t kWordsOfHeader = 64, kPagesSampled = 256;
constexpr uint64_t kSmallestBlock = 16, kLargestMinBlock = 256;  ///< of map space a map

struct PageSums {
  size_t pages = 0;
  uint64_t committed = 0, area = 0, in_allocation = 0;
  uint64_t page_size = 0, largest_area = 0;
};

/// Index of capacity_.
std::optional<size_t> find_stats(const std::vector<uint64_t>& words, const PageSums& sum, bool has_area) {
  uint64_t least = sum.committed - std::min(sum.committed, sum.pages * kLargestHeader);
  for (size_t i = 1; i + 2 < words.size(); ++i) {
    uint64_t area = words[i - 1], capacity = words[i];
    bool sound_area =
        area > 0 && area <= std::max(sum.page_size, kPageAlignment) && area >= sum.largest_area / 2 && area % 8 == 0;
    bool sound = (sound_area || !has_area) && capacity >= least && capacity <= sum.committed && capacity % 8 == 0 &&
                 words[i + 1] >= capacity && words[i + 1] % 8 == 0 && words[i + 2] <= capacity &&
                 words[i + 2] % 8 == 0 && words[i + 2] > 0;
    if (sound) return i;
  }
  return std::nullopt;
}

/// committed_physical_memory_, the first number behind accounting_stats_ that can be one; in 10.x an area, locks and
/// counts come before it.
std::optional<uint64_t> find_touched(const std::vector<uint64_t>& words, size_t from, const PageSums& sum,
                                     uint64_t size) {
  uint64_t most = sum.pages * std::max(sum.page_size, kPageAlignment);
  for (size_t i = from; i < std::min(words.size(), from + kWordsBehindStats); ++i)
    if (words[i] > 0 && words[i] % kPhysicalUnit == 0 && words[i] <= most && words[i] >= size) return words[i];
  return std::nullopt;
}

}  // namespace

struct SpaceCounterReader::Totals : PageSums {};

SpaceCounterReader::SpaceCounterReader(const Heap& heap) : heap_(heap) {
  for (const Page& page : heap.pages().pages()) {
    std::optional<uint32_t> isolate;
    if (!page.heap.is_null()) isolate = page.isolate;
    pages_[{isolate, page.space}].push_back(&page);
  }
  if (heap.layout().version < kCountsTouchedPages) find_high_water_mark();
}

SpaceCounters SpaceCounterReader::read(std::optional<uint32_t> isolate, Space space) const {
  auto found = pages_.find({isolate, space});
  if (found == pages_.end()) return {0, 0, 0};
  const Pages& pages = found->second;
  if (space == Space::kNew) return new_space(pages);
  if (!pages.front()->large) return paged_space(pages);
  Totals sum = totals(pages);
  return {sum.area, 0, sum.committed};
}

SpaceCounterReader::Totals SpaceCounterReader::totals(const Pages& pages) const {
  Totals sum;
  for (const Page* page : pages) {
    ++sum.pages;
    sum.committed += page->size;
    sum.area += page->area_size();
    sum.page_size = std::max(sum.page_size, page->size);
    sum.largest_area = std::max(sum.largest_area, page->area_size());
    for (const LinearArea& area : heap_.areas_of(*page)) sum.in_allocation += area.limit - area.top;
  }
  return sum;
}

/// high_water_mark_, the offset in a page up to which something was ever allocated: of full pages it is more than the
/// bytes in which objects can lie, and never more than the page has.
void SpaceCounterReader::find_high_water_mark() {
  std::vector<std::vector<uint64_t>> headers;
  std::vector<const Page*> sample;
  for (const Page& page : heap_.pages().pages()) {
    if (page.large || page.stale || page.space == Space::kReadOnly || sample.size() >= kPagesSampled) continue;
    headers.push_back(words_at(page.header, kWordsOfHeader));
    if (headers.back().size() < kWordsOfHeader) return;
    sample.push_back(&page);
  }
  for (size_t i = 0; i < kWordsOfHeader; ++i) {
    bool sound = true, full = false, differs = false;
    for (size_t k = 0; k < sample.size() && sound; ++k) {
      uint64_t word = headers[k][i];
      sound = word % 8 == 0 && word >= sample[k]->area_start - sample[k]->chunk && word <= sample[k]->size;
      full = full || word > sample[k]->area_size();
      differs = differs || word != sample[k]->size;
    }
    if (!sound || !full || !differs) continue;
    high_water_mark_ = i * 8;
    return;
  }
}

std::optional<uint64_t> SpaceCounterReader::touched(const Pages& pages) const {
  if (!high_water_mark_) return std::nullopt;
  uint64_t sum = 0;
  for (const Page* page : pages) {
    auto mark = heap_.target().memory().read_u64(page->header + *high_water_mark_);
    if (!mark || *mark > page->size) return std::nullopt;
    sum += *mark;
  }
  return sum;
}

/// Semi-spaces: full pages, and the one with the allocation top; what was never reached has been marked as unused. The
/// capacity is that of to-space, whose pages may not all be there yet.
SpaceCounters SpaceCounterReader::new_space(const Pages& pages) const {
  uint64_t used = 0, to_space = 0, area = 0, page_size = 0;
  bool has_top = false;
  std::optional<SemiSpace::Closed> closed;  // how far to-space was filled when its area was closed
  std::map<uint64_t, uint64_t> owners;      // bytes of their pages
  Address to_owner;
  for (const Page* page : pages) {
    owners[page->owner.value()] += page->size;
    area = std::max(area, page->area_size());
    page_size = std::max(page_size, page->size);
    if ((page->flags & kToPage) == 0) continue;
    to_owner = page->owner;
    to_space += page->size;
    if (page->stale) continue;
    std::span<const LinearArea> areas = heap_.areas_of(*page);
    has_top = has_top || !areas.empty();
    used += areas.empty() ? page->area_size() : areas.back().top - page->area_start.value();
  }
  std::optional<uint64_t> physical = touched(pages);
  bool counted = !physical && owners.size() <= 2;
  uint64_t sum = 0;
  for (const auto& [owner, committed] : owners) {
    auto semi_space = read_semi_space(Address(owner), committed, page_size);
    counted = counted && semi_space && semi_space->physical;
    if (counted) sum += *semi_space->physical;
    if (!semi_space || Address(owner) != to_owner) continue;
    to_space = std::max(to_space, semi_space->capacity);
    closed = semi_space->closed;
  }
  if (counted) physical = sum;
  uint64_t capacity = page_size == 0 ? 0 : to_space / page_size * area;
  // Without it how much of the last page is used is not known, nor which page is the last one.
  if (!has_top) {
    if (!closed || page_size == 0) return {std::nullopt, std::nullopt, physical};
    used = (closed->reached / page_size - 1) * area + closed->in_last;
  }
  return {used, capacity - std::min(capacity, used), physical};
}

/// SemiSpace (src/heap/new-spaces.h, until 9.x spaces.h). Until 12.x it has {target_capacity_, maximum_capacity_,
/// minimum_capacity_, age_mark_} and, since 10.x, {committed_physical_memory_, id_} behind them. Since then it has
/// {current_capacity_, committed_physical_memory_, id_}, and the SemiSpaceNewSpace around it {minimum_capacity_,
/// maximum_capacity_, age_mark_, target_capacity_}, and before them the allocation_top_: the end of what was ever
/// handed out as allocation areas.
std::optional<SpaceCounterReader::SemiSpace> SpaceCounterReader::read_semi_space(Address owner, uint64_t committed,
                                                                                 uint64_t page_size) const {
  std::vector<uint64_t> words = words_at(owner, kWordsOfSemiSpace);
  auto is_capacity = [&](uint64_t word) { return word > 0 && word % page_size == 0 && word <= kLargestSemiSpace; };
  auto is_touched = [&](uint64_t word, uint64_t id) {
    return word > 0 && word % kPhysicalUnit == 0 && word <= committed && static_cast<uint32_t>(id) <= 1;
  };
  SemiSpace result;
  uint64_t reached = 0;
  if (page_size == 0) return std::nullopt;
  for (size_t i = 1; i + 5 < words.size(); ++i) {
    const uint64_t* at = &words[i];
    bool sound = is_capacity(at[0]) && is_capacity(at[1]) && is_capacity(at[2]) && at[2] <= at[0] && at[0] <= at[1];
    if (!sound) continue;
    result.capacity = at[0];
    if (is_touched(at[4], at[5])) result.physical = at[4];
    return result;
  }
  for (size_t i = 3; i + 3 < words.size(); ++i) {
    const uint64_t* at = &words[i];
    bool current = at[0] % page_size == 0 && at[0] <= committed && is_touched(at[1], at[2]);
    if (current && !result.physical) {
      result.physical = at[1];
      reached = at[0];
    }
    const Page* page = at[0] > page_size ? heap_.pages().page_of(at[0] - 1) : nullptr;
    bool top = page != nullptr && page->owner == owner && at[0] % 8 == 0 && page->area_start < Address(at[0]);
    if (top && reached >= page_size && result.capacity == 0 && !result.closed)
      result.closed = SemiSpace::Closed{reached, at[0] - page->area_start.value()};
    bool limits = is_capacity(at[0]) && is_capacity(at[1]) && is_capacity(at[3]) && at[0] <= at[3] && at[3] <= at[1];
    bool age_mark = at[2] == 0 || (at[2] % 8 == 0 && at[2] > kLargestSemiSpace);
    if (limits && age_mark && result.capacity == 0) result.capacity = at[3];
  }
  return result;
}

SpaceCounters SpaceCounterReader::paged_space(const Pages& pages) const {
  SpaceCounters counters;
  counters.physical = touched(pages);
  Totals sum = totals(pages);
  Address owner = pages.front()->owner;
  if (pages.front()->space == Space::kReadOnly) {
    counters.available = 0;
    if (heap_.layout().version >= kReadOnlyApart) counters.physical = sum.committed;
  }
  if (owner.is_null()) return counters;
  std::vector<uint64_t> words = words_at(owner, kWordsOfSpace);
  bool read_only = pages.front()->space == Space::kReadOnly;
  auto stats = find_stats(words, sum, !read_only || heap_.layout().version < kReadOnlyApart);
  if (!stats) return counters;
  uint64_t size = words[*stats + 2];
  bool counts_open_areas = !read_only && heap_.layout().version < kOpenAreasAreFree;
  counters.used = counts_open_areas ? size - std::min(size, sum.in_allocation) : size;
  if (!high_water_mark_ && !counters.physical) counters.physical = find_touched(words, *stats + 3, sum, size);
  for (size_t i = 0; i < *stats && !counters.available; ++i) counters.available = available_in(Address(words[i]));
  return counters;
}

std::optional<uint64_t> SpaceCounterReader::available_in(Address list) const {
  if (list.value() < 0x10000 || list.value() % 8 != 0) return std::nullopt;
  std::vector<uint64_t> words = words_at(list, 6);
  if (words.size() < 6) return std::nullopt;
  auto categories = static_cast<uint32_t>(words[1]), last = static_cast<uint32_t>(words[1] >> 32);
  bool sound = categories > 0 && categories <= kMaxCategories && last == categories - 1 && words[2] >= kSmallestBlock &&
               words[2] <= kLargestMinBlock;
  if (!sound) return std::nullopt;
  if (is_pointer(words[3])) return words[4];
  return is_pointer(words[4]) ? std::optional(words[5]) : std::nullopt;
}

bool SpaceCounterReader::is_pointer(uint64_t word) const {
  return word >= 0x10000 && word % 8 == 0 && heap_.target().memory().read_u64(Address(word)).has_value();
}

std::vector<uint64_t> SpaceCounterReader::words_at(Address address, size_t count) const {
  auto bytes = heap_.target().memory().view(address, count * 8);
  std::vector<uint64_t> words(std::min(count, bytes.size() / 8));
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * 8);
  return words;
}

}  // namespace inquest::v8
