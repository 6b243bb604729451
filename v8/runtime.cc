#include "v8/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "v8/async/async_tail.h"
#include "v8/async/async_walk.h"
#include "v8/capabilities.h"
#include "v8/errors/error_walk.h"
#include "v8/frames/frame_reader.h"
#include "v8/functions/function_walk.h"
#include "v8/graph/heap_search.h"
#include "v8/graph/index_file.h"
#include "v8/heap/census.h"
#include "v8/heap/liveness.h"
#include "v8/heap/object_index.h"
#include "v8/heap/space_counters.h"
#include "v8/inspect/inspector.h"
#include "v8/node/node_reader.h"
#include "v8/objects/describe.h"
#include "v8/select/member_reader.h"
#include "v8/strings/string_census.h"

namespace inquest::v8 {
namespace {

class RuntimeImpl : public Runtime {
 public:
  explicit RuntimeImpl(std::unique_ptr<Heap> heap) : heap_(std::move(heap)) {
    info_.node_version = find_node_version(heap_->target(), heap_->module());
    refresh_info();
  }

  const RuntimeInfo& info() const override { return info_; }

  Result<bool> walk(uint64_t limit) override {
    uint64_t area = 0;
    for (const Page& page : heap_->pages().pages()) area += page.stale ? 0 : page.area_size();
    if (!indexed_ && area > limit) return false;
    cancelled_ = false;
    if (auto failed = ensure_indexed()) return *failed;
    return true;
  }

  std::vector<Note> notes() const override;

  Result<Census> census(const CensusOptions& options) override {
    auto progress = walk_progress("counting objects");
    if (options.which == Reachability::kAll && !indexed_) {
      // One walk for both; the index is there should the live objects be asked for next.
      cancelled_ = false;
      make_index();
      Census all = take_census(*heap_, options, progress, &totals_);
      if (cancelled_) return stopped();
      indexed_ = true;
      refresh_info();
      return all;
    }
    if (auto failed = prepare(options.which)) return *failed;
    Census census = take_census(*heap_, options, progress);
    if (cancelled_) return stopped();
    return census;
  }

  Result<Instances> instances(std::string_view type, const InstanceOptions& options) override {
    if (auto failed = prepare(options.which)) return *failed;
    std::vector<Instance> all = find_instances(*heap_, type, options.which);
    Instances result;
    result.of_type = all.size();
    result.gaps = select_instances(*heap_, options.select, all);
    result.total = all.size();
    uint64_t from = std::min<uint64_t>(options.skip, all.size());
    uint64_t to = options.limit == 0 ? all.size() : std::min<uint64_t>(all.size(), from + options.limit);
    result.rows.assign(all.begin() + static_cast<ptrdiff_t>(from), all.begin() + static_cast<ptrdiff_t>(to));
    return result;
  }

  std::string describe(uint64_t word) override { return describer().brief(word); }
  std::optional<Value> member(uint64_t word, const MemberPath& path, const InspectOptions& options) override {
    members().start_over();
    Member member = members().read(word, path);
    if (member.kind == Member::Kind::kMissing) return std::nullopt;
    return members().value(member, options);
  }
  std::unique_ptr<InstanceReader> instance_reader(std::vector<MemberPath> columns) override {
    return make_instance_reader(*heap_, std::move(columns));
  }

  Result<Value> inspect(uint64_t word, std::span<const std::string> path, const InspectOptions& options) override {
    return inspector().inspect(word, path, options);
  }
  std::optional<std::string> bytes(uint64_t word) override { return inspector().bytes(word); }

  std::optional<HeapPlace> locate(Address address) override { return locate_in_heap(*heap_, address, marked_); }

  const FrameStepper& frame_stepper() override { return frame_reader(); }
  std::vector<V8Frame> describe_frame(const Frame& frame) override { return frame_reader().describe(frame); }
  V8FrameDetails frame_details(const Frame& frame, const V8Frame& described) override {
    return frame_reader().details(frame, described);
  }
  std::string describe_value(const FrameValue& value) override {
    switch (value.kind) {
      case FrameValue::Kind::kTagged: return describe(value.word);
      case FrameValue::Kind::kNumber: return Describer::number(value.number);
      case FrameValue::Kind::kNotAllocated: return describer().not_allocated(value.word);
      case FrameValue::Kind::kOptimizedOut: return "<optimized out>";
    }
    return {};
  }
  std::string source_mapping_url(uint64_t script) override {
    return frame_reader().scripts().source_mapping_url(script);
  }

