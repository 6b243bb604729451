// Objects by number: 0, 1, 2, ... in the order of pages and of addresses within them.
//
// Nothing is kept per object. The start bits of the object index say where objects are, and a running count for each
// 512 bytes of heap turns an address into a number by counting the bits in front of it; the way back is a search in the
// same counts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "v8/heap/object_index.h"
#include "v8/heap/page_table.h"

namespace inquest::v8 {

class ObjectNumbers {
 public:
  /// Numbers have 31 bits: edges keep a flag in the highest one.
  static constexpr uint64_t kMost = 0x7fffffff;

  /// The start bits of the pages must have been set, and must stay as they are. `pages` must outlive this.
  explicit ObjectNumbers(const PageTable& pages);

  /// Objects in all; when there are more than kMost, nothing here can be used.
  uint64_t count() const { return count_; }
  uint64_t bytes() const { return ranks_.size() * sizeof(uint32_t); }

  /// The number of the object that starts at `address` (untagged) on `page`; ObjectIndex::is_start must hold.
  uint32_t number_on(const Page& page, uint64_t address) const {
    uint64_t slot = (address - page.area_start.value()) / 8;
    uint64_t before = page.bits[slot / 64 * 2] & ((uint64_t{1} << slot % 64) - 1);
    return ranks_[first_block_[page_index(page)] + slot / 64] + static_cast<uint32_t>(__builtin_popcountll(before));
  }
  /// Nothing when no object starts there.
  std::optional<uint32_t> number_of(uint64_t address) const {
    const Page* page = pages_.page_of(address);
    if (!page || !ObjectIndex::is_start(*page, address)) return std::nullopt;
    return number_on(*page, address);
  }
  /// Untagged address; 0 for numbers from count() on.
  uint64_t address_of(uint32_t number) const;

  /// The first number of each page, by index in the page table, and count() at the end.
  const std::vector<uint32_t>& first_of_page() const { return first_of_page_; }

 private:
  size_t page_index(const Page& page) const { return static_cast<size_t>(&page - pages_.pages().data()); }

  const PageTable& pages_;
  std::vector<uint32_t> ranks_;        ///< objects in front of each block of 64 words
  std::vector<uint64_t> first_block_;  ///< of each page, in ranks_
  std::vector<uint32_t> first_of_page_;
  uint64_t count_ = 0;
};

}  // namespace inquest::v8
