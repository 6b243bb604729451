#include "v8/heap/heap.h"

#include <algorithm>
#include <map>
#include <set>

#include "postmortem/model/lazy_memory.h"
#include "v8/heap/calibration.h"
#include "v8/heap/root_scanner.h"
#include "v8/heap/scavenge.h"

namespace inquest::v8 {
namespace {

/// IsolateData precedes the roots table by less than this (0x2b0 in 14.6), the Heap follows within 0x18000.
constexpr uint64_t kIsolateDataBefore = 0x400;
constexpr uint64_t kHeapObjectBytes = 0x3000;

std::string describe(const PageHeaderLayout& layout, const std::vector<LayoutTable>& rows, size_t pages) {
  std::string version;
  for (const LayoutTable& row : rows) {
    if (row.page == layout) {
      version = std::to_string(row.major) + "." + std::to_string(row.minor);
      break;
    }
  }
  return "pages as in V8 " + version + ", " + std::to_string(pages) + " found";
}

/// What to say and to try where the core does not have what must be in it.
std::string why_incomplete(const Target& target) {
  const ProcessFacts& facts = target.facts();
  if (facts.truncated_bytes == 0)
    return "the dump may lack anonymous memory: coredump_filter should include bit 0, its default is 0x33";
  return "the core is truncated: " + std::to_string(facts.truncated_bytes) + " of " +
         std::to_string(facts.core_size + facts.truncated_bytes) + " bytes are missing; check the disk and `ulimit -c`";
}

}  // namespace

bool Heap::choose_page_layout() {
  std::vector<LayoutTable> rows(layout_tables().begin(), layout_tables().end());
  std::vector<Page> best = find_pages(target_, layout_.table.page);
  PageHeaderLayout chosen = layout_.table.page;
  if (best.size() < 4) {
    for (const LayoutTable& row : rows) {
      std::vector<Page> pages = find_pages(target_, row.page);
      if (pages.size() <= best.size()) continue;
      best = std::move(pages);
      chosen = row.page;
    }
    layout_.table.page = chosen;
  }
  if (best.empty()) return false;
  provenance_.page_layout = describe(chosen, rows, best.size());
  classify_pages(target_, module_, layout_, best);
  const LazyMemory* lazy = lazy_memory(target_.memory());
  if (lazy != nullptr) {
    for (Page& page : best) page.data = lazy->place_of(page.area_start, page.area_size());
    std::erase_if(best, [](const Page& page) { return page.data == nullptr; });
  } else {
    for (Page& page : best) attach_data(target_, page);
  }
  pages_ = PageTable(std::move(best));
  if (lazy != nullptr)
    pages_.make_live(*lazy, [this](Address chunk, Page& page) { return read_live_page(chunk, page); });
  return true;
}

/// Pages come and go while the process runs; one that is still there has most often changed its flags only.
bool Heap::read_live_page(Address chunk, Page& page) const {
  Address owner = page.owner;
  Space space = page.space;
  bool known = !page.chunk.is_null();
  if (!read_page(target_, layout_.table.page, chunk, page)) return false;
  classify_page(target_, module_, layout_, page);
  if (known && owner == page.owner) page.space = space;
  for (const Isolate& isolate : isolates_) {
    if (isolate.heap == page.heap) page.isolate = isolate.index;
  }
  return true;
}

bool Heap::find_isolates(uint16_t map_type) {
  std::map<Address, size_t> heaps;
  for (const Page& page : pages_.pages()) {
    if (!page.heap.is_null()) ++heaps[page.heap];
  }
  for (const auto& [heap, count] : heaps) {
    auto roots = find_roots(target_, pages_, layout_, root_names_, map_type, heap);
    if (!roots) continue;
    Isolate& isolate = isolates_.emplace_back();
    isolate.heap = heap;
    isolate.roots = std::move(*roots);
  }
  return !isolates_.empty();
}

void Heap::assign_threads() {
  // A thread's current isolate lies in static thread-local storage below fs_base (g_current_isolate_, 11.x and later),
  // or in its pthread structure from fs_base on (pthread_setspecific, earlier). Nothing else there points just in front
  // of a roots table. Further down begins the stack of the thread, which is full of such pointers.
  constexpr uint64_t kThreadStructBytes = 0xa00;
  uint64_t tls_bytes = 0;
  if (layout_.version >= V8Version{11, 0}) {
    for (const Module& module : target_.modules()) {
      if (module.is_copy) continue;
      tls_bytes += module.tls_image_size + module.tls_alignment;
    }
    tls_bytes = std::min<uint64_t>((tls_bytes + 63) & ~63ull, 0x10000);
  }
  for (const Thread& thread : target_.threads()) {
    uint64_t from = thread.registers.fs_base;
    if (from == 0) continue;
    uint64_t to = from + kThreadStructBytes;
    const MemoryRegion* region = target_.memory().region_of(Address(from));
    if (!region) continue;
    from = std::max(from - tls_bytes, region->start.value());
    auto bytes = target_.memory().view(Address(from), to - from);
    for (uint64_t at = 0; at + 8 <= bytes.size(); at += 8) {
      uint64_t word;
      std::memcpy(&word, bytes.data() + at, 8);
      for (Isolate& isolate : isolates_) {
        uint64_t table = isolate.roots.table.value();
        if (word == 0 || word > table || table - word > kIsolateDataBefore) continue;
        if (isolate.address.is_null()) isolate.address = Address(word);
        if (isolate.threads.empty() || isolate.threads.back() != thread.tid) isolate.threads.push_back(thread.tid);
      }
    }
  }
  uint64_t pid = target_.facts().pid;
  auto runs_main = [&](const Isolate& isolate) {
    return std::find(isolate.threads.begin(), isolate.threads.end(), pid) != isolate.threads.end();
  };
  std::stable_sort(isolates_.begin(), isolates_.end(), [&](const Isolate& a, const Isolate& b) {
    return std::make_tuple(!runs_main(a), a.roots.table) < std::make_tuple(!runs_main(b), b.roots.table);
  });
  std::optional<uint64_t> before;
  for (const Isolate& isolate : isolates_) {
    if (!isolate.address.is_null()) before = isolate.roots.table - isolate.address;
  }
  size_t told = 0;
  for (uint32_t i = 0; i < isolates_.size(); ++i) {
    isolates_[i].index = i;
    if (!isolates_[i].threads.empty()) ++told;
    if (isolates_[i].address.is_null() && before) isolates_[i].address = isolates_[i].roots.table - *before;
  }
  provenance_.threads =
      std::to_string(told) + " of " + std::to_string(isolates_.size()) + " isolates found in thread-local storage";
  std::map<Address, uint32_t> by_heap;
  for (const Isolate& isolate : isolates_) by_heap.emplace(isolate.heap, isolate.index);
  for (Page& page : pages_.pages()) {
    auto found = by_heap.find(page.heap);
    page.isolate = found == by_heap.end() ? 0 : found->second;
  }
}

void Heap::build_types() {
  std::vector<std::pair<std::string, uint16_t>> root_types;
  const Roots& roots = isolates_.front().roots;
  for (size_t i = 0; i < roots.values.size(); ++i) {
    const std::string& name = root_names_.names()[i];
    if (!name.ends_with("_map") || !is_heap_object(roots.values[i])) continue;
    const std::byte* bytes = pages_.bytes(roots.values[i] - 1, 72);  // a map
    if (!bytes) continue;
    uint16_t type;
    std::memcpy(&type, bytes + layout_.map.instance_type, 2);
    root_types.emplace_back(name, type);
  }
  types_ = TypeTable::build(layout_, constants_, root_types);
}

const BackgroundAreas& Heap::background_areas() const {
  std::call_once(background_once_, [this] {
    background_areas_ = std::make_unique<BackgroundAreas>(target_.memory(), pages_, native_memory(*this));
  });
  return *background_areas_;
}

uint64_t Heap::root(std::string_view name, uint32_t isolate) const {
  auto index = root_names_.index_of(name);
  if (!index || isolate >= isolates_.size()) return 0;
  return isolates_[isolate].roots.values[*index];
}

uint64_t Heap::root_near(std::string_view name, uint64_t object) const {
  const Page* page = is_heap_object(object) ? pages_.page_of(object - 1) : nullptr;
  return root(name, page != nullptr ? page->isolate : 0);
}

void Heap::calibrate_sizes() {
  calibration_.feedback_vector_length = layout_.table.feedback_vector_length;
  calibration_.feedback_vector_header = layout_.table.feedback_vector_header;
  MapCache maps = new_map_cache();
  provenance_.free_space_unit = vote_free_space_unit(*this, maps, calibration_);
  provenance_.feedback_vector = vote_feedback_vector(*this, maps, calibration_);
}

void Heap::revive_from_space() {
  for (uint32_t index : find_scavenging_isolates(*this)) {
    isolates_[index].scavenging = true;
    for (Page& page : pages_.pages()) {
      if (page.from_space && page.isolate == index) page.stale = false;
    }
  }
}

void Heap::validate() {
  // The read-only heap and one page of each space with objects of V8's own: enough to see whether the layout fits.
  MapCache maps = new_map_cache();
  Walker walker = new_walker(maps);
  std::set<Space> done;
  provenance_.validation = {};
  provenance_.validated_pages = 0;
  for (const Page& page : pages_.pages()) {
    bool one = page.space == Space::kOld || page.space == Space::kCode || page.space == Space::kTrusted;
    if (page.stale || (page.space != Space::kReadOnly && !(one && done.insert(page.space).second))) continue;
    if (!pages_.load(page)) continue;
    walker.walk(page, areas_of(page), provenance_.validation,
                [](uint64_t, const MapInfo&, uint64_t, const std::byte*) {});
    ++provenance_.validated_pages;
  }
}

/// Of a V8 that does not match its table (a version newer than inquest, a build with other options) the table that
/// leaves the fewest bytes unparsed is used instead.
void Heap::try_neighbouring_tables() {
  auto name = [](const LayoutTable& table) {
    return "V8 " + std::to_string(table.major) + "." + std::to_string(table.minor);
  };
  provenance_.table = name(layout_.table);
  auto unfit = [](const WalkStats& stats) { return stats.not_parsed * 100 > stats.bytes; };
  if (!unfit(provenance_.validation)) return;
  auto attempt = [&](const Layout& layout) {
    layout_ = layout;
    build_types();
    layout_.map.descriptors = vote_map_descriptors(*this);
    calibrate_sizes();
    validate();
  };
  Layout best = layout_;
  uint64_t fewest = provenance_.validation.not_parsed;
  for (const LayoutTable& row : layout_tables()) {
    LayoutTable candidate = row;
    candidate.page = best.table.page;
    candidate.page_size = best.table.page_size;
    attempt(Layout::resolve(constants_, best.version, candidate));
    if (provenance_.validation.not_parsed >= fewest) continue;
    fewest = provenance_.validation.not_parsed;
    best = layout_;
    provenance_.table = name(row) + ", which fits this core better than the one for its version";
  }
  attempt(best);
}

/// Of a process that goes on running nothing is walked but what shows that the layout fits, where that is not known for
/// sure: single objects are read, and each is checked.
void Heap::fit_live_layout() {
  areas_.resize(pages_.pages().size());
  layout_.map.descriptors = vote_map_descriptors(*this);
  calibration_.feedback_vector_length = layout_.table.feedback_vector_length;
  calibration_.feedback_vector_header = layout_.table.feedback_vector_header;
  provenance_.table = "V8 " + std::to_string(layout_.table.major) + "." + std::to_string(layout_.table.minor);
  if (layout_.exact) return;
  calibrate_sizes();
  validate();
  try_neighbouring_tables();
}

Result<std::unique_ptr<Heap>> Heap::open(const Target& target, const Module& module) {
  std::unique_ptr<Heap> heap(new Heap(target, module));
  const Constants& constants = heap->constants_ = Constants::load(target, module);
  heap->provenance_.v8dbg_constants = constants.size();
  heap->layout_ = Layout::resolve(constants, find_v8_version(target, module));
  if (constants.value("TaggedSize").value_or(8) != 8) {
    return unusable("this V8 was built with pointer compression, which is not supported",
                    "official Node.js builds do without it");
  }
  if (!heap->choose_page_layout()) {
    return unusable("no page of a V8 heap was found in the core", why_incomplete(target));
  }
  heap->root_names_ = RootNames::load(target, module);
  if (heap->root_names_.size() == 0) {
    return unusable("the names of V8's roots were not found in " + module.path,
                    "is the file complete? give the right one with --exe");
  }
  std::optional<uint16_t> map_type;
  if (auto type = constants.type("Map")) map_type = static_cast<uint16_t>(*type);
  if (!map_type) map_type = guess_map_type(heap->pages_, heap->layout_);
  if (!map_type || !heap->find_isolates(*map_type)) {
    return unusable("no isolate was found: " + std::to_string(heap->pages_.pages().size()) +
                        " heap pages, but no roots table in front of their heap",
                    target.facts().truncated_bytes != 0
                        ? why_incomplete(target)
                        : "the dump may lack memory, or V8 " + heap->layout_.version.text() + " is not supported");
  }
  heap->assign_threads();
  heap->build_types();
  if (heap->is_live()) {
    heap->fit_live_layout();
    return heap;
  }
  std::vector<NativeRange> ranges;
  for (const Isolate& isolate : heap->isolates_) {
    Address from = isolate.roots.table - kIsolateDataBefore;
    // The isolate may lie at the start of a mapping.
    if (const MemoryRegion* region = target.memory().region_of(isolate.roots.table))
      from = std::max(from, region->start);
    ranges.push_back({from, isolate.heap - from + kHeapObjectBytes});
  }
  heap->areas_ = find_linear_areas(target, heap->pages_, heap->layout_.version, ranges);
  mark_unused_new_space_pages(target, heap->pages_, heap->areas_);
  heap->layout_.map.descriptors = vote_map_descriptors(*heap);
  heap->calibrate_sizes();
  heap->revive_from_space();
  heap->validate();
  heap->try_neighbouring_tables();
  return heap;
}

}  // namespace inquest::v8
