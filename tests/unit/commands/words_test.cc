#include "commands/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace inquest::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SplitWords, ReadsQuotesAsThePromptDoes) {
  EXPECT_THAT(split_words("  v8  bt ").value(), ElementsAre("v8", "bt"));
  EXPECT_THAT(split_words("a 'b c' \"d \\\"e\\\"\" f\\ g '' \"\\n\"").value(),
              ElementsAre("a", "b c", "d \"e\"", "f g", "", "\\n"));
  EXPECT_THAT(split_words("").value(), IsEmpty());
  EXPECT_EQ(split_words("a 'b").error().kind, Error::Kind::kUsage);
}

TEST(NearestWord, FindsSlipsAndBeginnings) {
  std::vector<std::string> words = {"findjsobjects", "findjsinstances", "info", "diff"};
  EXPECT_EQ(nearest_word("findjsobject", words), "findjsobjects");
  EXPECT_EQ(nearest_word("findobjects", words), "findjsobjects");
  EXPECT_EQ(nearest_word("ifno", words), "info");
  EXPECT_EQ(nearest_word("findjsi", words), "findjsinstances");
  EXPECT_EQ(nearest_word("retained", words), std::nullopt);
  EXPECT_EQ(nearest_word(std::string(100000, 'x'), words), std::nullopt);
}

}  // namespace
}  // namespace inquest::commands
