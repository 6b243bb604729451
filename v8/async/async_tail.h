// The async part of a stack: what goes on, one after the other, once a promise is settled. Isolate's
// CaptureAsyncStackTrace (src/execution/isolate.cc) appends exactly this to Error.stack, as lines "at async f (place)".
#pragma once

#include <cstdint>
#include <vector>

#include "v8/async/async_report.h"
#include "v8/async/promise_reader.h"
#include "v8/frames/stack_line.h"

namespace inquest::v8 {

/// What waits for one promise.
struct AsyncStep {
  enum class Kind : uint8_t {
    kFunction,    ///< a suspended function: `generator`
    kCombinator,  ///< Promise.all and its kin: `handler`, `combinator`
    kPromise,     ///< another promise: then, resolve
    kNothing,     ///< nothing that is known: no reactions, or functions that are no promises' own
    kSeveral,     ///< more than one
  };
  Kind kind = Kind::kNothing;
  GeneratorObject generator;
  uint64_t handler = 0;
  HandlerKind combinator = HandlerKind::kOther;
  uint64_t next = 0;      ///< the promise to go on with; 0 at the end
  size_t consumers = 0;   ///< reactions on the promise
  uint64_t callback = 0;  ///< of kPromise and kNothing: the JSFunction given to then, or 0
};

/// The step from a pending promise; kNothing for others.
AsyncStep async_step(const PromiseReader& promises, uint64_t promise);
/// The step that one reaction makes.
AsyncStep async_step(const PromiseReader& promises, const PromiseReaction& reaction);

/// From `promise` to the outermost, at most `limit` call sites. As V8, it ends where a promise has several reactions.
std::vector<StackLine> async_tail(const PromiseReader& promises, const SourcePositions& positions, uint64_t promise,
                                  size_t limit);

/// The tail of what an isolate was running when it died, each call as Error.stack names it. Reads a few objects only.
std::vector<AsyncFrame> running_async_tail(const Heap& heap, uint32_t isolate);

/// The line of a suspended (or, without a place, running) function.
StackLine stack_line_of(const SourcePositions& positions, const GeneratorObject& generator);

}  // namespace inquest::v8