  Result<AsyncReport> async_report(Reachability which) override {
    if (auto failed = prepare(which)) return *failed;
    auto progress = walk_progress("following promises");
    AsyncReport report = survey_async(*heap_, which, [&] { return progress(0, 1); });
    if (cancelled_) return stopped();
    return report;
  }
  std::vector<AsyncFrame> running_async_tail(uint32_t isolate) override {
    return inquest::v8::running_async_tail(*heap_, isolate);
  }

  Result<ErrorReport> errors(Reachability which) override {
    if (auto failed = prepare(which)) return *failed;
    auto progress = walk_progress("looking for errors");
    ErrorReport report = survey_errors(*heap_, which, [&] { return progress(0, 1); });
    if (cancelled_) return stopped();
    return report;
  }
  Result<StringReport> strings(const StringOptions& options, Reachability which) override {
    if (auto failed = prepare(which)) return *failed;
    auto progress = walk_progress("comparing strings");
    StringReport report = survey_strings(*heap_, options, which, [&] { return progress(0, 1); });
    if (cancelled_) return stopped();
    return report;
  }
  NodeState node_state() override { return read_node_state(*heap_); }
  Result<std::vector<ScriptInfo>> scripts(Reachability which) override {
    if (auto failed = prepare(which)) return *failed;
    auto progress = walk_progress("looking for scripts");
    std::vector<ScriptInfo> found = list_scripts(*heap_, which, [&] { return progress(0, 1); });
    if (cancelled_) return stopped();
    return found;
  }
  Result<std::vector<FunctionInfo>> functions(const FunctionFilter& filter, Reachability which) override {
    if (auto failed = prepare(which)) return *failed;
    auto progress = walk_progress("looking for functions");
    auto found = survey_functions(*heap_, filter, which, [&] { return progress(0, 1); });
    if (cancelled_) return stopped();
    return found;
  }
  Result<SourceLines> source(const SourceRequest& request) override { return list_source(*heap_, request); }

  Result<References> references(const ReferenceQuery& query) override {
    if (auto failed = prepare_search()) return *failed;
    return search_->references(query);
  }

  void set_progress(Progress progress) override { progress_ = std::move(progress); }

 private:
  static Error stopped() { return incomplete("interrupted", "run the command again to start over"); }

  /// Passes progress on and remembers that the user wants to stop.
  WalkProgress walk_progress(std::string_view what) {
    return [this, what](uint64_t done, uint64_t total) {
      if (progress_ && !progress_(what, done, total)) cancelled_ = true;
      return !cancelled_.load();
    };
  }

  std::optional<Error> prepare(Reachability which) {
    cancelled_ = false;
    if (auto failed = ensure_indexed()) return failed;
    if (which == Reachability::kAll || marked_) return std::nullopt;
    auto progress = walk_progress("tracing live objects");
    liveness_ = mark_live_objects(
        *heap_, [&] { return !progress(0, 1); }, &roots_);
    if (cancelled_) {
      // Marks are half set: start from none next time.
      search_.reset();
      index_.reset();
      indexed_ = false;
      return stopped();
    }
    marked_ = true;
    return std::nullopt;
  }

  /// Makes ready for searches: from the index of an earlier session, or by walking the heap.
  std::optional<Error> prepare_search() {
    cancelled_ = false;
    if (search_) return std::nullopt;
    auto file = IndexFile::of(*heap_);
    index_note_.clear();
    if (file && load_index(*file)) return std::nullopt;
    if (auto failed = prepare(Reachability::kLive)) return failed;
    auto graph = ReferenceGraph::build(*heap_, walk_progress("collecting references"));
    if (!graph) return std::move(graph).error();
    search_ = std::make_unique<HeapSearch>(*heap_, std::move(graph).value(), roots_);
    if (file) save_index(*file);
    return std::nullopt;
  }

  bool load_index(const IndexFile& file);
  void save_index(const IndexFile& file);

