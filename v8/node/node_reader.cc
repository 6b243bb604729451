#include "v8/node/node_reader.h"

#include <algorithm>
#include <cmath>

#include "v8/frames/source_position.h"
#include "v8/heap/object_index.h"
#include "v8/node/event_loop.h"
#include "v8/node/heap_limits.h"
#include "v8/strings/string_content.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMaxVariables = 100'000;
constexpr size_t kMaxVariable = 256 << 10;         ///< MAX_ARG_STRLEN is 128 KiB
constexpr double kEarliest = 1e9, kLatest = 1e10;  ///< seconds since 1970 that a process may have begun at
constexpr double kLongestUptime = 3e9;
constexpr uint64_t kSourceOfScript = 8;  ///< Script::source in all versions (src/objects/script.tq)

std::optional<Address> variable(const Module& module, std::string_view name) {
  auto symbol = module.symbols ? module.symbols->find(name) : std::nullopt;
  if (!symbol || symbol->is_tls) return std::nullopt;
  return module.runtime(symbol->value);
}

std::optional<uint64_t> word_of(const Target& target, const Module& module, std::string_view name) {
  auto address = variable(module, name);
  return address ? target.memory().read_u64(*address) : std::nullopt;
}

/// environ, which the program has a copy of where it refers to the C library's, or the C library alone.
bool read_environment(const Target& target, NodeState& state) {
  for (const Module& module : target.modules()) {
    // Where a program keeps the C library's variables itself, linkers write the version into .symtab.
    for (const char* name : {"environ", "__environ", "environ@@GLIBC_2.2.5", "__environ@@GLIBC_2.2.5",
                             "environ@GLIBC_2.2.5", "__environ@GLIBC_2.2.5"}) {
      auto list = word_of(target, module, name);
      if (!list || *list == 0) continue;
      std::vector<std::string> found;
      bool complete = false;
      for (Address at(*list); found.size() < kMaxVariables; at += 8) {
        auto text = target.memory().read_pointer(at);
        complete = text && text->is_null();
        if (!text || text->is_null()) break;
        auto line = target.memory().read_c_string(*text, kMaxVariable);
        if (!line) break;
        found.push_back(std::move(*line));
      }
      if (!complete && found.empty()) continue;
      state.environment = std::move(found);
      return complete;
    }
  }
  return false;
}

/// libuv's copy of the title (src/unix/proctitle.c): a struct that begins with a pointer to the text, which an
/// optimiser may have taken apart.
std::string read_title(const Target& target) {
  for (const Module& module : target.modules()) {
    for (const char* name : {"process_title", "process_title.0", "process_title.1", "process_title.2"}) {
      auto text = word_of(target, module, name);
      if (!text || *text < 0x10000) continue;
      if (auto title = target.memory().read_c_string(Address(*text)); title && !title->empty()) return *title;
    }
  }
  return {};
}

/// When the process began: microseconds since 1970, under a name that changed with 19.x.
std::optional<double> read_start_time(const Target& target, const Module& module) {
  for (const char* name :
       {"_ZN4node11performance35performance_process_start_timestampE", "_ZN4node11performanceL19timeOriginTimestampE",
        "_ZN4node11performance19timeOriginTimestampE"}) {
    auto address = variable(module, name);
    auto value = address ? target.memory().read_value<double>(*address) : std::nullopt;
    if (value && *value / 1e6 > kEarliest && *value / 1e6 < kLatest) return *value / 1e6;
  }
  return std::nullopt;
}

/// The threads of an isolate, in the order in which they are known to have run it.
std::optional<EventLoop> loop_of(const Target& target, const Isolate& isolate) {
  for (uint64_t tid : isolate.threads) {
    for (const Thread& thread : target.threads()) {
      if (thread.tid != tid) continue;
      if (auto loop = find_event_loop(target, thread)) return loop;
    }
  }
  return std::nullopt;
}

}  // namespace

NodeState read_node_state(const Heap& heap) {
  const Target& target = heap.target();
  NodeState state;
  state.loop = find_event_loop(target, heap.module());
  if (!state.loop && !heap.isolates().empty()) state.loop = loop_of(target, heap.isolates()[0]);
  for (const Isolate& isolate : heap.isolates())
    state.loops.push_back(isolate.index == 0 ? state.loop : loop_of(target, isolate));
  for (const Isolate& isolate : heap.isolates()) state.limits.push_back(find_heap_limits(heap, isolate));
  state.start_time = read_start_time(target, heap.module());
  // node::per_process::node_start_time: nanoseconds of the clock that the loop reads.
  auto started = word_of(target, heap.module(), "_ZN4node11per_process15node_start_timeE");
  if (started && *started != 0 && state.loop && state.loop->time_ms != 0) {
    double uptime = static_cast<double>(state.loop->time_ms) / 1e3 - static_cast<double>(*started) / 1e9;
    if (uptime >= -1 && uptime < kLongestUptime) state.uptime = std::max(uptime, 0.0);
  }
  state.title = read_title(target);
  state.has_environment = read_environment(target, state);
  return state;
}

std::vector<ScriptInfo> list_scripts(const Heap& heap, Reachability which, const std::function<bool()>& go_on) {
  MapCache maps = heap.new_map_cache();
  ObjectReader objects(heap, maps);
  SourcePositions positions(objects);
  Walker walker = heap.new_walker(maps);
  std::vector<ScriptInfo> found;
  for (const Page& page : heap.pages().pages()) {
    if (page.stale || page.space == Space::kReadOnly) continue;
    if (go_on && !go_on()) break;
    WalkStats stats;
    walker.walk(page, heap.areas_of(page), stats,
                [&](uint64_t address, const MapInfo& map, uint64_t, const std::byte*) {
                  if (map.category != Category::kInternal || heap.types()[map.type].name != "Script") return;
                  bool live = which == Reachability::kAll || ObjectIndex::is_marked(page, address);
                  if (which != Reachability::kAll && live != (which == Reachability::kLive)) return;
                  uint64_t source = objects.field(address + 1, kSourceOfScript);
                  const MapInfo* source_map = objects.map_of(source);
                  bool has_source = source_map != nullptr && source_map->category == Category::kString;
                  ScriptInfo script;
                  script.name = positions.scripts().name(address + 1);
                  // WebAssembly has bytes instead.
                  bool wasm = script.name.starts_with("wasm://") || script.name.starts_with("wasm-");
                  if (!has_source && !wasm) return;
                  if (has_source) {
                    script.length = objects.string_length(source).value_or(0);
                    script.size = string_size(objects, source, *source_map);
                  }
                  script.isolate = page.isolate;
                  script.address = Address(address + 1);
                  found.push_back(std::move(script));
                });
  }
  return found;
}

}  // namespace inquest::v8
