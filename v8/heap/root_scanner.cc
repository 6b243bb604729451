#include "v8/heap/root_scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "v8/heap/array_buffer_memory.h"
#include "v8/heap/handle_blocks.h"
#include "v8/heap/malloc_chunks.h"
#include "v8/heap/object_index.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kPieceBytes = 4 << 20;
constexpr uint64_t kRedZone = 128;  // System V ABI x86-64, 3.2.2

/// The part of a region above the stack pointer of the thread whose stack it is: below lie dead frames.
uint64_t first_live_byte(const Heap& heap, const MemoryRegion& region) {
  uint64_t first = region.start.value();
  uint64_t lowest = UINT64_MAX;
  for (const Thread& thread : heap.target().threads()) {
    Address sp = thread.registers.sp();
    if (region.contains(sp)) lowest = std::min(lowest, sp.value() - kRedZone);
  }
  return lowest == UINT64_MAX ? first : std::max(first, lowest);
}

/// Stacks of threads that never ran JavaScript (V8's own helpers, other threads of the program) hold no roots: such
/// code has its handles in blocks, and what lies on its stack is left over. An isolate keeps the limit of the stack it
/// runs on, so a stack that no isolate points into is none of its.
bool is_foreign_stack(const Heap& heap, const MemoryRegion& region) {
  const auto threads = heap.target().threads();
  auto on_stack = [&](const Thread& thread) { return region.contains(thread.registers.sp()); };
  if (std::none_of(threads.begin(), threads.end(), on_stack)) return false;
  for (const Isolate& isolate : heap.isolates()) {
    if (isolate.address.is_null()) return false;
    auto bytes = heap.target().memory().view(isolate.address, kIsolateStructBytes);
    for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      uint64_t word;
      std::memcpy(&word, bytes.data() + at, 8);
      if (region.contains(Address(word))) return false;
    }
  }
  return !heap.isolates().empty();
}

/// Extents in order, those that touch taken together.
std::vector<DataExtent> merged(std::vector<DataExtent> extents) {
  std::sort(extents.begin(), extents.end(), [](const DataExtent& a, const DataExtent& b) { return a.start < b.start; });
  std::vector<DataExtent> result;
  for (const DataExtent& extent : extents) {
    if (!result.empty() && extent.start.value() <= result.back().start.value() + result.back().size) {
      uint64_t end = std::max(result.back().start.value() + result.back().size, extent.start.value() + extent.size);
      result.back().size = end - result.back().start.value();
    } else {
      result.push_back(extent);
    }
  }
  return result;
}

const Page* object_page(const Heap& heap, uint64_t address) {
  const Page* page = heap.pages().page_of(address);
  if (!page || page->stale) return nullptr;
  // On from-space pages of a running scavenge the marker follows forwarding addresses.
  return ObjectIndex::is_start(*page, address) || (page->from_space && page->contains(Address(address))) ? page
                                                                                                         : nullptr;
}

/// V8 9.x and later keep internalised strings in a table outside the heap (src/objects/string-table.cc): an array of
/// strings, empty (Smi 0) and deleted (Smi 1) elements. It does not keep them alive. A long run of nothing but these
/// is taken for it.
class StringTableRun {
 public:
  static constexpr size_t kMinWords = 512;
  static constexpr size_t kMinStrings = 96;

  void add_empty() {
    if (words_) ++words_;
  }
  void add_string(uint64_t address) {
    ++words_;
    if (!strings_.empty() && strings_.back() < address) ++ascents_;
    strings_.push_back(address);
  }
  /// Ends the run: its strings become roots unless it was the table.
  void flush(std::vector<uint64_t>& roots, LivenessStats& stats) {
    bool hashed = ascents_ * 10 < strings_.size() * 9;  // sorted lists of strings are something else
    if (words_ >= kMinWords && strings_.size() >= kMinStrings && strings_.size() * 8 >= words_ && hashed) {
      stats.string_table_words += strings_.size();
    } else {
      roots.insert(roots.end(), strings_.begin(), strings_.end());
    }
    strings_.clear();
    words_ = 0;
    ascents_ = 0;
  }

 private:
  size_t words_ = 0;
  size_t ascents_ = 0;
  std::vector<uint64_t> strings_;
};

constexpr uint64_t kDeletedElement = 1ull << 32;  // Smi 1
constexpr uint16_t kNotInternalizedBit = 0x20;    // kIsNotInternalizedMask

