#include "commands/suspicion.h"

#include <gtest/gtest.h>

namespace inquest::commands {
namespace {

TEST(Suspicion, TellsWhoMakesObjectsOfAType) {
  EXPECT_EQ(origin_of("Session"), TypeOrigin::kProgram);
  EXPECT_EQ(origin_of("Sessions of Array"), TypeOrigin::kProgram);
  EXPECT_EQ(origin_of("Array"), TypeOrigin::kBuiltin);
  EXPECT_EQ(origin_of("global"), TypeOrigin::kBuiltin);
  EXPECT_EQ(origin_of("(String)"), TypeOrigin::kEngine);
  EXPECT_EQ(origin_of("system / FixedArray"), TypeOrigin::kEngine);
}

TEST(Suspicion, AProgramsTypeRanksAboveTheContainersItHolds) {
  EXPECT_GT(rank_of_growth(TypeOrigin::kProgram, 1000, 4000), rank_of_growth(TypeOrigin::kBuiltin, 4000, 4000));
}

TEST(Suspicion, ALittleGrowthOfAProgramsTypeDoesNotHideALeakOfPlainObjects) {
  EXPECT_EQ(rank_of_growth(TypeOrigin::kProgram, 3, 100000), rank_of_growth(TypeOrigin::kBuiltin, 100000, 100000));
}

TEST(Suspicion, EngineTypesComeLast) {
  EXPECT_LT(rank_of_growth(TypeOrigin::kEngine, 100000, 10), rank_of_growth(TypeOrigin::kBuiltin, 1, 10));
}

TEST(Suspicion, AShrinkingTypeIsNoSuspect) {
  EXPECT_LT(rank_of_growth(TypeOrigin::kProgram, -5, 0), rank_of_growth(TypeOrigin::kProgram, 5, 5));
}

}  // namespace
}  // namespace inquest::commands
