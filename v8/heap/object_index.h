// Which addresses are object starts, and which of those are live: two bits for every 8 bytes of the heap.
//
// The bits of one stretch of 512 bytes lie side by side: pair[0] says where objects start, pair[1] which are marked, so
// that a tracing step touches one cache line. A large page has one object and one pair.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "v8/heap/page_table.h"

namespace inquest::v8 {

class ObjectIndex {
 public:
  /// Makes room for the pages of `pages` and points their `bits` there.
  explicit ObjectIndex(PageTable& pages) {
    size_t words = word_count(pages);
    std::shared_ptr<uint64_t[]> bits(new uint64_t[words]());
    bits_ = {bits.get(), words};
    owner_ = std::move(bits);
    point_pages(pages);
  }
  /// Takes over bits that were set before, word_count of them; `owner` keeps the memory.
  ObjectIndex(PageTable& pages, std::span<uint64_t> bits, std::shared_ptr<const void> owner)
      : bits_(bits), owner_(std::move(owner)) {
    point_pages(pages);
  }

  /// Words of bits that these pages need.
  static size_t word_count(const PageTable& pages) {
    size_t words = 0;
    for (const Page& page : pages.pages()) words += pair_count(page) * 2;
    return words;
  }

  uint64_t bytes() const { return bits_.size_bytes(); }
  std::span<uint64_t> words() const { return bits_; }

  static void set_start(const Page& page, uint64_t address) {
    uint64_t slot = (address - page.area_start.value()) / 8;
    page.bits[slot / 64 * 2] |= 1ull << (slot % 64);
  }
  /// Whether an object starts at `address`, which lies in the page's first block.
  static bool is_start(const Page& page, uint64_t address) {
    uint64_t slot = (address - page.area_start.value()) / 8;
    if (address < page.area_start.value() || address >= page.area_end.value() || (page.large && slot != 0))
      return false;
    return page.bits[slot / 64 * 2] >> (slot % 64) & 1;
  }
  static bool is_marked(const Page& page, uint64_t address) {
    uint64_t slot = (address - page.area_start.value()) / 8;
    return page.bits[slot / 64 * 2 + 1] >> (slot % 64) & 1;
  }
  /// Marks an object start; true when this call was the one that marked it. Thread-safe.
  static bool mark(const Page& page, uint64_t address) {
    uint64_t slot = (address - page.area_start.value()) / 8;
    uint64_t* pair = page.bits + slot / 64 * 2;
    uint64_t bit = 1ull << (slot % 64);
    std::atomic_ref<uint64_t> marks(pair[1]);
    if (marks.load(std::memory_order_relaxed) & bit) return false;
    return (marks.fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
  }

  /// Pairs of words that a page has.
  static size_t pair_count(const Page& page) { return page.large ? 1 : page.area_size() / 512 + 1; }

 private:
  void point_pages(PageTable& pages) {
    uint64_t* next = bits_.data();
    for (Page& page : pages.pages()) {
      page.bits = next;
      next += pair_count(page) * 2;
    }
  }

  std::span<uint64_t> bits_;
  std::shared_ptr<const void> owner_;
};

}  // namespace inquest::v8
