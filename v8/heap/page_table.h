// From an address to the page that holds it, in a few nanoseconds.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "v8/heap/page.h"

namespace inquest {
class LazyMemory;
}

namespace inquest::v8 {

class PageTable {
 public:
  PageTable() = default;
  /// Takes over pages sorted by address.
  explicit PageTable(std::vector<Page> pages) : pages_(std::move(pages)) {
    size_t slots = std::bit_ceil(pages_.size() * 8 + 16);
    shift_ = 64 - std::countr_zero(slots);
    keys_.assign(slots, 0);
    values_.assign(slots, 0);
    for (uint32_t i = 0; i < pages_.size(); ++i) {
      uint64_t first = pages_[i].chunk.value() / kBlock;
      // Regular pages are one block or (7.4) two; of a large page only the first holds an object's start.
      uint64_t blocks = pages_[i].large ? 1 : (pages_[i].size + kBlock - 1) / kBlock;
      for (uint64_t block = first; block < first + blocks; ++block) insert(block, i);
    }
  }

  std::vector<Page>& pages() { return pages_; }
  const std::vector<Page>& pages() const { return pages_; }

  /// The process goes on running: bytes are loaded before they are looked at, and `read_page` is asked for pages that
  /// have come, and once in a generation for those that are known. Pages that stop being ones are forgotten.
  using ReadPage = std::function<bool(Address chunk, Page& page)>;
  void make_live(const LazyMemory& memory, ReadPage read_page);
  bool is_live() const { return live_ != nullptr; }
  /// Grows with each refresh of a live process's memory; 0 of a core.
  uint64_t generation() const;
  /// Makes sure that the area of a page can be walked; all of it is there already unless the process is alive.
  bool load(const Page& page) const;

  /// The page that holds `address`; of large pages only the first 256 KiB are known, where their object starts.
  const Page* page_of(uint64_t address) const {
    if (live_) return live_page_of(address);
    if (keys_.empty()) return nullptr;
    uint64_t key = address / kBlock;
    for (size_t slot = slot_of(key);; slot = (slot + 1) & (keys_.size() - 1)) {
      if (keys_[slot] == 0) return nullptr;  // also for the lowest addresses, whose key is 0
      if (keys_[slot] == key) return &pages_[values_[slot]];
    }
  }

  /// A word inside the object area of a page.
  std::optional<uint64_t> word(uint64_t address) const {
    const Page* page = page_of(address);
    if (!page || address - page->area_start.value() >= page->area_size()) return std::nullopt;
    uint64_t offset = address - page->area_start.value();
    if (offset + 8 > page->area_size()) return std::nullopt;
    if (live_ && !has_loaded(address, 8)) return std::nullopt;
    uint64_t value;
    std::memcpy(&value, page->data + offset, sizeof value);
    return value;
  }

  /// `size` bytes at `offset` of the object that starts at `address`: also far inside large objects. Or nullptr.
  const std::byte* object_bytes(uint64_t address, uint64_t offset, uint64_t size) const {
    const Page* page = page_of(address);
    if (!page) return nullptr;
    uint64_t at = address - page->area_start.value();
    if (at >= page->area_size() || offset > page->area_size() - at) return nullptr;
    at += offset;
    if (size > page->area_size() - at || (live_ && !has_loaded(address + offset, size))) return nullptr;
    return page->data + at;
  }

  /// Pointer to the bytes at `address` on our side with at least `size` of them, or nullptr.
  const std::byte* bytes(uint64_t address, uint64_t size) const {
    const Page* page = page_of(address);
    if (!page) return nullptr;
    uint64_t offset = address - page->area_start.value();
    if (offset >= page->area_size() || size > page->area_size() - offset) return nullptr;
    if (live_ && !has_loaded(address, size)) return nullptr;
    return page->data + offset;
  }

 private:
  static constexpr uint64_t kBlock = 0x40000;
  struct Live;

  const Page* live_page_of(uint64_t address) const;
  bool has_loaded(uint64_t address, uint64_t size) const;

  void insert(uint64_t key, uint32_t page) {
    size_t slot = slot_of(key);
    while (keys_[slot] != 0) slot = (slot + 1) & (keys_.size() - 1);
    keys_[slot] = key;
    values_[slot] = page;
  }
  size_t slot_of(uint64_t key) const { return (key * 0x9e3779b97f4a7c15ull) >> shift_; }

  std::vector<Page> pages_;
  std::vector<uint64_t> keys_;
  std::vector<uint32_t> values_;
  int shift_ = 60;
  std::shared_ptr<Live> live_;
};

}  // namespace inquest::v8
