#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class FindJsObjectsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cores.add("Class", 1, 24);
    cores.add("Session", 20000, 1280000);
    cores.add("(String)", 20000, 400000);
    cores.add("A\x1b[2J", 3, 5);
  }
  std::vector<std::string> types(const std::string& line) {
    std::vector<std::string> found;
    Json answer = Json::parse(cores.run(line).text);
    for (const Json& row : answer["rows"]) found.push_back(row["type"]);
    return found;
  }
  testing::FakeCores cores;
};

TEST_F(FindJsObjectsTest, PrintsAsLlnodeDoes) {
  auto answer = cores.run("v8 findjsobjects");
  EXPECT_EQ(answer.text,
            " Instances  Total Size Name\n"
            " ---------- ---------- ----\n"
            "          1         24 Class\n"
            "          3          5 A\\x1b[2J\n"
            "      20000     400000 (String)\n"
            "      20000    1280000 Session\n"
            " ---------- ---------- \n"
            "      40004    1680029 \n");
  EXPECT_EQ(answer.outcome.status, kExitDone);
  EXPECT_EQ(cores.run("findjsobjects").text, answer.text);
  EXPECT_EQ(cores.heap().asked[0].which, v8::Reachability::kLive);
}

TEST_F(FindJsObjectsTest, PrintsShapesAsLlnodeDoes) {
  auto& row = cores.add("Point", 1, 56);
  row.sample = Address(0x2e41b0f20031);
  row.properties = 4;
  row.elements = 2;
  row.property_names = {"x", "y", "hashmap", "w\n"};
  auto answer = cores.run("v8 findjsobjects -d --filter ^Point");
  EXPECT_EQ(answer.text,
            "   Sample Obj.  Instances  Total Size  Properties  Elements  Name\n"
            " ------------- ---------- ----------- ----------- --------- -----\n"
            "  2e41b0f20031          1          56           4         2 Point: x, y, hashmap, ...\n"
            " ------------ ---------- ----------- ----------- ----------- ----\n"
            "                       1          56 \n");
  EXPECT_TRUE(cores.heap().asked[0].by_shape);
  Json json = Json::parse(cores.run("v8 findjsobjects --detailed --filter ^Point --json").text);
  EXPECT_EQ(json["rows"][0]["property_names"], Json({"x", "y", "hashmap", "w\n"}));
  EXPECT_EQ(json["rows"][0]["properties"], 4);
  EXPECT_EQ(json["rows"][0]["elements"], 2);
  EXPECT_EQ(json["rows"][0]["sample"], "0x2e41b0f20031");
}

TEST_F(FindJsObjectsTest, SortsSelectsAndTellsWhatIsLeftOut) {
  EXPECT_EQ(types("v8 findjsobjects --json"), (std::vector<std::string>{"Session", "(String)", "A\x1b[2J", "Class"}));
  EXPECT_EQ(types("v8 findjsobjects --json --sort size").back(), "A\x1b[2J");
  EXPECT_EQ(types("v8 findjsobjects --json --sort name").front(), "(String)");
  EXPECT_EQ(types("v8 findjsobjects --json --filter ss$"), (std::vector<std::string>{"Class"}));
  auto answer = cores.run("v8 findjsobjects --top 1");
  EXPECT_THAT(answer.text, HasSubstr("      40004    1680029 \n"));
  EXPECT_THAT(answer.text, Not(HasSubstr("Class")));
  ASSERT_EQ(answer.outcome.notes.size(), 1u);
  EXPECT_EQ(answer.outcome.notes[0].text, "3 smaller rows left out by --top: 20004 instances, 400029 bytes");
  EXPECT_EQ(answer.outcome.status, kExitDone);
}

TEST_F(FindJsObjectsTest, BadRegularExpressionIsAUsageError) {
  auto answer = cores.run("v8 findjsobjects --filter '('");
  EXPECT_EQ(answer.outcome.status, kExitUsage);
  EXPECT_EQ(cores.heap().opened, 0) << "found out before the work";
}

TEST_F(FindJsObjectsTest, SeveralIsolatesStandApart) {
  cores.heap().info.isolates = {{0, Address(0x1000), {7}, {}}, {1, Address(0x2000), {8, 9}, {}}};
  cores.add("Session", 5, 50, 1);
  std::string text = cores.run("v8 findjsobjects --filter Session").text;
  EXPECT_EQ(text,
            "Isolate 0 (0x1000, thread 7):\n"
            " Instances  Total Size Name\n"
            " ---------- ---------- ----\n"
            "      20000    1280000 Session\n"
            " ---------- ---------- \n"
            "      20000    1280000 \n"
            "\n"
            "Isolate 1 (0x2000, threads 8, 9):\n"
            " Instances  Total Size Name\n"
            " ---------- ---------- ----\n"
            "          5         50 Session\n"
            " ---------- ---------- \n"
            "          5         50 \n"
            "\n"
            "All isolates:\n"
            " ---------- ---------- \n"
            "      20005    1280050 \n");
}

TEST_F(FindJsObjectsTest, JsonHasTheContractsFields) {
  cores.main().facts.core_time = 1700000000;
  cores.heap().notes = {{.incomplete = true, .text = "412 MiB not in this dump"}};
  auto answer = cores.run("v8 findjsobjects --all --json");
  Json json = Json::parse(answer.text);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["command"], "v8 findjsobjects");
  EXPECT_EQ(json["notes"], Json::parse(R"([{"severity": "warning", "text": "412 MiB not in this dump"}])"));
  EXPECT_EQ(json["incomplete"], true);
  EXPECT_EQ(json["objects"], "all");
  EXPECT_EQ(json["core_time"], 1700000000);
  EXPECT_EQ(json["total"]["count"], 40004);
  EXPECT_EQ(json["rows"][0], Json::parse(R"({"type": "Session", "count": 20000, "size": 1280000, "self_size": 640000,
                                             "isolate": 0, "sample": "0x1001"})"));
  EXPECT_EQ(answer.outcome.status, kExitIncomplete);
  EXPECT_TRUE(answer.outcome.notes.empty()) << "they are in the JSON";
}

}  // namespace
}  // namespace inquest::commands
