#include "v8/async/async_tail.h"

#include <unordered_set>

namespace inquest::v8 {

AsyncStep async_step(const PromiseReader& promises, const PromiseReaction& reaction) {
  AsyncStep step;
  HandlerKind fulfill = promises.handler_kind(reaction.fulfill);
  if (fulfill == HandlerKind::kAwait) {
    if (auto generator = promises.awaiting(reaction.fulfill)) {
      step.kind = AsyncStep::Kind::kFunction;
      step.generator = *generator;
      auto outer = promises.promises_of(*generator);
      step.next = outer.empty() ? 0 : outer.front();
      return step;
    }
  }
  if (HandlerKind combinator = promises.combinator_of(reaction); combinator != HandlerKind::kOther) {
    step.kind = AsyncStep::Kind::kCombinator;
    step.combinator = combinator;
    step.handler = combinator == HandlerKind::kAny ? reaction.reject : reaction.fulfill;
    step.next = promises.promise_of_handler(step.handler, step.combinator);
    return step;
  }
  step.next = fulfill == HandlerKind::kResolve ? promises.promise_of_handler(reaction.fulfill, fulfill)
                                               : promises.promise_of(reaction.derived);
  if (fulfill == HandlerKind::kOther && promises.objects().is_function(reaction.fulfill)) {
    step.callback = reaction.fulfill;
  }
  if (step.next != 0) step.kind = AsyncStep::Kind::kPromise;
  return step;
}

AsyncStep async_step(const PromiseReader& promises, uint64_t promise) {
  AsyncStep step;
  if (!promises.is_promise(promise) || !promises.is_pending(promise)) return step;
  auto reactions = promises.reactions(promise);
  if (reactions.size() == 1) step = async_step(promises, reactions.front());
  if (reactions.size() > 1) step.kind = AsyncStep::Kind::kSeveral;
  step.consumers = reactions.size();
  return step;
}

StackLine stack_line_of(const SourcePositions& positions, const GeneratorObject& generator) {
  StackLine line;
  line.site.function = generator.function;
  line.site.shared = positions.shared_of(generator.function);
  line.site.receiver = generator.receiver;
  line.site.async = true;
  if (generator.suspended()) {
    line.source_offset =
        positions.offset_of_bytecode(positions.bytecode_of(line.site.shared), generator.bytecode_offset);
  }
  return line;
}

std::vector<StackLine> async_tail(const PromiseReader& promises, const SourcePositions& positions, uint64_t promise,
                                  size_t limit) {
  std::vector<StackLine> sites;
  std::unordered_set<uint64_t> seen;
  // Promise.allSettled is one of the combinators that V8 follows from 10.2 on.
  bool follows_settled = promises.objects().heap().layout().version >= V8Version{10, 2};
  while (sites.size() < limit && promise != 0 && seen.insert(promise).second) {
    AsyncStep step = async_step(promises, promise);
    if (step.combinator == HandlerKind::kAllSettled && !follows_settled) break;
    if (step.kind == AsyncStep::Kind::kFunction) sites.push_back(stack_line_of(positions, step.generator));
    if (step.kind == AsyncStep::Kind::kCombinator) {
      // The name is all that is shown of the combinator; V8 takes it from the builtin in the native context.
      StackLine& line = sites.emplace_back();
      line.site.async = true;
      line.combinator = combinator_name(step.combinator);
      line.index = promises.combinator_index(step.handler);
    }
    promise = step.next;
  }
  return sites;
}

std::vector<AsyncFrame> running_async_tail(const Heap& heap, uint32_t isolate) {
  constexpr size_t kMaxTail = 1000;
  MapCache maps = heap.new_map_cache();
  ObjectReader objects(heap, maps);
  PromiseReader promises(objects, isolate);
  SourcePositions positions(objects);
  StackLines names(positions);
  std::vector<AsyncFrame> frames;
  for (const StackLine& site : async_tail(promises, positions, promises.promise_of_current_task(), kMaxTail)) {
    SourcePlace place = site.combinator.empty() ? names.place(site) : SourcePlace{};
    frames.push_back({names.call(site), place.script, place.line, place.column, place.script_word});
  }
  return frames;
}

}  // namespace inquest::v8
