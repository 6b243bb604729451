#include "v8/async/async_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "v8/async/async_tail.h"
#include "v8/async/chain_table.h"
#include "v8/async/timers.h"
#include "v8/frames/stack_line.h"
#include "v8/heap/object_index.h"
#include "v8/heap/parallel.h"
#include "v8/heap/per_map.h"
#include "v8/objects/constructor_name.h"

namespace inquest::v8 {
namespace {

/// Objects of one isolate that matter here, tagged.
struct Found {
  std::vector<uint64_t> generators;  ///< suspended
  std::vector<uint64_t> running;     ///< generator objects that run, or async functions that have returned
  std::vector<uint64_t> promises;    ///< pending
  std::vector<uint64_t> tasks;       ///< in the queue of microtasks, for reactions
  std::vector<std::pair<uint64_t, LoopObject>> loop_objects;

  void add(Found&& other) {
    generators.insert(generators.end(), other.generators.begin(), other.generators.end());
    running.insert(running.end(), other.running.begin(), other.running.end());
    promises.insert(promises.end(), other.promises.begin(), other.promises.end());
    tasks.insert(tasks.end(), other.tasks.begin(), other.tasks.end());
    loop_objects.insert(loop_objects.end(), other.loop_objects.begin(), other.loop_objects.end());
  }
  void sort() {
    std::ranges::sort(generators);
    std::ranges::sort(running);
    std::ranges::sort(promises);
    std::ranges::sort(loop_objects);
  }
};

/// One worker of the walk. What an object is follows from its map.
class Collector {
 public:
  explicit Collector(const Heap& heap)
      : heap_(heap), maps_(heap.new_map_cache()), objects_(heap, maps_), walker_(heap.new_walker(maps_)) {
    for (const Isolate& isolate : heap.isolates()) {
      readers_.emplace_back(objects_, isolate.index);
      names_.emplace_back(objects_, isolate.index);
    }
    found.resize(heap.isolates().size());
    kinds_.resize(heap.isolates().size());
  }

  void page(const Page& page, Reachability which) {
    WalkStats stats;
    const PromiseReader& reader = readers_[page.isolate];
    Found& out = found[page.isolate];
    walker_.walk(page, heap_.areas_of(page), stats,
                 [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                   // Those that have run are garbage.
                   if (reader.is_reaction_task(map) && ObjectIndex::is_marked(page, address))
                     out.tasks.push_back(address + 1);
                   if (map.category != Category::kReceiver) return;
                   Kind kind = kind_of(page.isolate, map);
                   if (kind.what == What::kNothing || !wanted(which, page, address)) return;
                   uint64_t word = address + 1;
                   if (kind.what == What::kPromise && reader.is_pending(word)) out.promises.push_back(word);
                   if (kind.what == What::kLoopObject) out.loop_objects.emplace_back(word, kind.loop);
                   if (kind.what != What::kGenerator) return;
                   auto generator = reader.generator(word);
                   if (generator && generator->suspended()) out.generators.push_back(word);
                   if (generator && generator->executing()) out.running.push_back(word);
                 });
  }

  std::vector<Found> found;  ///< by isolate

 private:
  enum class What : uint8_t { kUnknown, kNothing, kGenerator, kPromise, kLoopObject };
  struct Kind {
    What what = What::kUnknown;
    LoopObject loop = LoopObject::kNone;
  };

  static bool wanted(Reachability which, const Page& page, uint64_t address) {
    if (which == Reachability::kAll) return true;
    return ObjectIndex::is_marked(page, address) == (which == Reachability::kLive);
  }

  Kind kind_of(uint32_t isolate, const MapInfo& map) {
    Kind& kind = kinds_[isolate][map.index];
    if (kind.what != What::kUnknown) return kind;
    kind.what = What::kNothing;
    if (readers_[isolate].generator_kind(map)) {
      kind.what = What::kGenerator;
    } else if (readers_[isolate].is_promise(map)) {
      kind.what = What::kPromise;
    } else if (map.has_properties && !objects_.is_prototype_map(map) && !names_[isolate].depends_on_object(map)) {
      kind.loop = loop_object_kind(names_[isolate].name(map, 0));
      if (kind.loop != LoopObject::kNone) kind.what = What::kLoopObject;
    }
    return kind;
  }

