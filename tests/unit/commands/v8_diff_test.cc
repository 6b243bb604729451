#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class DiffTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cores.main().facts.core_time = 2000;
    cores.add("Session", 300, 3000);
    cores.add("(String)", 50, 9000);
    cores.add("Same", 7, 70);
    cores.add("Session", 100, 1000, 1);
    auto& other = cores.other("/cores/old");
    other.facts.core_time = 1000;
    testing::FakeCores::add(*other.heap, "Session", 100, 1000);
    testing::FakeCores::add(*other.heap, "(String)", 60, 9900);
    testing::FakeCores::add(*other.heap, "Same", 7, 70);
    testing::FakeCores::add(*other.heap, "Gone", 1, 10);
  }
  void TearDown() override { std::remove(path().c_str()); }

  static std::string path() {
    return std::string(::testing::TempDir()) + "inquest_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
  }
  static void save(const std::string& text) { std::ofstream(path()) << text; }

  testing::FakeCores cores;
};

TEST_F(DiffTest, OrdersByGrowthAndLeavesOutWhatIsTheSame) {
  auto answer = cores.run("v8 diff /cores/old");
  EXPECT_EQ(answer.text,
            "Before: /cores/old\n"
            "After:  /cores/core\n"
            "     Before      After      Delta  Size Before   Size After   Size Delta Name\n"
            " ---------- ---------- ---------- ------------ ------------ ------------ ----\n"
            "         60         50        -10         9900         9000         -900 (String)\n"
            "          1          0         -1           10            0          -10 Gone\n"
            "        100        400       +300         1000         4000        +3000 Session\n"
            " ---------- ---------- ---------- ------------ ------------ ------------ \n"
            "        168        457       +289        10980        13070        +2090 \n"
            "(1 types without change not shown)\n");
  EXPECT_EQ(answer.outcome.notes[0].text, "/cores/old is the older one, by the time the cores were written");
}

TEST_F(DiffTest, ReadsNamesWithHalfASurrogatePair) {
  cores.add("half\xed\xa0\xbd", 5, 50);
  cores.add("whole\U0001f600\\ud83d", 6, 60);
  save(cores.run("v8 findjsobjects --json").text);
  EXPECT_THAT(cores.run("v8 diff " + path()).text, HasSubstr("types without change not shown"));
  EXPECT_THAT(cores.run("v8 diff " + path()).text, Not(HasSubstr("half")));
  EXPECT_THAT(cores.run("v8 diff " + path()).text, Not(HasSubstr("whole")));
}

TEST_F(DiffTest, JsonHasTheContractsFieldsLargestFirst) {
  Json json = Json::parse(cores.run("v8 diff --json /cores/old").text);
  EXPECT_EQ(json["rows"].size(), 4u);
  EXPECT_EQ(json["rows"][0], Json::parse(R"({"type": "Session", "count_before": 100, "count_after": 400,
      "count_delta": 300, "size_before": 1000, "size_after": 4000, "size_delta": 3000})"));
  EXPECT_EQ(json["rows"][3]["type"], "(String)");
  EXPECT_EQ(json["before"]["path"], "/cores/old");
}

TEST_F(DiffTest, TheNewerOneMayBeNamedFirstOrLast) {
  cores.other("/cores/old").facts.core_time = 3000;
  EXPECT_THAT(cores.run("v8 diff /cores/old").text, HasSubstr("Before: /cores/core\n"));
  EXPECT_THAT(cores.run("v8 diff --no-auto-order /cores/old").text, HasSubstr("Before: /cores/old\n"));
  cores.other("/cores/old").facts.core_time = 1000;
  EXPECT_THAT(cores.run("v8 diff --reverse /cores/old").text, HasSubstr("Before: /cores/core\n"));
  cores.other("/cores/old").facts.core_time = 0;
  auto assumed = cores.run("v8 diff /cores/old");
  EXPECT_THAT(assumed.text, HasSubstr("Before: /cores/old\n"));
  EXPECT_THAT(assumed.outcome.notes[0].text, HasSubstr("the times do not tell"));
}

TEST_F(DiffTest, TakesASavedHistogram) {
  save(cores.run("v8 findjsobjects --json").text);
  cores.heap().rows[v8::Reachability::kAll][0].count = 301;
  cores.main().facts.core_time = 0;
  auto answer = cores.run("v8 diff " + path());
  EXPECT_THAT(answer.text,
              HasSubstr("        400        401         +1         4000         4000           +0 Session"));
  EXPECT_EQ(answer.outcome.status, kExitDone);
}

TEST_F(DiffTest, ASavedHistogramTellsHowToCount) {
  save(cores.run("v8 findjsobjects --all --json").text);
  cores.heap().asked.clear();
  EXPECT_EQ(cores.run("v8 diff " + path()).outcome.status, kExitDone);
  EXPECT_EQ(cores.heap().asked[0].which, v8::Reachability::kAll);
  auto clash = cores.run("v8 diff --dead " + path());
  EXPECT_EQ(clash.outcome.status, kExitIncomplete);
  EXPECT_THAT(clash.outcome.notes[0].text, HasSubstr("do not compare"));
}

TEST_F(DiffTest, ACutHistogramIsIncomplete) {
  save(cores.run("v8 findjsobjects --top 1 --filter s --json").text);
  auto answer = cores.run("v8 diff " + path());
  EXPECT_EQ(answer.outcome.status, kExitIncomplete);
  EXPECT_THAT(answer.outcome.notes[0].text, HasSubstr("--top"));
  EXPECT_THAT(answer.outcome.notes[1].text, HasSubstr("--filter s"));
}

TEST_F(DiffTest, OtherFilesAreRefusedInOneLine) {
  EXPECT_EQ(cores.run("v8 diff /nowhere").outcome.status, kExitUnusable);
  for (const char* text : {"{", "{}", R"({"command": "v8 info"})", R"({"command": "v8 findjsobjects"})",
                           R"({"command": "v8 findjsobjects", "rows": 5})"}) {
    save(text);
    auto answer = cores.run("v8 diff " + path());
    EXPECT_EQ(answer.outcome.status, kExitUnusable) << text;
    EXPECT_THAT(answer.outcome.error->line(), HasSubstr("v8 findjsobjects --json"));
  }
  save(R"({"command": "v8 findjsobjects", "total": 7, "left_out": [], "core_time": "x", "rows": [1, null, {"type": 5},
          {"type": "A", "count": -1, "size": 1e300}]})");
  EXPECT_NE(cores.run("v8 diff " + path()).outcome.status, kExitUnusable) << "odd members are passed over";
}

TEST_F(DiffTest, NotesOfTheOtherCoreAreNamed) {
  cores.other("/cores/old").heap->notes = {{.incomplete = true, .text = "a page is missing"}};
  auto answer = cores.run("v8 diff --top 1 /cores/old");
  EXPECT_EQ(answer.outcome.status, kExitIncomplete);
  EXPECT_EQ(answer.outcome.notes[0].text, "/cores/old: a page is missing");
  EXPECT_THAT(answer.text, Not(HasSubstr("Gone")));
}

}  // namespace
}  // namespace inquest::commands
