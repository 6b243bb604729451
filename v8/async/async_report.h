// What a process was waiting for: the answer of `v8 async`, as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "postmortem/model/address.h"

namespace inquest::v8 {

/// A place where something goes on later.
struct AsyncFrame {
  /// As Error.stack names the call: "Store.load", "Promise.all (index 1)"; may be "".
  std::string function = {};
  std::string file = {};
  uint32_t line = 0;         ///< from 1; 0: unknown
  uint32_t column = 0;       ///< from 1
  uint64_t script_word = 0;  ///< tagged Script of `file`, or 0
  uint64_t omitted = 0;      ///< no frame of its own, but so many that were left out of a long chain
};

/// What a suspended function waits for.
struct Awaited {
  enum class Kind : uint8_t {
    kFunction,    ///< an async function or generator that is suspended itself: `frame`
    kTimer,       ///< a promise that a timer resolves: `delay_ms`
    kImmediate,   ///< one that an immediate resolves
    kCombinator,  ///< Promise.all and its kin: `frame.function`
    kPromise,     ///< a promise that nothing tells more about: `type`
    kSettled,     ///< a promise that is settled: a microtask that goes on with it is queued
    kNext,        ///< a generator: the next value to be asked for
    kUnknown,     ///< no promise was found that would make it go on
  };
  Kind kind = Kind::kUnknown;
  AsyncFrame frame;
  std::string type;          ///< class of the promise
  double delay_ms = 0;       ///< that the timer was set to
  std::string through = {};  ///< "then" when there are further promises in between
};

/// Why a chain ends.
enum class ChainEnd : uint8_t {
  kNobody,    ///< nobody waits for the last promise
  kCallback,  ///< a function given to then, which hands on to no promise that anybody waits for: the last frame
  kSeveral,   ///< several wait for the same promise
  kUnknown,   ///< a loop, or something that could not be read
};

/// Suspended functions that are alike: the same function at the same place, waiting for the same, with the same chain.
struct SuspendedGroup {
  enum class Kind : uint8_t { kAsyncFunction, kAsyncGenerator, kGenerator };
  Kind kind = Kind::kAsyncFunction;
  uint32_t isolate = 0;
  uint64_t count = 0;
  AsyncFrame frame;
  bool not_started = false;
  Awaited awaited;
  std::vector<AsyncFrame> chain;  ///< who waits for it, to the outermost; the middle of a long one is left out
  ChainEnd end = ChainEnd::kNobody;
  Address sample;          ///< tagged; the lowest
  uint64_t in_chains = 0;  ///< how many of them another group's chain passes through
};

/// Pending promises on which no reaction hangs.
struct PromiseGroup {
  std::string type;      ///< its class
  std::string function;  ///< the async function that it is the promise of; "" for other promises
  uint32_t isolate = 0;
  uint64_t count = 0;
  Address sample;
};

struct TimerGroup {
  enum class Kind : uint8_t { kTimeout, kInterval, kImmediate };
  Kind kind = Kind::kTimeout;
  uint32_t isolate = 0;
  uint64_t count = 0;
  AsyncFrame callback;    ///< where the function begins
  bool resolves = false;  ///< the callback resolves a promise
  double delay_ms = 0;
  Address sample;
};

/// Objects of Node.js that the event loop had to do with, by class: TCP, FSReqCallback.
struct HandleGroup {
  std::string type;
  bool request = false;
  uint32_t isolate = 0;
  uint64_t count = 0;
  Address sample;
};

struct AsyncReport {
  std::vector<SuspendedGroup> suspended;  ///< the largest group first
  std::vector<PromiseGroup> idle_promises;
  std::vector<TimerGroup> timers;
  std::vector<HandleGroup> handles;
  uint64_t async_functions = 0, async_generators = 0, generators = 0;  ///< suspended ones
  uint64_t pending_promises = 0;
  /// What waits for what runs, as Error.stack would append it, by isolate; empty where no promise job was running.
  std::vector<std::vector<AsyncFrame>> running_tails;
};

}  // namespace inquest::v8
