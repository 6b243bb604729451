#include "v8/heap/linear_areas.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace inquest::v8 {
namespace {

constexpr uint64_t kSpaceObjectBytes = 0x600;           ///< largest space object (NewSpace of 7.x) with some room
constexpr uint64_t kMaxAreaBytes = 2 * kPageAlignment;  ///< one regular page (512 KiB in 7.4)
constexpr uint64_t kBeforeSemiSpace = 0x300;            ///< from NewSpace's start to its second SemiSpace
/// From here on new and old space keep {start, top, limit} in IsolateData; before, spaces keep {top, limit} in
/// themselves.
constexpr V8Version kAreasHaveStart{10, 0};
/// From here on the other spaces have MainAllocator objects of their own.
constexpr V8Version kAllocatorsApart{12, 0};
constexpr uint64_t kAllocatorBytes = 0x100;  ///< MainAllocator with its LinearAllocationArea

/// Where a candidate was found; the better source wins.
enum class Source : uint8_t { kNone, kPointee, kSpaceObject, kIsolate };

class AreaFinder {
 public:
  AreaFinder(const Target& target, const PageTable& pages, const V8Version& version)
      : target_(target), pages_(pages), version_(version), best_(pages.pages().size()) {}

  void scan(NativeRange range, Source source) {
    auto bytes = target_.memory().view(range.start, range.size);
    for (uint64_t at = 0; at + 16 <= bytes.size(); at += 8) {
      uint64_t top = word(bytes, at);
      if (top == 0 || top % 8 != 0) continue;
      uint64_t limit = word(bytes, at + 8);
      if (limit < top || limit - top > kMaxAreaBytes) continue;
      consider(at >= 8 ? word(bytes, at - 8) : 0, top, limit, source);
    }
  }

  /// Every pointer in `range` to native memory, scanned one level deep.
  void scan_pointees(NativeRange range) {
    auto bytes = target_.memory().view(range.start, range.size);
    for (uint64_t at = 0; at + 8 <= bytes.size(); at += 8) {
      uint64_t pointer = word(bytes, at);
      if (pointer % 8 != 0 || pointer < 0x1000 || pages_.page_of(pointer)) continue;
      if (!seen_.insert(pointer).second) continue;
      scan({Address(pointer), kAllocatorBytes}, Source::kPointee);
    }
  }

  std::vector<std::vector<LinearArea>> result() const {
    std::vector<std::vector<LinearArea>> areas(best_.size());
    for (size_t i = 0; i < best_.size(); ++i) {
      if (best_[i].source != Source::kNone) areas[i].push_back({best_[i].top, best_[i].limit});
    }
    return areas;
  }

 private:
  struct Candidate {
    Source source = Source::kNone;
    uint64_t top = 0;
    uint64_t limit = 0;
    auto operator<=>(const Candidate&) const = default;
  };

  static uint64_t word(std::span<const std::byte> bytes, uint64_t offset) {
    uint64_t value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }

  void consider(uint64_t start, uint64_t top, uint64_t limit, Source source) {
    // A top at the end of an area belongs to the page before it.
    const Page* page = pages_.page_of(top - 1);
    if (!page || page->large || page->space == Space::kReadOnly) return;
    uint64_t area_start = page->area_start.value(), area_end = page->area_end.value();
    if (top < area_start || limit > area_end || !believable(*page, start, top, limit, source)) return;
    // {start, top, limit} gives two pairs and a lowered original top a third: the one that begins last is the area.
    Candidate& best = best_[page - pages_.pages().data()];
    best = std::max(best, Candidate{source, top, (limit + 7) & ~7ull});
  }

