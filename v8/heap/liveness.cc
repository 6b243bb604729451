#include "v8/heap/liveness.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "v8/heap/object_index.h"
#include "v8/heap/parallel.h"
#include "v8/heap/root_scanner.h"

namespace inquest::v8 {
namespace {

uint64_t load64(const std::byte* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// Objects waiting to be traced, shared out among the markers.
class SharedWork {
 public:
  explicit SharedWork(size_t markers) : markers_(markers) {}

  void give(std::vector<uint64_t> batch) {
    std::lock_guard lock(mutex_);
    batches_.push_back(std::move(batch));
    ready_.notify_one();
  }
  /// A batch to trace; empty when all markers have run dry, which ends the round.
  std::vector<uint64_t> take() {
    std::unique_lock lock(mutex_);
    ++idle_;
    if (idle_ == markers_ && batches_.empty()) {
      done_ = true;
      ready_.notify_all();
    }
    ready_.wait(lock, [&] { return done_ || !batches_.empty(); });
    if (batches_.empty()) return {};
    --idle_;
    std::vector<uint64_t> batch = std::move(batches_.back());
    batches_.pop_back();
    return batch;
  }
  bool hungry() const { return idle_.load(std::memory_order_relaxed) > 0; }
  void reset() {
    idle_ = 0;
    done_ = false;
  }

 private:
  const size_t markers_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::vector<uint64_t>> batches_;
  std::atomic<size_t> idle_{0};
  bool done_ = false;
};

/// One thread's part of the marking: a stack, with a short queue in front of it so that the headers of the next
/// objects are on their way to the cache when they are looked at.
class Marker {
 public:
  Marker(const Heap& heap, SharedWork& work)
      : heap_(heap), work_(work), maps_(heap.new_map_cache()), walker_(heap.new_walker(maps_)) {}

  MapCache& maps() { return maps_; }
  std::vector<uint64_t>& stack() { return stack_; }
  std::vector<uint64_t>& ephemeron_tables() { return ephemeron_tables_; }

  void visit(uint64_t word) {
    if (!is_heap_object(word)) return;
    uint64_t address = word - 1;
    const Page* page = heap_.pages().page_of(address);
    if (!page) return;
    if (!ObjectIndex::is_start(*page, address)) {
      if (page->from_space) visit_forwarded(*page, address);
      return;
    }
    if (!ObjectIndex::mark(*page, address)) return;
    __builtin_prefetch(page->data + (address - page->area_start.value()));
    stack_.push_back(address);
  }
  /// A reference to an object that a running scavenge has moved already: on to its new place.
  void visit_forwarded(const Page& from, uint64_t address) {
    if (from.stale || !from.contains(Address(address)) || !from.contains(Address(address + 7))) return;
    uint64_t target = load64(from.data + (address - from.area_start.value()));
    const Page* page = target % 8 == 0 ? heap_.pages().page_of(target) : nullptr;
    if (page && !page->from_space) visit(target + 1);
  }
  void visit_root(uint64_t address) { visit(address + 1); }

  bool is_live(uint64_t word) const {
    if (!is_heap_object(word)) return true;  // Smis, weak and cleared references are never followed
    const Page* page = heap_.pages().page_of(word - 1);
    if (!page || !ObjectIndex::is_start(*page, word - 1)) return true;
    return page->space == Space::kReadOnly || ObjectIndex::is_marked(*page, word - 1);
  }

  /// Traces until this marker and all others have nothing left.
  void run(const std::function<bool()>& cancelled) {
    size_t steps = 0;
    while (true) {
      drain(steps, cancelled);
      std::vector<uint64_t> batch = work_.take();
      if (batch.empty()) return;
      stack_ = std::move(batch);
    }
  }

  /// Values of ephemerons whose keys have become live; true when something was found.
  bool trace_ephemerons() {
    size_t before = stack_.size();
    for (uint64_t table : ephemeron_tables_) trace_ephemeron_table(table);
    return stack_.size() != before;
  }

 private:
  static constexpr size_t kQueue = 16;
  static constexpr size_t kShareAbove = 512;
  static constexpr size_t kCancelEvery = 1 << 16;

  void drain(size_t& steps, const std::function<bool()>& cancelled) {
    std::array<uint64_t, kQueue> queue{};
    size_t head = 0, count = 0;
    while (count > 0 || !stack_.empty()) {
      while (count < kQueue && !stack_.empty()) {
        uint64_t next = stack_.back();
        stack_.pop_back();
        const Page* page = heap_.pages().page_of(next);
        __builtin_prefetch(page->data + (next - page->area_start.value()));
        queue[(head + count++) % kQueue] = next;
      }
      uint64_t address = queue[head];
      head = (head + 1) % kQueue;
      --count;
      trace(address);
      if (stack_.size() > kShareAbove && work_.hungry()) share();
      if (++steps % kCancelEvery == 0 && cancelled && cancelled()) {
        stack_.clear();
        return;
      }
    }
  }

  void share() {
    size_t half = stack_.size() / 2;
    std::vector<uint64_t> batch(stack_.begin(), stack_.begin() + static_cast<ptrdiff_t>(half));
    stack_.erase(stack_.begin(), stack_.begin() + static_cast<ptrdiff_t>(half));
    work_.give(std::move(batch));
  }

  void trace(uint64_t address) {
    const Page* page = heap_.pages().page_of(address);
    uint64_t offset = address - page->area_start.value();
    const std::byte* bytes = page->data + offset;
    const MapInfo* map = maps_.find(load64(bytes));
    if (!map) return;
    if (map->index >= map_seen_.size()) map_seen_.resize(map->index + 256, false);
    if (!map_seen_[map->index]) {
      map_seen_[map->index] = true;
      visit(map->map + 1);
    }
    if (map->body == Body::kData) return;
    uint64_t size = walker_.size(*map, bytes, page->area_size() - offset);
    switch (map->body) {
      case Body::kData: return;
      case Body::kTagged:
      case Body::kMap:
        for (uint64_t at = 8; at < size; at += 8) visit(load64(bytes + at));
        return;
      case Body::kWeakTarget: trace_weak_target(*map, bytes, size); return;
      case Body::kEphemerons: ephemeron_tables_.push_back(address); return;
      case Body::kCode: trace_code(bytes, size); return;
      case Body::kWeakTable: return;
    }
  }

  /// WeakCell: registry 8, target 16 (weak), unregister token 24 (weak), holdings 32; from 14.2 on registry 8, holdings
  /// 16, target 24 (weak), token 32 (weak). JSWeakRef: target 24 (weak).
  void trace_weak_target(const MapInfo& map, const std::byte* bytes, uint64_t size) {
    bool weak_ref = map.category == Category::kReceiver;
    uint64_t first_weak = heap_.layout().version >= V8Version{14, 2} ? 24 : 16;
    for (uint64_t at = 8; at < size; at += 8) {
      bool weak = weak_ref ? at == 24 : at == first_weak || at == first_weak + 8;
      if (!weak) visit(load64(bytes + at));
    }
  }

  /// Embedded pointers lie at any byte of the instructions. Optimised code holds receivers, maps, contexts and cells
  /// weakly (Code::IsWeakObjectInOptimizedCode), so these are not followed.
  void trace_code(const std::byte* bytes, uint64_t size) {
    constexpr uint64_t kHeaderWords = 8;
    for (uint64_t at = 8; at < std::min<uint64_t>(size, 8 * kHeaderWords); at += 8) visit(load64(bytes + at));
    for (uint64_t at = 8 * kHeaderWords; at + 8 <= size; ++at) {
      uint64_t word = load64(bytes + at);
      if (!is_heap_object(word)) continue;
      const Page* page = heap_.pages().page_of(word - 1);
      if (!page || !ObjectIndex::is_start(*page, word - 1)) continue;
      const MapInfo* map = maps_.find(load64(page->data + (word - 1 - page->area_start.value())));
      if (!map || map->category == Category::kReceiver || map->type == heap_.types().map) continue;
      if (map->type >= heap_.types().first_context && map->type <= heap_.types().last_context) continue;
      visit(word);
    }
  }

  /// EphemeronHashTable: length, three counters, then pairs of key and value from 40 on.
  void trace_ephemeron_table(uint64_t address) {
    const Page* page = heap_.pages().page_of(address);
    uint64_t offset = address - page->area_start.value();
    const std::byte* bytes = page->data + offset;
    const MapInfo* map = maps_.find(load64(bytes));
    if (!map) return;
    uint64_t size = walker_.size(*map, bytes, page->area_size() - offset);
    for (uint64_t at = 40; at + 16 <= size; at += 16) {
      if (is_live(load64(bytes + at))) visit(load64(bytes + at + 8));
    }
  }

  const Heap& heap_;
  SharedWork& work_;
  MapCache maps_;
  Walker walker_;
  std::vector<uint64_t> stack_;
  std::vector<uint64_t> ephemeron_tables_;
  std::vector<bool> map_seen_;
};

/// From 13.x on functions refer to their Code by a handle into the JSDispatchTable, which is native memory in a packed
/// form. All Code objects are taken as live: that keeps a little dead code, and what its literals name.
constexpr V8Version kDispatchTable{13, 0};

void add_code_objects(const Heap& heap, std::vector<uint64_t>& roots) {
  MapCache maps = heap.new_map_cache();
  Walker walker = heap.new_walker(maps);
  for (const Page& page : heap.pages().pages()) {
    if (page.stale || page.space != Space::kTrusted) continue;
    WalkStats stats;
    walker.walk(page, heap.areas_of(page), stats,
                [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                  if (heap.types()[map.type].name == "Code") roots.push_back(address);
                });
  }
}

void run_markers(std::vector<std::unique_ptr<Marker>>& markers, SharedWork& work,
                 const std::function<bool()>& cancelled) {
  work.reset();
  parallel_for(markers.size(), markers.size(), [&](size_t, size_t i) { markers[i]->run(cancelled); });
}

}  // namespace

LivenessStats mark_live_objects(const Heap& heap, const std::function<bool()>& cancelled,
                                std::vector<uint64_t>* found_roots) {
  size_t workers = worker_count();
  SharedWork work(workers);
  std::vector<std::unique_ptr<Marker>> markers;
  for (size_t i = 0; i < workers; ++i) markers.push_back(std::make_unique<Marker>(heap, work));

  std::vector<DataExtent> extents = native_extents(heap);
  std::vector<LivenessStats> stats(workers);
  std::vector<std::vector<uint64_t>> roots(workers);
  if (found_roots != nullptr) found_roots->clear();
  parallel_for(extents.size(), workers, [&](size_t worker, size_t i) {
    if (cancelled && cancelled()) return;
    scan_roots(heap, extents[i], markers[worker]->maps(), roots[worker], stats[worker]);
  });
  scan_registers(heap, roots[0]);
  if (heap.layout().version >= kDispatchTable) add_code_objects(heap, roots[0]);
  for (size_t i = 0; i < workers; ++i) {
    for (uint64_t root : roots[i]) markers[i]->visit_root(root);
    if (found_roots != nullptr) found_roots->insert(found_roots->end(), roots[i].begin(), roots[i].end());
    roots[i] = {};
  }
  if (found_roots != nullptr) {
    std::sort(found_roots->begin(), found_roots->end());
    found_roots->erase(std::unique(found_roots->begin(), found_roots->end()), found_roots->end());
  }
  bool more = true;
  while (more) {
    run_markers(markers, work, cancelled);
    if (cancelled && cancelled()) break;
    more = false;
    for (auto& marker : markers) more |= marker->trace_ephemerons();
  }
  LivenessStats total;
  for (const LivenessStats& one : stats) {
    total.root_words += one.root_words;
    total.scanned_bytes += one.scanned_bytes;
    total.string_table_words += one.string_table_words;
  }
  return total;
}

}  // namespace inquest::v8
