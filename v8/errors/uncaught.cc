#include "v8/errors/uncaught.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace inquest::v8 {
namespace {

constexpr uint64_t kStackBytes = 0x4000;   ///< below which the reporting functions must lie: their frames are small
constexpr uint64_t kFrameBytes = 0x1000;   ///< of the reporting function, in which its own variables are
constexpr uint64_t kMessageArgument = 32;  ///< JSMessageObject::argument, in all versions

struct Reporter {
  std::string_view mangled;  ///< part of the symbol
  std::string_view name;
};
constexpr Reporter kReporters[] = {
    {"7Isolate20CreateMessageOrAbort", "v8::internal::Isolate::CreateMessageOrAbort"},
    {"8internal7Isolate13ThrowInternal", "v8::internal::Isolate::ThrowInternal"},
    {"8internal7Isolate5Throw", "v8::internal::Isolate::Throw"},
    {"TriggerUncaughtException", "node::errors::TriggerUncaughtException"},
};

std::string_view reporter_at(const Heap& heap, Address return_address) {
  for (const Module& module : heap.target().modules()) {
    if (return_address < module.start || return_address >= module.end || !module.symbols) continue;
    auto symbol = module.symbols->covering(module.link_time(return_address - 1));
    if (!symbol) continue;
    for (const Reporter& reporter : kReporters) {
      if (symbol->name.find(reporter.mangled) != std::string_view::npos) return reporter.name;
    }
  }
  return {};
}

}  // namespace

std::optional<UncaughtException> find_uncaught(const ObjectReader& objects, uint32_t isolate) {
  const Heap& heap = objects.heap();
  const MemoryReader& memory = heap.target().memory();
  if (heap.target().threads().empty() || isolate >= heap.isolates().size()) return std::nullopt;
  const Thread& thread = heap.target().threads().front();
  const auto& own = heap.isolates()[isolate].threads;
  if (std::ranges::count(own, thread.tid) == 0) return std::nullopt;

  uint64_t sp = thread.registers.sp().value() & ~7ull;
  UncaughtException found;
  found.thread = thread.tid;
  uint64_t reporter = reporter_at(heap, thread.registers.pc() + 1).empty() ? 0 : sp;
  for (uint64_t at = sp; at < sp + kStackBytes && reporter == 0; at += 8) {
    auto word = memory.read_u64(Address(at));
    if (!word) break;
    std::string_view where = reporter_at(heap, Address(*word));
    if (where.empty()) continue;
    found.where = where;
    reporter = at;
  }
  if (reporter == 0) return std::nullopt;

  const Constants& constants = heap.constants();
  auto message_type = constants.type("JSMessageObject"), error_type = constants.type("JSError");
  auto type_of = [&](uint64_t word) {
    const MapInfo* map = objects.map_of(word);
    return map != nullptr ? int{map->type} : -1;
  };
  // A message before a bare Error: it says for sure what was thrown.
  for (bool message : {true, false}) {
    auto type = message ? message_type : error_type;
    if (!type) continue;
    for (uint64_t at = reporter; at < reporter + kFrameBytes; at += 8) {
      auto word = memory.read_u64(Address(at));
      if (!word) break;
      uint64_t object = *word;
      if (!is_heap_object(object)) object = object % 8 == 0 ? memory.read_u64(Address(object)).value_or(0) : 0;
      if (!is_heap_object(object) || type_of(object) != *type) continue;
      found.value = message ? objects.field(object, kMessageArgument) : object;
      return found;
    }
  }
  return std::nullopt;
}

}  // namespace inquest::v8