  const Heap& heap_;
  MapCache maps_;
  ObjectReader objects_;
  Walker walker_;
  std::vector<PromiseReader> readers_;
  std::vector<ConstructorNames> names_;
  std::vector<PerMap<Kind>> kinds_;
};

/// The second pass, for one isolate.
class Survey {
 public:
  Survey(const Heap& heap, uint32_t isolate, AsyncReport& report)
      : maps_(heap.new_map_cache()),
        objects_(heap, maps_),
        promises_(objects_, isolate),
        positions_(objects_),
        names_(positions_),
        classes_(objects_, isolate),
        timers_(objects_),
        chains_(promises_, [this](const AsyncStep& step) { return frame_of(step); }),
        isolate_(isolate),
        report_(report) {}

  void run(Found& found) {
    found.sort();
    for (uint64_t word : found.promises) look_behind(word);
    for (uint64_t word : found.tasks)
      if (auto generator = promises_.awaiting_task(word)) about_to_go_on_.insert(generator->word);
    for (auto [word, kind] : found.loop_objects) loop_object(word, kind);
    // Who made the promises: known before anything is described.
    for (const auto* words : {&found.generators, &found.running}) {
      for (uint64_t word : *words) {
        auto generator = promises_.generator(word);
        if (!generator) continue;
        for (uint64_t promise : promises_.promises_of(*generator)) {
          if (generator->suspended() || promises_.is_pending(promise)) makers_.emplace(promise, word);
        }
      }
    }
    for (uint64_t word : found.generators) {
      if (auto generator = promises_.generator(word)) suspended(*generator);
    }
    for (uint64_t word : found.promises) idle(word);
    report_.pending_promises += found.promises.size();
    for (auto& [key, group] : suspended_) report_.suspended.push_back(std::move(group));
    for (auto& [key, group] : timer_groups_) report_.timers.push_back(std::move(group));
    for (auto& [key, group] : idle_) report_.idle_promises.push_back(std::move(group));
    for (auto& [key, group] : handles_) report_.handles.push_back(std::move(group));
  }

 private:
  static constexpr int kMaxInward = 1000;  ///< promises between an await and what it waits for in the end
  /// Frames at both ends of a chain. Functions that call themselves make chains as long as memory, one for each of
  /// them.
  static constexpr size_t kMaxShown = 50, kMaxHidden = 10;

  /// Notes what hangs on a pending promise, so that the way back is known.
  void look_behind(uint64_t promise) {
    for (const PromiseReaction& reaction : promises_.reactions(promise)) {
      AsyncStep step = async_step(promises_, reaction);
      if (step.kind == AsyncStep::Kind::kFunction) awaited_[step.generator.word] = promise;
      if (step.next == 0 || step.kind == AsyncStep::Kind::kFunction) continue;
      if (step.kind == AsyncStep::Kind::kCombinator) {
        combined_[step.next] = step.combinator;
      } else {
        sources_.emplace(step.next, promise);
      }
    }
  }

