// What V8 itself counts in each space of a heap: v8::HeapSpaceStatistics, which v8.getHeapSpaceStatistics() and
// diagnostic reports show.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "v8/heap/heap.h"

namespace inquest::v8 {

/// Bytes. What the core does not tell is missing.
struct SpaceCounters {
  std::optional<uint64_t> used;       ///< Space::SizeOfObjects
  std::optional<uint64_t> available;  ///< Space::Available
  std::optional<uint64_t> physical;   ///< Space::CommittedPhysicalMemory
};

/// Must not outlive the heap, whose pages must stay as they are.
class SpaceCounterReader {
 public:
  explicit SpaceCounterReader(const Heap& heap);

  /// Of the pages of `space` that belong to `isolate`, or that all isolates share.
  SpaceCounters read(std::optional<uint32_t> isolate, Space space) const;

 private:
  struct Totals;
  struct SemiSpace {
    uint64_t capacity = 0;  ///< bytes of pages that it may have now, or the least
    std::optional<uint64_t> physical;
    struct Closed {
      uint64_t reached = 0;  ///< bytes of its pages up to the last one in use
      uint64_t in_last = 0;  ///< bytes of that one's area
    };
    std::optional<Closed> closed;
  };
  using Pages = std::vector<const Page*>;

  Totals totals(const Pages& pages) const;
  SpaceCounters new_space(const Pages& pages) const;
  std::optional<SemiSpace> read_semi_space(Address owner, uint64_t committed, uint64_t page_size) const;
  SpaceCounters paged_space(const Pages& pages) const;
  void find_high_water_mark();
  std::optional<uint64_t> touched(const Pages& pages) const;
  std::optional<uint64_t> available_in(Address list) const;
  bool is_pointer(uint64_t word) const;
  std::vector<uint64_t> words_at(Address address, size_t count) const;

  const Heap& heap_;
  std::map<std::pair<std::optional<uint32_t>, Space>, Pages> pages_;
  std::optional<uint64_t> high_water_mark_;  ///< offset in the header of a page
};

}  // namespace inquest::v8
