#include "v8/heap/page_table.h"

#include <unordered_map>
#include <utility>

#include "postmortem/model/lazy_memory.h"

namespace inquest::v8 {
namespace {
constexpr uint64_t kMaxLoad = 64 << 20;    ///< bytes of one object of a live process
constexpr size_t kMaxLivePages = 1 << 18;  ///< 64 GiB of heap
}  // namespace

/// Pages by their first block. They are never moved in memory, for there are pointers to them.
struct PageTable::Live {
  struct Known {
    std::unique_ptr<Page> page;  ///< null: none is there
    uint64_t generation = 0;     ///< when that was looked at
  };
  const LazyMemory* memory = nullptr;
  ReadPage read_page;
  std::unordered_map<uint64_t, Known> known;
};

void PageTable::make_live(const LazyMemory& memory, ReadPage read_page) {
  live_ = std::make_shared<Live>();
  live_->memory = &memory;
  live_->read_page = std::move(read_page);
}

uint64_t PageTable::generation() const { return live_ ? live_->memory->generation() : 0; }

const Page* PageTable::live_page_of(uint64_t address) const {
  uint64_t key = address / kBlock;
  if (key == 0) return nullptr;
  uint64_t now = live_->memory->generation();
  auto [entry, is_new] = live_->known.try_emplace(key);
  Live::Known& known = entry->second;
  if (!is_new && known.generation == now) return known.page.get();
  known.generation = now;
  if (is_new && live_->known.size() > kMaxLivePages) return nullptr;
  Page page;
  if (known.page) page = *known.page;
  if (!live_->read_page(Address(key * kBlock), page)) {
    known.page.reset();
    return nullptr;
  }
  page.data = live_->memory->place_of(page.area_start, page.area_size());
  if (page.data == nullptr) {
    known.page.reset();
  } else if (known.page) {
    *known.page = std::move(page);
  } else {
    known.page = std::make_unique<Page>(std::move(page));
  }
  return known.page.get();
}

bool PageTable::has_loaded(uint64_t address, uint64_t size) const {
  return size <= kMaxLoad && live_->memory->load(Address(address), size);
}

bool PageTable::load(const Page& page) const { return !live_ || has_loaded(page.area_start.value(), page.area_size()); }

}  // namespace inquest::v8
