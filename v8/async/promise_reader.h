// Promises, what hangs on them, and the functions that are suspended at an `await` or `yield`.
//
// A suspended function is a JSGeneratorObject (src/objects/js-generator.tq): function, context, receiver,
// input_or_debug_pos (while suspended: offset of the suspending bytecode), resume mode, continuation (a number of at
// least 0 while suspended), registers; behind them JSAsyncFunctionObject has its promise, JSAsyncGeneratorObject the
// queue of its requests. A pending JSPromise (js-promise.tq) has a list of PromiseReactions (promise.tq), newest first.
// `await` hangs two closures on the promise; their context holds the generator object (AwaitContext, extension slot).
// The closures are known by their SharedFunctionInfo, which are roots from 12.x on. Offsets were measured on Node.js 12
// to 26.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "v8/objects/object_reader.h"

namespace inquest::v8 {

enum class GeneratorKind : uint8_t { kGenerator, kAsyncFunction, kAsyncGenerator };
/// What a function that waits for a promise is.
enum class HandlerKind : uint8_t { kOther, kAwait, kAll, kAllSettled, kAny, kResolve };

struct GeneratorObject {
  uint64_t word = 0;
  GeneratorKind kind = GeneratorKind::kGenerator;
  uint64_t function = 0;  ///< tagged JSFunction
  uint64_t receiver = 0;
  int32_t continuation = 0;  ///< -1 closed, -2 executing or returned
  /// Of the suspending bytecode, from the first one on; meaningful while suspended.
  int64_t bytecode_offset = 0;

  bool suspended() const { return continuation >= 0; }
  bool executing() const { return continuation == -2; }
  /// A generator that nobody has asked for its first value. Async functions run at once.
  bool not_started() const { return continuation == 0 && kind != GeneratorKind::kAsyncFunction; }
};

struct PromiseReaction {
  uint64_t fulfill = 0, reject = 0;  ///< handlers: JSFunctions or undefined
  uint64_t derived = 0;              ///< JSPromise, PromiseCapability or undefined
};

class PromiseReader {
 public:
  PromiseReader(const ObjectReader& objects, uint32_t isolate);

  const ObjectReader& objects() const { return objects_; }

  std::optional<GeneratorKind> generator_kind(const MapInfo& map) const;
  bool is_promise(const MapInfo& map) const { return map.type == promise_type_; }
  bool is_promise(uint64_t word) const {
    const MapInfo* map = objects_.map_of(word);
    return map != nullptr && is_promise(*map);
  }

  /// Nothing when it is none, or its fields make no sense.
  std::optional<GeneratorObject> generator(uint64_t word) const;
  /// The promises that the outside has of an async function (one) or async generator (one per request, oldest first).
  std::vector<uint64_t> promises_of(const GeneratorObject& generator) const;

  bool is_pending(uint64_t promise) const;
  /// Of a pending promise, newest first; at most a million.
  std::vector<PromiseReaction> reactions(uint64_t promise) const;

  /// Element functions of combinators may all count as kAll, see combinator_of.
  HandlerKind handler_kind(uint64_t function) const;
  /// kAll, kAllSettled, kAny when a combinator made the reaction, else kOther.
  HandlerKind combinator_of(const PromiseReaction& reaction) const;
  /// The generator object that an await handler goes on with.
  std::optional<GeneratorObject> awaiting(uint64_t handler) const;
  /// The promise that a resolving function or an element function of a combinator settles; 0 when it has done so.
  uint64_t promise_of_handler(uint64_t handler, HandlerKind kind) const;
  /// What it hands on to: the promise itself, or that of a capability; 0 for none.
  uint64_t promise_of(uint64_t promise_or_capability) const;
  /// Which of its promises an element function of a combinator stands for.
  int32_t combinator_index(uint64_t handler) const;

  /// What a settled promise has put into the queue of microtasks, for one reaction.
  bool is_reaction_task(const MapInfo& map) const {
    return map.map + 1 == fulfill_task_map_ || map.map + 1 == reject_task_map_;
  }
  /// The generator object that such a task goes on with.
  std::optional<GeneratorObject> awaiting_task(uint64_t task) const;

  /// The promise that is settled by what runs now (Isolate's current microtask); 0 when nothing is known.
  uint64_t promise_of_current_task() const;

 private:
  struct Handler {
    uint64_t shared;
    HandlerKind kind;
  };
  uint64_t root(std::string_view name) const;
  uint64_t context_of(uint64_t function) const;
  uint64_t handler_offset(uint64_t task) const;
  HandlerKind kind_by_context(uint64_t function, uint64_t shared) const;

  const ObjectReader& objects_;
  uint32_t isolate_;
  uint16_t promise_type_ = 0xffff;
  uint16_t generator_type_ = 0xffff, async_function_type_ = 0xffff, async_generator_type_ = 0xffff;
  uint64_t reaction_map_, capability_map_, request_map_, fulfill_task_map_, reject_task_map_;
  uint16_t context_offset_;  ///< in JSFunction
  std::vector<Handler> handlers_;
  bool handlers_are_roots_ = false;
};

/// "all", "allSettled", "any"; "" for others.
std::string_view combinator_name(HandlerKind kind);

}  // namespace inquest::v8