  /// Frames are few, suspended functions many: each is worked out once.
  int frame_of(const AsyncStep& step) {
    if (step.kind == AsyncStep::Kind::kCombinator) {
      return intern({.function = fmt::format("Promise.{}", combinator_name(step.combinator))});
    }
    if (step.kind == AsyncStep::Kind::kFunction) return frame_of(step.generator);
    return step.callback == 0 ? -1 : intern(definition(step.callback));
  }
  int frame_of(const GeneratorObject& generator) {
    uint64_t shared = objects_.field(generator.function, objects_.heap().layout().js_function_shared);
    uint64_t receiver =
        objects_.is_function(generator.receiver) ? generator.receiver : objects_.field(generator.receiver, 0);
    if (is_smi(generator.receiver)) receiver = 0;
    auto [entry, fresh] = frame_ids_.try_emplace({shared, generator.bytecode_offset, receiver}, 0);
    if (fresh) {
      StackLine site = stack_line_of(positions_, generator);
      SourcePlace place = names_.place(site);
      entry->second = intern({names_.call(site), place.script, place.line, place.column, place.script_word});
    }
    return entry->second;
  }
  int intern(AsyncFrame frame) {
    auto key = std::tuple(frame.function, frame.file, frame.line, frame.column);
    auto [entry, fresh] = interned_.try_emplace(key, static_cast<int>(frames_.size()));
    if (fresh) frames_.push_back(std::move(frame));
    return entry->second;
  }
  /// Where a function begins.
  AsyncFrame definition(uint64_t function) {
    uint64_t shared = objects_.field(function, objects_.heap().layout().js_function_shared);
    AsyncFrame frame{.function = names_.function_name(function)};
    uint64_t script = positions_.script_of(shared);
    auto range = positions_.range_of(shared);
    if (script == 0 || !range) return frame;
    SourcePlace place = positions_.place(script, range->start);
    frame.file = place.script;
    frame.line = place.line;
    frame.column = place.column;
    frame.script_word = place.script_word;
    return frame;
  }

  void suspended(const GeneratorObject& generator) {
    using Kind = SuspendedGroup::Kind;
    SuspendedGroup group;
    switch (generator.kind) {
      case GeneratorKind::kAsyncFunction: group.kind = Kind::kAsyncFunction, ++report_.async_functions; break;
      case GeneratorKind::kAsyncGenerator: group.kind = Kind::kAsyncGenerator, ++report_.async_generators; break;
      case GeneratorKind::kGenerator: group.kind = Kind::kGenerator, ++report_.generators; break;
    }
    int frame = frame_of(generator);
    uint64_t inner = 0;
    Awaited awaited = what_it_awaits(generator, inner);
    int awaited_frame = awaited.kind == Awaited::Kind::kFunction ? intern(awaited.frame) : -1;
    auto outer = promises_.promises_of(generator);
    Chain chain = outer.empty() ? Chain{} : chains_.from(outer.front());
    bool in_chain = false;
    if (auto awaited_function = inner != 0 ? promises_.generator(inner) : std::nullopt;
        awaited_function && awaited_function->suspended()) {
      auto promises = promises_.promises_of(*awaited_function);
      in_chain = !promises.empty() && chains_.passes(chains_.from(promises.front()), frame, chain);
    }
    auto key = std::tuple(group.kind, frame, generator.not_started(), awaited.kind, awaited_frame, awaited.type,
                          awaited.frame.function, awaited.delay_ms, awaited.through, chain.id);
    auto [entry, fresh] = suspended_.try_emplace(key);
    SuspendedGroup& known = entry->second;
    ++known.count;
    known.in_chains += in_chain ? 1 : 0;
    bool was_hidden = !fresh && known.in_chains + 1 == known.count && !in_chain;
    if (was_hidden) known.chain = frames_of(chain, kMaxShown);
    if (!fresh) return;
    group.in_chains = known.in_chains;
    group.count = 1;
    group.isolate = isolate_;
    group.frame = frames_[static_cast<size_t>(frame)];
    group.not_started = generator.not_started();
    group.awaited = std::move(awaited);
    group.end = chains_.end(chain);
    group.chain = frames_of(chain, in_chain ? kMaxHidden : kMaxShown);
    group.sample = Address(generator.word);
    known = std::move(group);
  }

  std::vector<AsyncFrame> frames_of(Chain chain, size_t most) const {
    std::vector<AsyncFrame> frames;
    uint64_t omitted = 0;
    for (int id : chains_.frames(chain, most, omitted)) {
      frames.push_back(id == ChainTable::kOmitted ? AsyncFrame{.omitted = omitted} : frames_[static_cast<size_t>(id)]);
    }
    return frames;
  }

