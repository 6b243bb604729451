#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"
#include "v8/async/async_tail.h"
#include "v8/async/async_walk.h"
#include "v8/async/chain_table.h"

namespace inquest::v8 {
namespace {

using inquest::testing::own_descriptors;
using inquest::testing::smi;
using inquest::testing::V8Builder;
namespace type = inquest::testing::type;

/// Promises and suspended functions of V8 9.4, where handlers are known by their contexts.
class Async : public ::testing::Test {
 protected:
  void SetUp() override {
    promise_map_ = v8.new_map({.type = type::kJSPromise, .size = 48});
    async_map_ = v8.new_map({.type = type::kJSAsyncFunctionObject, .size = 88});
    closure_map_ = v8.new_map({.type = type::kJSFunction, .size = 64, .inobject_start = 8});
    builtin_ = v8.add({v8.root("shared_function_info_map"), smi(700), smi(0), 0, 0, 0, 0, 0});
  }

  uint64_t promise(bool pending = true) { return v8.add({promise_map_, 0, 0, smi(0), smi(pending ? 0 : 1), 0}); }
  /// A suspended async function whose result is `result`.
  uint64_t suspended(std::string_view name, uint64_t result, int32_t continuation = 0) {
    uint64_t context = v8.add({v8.root("function_context_map"), smi(2), 0, 0});
    return v8.add({async_map_, 0, 0, v8.function(name), context, v8.root("undefined_value"), smi(60), smi(0),
                   smi(continuation), v8.fixed_array({}), result});
  }
  /// A builtin closure whose context holds `value` in its first slot.
  uint64_t closure(uint64_t value, int32_t hash = 0) {
    uint64_t context = v8.add({v8.root("function_context_map"), smi(3), 0, 0, value});
    return v8.add({closure_map_, smi(hash), 0, builtin_, context, 0, 0, 0});
  }
  void hang_on(uint64_t promise, uint64_t fulfill, uint64_t reject, uint64_t derived = 0) {
    uint64_t next = v8.word(promise - 1 + 24);
    uint64_t reaction = v8.add({v8.root("promise_reaction_map"), next, reject, fulfill, derived});
    v8.put(promise - 1 + 24, reaction);
  }
  void await(uint64_t generator, uint64_t promise) { hang_on(promise, closure(generator), closure(generator)); }

  std::vector<std::string> tail(uint64_t promise) {
    auto heap = v8.open();
    MapCache maps = heap->new_map_cache();
    ObjectReader objects(*heap, maps);
    PromiseReader promises(objects, 0);
    SourcePositions positions(objects);
    StackLines names(positions);
    std::vector<std::string> calls;
    for (const StackLine& site : async_tail(promises, positions, promise, 100)) calls.push_back(names.call(site));
    return calls;
  }

  V8Builder v8;
  uint64_t promise_map_ = 0, async_map_ = 0, closure_map_ = 0, builtin_ = 0;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Async, TailGoesToTheOutermost) {
  uint64_t first = promise(), second = promise(), third = promise();
  await(suspended("inner", second), first);
  await(suspended("outer", third), second);
  EXPECT_THAT(tail(first), ElementsAre("inner", "outer"));
  EXPECT_THAT(tail(third), IsEmpty());
  EXPECT_THAT(tail(promise(false)), IsEmpty());
  EXPECT_THAT(tail(0x1234567), IsEmpty());
}

TEST_F(Async, ThroughThenAndCombinators) {
  uint64_t first = promise(), then = promise(), all = promise(), settled = promise(), any = promise();
  hang_on(first, v8.root("undefined_value"), v8.root("undefined_value"), then);
  auto capability = [&](uint64_t of) { return v8.add({v8.root("promise_capability_map"), of, 0, 0}); };
  hang_on(then, closure(capability(all), 3), closure(promise()));
  hang_on(all, closure(promise()), closure(capability(any), 1));
  await(suspended("last", settled), any);
  EXPECT_THAT(tail(first), ElementsAre("Promise.all (index 2)", "Promise.any (index 0)", "last"));
}

TEST_F(Async, EndsWhereSeveralWait) {
  uint64_t first = promise();
  await(suspended("one", promise()), first);
  await(suspended("two", promise()), first);
  EXPECT_THAT(tail(first), IsEmpty());
}

TEST_F(Async, LoopsEnd) {
  uint64_t first = promise();
  await(suspended("itself", first), first);
  EXPECT_THAT(tail(first), ElementsAre("itself"));
  uint64_t second = promise();
  uint64_t reaction = v8.add({v8.root("promise_reaction_map"), 0, 0, 0, 0});
  v8.put(reaction - 1 + 8, reaction);  // a list without end
  v8.put(second - 1 + 24, reaction);
  EXPECT_THAT(tail(second), IsEmpty());
}

TEST_F(Async, SurveyGroupsWhatIsAlike) {
  uint64_t loader = v8.function("load");
  for (int i = 0; i < 5; ++i) {
    uint64_t outer = promise(), inner = promise(), leaf = promise();
    uint64_t generator = suspended("", inner);
    v8.put(generator - 1 + 24, loader);
    await(generator, leaf);
    if (i < 3) await(suspended("outer", outer), inner);
  }
  suspended("finished", promise(), -2);
  auto open = v8.open_indexed();
  AsyncReport report = survey_async(*open.heap, Reachability::kAll, {});
  EXPECT_EQ(report.async_functions, 8u);
  ASSERT_GE(report.suspended.size(), 3u);
  EXPECT_EQ(report.suspended[0].count, 3u);
  uint64_t waiting = 0, alone = 0;
  for (const SuspendedGroup& group : report.suspended) {
    if (group.frame.function != "load") continue;
    (group.chain.empty() ? alone : waiting) += group.count;
    EXPECT_EQ(group.awaited.kind, Awaited::Kind::kPromise);
  }
  EXPECT_EQ(waiting, 3u);
  EXPECT_EQ(alone, 2u);
}

}  // namespace
}  // namespace inquest::v8
