// A pass over the beginnings of all objects by all processors, without walking from one to the next: the object index
// says where they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "v8/heap/heap.h"
#include "v8/heap/object_index.h"
#include "v8/heap/parallel.h"
#include "v8/reachability.h"

namespace inquest::v8 {

/// Calls visit(worker, page, address) for every object start; workers are below worker_count().
template <class Visit>
void for_each_start(const Heap& heap, Visit&& visit) {
  const std::vector<Page>& pages = heap.pages().pages();
  parallel_for(pages.size(), worker_count(), [&](size_t worker, size_t i) {
    const Page& page = pages[i];
    if (page.stale) return;
    for (size_t block = 0; block < ObjectIndex::pair_count(page); ++block) {
      for (uint64_t word = page.bits[2 * block]; word != 0; word &= word - 1) {
        visit(worker, page, page.area_start.value() + 8 * (64 * block + static_cast<uint64_t>(__builtin_ctzll(word))));
      }
    }
  });
}

/// The bytes of an object on `page`.
inline const std::byte* bytes_at(const Page& page, uint64_t address) {
  return page.data + (address - page.area_start.value());
}
inline uint64_t word_of(const std::byte* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// Whether an object start belongs to the objects asked for. Marks must have been set unless `which` is kAll.
inline bool is_wanted(const Page& page, uint64_t address, Reachability which) {
  if (which == Reachability::kAll) return true;
  bool live = page.space == Space::kReadOnly || ObjectIndex::is_marked(page, address);
  return live == (which == Reachability::kLive);
}

template <class T>
std::vector<T> joined(std::vector<std::vector<T>> parts) {
  std::vector<T> all;
  for (auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace inquest::v8