  bool believable(const Page& page, uint64_t start, uint64_t top, uint64_t limit, Source source) const {
    bool new_space = page.space == Space::kNew;
    // A pair that spans the whole area is most likely a description of the page, not an untouched one.
    if (!new_space && top == page.area_start.value() && limit == page.area_end.value()) return false;
    // A limit lowered for allocation observers was not aligned in the older versions.
    if (limit % 8 != 0 && !(new_space && version_ < kAreasHaveStart)) return false;
    if (version_ < kAreasHaveStart) return source != Source::kPointee;
    // Native memory is full of look-alikes, so the third word must fit too, and the place must be the right one.
    bool is_start = start % 8 == 0 && start <= top && start >= page.area_start.value();
    bool in_isolate = new_space || page.space == Space::kOld;
    if (in_isolate) return is_start && source == Source::kIsolate;
    return is_start && (source != Source::kPointee || version_ >= kAllocatorsApart);
  }

  const Target& target_;
  const PageTable& pages_;
  const V8Version version_;
  std::vector<Candidate> best_;
  std::unordered_set<uint64_t> seen_;
};

/// Offset of list_node in page headers (heap::ListNode<MemoryChunk>: next, prev), found by mutual links.
std::optional<uint64_t> find_list_node(const Target& target, const std::vector<Page>& pages) {
  std::unordered_map<uint64_t, const Page*> by_header;
  for (const Page& page : pages) by_header.emplace(page.header.value(), &page);
  constexpr uint64_t kMaxOffset = 0x180;
  std::map<uint64_t, size_t> votes;
  for (const Page& page : pages) {
    auto bytes = target.memory().view(page.header, kMaxOffset);
    for (uint64_t at = 0x20; at + 8 <= bytes.size(); at += 8) {
      uint64_t next;
      std::memcpy(&next, bytes.data() + at, 8);
      auto found = by_header.find(next);
      if (found == by_header.end() || found->second == &page || found->second->owner != page.owner) continue;
      auto back = target.memory().read_u64(Address(next) + at + 8);
      if (back && *back == page.header.value()) ++votes[at];
    }
  }
  auto best =
      std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return best == votes.end() ? std::nullopt : std::optional(best->first);
}

}  // namespace

std::vector<std::vector<LinearArea>> find_linear_areas(const Target& target, const PageTable& pages,
                                                       const V8Version& version,
                                                       const std::vector<NativeRange>& isolates) {
  AreaFinder finder(target, pages, version);
  for (const NativeRange& isolate : isolates) finder.scan(isolate, Source::kIsolate);
  std::set<Address> owners;
  for (const Page& page : pages.pages()) {
    if (!page.owner.is_null()) owners.insert(page.owner);
  }
  for (Address owner : owners) {
    // The owner of a semi-space page is the SemiSpace inside the NewSpace object, behind the allocation area.
    Address from = owner - kBeforeSemiSpace;
    if (const MemoryRegion* region = target.memory().region_of(owner)) from = std::max(from, region->start);
    finder.scan({from, owner + kSpaceObjectBytes - from}, Source::kSpaceObject);
    finder.scan_pointees({owner, kSpaceObjectBytes});
  }
  return finder.result();
}

void mark_unused_new_space_pages(const Target& target, PageTable& pages, std::vector<std::vector<LinearArea>>& areas) {
  std::vector<Page>& all = pages.pages();
  auto list_node = find_list_node(target, all);
  std::unordered_map<uint64_t, size_t> by_header;
  for (size_t i = 0; i < all.size(); ++i) by_header.emplace(all[i].header.value(), i);
  for (size_t i = 0; i < all.size(); ++i) {
    Page& page = all[i];
    if (page.space != Space::kNew || page.stale || areas[i].empty()) continue;
    areas[i].back().limit = page.area_end.value();
    if (!list_node) continue;
    // Everything behind the current page is left over from before the last collection.
    Address header = page.header;
    for (size_t step = 0; step < all.size(); ++step) {
      auto next = target.memory().read_u64(header + *list_node);
      auto found = next ? by_header.find(*next) : by_header.end();
      if (found == by_header.end() || all[found->second].owner != page.owner) break;
      all[found->second].stale = true;
      header = all[found->second].header;
    }
  }
}

}  // namespace inquest::v8
