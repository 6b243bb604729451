#include "v8/async/promise_reader.h"

#include <algorithm>
#include <string>

namespace inquest::v8 {
namespace {

// JSGeneratorObject and its kin.
constexpr uint64_t kFunction = 24, kContext = 32, kReceiver = 40, kPosition = 48, kContinuation = 64;
constexpr uint64_t kAsyncFunctionPromise = 80, kAsyncGeneratorQueue = 80;
// AsyncGeneratorRequest.
constexpr uint64_t kRequestNext = 8, kRequestPromise = 32;
// JSPromise.
constexpr uint64_t kReactions = 24, kPromiseFlags = 32;
constexpr int32_t kStatusMask = 3, kPending = 0;
// Contexts: the slots behind scope info and previous context. A native context is far longer than those of closures.
constexpr uint64_t kExtension = 16 + 8 * 2;
constexpr uint64_t kFirstSlot = 16 + 8 * 2, kLastSlot = 16 + 8 * 8;
constexpr int32_t kMaxClosureSlots = 12;

constexpr size_t kMaxReactions = 1000000;
constexpr size_t kMaxRequests = 100000;

struct HandlerRoot {
  std::string_view name;  ///< of the root, without "_shared_fun" and, in front of that, "_closure"
  HandlerKind kind;
};
constexpr HandlerRoot kHandlerRoots[] = {
    {"async_function_await_resolve", HandlerKind::kAwait},
    {"async_function_await_reject", HandlerKind::kAwait},
    {"async_generator_await_resolve", HandlerKind::kAwait},
    {"async_generator_await_reject", HandlerKind::kAwait},
    {"async_generator_yield_resolve", HandlerKind::kAwait},
    {"async_generator_yield_with_await_resolve", HandlerKind::kAwait},
    {"promise_all_resolve_element", HandlerKind::kAll},
    {"promise_all_settled_resolve_element", HandlerKind::kAllSettled},
    {"promise_any_reject_element", HandlerKind::kAny},
    {"promise_capability_default_resolve", HandlerKind::kResolve},
};

uint16_t as_type(std::optional<int> type, int shift) {
  return type ? static_cast<uint16_t>(*type + shift) : uint16_t{0xffff};
}

}  // namespace

PromiseReader::PromiseReader(const ObjectReader& objects, uint32_t isolate) : objects_(objects), isolate_(isolate) {
  const Heap& heap = objects.heap();
  const Constants& constants = heap.constants();
  promise_type_ = as_type(constants.type("JSPromise"), 0);
  if (auto type = constants.type("JSAsyncFunctionObject")) {
    // JSGeneratorObject is the first of the three, JSAsyncGeneratorObject the last.
    async_function_type_ = as_type(type, 0);
    generator_type_ = as_type(type, -1);
    async_generator_type_ = as_type(type, 1);
  } else {
    // Until 7.9 types stand in alphabetical order: JSAsyncFunctionObject, JSAsyncGeneratorObject, JSContextExtension,
    // JSDate, JSError, JSGeneratorObject.
    async_function_type_ = as_type(constants.type("JSDate"), -3);
    async_generator_type_ = as_type(constants.type("JSDate"), -2);
    generator_type_ = as_type(constants.type("JSError"), 1);
  }
  context_offset_ = static_cast<uint16_t>(heap.layout().js_function_shared + 8);
  reaction_map_ = root("promise_reaction_map");
  capability_map_ = root("promise_capability_map");
  request_map_ = root("async_generator_request_map");
  fulfill_task_map_ = root("promise_fulfill_reaction_job_task_map");
  reject_task_map_ = root("promise_reject_reaction_job_task_map");
  for (const HandlerRoot& handler : kHandlerRoots) {
    for (const char* suffix : {"_shared_fun", "_closure_shared_fun"}) {
      uint64_t shared = root(std::string(handler.name) + suffix);
      const MapInfo* map = objects.map_of(shared);
      if (map == nullptr || map->type != heap.types().shared_function_info) continue;
      handlers_.push_back({shared, handler.kind});
      handlers_are_roots_ |= handler.kind == HandlerKind::kAwait;
    }
  }
}

uint64_t PromiseReader::root(std::string_view name) const { return objects_.heap().root(name, isolate_); }

std::optional<GeneratorKind> PromiseReader::generator_kind(const MapInfo& map) const {
  if (map.type == async_function_type_) return GeneratorKind::kAsyncFunction;
  if (map.type == async_generator_type_) return GeneratorKind::kAsyncGenerator;
  if (map.type == generator_type_) return GeneratorKind::kGenerator;
  return std::nullopt;
}

std::optional<GeneratorObject> PromiseReader::generator(uint64_t word) const {
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr) return std::nullopt;
  auto kind = generator_kind(*map);
  if (!kind) return std::nullopt;
  uint64_t position = objects_.field(word, kPosition), continuation = objects_.field(word, kContinuation);
  GeneratorObject generator{.word = word,
                            .kind = *kind,
                            .function = objects_.field(word, kFunction),
                            .receiver = objects_.field(word, kReceiver),
                            .continuation = is_smi(continuation) ? smi_value(continuation) : -1};
  if (!is_smi(continuation) || !objects_.is_function(generator.function)) return std::nullopt;
  if (!is_heap_object(objects_.field(word, kContext))) return std::nullopt;
  if (generator.suspended()) {
    if (!is_smi(position)) return std::nullopt;
    generator.bytecode_offset =
        int64_t{smi_value(position)} - (objects_.heap().layout().table.bytecode_array_header - 1);
  }
  return generator;
}