  /// `function`: the suspended function or generator, if it is one.
  Awaited what_it_awaits(const GeneratorObject& generator, uint64_t& function) {
    Awaited awaited;
    auto found = awaited_.find(generator.word);
    if (found == awaited_.end()) {
      bool waits_for_next =
          generator.kind == GeneratorKind::kGenerator ||
          (generator.kind == GeneratorKind::kAsyncGenerator && promises_.promises_of(generator).empty());
      awaited.kind = about_to_go_on_.contains(generator.word) ? Awaited::Kind::kSettled
                     : waits_for_next                         ? Awaited::Kind::kNext
                                                              : Awaited::Kind::kUnknown;
      return awaited;
    }
    uint64_t promise = found->second;
    for (int i = 0; i < kMaxInward; ++i) {
      if (describe_promise(promise, awaited)) {
        if (awaited.kind == Awaited::Kind::kFunction) function = makers_.at(promise);
        return awaited;
      }
      auto source = sources_.find(promise);
      if (source == sources_.end()) break;
      promise = source->second;
      awaited.through = "then";
    }
    awaited.kind = Awaited::Kind::kPromise;
    if (const MapInfo* map = objects_.map_of(promise)) awaited.type = classes_.name(*map, promise);
    return awaited;
  }

  /// Whether something is known that will settle the promise.
  bool describe_promise(uint64_t promise, Awaited& awaited) {
    if (auto maker = makers_.find(promise); maker != makers_.end()) {
      awaited.kind = Awaited::Kind::kFunction;
      if (auto inner = promises_.generator(maker->second)) {
        // One that runs stands nowhere in particular.
        if (inner->suspended()) awaited.frame = frames_[static_cast<size_t>(frame_of(*inner))];
        if (!inner->suspended()) awaited.frame.function = names_.call(stack_line_of(positions_, *inner));
      }
      return true;
    }
    if (auto timer = promise_timers_.find(promise); timer != promise_timers_.end()) {
      awaited.kind = timer->second.immediate ? Awaited::Kind::kImmediate : Awaited::Kind::kTimer;
      awaited.delay_ms = timer->second.delay_ms;
      return true;
    }
    if (auto combined = combined_.find(promise); combined != combined_.end()) {
      awaited.kind = Awaited::Kind::kCombinator;
      awaited.frame.function = fmt::format("Promise.{}", combinator_name(combined->second));
      return true;
    }
    return false;
  }

  void loop_object(uint64_t word, LoopObject kind) {
    const MapInfo* map = objects_.map_of(word);
    if (map == nullptr) return;
    if (kind == LoopObject::kHandle || kind == LoopObject::kRequest) {
      if (!has_native_side(objects_, *map, word)) return;
      HandleGroup& group = handles_[classes_.name(*map, word)];
      if (group.count++ > 0) return;
      group.type = classes_.name(*map, word);
      group.request = kind == LoopObject::kRequest;
      group.isolate = isolate_;
      group.sample = Address(word);
      return;
    }
    auto timer = timers_.timer(word, kind == LoopObject::kImmediate);
    if (!timer) return;
    bool resolves = promises_.handler_kind(timer->callback) == HandlerKind::kResolve;
    if (resolves) {
      if (uint64_t promise = promises_.promise_of_handler(timer->callback, HandlerKind::kResolve); promise != 0) {
        promise_timers_.emplace(promise, *timer);
      }
    }
    uint64_t shared = objects_.field(timer->callback, objects_.heap().layout().js_function_shared);
    auto timer_kind = timer->immediate ? TimerGroup::Kind::kImmediate
                      : timer->repeats ? TimerGroup::Kind::kInterval
                                       : TimerGroup::Kind::kTimeout;
    TimerGroup& group = timer_groups_[{timer_kind, shared, timer->delay_ms}];
    if (group.count++ > 0) return;
    group.kind = timer_kind;
    group.isolate = isolate_;
    group.resolves = resolves;
    group.delay_ms = timer->delay_ms;
    if (!resolves) group.callback = definition(timer->callback);
    group.sample = Address(word);
  }

