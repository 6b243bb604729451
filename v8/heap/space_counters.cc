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
// so that they are found by what the pages themselves say. Until 8.x an area that is being allocated into counts as
// allocated and is taken off when asked for; since then it is given back to the free list, or was never taken off.
#include "v8/heap/space_counters.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace inquest::v8 {
namespace {

constexpr size_t kWordsOfSpace = 128;
constexpr size_t kWordsBehindStats = 12;
constexpr uint64_t kLargestHeader = 0x8000;  ///< bytes of a page that hold no objects
constexpr uint64_t kPhysicalUnit = 0x1000;
constexpr uint32_t kMaxCategories = 64;
/// From here on spaces count the bytes that were touched; before, each page has a mark up to where it was.
constexpr V8Version kCountsTouchedPages{10, 0};
constexpr size_t kWordsOfHeader = 64, kPagesSampled = 256;
constexpr uint64_t kSmallestBlock = 16, kLargestMinBlock = 64;

struct PageSums {
  size_t pages = 0;
  uint64_t committed = 0, area = 0, in_allocation = 0;
  uint64_t page_size = 0, largest_area = 0;
};

/// Index of capacity_.
std::optional<size_t> find_stats(const std::vector<uint64_t>& words, const PageSums& sum) {
  uint64_t least = sum.committed - std::min(sum.committed, sum.pages * kLargestHeader);
  for (size_t i = 1; i + 2 < words.size(); ++i) {
    uint64_t area = words[i - 1], capacity = words[i];
    bool sound = area <= std::max(sum.page_size, kPageAlignment) && area >= sum.largest_area / 2 && area % 8 == 0 &&
                 area > 0 && capacity >= least && capacity <= sum.committed && capacity % 8 == 0 &&
                 words[i + 1] >= capacity && words[i + 1] % 8 == 0 && words[i + 2] <= capacity && words[i + 2] % 8 == 0;
    if (sound) return i;
  }
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
/// capacity is that of to-space.
SpaceCounters SpaceCounterReader::new_space(const Pages& pages) const {
  uint64_t used = 0, capacity = 0;
  for (const Page* page : pages) {
    if (page->from_space) continue;
    capacity += page->area_size();
    if (page->stale) continue;
    std::span<const LinearArea> areas = heap_.areas_of(*page);
    used += areas.empty() ? page->area_size() : areas.back().top - page->area_start.value();
  }
  return {used, capacity - std::min(capacity, used), touched(pages)};
}

SpaceCounters SpaceCounterReader::paged_space(const Pages& pages) const {
  SpaceCounters counters;
  counters.physical = touched(pages);
  Totals sum = totals(pages);
  Address owner = pages.front()->owner;
  if (owner.is_null()) return counters;
  std::vector<uint64_t> words = words_at(owner, kWordsOfSpace);
  auto stats = find_stats(words, sum);
  if (!stats) return counters;
  uint64_t size = words[*stats + 2];
  bool counts_open_areas = heap_.layout().version < V8Version{9, 0};
  counters.used = counts_open_areas ? size - std::min(size, sum.in_allocation) : size;
  for (size_t i = *stats + 3; i < std::min(words.size(), *stats + 3 + kWordsBehindStats); ++i) {
    if (words[i] == 0) continue;
    bool sound = words[i] % kPhysicalUnit == 0 && words[i] <= sum.pages * std::max(sum.page_size, kPageAlignment) &&
                 words[i] >= size;
    if (sound) counters.physical = words[i];
    break;
  }
  for (size_t i = 0; i < *stats && !counters.available; ++i) counters.available = available_in(Address(words[i]));
  return counters;
}

std::optional<uint64_t> SpaceCounterReader::available_in(Address list) const {
  if (list.value() < 0x10000 || list.value() % 8 != 0) return std::nullopt;
  std::vector<uint64_t> words = words_at(list, 6);
  if (words.size() < 6) return std::nullopt;
  auto categories = static_cast<uint32_t>(words[1]), last = static_cast<uint32_t>(words[1] >> 32);
  bool sound = categories > 1 && categories <= kMaxCategories && last == categories - 1 && words[2] >= kSmallestBlock &&
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