std::vector<uint64_t> PromiseReader::promises_of(const GeneratorObject& generator) const {
  std::vector<uint64_t> promises;
  if (generator.kind == GeneratorKind::kAsyncFunction) {
    uint64_t promise = objects_.field(generator.word, kAsyncFunctionPromise);
    if (is_promise(promise)) promises.push_back(promise);
  }
  if (generator.kind == GeneratorKind::kAsyncGenerator) {
    uint64_t request = objects_.field(generator.word, kAsyncGeneratorQueue);
    while (request_map_ != 0 && objects_.field(request, 0) == request_map_ && promises.size() < kMaxRequests) {
      uint64_t promise = objects_.field(request, kRequestPromise);
      if (is_promise(promise)) promises.push_back(promise);
      request = objects_.field(request, kRequestNext);
    }
  }
  return promises;
}

bool PromiseReader::is_pending(uint64_t promise) const {
  uint64_t flags = objects_.field(promise, kPromiseFlags);
  return is_smi(flags) && (smi_value(flags) & kStatusMask) == kPending;
}

std::vector<PromiseReaction> PromiseReader::reactions(uint64_t promise) const {
  std::vector<PromiseReaction> found;
  uint64_t word = objects_.field(promise, kReactions);
  while (reaction_map_ != 0 && objects_.field(word, 0) == reaction_map_ && found.size() < kMaxReactions) {
    // Data of the embedder came behind the fields in 8.x, and in front of them in 12.x: there the list goes on at 16,
    // where a handler stood before.
    uint64_t second = objects_.field(word, 16);
    uint64_t shift = is_smi(second) || objects_.field(second, 0) == reaction_map_ ? 8 : 0;
    found.push_back({.fulfill = objects_.field(word, 24 + shift),
                     .reject = objects_.field(word, 16 + shift),
                     .derived = objects_.field(word, 32 + shift)});
    word = objects_.field(word, 8 + shift);
  }
  return found;
}

HandlerKind PromiseReader::handler_kind(uint64_t function) const {
  if (!objects_.is_function(function)) return HandlerKind::kOther;
  uint64_t shared = objects_.field(function, objects_.heap().layout().js_function_shared);
  auto found = std::ranges::find(handlers_, shared, &Handler::shared);
  if (found != handlers_.end()) return found->kind;
  return handlers_are_roots_ ? HandlerKind::kOther : kind_by_context(function, shared);
}

/// Until 11.x the closures' SharedFunctionInfos are in the native context, under numbers that change. But a builtin
/// (function data: its number) whose context holds a generator object, a capability or a promise is one of them.
HandlerKind PromiseReader::kind_by_context(uint64_t function, uint64_t shared) const {
  uint64_t context = context_of(function);
  if (context == 0 || !is_smi(objects_.field(shared, 8))) return HandlerKind::kOther;
  if (const MapInfo* map = objects_.map_of(objects_.field(context, kExtension)); map && generator_kind(*map)) {
    return HandlerKind::kAwait;
  }
  if (promise_of_handler(function, HandlerKind::kAll) != 0) return HandlerKind::kAll;
  return promise_of_handler(function, HandlerKind::kResolve) != 0 ? HandlerKind::kResolve : HandlerKind::kOther;
}

