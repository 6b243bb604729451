#include "v8/heap/background_areas.h"

#include <algorithm>
#include <cstring>

#include "v8/heap/parallel.h"

namespace inquest::v8 {

BackgroundAreas::BackgroundAreas(const MemoryReader& memory, const PageTable& pages,
                                 std::span<const DataExtent> native) {
  std::vector<std::vector<LinearArea>> found(worker_count());
  parallel_for(native.size(), found.size(), [&](size_t worker, size_t piece) {
    auto bytes = memory.view(native[piece].start, native[piece].size);
    uint64_t words[3];
    for (size_t at = 0; at + sizeof words <= bytes.size(); at += 8) {
      std::memcpy(words, bytes.data() + at, sizeof words);
      auto [start, top, limit] = words;
      bool shaped = start != 0 && (start | top | limit) % 8 == 0 && start <= top && top < limit;
      if (!shaped || limit - start > 2 * kPageAlignment) continue;
      const Page* page = pages.page_of(top);
      if (!page || page->large || start < page->area_start.value() || limit > page->area_end.value()) continue;
      found[worker].push_back({top, limit});
    }
  });
  for (const auto& part : found) areas_.insert(areas_.end(), part.begin(), part.end());
  std::sort(areas_.begin(), areas_.end(), [](const LinearArea& a, const LinearArea& b) {
    return a.top != b.top ? a.top < b.top : a.limit < b.limit;
  });
}

uint64_t BackgroundAreas::limit_of(uint64_t top) const {
  auto after = std::upper_bound(areas_.begin(), areas_.end(), top,
                                [](uint64_t value, const LinearArea& area) { return value < area.top; });
  if (after == areas_.begin() || std::prev(after)->top != top) return 0;
  return std::prev(after)->limit;
}

}  // namespace inquest::v8