/// Words of a scavenger's list of copied or promoted objects that begins at `at`: pairs of an object and its size. V8
/// keeps emptied lists for the next collection; they never keep an object alive.
size_t scavenger_list_words(const Heap& heap, std::span<const std::byte> bytes, size_t at) {
  constexpr size_t kFewestPairs = 12;
  constexpr uint64_t kLargestObject = 0x40000;
  size_t pairs = 0;
  for (; at + 16 <= bytes.size(); at += 16, ++pairs) {
    uint64_t pair[2];
    std::memcpy(pair, bytes.data() + at, sizeof pair);
    bool sized = pair[1] >= 8 && pair[1] % 8 == 0 && pair[1] <= kLargestObject;
    if (!sized || !is_heap_object(pair[0]) || !heap.pages().page_of(pair[0] - 1)) break;
  }
  return pairs >= kFewestPairs ? 2 * pairs : 0;
}

/// Writable memory outside the heap's pages and outside `dead`.
std::vector<DataExtent> cut_out(const Heap& heap, const std::vector<DataExtent>& dead, bool foreign_stacks = false) {
  std::vector<DataExtent> pieces;
  const std::vector<Page>& pages = heap.pages().pages();
  auto add_pieces = [&](uint64_t from, uint64_t to) {
    for (uint64_t at = from; at < to; at += kPieceBytes)
      pieces.push_back({Address(at), std::min(kPieceBytes, to - at)});
  };
  // Everything but what is dead.
  auto add = [&](uint64_t from, uint64_t to) {
    auto block = std::partition_point(dead.begin(), dead.end(),
                                      [&](const DataExtent& d) { return d.start.value() + d.size <= from; });
    for (; block != dead.end() && block->start.value() < to; ++block) {
      if (block->start.value() > from) add_pieces(from, block->start.value());
      from = std::max(from, block->start.value() + block->size);
    }
    if (from < to) add_pieces(from, to);
  };
  for (const MemoryRegion& region : heap.target().memory().regions()) {
    if (!region.writable || region.available == 0) continue;
    if (!foreign_stacks && is_foreign_stack(heap, region)) continue;
    uint64_t from = first_live_byte(heap, region);
    uint64_t end = region.start.value() + region.available;
    if (from >= end) continue;
    for (const DataExtent& extent : heap.target().memory().data_extents(Address(from), end - from)) {
      uint64_t at = (extent.start.value() + 7) & ~7ull;
      uint64_t stop = extent.start.value() + extent.size;
      // Cut the object areas out.
      auto page =
          std::partition_point(pages.begin(), pages.end(), [&](const Page& p) { return p.area_end.value() <= at; });
      for (; page != pages.end() && page->area_start.value() < stop; ++page) {
        if (page->area_start.value() > at) add(at, page->area_start.value());
        at = std::max(at, page->area_end.value());
      }
      if (at < stop) add(at, stop);
    }
  }
  return pieces;
}

}  // namespace

std::vector<DataExtent> native_memory(const Heap& heap) { return cut_out(heap, {}, true); }

std::vector<DataExtent> native_extents(const Heap& heap) {
  const MemoryReader& memory = heap.target().memory();
  std::vector<DataExtent> dead = freed_memory(heap.target());
  for (const Isolate& isolate : heap.isolates()) {
    if (isolate.address.is_null()) continue;
    auto closed = closed_handles(memory, isolate.address);
    dead.insert(dead.end(), closed.begin(), closed.end());
  }
  dead = merged(std::move(dead));
  std::vector<DataExtent> native = cut_out(heap, dead);
  for (const auto& more : {array_buffer_memory(memory, native), closed_background_handles(memory, native)}) {
    dead.insert(dead.end(), more.begin(), more.end());
  }
  return cut_out(heap, merged(std::move(dead)));
}

void scan_roots(const Heap& heap, const DataExtent& extent, MapCache& maps, std::vector<uint64_t>& roots,
                LivenessStats& stats) {
  auto bytes = heap.target().memory().view(extent.start, extent.size);
  bool off_heap_table = heap.layout().version >= V8Version{8, 7};
  StringTableRun run;
  for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    if (word == 0 || word == kDeletedElement) {
      run.add_empty();
      continue;
    }
    const Page* page = is_heap_object(word) ? object_page(heap, word - 1) : nullptr;
    if (!page) {
      if (off_heap_table) run.flush(roots, stats);
      continue;
    }
    if (size_t list = scavenger_list_words(heap, bytes, at)) {
      at += 8 * (list - 1);
      continue;
    }
    ++stats.root_words;
    if (off_heap_table) {
      const MapInfo* map = maps.find(*heap.pages().word(word - 1));
      if (map && map->category == Category::kString && !(map->type & kNotInternalizedBit)) {
        run.add_string(word - 1);
        continue;
      }
      run.flush(roots, stats);
    }
    roots.push_back(word - 1);
  }
  run.flush(roots, stats);
  stats.scanned_bytes += bytes.size();
}

void scan_registers(const Heap& heap, std::vector<uint64_t>& roots) {
  for (const Thread& thread : heap.target().threads()) {
    for (uint64_t word : thread.registers.gpr) {
      if (is_heap_object(word) && object_page(heap, word - 1)) roots.push_back(word - 1);
    }
  }
}

}  // namespace inquest::v8