  void make_index() {
    search_.reset();
    index_ = std::make_unique<ObjectIndex>(heap_->mutable_pages());
    totals_ = HeapTotals(heap_->isolates().size());
  }

  std::optional<Error> ensure_indexed() {
    if (indexed_) return std::nullopt;
    make_index();
    totals_ = index_heap(*heap_, walk_progress("reading the heap"));
    if (cancelled_) return stopped();
    indexed_ = true;
    refresh_info();
    return std::nullopt;
  }

  void refresh_info();
  std::vector<SpaceInfo> spaces(std::optional<uint32_t> isolate, const SpaceCounterReader& reader) const;

  FrameReader& frame_reader() {
    if (!frame_reader_) frame_reader_ = std::make_unique<FrameReader>(*heap_);
    return *frame_reader_;
  }

  Inspector& inspector() {
    if (!inspector_) inspector_ = std::make_unique<Inspector>(*heap_);
    return *inspector_;
  }

  MemberReader& members() {
    if (!members_) members_ = std::make_unique<MemberReader>(*heap_, inspector());
    return *members_;
  }

  Describer& describer() {
    if (!describer_) describer_ = std::make_unique<Describer>(*heap_);
    return *describer_;
  }

  std::unique_ptr<Heap> heap_;
  RuntimeInfo info_;
  Progress progress_;
  std::unique_ptr<ObjectIndex> index_;
  HeapTotals totals_;
  LivenessStats liveness_;
  std::string index_note_;       ///< why the index was not read or not kept; mostly empty
  std::vector<uint64_t> roots_;  ///< once live objects are marked
  std::unique_ptr<Describer> describer_;
  std::unique_ptr<Inspector> inspector_;
  std::unique_ptr<MemberReader> members_;
  std::unique_ptr<FrameReader> frame_reader_;
  std::unique_ptr<HeapSearch> search_;
  bool indexed_ = false;
  bool marked_ = false;
  std::atomic<bool> cancelled_{false};
};

/// True when the file had everything. What was in use before is replaced.
bool RuntimeImpl::load_index(const IndexFile& file) {
  auto loaded = file.load();
  if (!loaded) {
    index_note_ = loaded.error().line() + "; it is made anew.";
    return false;
  }
  if (!loaded->has_value()) return false;
  IndexContents& contents = **loaded;
  auto totals = HeapTotals::from_numbers(contents.totals, heap_->isolates().size());
  if (!totals || contents.bits.size() != ObjectIndex::word_count(heap_->pages())) return false;
  index_ = std::make_unique<ObjectIndex>(heap_->mutable_pages(), contents.bits, contents.owner);
  auto graph = ReferenceGraph::adopt(*heap_, contents.first, contents.edges, contents.owner);
  indexed_ = marked_ = graph != nullptr;
  if (!graph) return false;
  totals_ = *totals;
  roots_.assign(contents.roots.begin(), contents.roots.end());
  search_ = std::make_unique<HeapSearch>(*heap_, std::move(graph), roots_);
  refresh_info();
  return true;
}

/// Where it cannot be written the answer is the same, and the next session starts anew.
void RuntimeImpl::save_index(const IndexFile& file) {
  std::vector<uint64_t> totals = totals_.numbers();
  const ReferenceGraph& graph = search_->graph();
  auto failed = file.save({index_->words(), graph.first(), graph.edges(), roots_, totals, nullptr});
  if (failed) index_note_ = "the index of references was not kept for the next session: " + failed->line();
}

/// Sizes of the spaces of one isolate, or of those that all share.
std::vector<SpaceInfo> RuntimeImpl::spaces(std::optional<uint32_t> isolate, const SpaceCounterReader& reader) const {
  std::map<Space, SpaceInfo> by_space;
  for (const Page& page : heap_->pages().pages()) {
    bool shared = page.heap.is_null();
    if (shared != !isolate.has_value() || (!shared && page.isolate != *isolate)) continue;
    SpaceInfo& space = by_space[page.space];
    space.name = space_name(page.space);
    ++space.pages;
    space.committed += page.size;
    if (!page.stale) space.area += page.area_size();
  }
  std::vector<SpaceInfo> result;
  for (auto& [kind, space] : by_space) {
    if (indexed_) {
      space.walked = space.area;
      space.not_parsed = totals_.isolates[isolate.value_or(0)][static_cast<size_t>(kind)].not_parsed;
    }
    SpaceCounters counters = reader.read(isolate, kind);
    space.used = counters.used;
    space.available = counters.available;
    space.physical = counters.physical;
    result.push_back(space);
  }
  return result;
}

void RuntimeImpl::refresh_info() {
  const Provenance& provenance = heap_->provenance();
  info_.v8_version = heap_->layout().version.text();
  info_.module = heap_->module().path;
  info_.layout =
      fmt::format("table of {}{}; {}", provenance.table,
                  heap_->layout().exact ? "" : " (the version is newer than those measured)", provenance.page_layout);
  info_.isolates.clear();
  SpaceCounterReader reader(*heap_);
  for (const Isolate& isolate : heap_->isolates()) {
    info_.isolates.push_back({isolate.index, isolate.address, isolate.threads, spaces(isolate.index, reader)});
  }
  info_.shared_spaces = spaces(std::nullopt, reader);
  info_.capabilities = describe_capabilities(*heap_, indexed_ ? &totals_ : nullptr);
}

std::vector<Runtime::Note> RuntimeImpl::notes() const {
  std::vector<Note> notes;
  if (!heap_->layout().exact) {
    notes.push_back(
        {false, fmt::format(
                    "V8 {} is not among the measured versions; the layout of the nearest one is used and was validated "
                    "on {} pages.",
                    info_.v8_version, heap_->provenance().validated_pages)});
  }
  for (const Isolate& isolate : heap_->isolates()) {
    if (!isolate.scavenging) continue;
    notes.push_back(
        {false,
         fmt::format("Isolate {} died in the middle of a scavenge: objects not yet copied were read from from-space; "
                     "--all may count some that were already dead.",
                     isolate.index)});
  }
  uint64_t missing = 0, pages = 0;
  for (const Page& page : heap_->pages().pages()) {
    if (page.stale || page.missing == 0) continue;
    missing += page.missing;
    ++pages;
  }
  // The unreadable bodies of holes (14.4 and later) are missing from every dump and mean nothing.
  uint64_t holes = heap_->layout().version >= V8Version{14, 4} ? 32 * 0x10000ull : 0;
  if (missing > holes) {
    notes.push_back(
        {true, fmt::format("{} bytes on {} heap pages are not in the core and were not seen.", missing, pages)});
  }
  if (!index_note_.empty()) notes.push_back({false, index_note_});
  if (indexed_ && totals_.sum().not_parsed > 0) {
    uint64_t area = 0;
    for (const Page& page : heap_->pages().pages()) area += page.stale ? 0 : page.area_size();
    double percent =
        100.0 * static_cast<double>(totals_.sum().not_parsed) / static_cast<double>(std::max<uint64_t>(area, 1));
    notes.push_back(
        {percent > 0.1, fmt::format("{} bytes of {} ({:.3f} %) could not be read as objects and are not counted.",
                                    totals_.sum().not_parsed, area, percent)});
  }
  return notes;
}

}  // namespace

Result<std::unique_ptr<Runtime>> open_runtime(const Target& target) {
  const Module* module = nullptr;
  bool missing_executable = false;
  for (const Module& candidate : target.modules()) {
    if (candidate.symbols && candidate.symbols->find("v8dbg_SmiTag")) {
      module = &candidate;
      break;
    }
    if (candidate.is_executable && candidate.file.empty()) missing_executable = true;
  }
  if (!module) {
    if (missing_executable) {
      return unusable("the executable of this core is not on this machine, so V8 cannot be looked for",
                      "give the same build with --exe FILE, or a copy of the system with --sysroot DIR");
    }
    return unusable("no V8 was found in this process: none of its modules exports v8dbg_ constants",
                    "is this the core of a Node.js process? `inquest bt` reads native cores");
  }
  auto heap = Heap::open(target, *module);
  if (!heap) return std::move(heap).error();
  return std::unique_ptr<Runtime>(std::make_unique<RuntimeImpl>(std::move(heap).value()));
}

}  // namespace inquest::v8
