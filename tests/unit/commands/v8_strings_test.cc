#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using Sort = v8::StringOptions::Sort;

class StringsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v8::StringReport& report = cores.heap().strings;
    v8::StringRow row;
    row.text = "twice\n";
    row.length = 6;
    row.count = 2;
    row.size = 48;
    row.wasted = 24;
    row.sample = Address(0x1001);
    row.flat = 2;
    report.rows.push_back(row);
    row.text = "often";
    row.cut = true;
    row.wasted = 8;
    report.rows.push_back(row);
    report.chosen = 5;
    report.strings = 7;
    report.size = 100;
    report.duplicated = 5;
    report.wasted = 40;
  }
  testing::FakeCores cores;
};

TEST_F(StringsTest, PrintsTheMostWastefulLast) {
  auto answer = cores.run("v8 strings");
  EXPECT_THAT(answer.text, HasSubstr(" (3 more)\n"));
  EXPECT_LT(answer.text.find("\"often...\""), answer.text.find("\"twice\\n\""));
  EXPECT_THAT(answer.text, HasSubstr("7 strings of 100 bytes; 5 texts are there more than once and waste 40 bytes\n"));
  EXPECT_EQ(answer.outcome.status, kExitDone);
  Json json = Json::parse(cores.run("v8 strings --json").text);
  EXPECT_EQ(json["rows"][0]["text"], "twice\n");
  EXPECT_EQ(json["rows"][0]["kinds"], Json({{"flat", 2}}));
  EXPECT_EQ(json["more_rows"], 3);
  EXPECT_EQ(json["total"]["wasted"], 40);
}

TEST_F(StringsTest, OptionsDecideWhatIsSought) {
  const v8::StringOptions& options = cores.heap().string_options;
  cores.run("v8 strings");
  EXPECT_FALSE(options.single);
  EXPECT_EQ(options.sort, Sort::kWasted);
  EXPECT_EQ(options.limit, 20u);
  cores.run("v8 strings --longest --top 3");
  EXPECT_TRUE(options.single);
  EXPECT_EQ(options.sort, Sort::kLength);
  EXPECT_EQ(options.limit, 3u);
  cores.run("v8 strings --regex '^a' -i --min-length 4");
  EXPECT_TRUE(options.single);
  EXPECT_EQ(options.sort, Sort::kSize);
  EXPECT_EQ(options.min_length, 4u);
  EXPECT_TRUE(options.pattern->matches("Ab"));
  cores.run("v8 strings --sort count");
  EXPECT_EQ(options.sort, Sort::kCount);
  EXPECT_EQ(cores.run("v8 strings --regex '('").outcome.status, kExitUsage);
}

TEST_F(StringsTest, SaysWhatItLeftOut) {
  cores.heap().strings.not_compared = 3;
  cores.heap().strings.unreadable = 2;
  auto answer = cores.run("v8 strings");
  EXPECT_EQ(answer.outcome.status, kExitIncomplete);
  EXPECT_EQ(answer.outcome.notes.size(), 2u);
}

}  // namespace
}  // namespace inquest::commands