HandlerKind PromiseReader::combinator_of(const PromiseReaction& reaction) const {
  HandlerKind fulfill = handler_kind(reaction.fulfill), reject = handler_kind(reaction.reject);
  if (handlers_are_roots_) {
    if (!combinator_name(fulfill).empty()) return fulfill;
    return reject == HandlerKind::kAny ? reject : HandlerKind::kOther;
  }
  // Element functions stand for kAll here; which of the two places they take tells them apart.
  if (fulfill == HandlerKind::kAll) return reject == HandlerKind::kAll ? HandlerKind::kAllSettled : HandlerKind::kAll;
  return reject == HandlerKind::kAll ? HandlerKind::kAny : HandlerKind::kOther;
}

uint64_t PromiseReader::context_of(uint64_t function) const {
  uint64_t context = objects_.field(function, context_offset_);
  uint64_t length = objects_.field(context, 8);
  // When its element function has run, a combinator leaves it the native context.
  if (!is_smi(length) || (smi_value(length) & 0x3fffffff) > kMaxClosureSlots) return 0;
  return context;
}

std::optional<GeneratorObject> PromiseReader::awaiting(uint64_t handler) const {
  uint64_t context = context_of(handler);
  return context == 0 ? std::nullopt : generator(objects_.field(context, kExtension));
}

uint64_t PromiseReader::promise_of(uint64_t word) const {
  if (is_promise(word)) return word;
  if (capability_map_ == 0 || objects_.field(word, 0) != capability_map_) return 0;
  uint64_t promise = objects_.field(word, 8);
  return is_promise(promise) ? promise : 0;
}

uint64_t PromiseReader::promise_of_handler(uint64_t handler, HandlerKind kind) const {
  uint64_t context = context_of(handler);
  if (context == 0) return 0;
  // The first slots are version dependent (four of them until 8.x), what is looked for is not.
  auto slots = static_cast<uint64_t>(smi_value(objects_.field(context, 8)) & 0x3fffffff);
  uint64_t end = std::min(16 + 8 * slots, kLastSlot + 8);
  for (uint64_t at = kFirstSlot; at < end; at += 8) {
    uint64_t word = objects_.field(context, at);
    bool fits = kind == HandlerKind::kResolve ? is_promise(word) : objects_.field(word, 0) == capability_map_;
    if (is_heap_object(word) && fits) return promise_of(word);
  }
  return 0;
}

int32_t PromiseReader::combinator_index(uint64_t handler) const {
  uint64_t hash = objects_.field(handler, 8);
  return is_smi(hash) ? smi_value(hash) - 1 : -1;
}

/// PromiseReactionJobTask (src/objects/microtask.tq, promise.tq): argument, context, handler, promise or capability;
/// one word further on from 12.x.
uint64_t PromiseReader::handler_offset(uint64_t task) const {
  uint64_t handler = objects_.field(task, 24);
  return objects_.is_function(handler) || handler == root("undefined_value") ? 24 : 32;
}

std::optional<GeneratorObject> PromiseReader::awaiting_task(uint64_t task) const {
  uint64_t handler = objects_.field(task, handler_offset(task));
  if (!objects_.is_function(handler) || handler_kind(handler) != HandlerKind::kAwait) return std::nullopt;
  return awaiting(handler);
}

uint64_t PromiseReader::promise_of_current_task() const {
  uint64_t task = root("current_microtask");
  const MapInfo* map = objects_.map_of(task);
  if (map == nullptr || !is_reaction_task(*map)) return 0;
  uint64_t handler_at = handler_offset(task);
  uint64_t handler = objects_.field(task, handler_at);
  uint64_t derived = objects_.field(task, handler_at + 8);
  if (handler_kind(handler) == HandlerKind::kAwait) {
    auto generator = awaiting(handler);
    if (!generator || !generator->executing()) return 0;
    auto promises = promises_of(*generator);
    return promises.empty() ? 0 : promises.front();
  }
  return is_promise(derived) ? derived : 0;
}

std::string_view combinator_name(HandlerKind kind) {
  switch (kind) {
    case HandlerKind::kAll: return "all";
    case HandlerKind::kAllSettled: return "allSettled";
    case HandlerKind::kAny: return "any";
    default: return "";
  }
}

}  // namespace inquest::v8