  void idle(uint64_t promise) {
    if (!promises_.reactions(promise).empty()) return;
    const MapInfo* map = objects_.map_of(promise);
    if (map == nullptr) return;
    std::string function;
    if (auto maker = makers_.find(promise); maker != makers_.end()) {
      if (auto generator = promises_.generator(maker->second)) {
        function = generator->suspended() ? frames_[static_cast<size_t>(frame_of(*generator))].function
                                          : names_.call(stack_line_of(positions_, *generator));
      }
    }
    std::string type = classes_.name(*map, promise);
    PromiseGroup& group = idle_[{type, function}];
    if (group.count++ > 0) return;
    group.type = type;
    group.function = function;
    group.isolate = isolate_;
    group.sample = Address(promise);
  }

  MapCache maps_;
  ObjectReader objects_;
  PromiseReader promises_;
  SourcePositions positions_;
  StackLines names_;
  ConstructorNames classes_;
  TimerReader timers_;
  ChainTable chains_;
  uint32_t isolate_;
  AsyncReport& report_;

  std::unordered_map<uint64_t, uint64_t> awaited_;  ///< suspended function -> promise
  std::unordered_set<uint64_t> about_to_go_on_;     ///< suspended functions for which a task is queued
  std::unordered_map<uint64_t, uint64_t> makers_;   ///< promise -> suspended function whose result it is
  std::unordered_map<uint64_t, uint64_t> sources_;  ///< promise -> one that it is derived from
  std::unordered_map<uint64_t, HandlerKind> combined_;
  std::unordered_map<uint64_t, TimerObject> promise_timers_;
  std::vector<AsyncFrame> frames_;
  std::map<std::tuple<std::string, std::string, uint32_t, uint32_t>, int> interned_;
  std::map<std::tuple<uint64_t, int64_t, uint64_t>, int> frame_ids_;
  std::map<std::tuple<SuspendedGroup::Kind, int, bool, Awaited::Kind, int, std::string, std::string, double,
                      std::string, int>,
           SuspendedGroup>
      suspended_;
  std::map<std::tuple<TimerGroup::Kind, uint64_t, double>, TimerGroup> timer_groups_;
  std::map<std::pair<std::string, std::string>, PromiseGroup> idle_;
  std::map<std::string, HandleGroup> handles_;
};

template <class Group>
void largest_first(std::vector<Group>& groups) {
  std::ranges::stable_sort(groups, std::greater(), &Group::count);
}

}  // namespace

AsyncReport survey_async(const Heap& heap, Reachability which, const std::function<bool()>& go_on) {
  size_t workers = worker_count();
  std::vector<std::unique_ptr<Collector>> collectors;
  for (size_t i = 0; i < workers; ++i) collectors.push_back(std::make_unique<Collector>(heap));
  const std::vector<Page>& pages = heap.pages().pages();
  std::atomic<bool> stop{false};
  parallel_for(pages.size(), workers, [&](size_t worker, size_t i) {
    const Page& page = pages[i];
    bool has_receivers = page.space != Space::kReadOnly && page.space != Space::kCode && page.space != Space::kTrusted;
    if (page.stale || !has_receivers || stop) return;
    collectors[worker]->page(page, which);
    if (worker == 0 && go_on && !go_on()) stop = true;
  });
  AsyncReport report;
  for (const Isolate& isolate : heap.isolates()) {
    Found found;
    for (auto& collector : collectors) found.add(std::move(collector->found[isolate.index]));
    Survey(heap, isolate.index, report).run(found);
    report.running_tails.push_back(running_async_tail(heap, isolate.index));
  }
  largest_first(report.suspended);
  largest_first(report.timers);
  largest_first(report.idle_promises);
  largest_first(report.handles);
  return report;
}

}  // namespace inquest::v8
