#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class FindJsInstancesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cores.add("Session", 3, 300);
    cores.add("My Type", 1, 10);
  }
  testing::FakeCores cores;
};

TEST_F(FindJsInstancesTest, TurnsPagesWhenRepeated) {
  std::string first = cores.run("v8 findjsinstances -n 2 Session").text;
  EXPECT_EQ(first, "0x1001:<Object: Session>\n0x1021:<Object: Session>\n..........\n(Showing 1 to 2 of 3 instances)\n");
  EXPECT_EQ(cores.run("findjsinstances -n 2 Session").text,
            "0x1041:<Object: Session>\n(Showing 3 to 3 of 3 instances)\n");
  EXPECT_EQ(cores.run("v8 findjsinstances -n 2 Session").text, first) << "wraps to the first page";
  cores.run("v8 findjsinstances -n 1 Session");
  EXPECT_EQ(cores.run("v8 findjsinstances -n 2 Session").text, first) << "another page size begins again";
}

TEST_F(FindJsInstancesTest, ShowsAllWithoutLimit) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(cores.run("v8 findjsinstances Session").text, HasSubstr("(Showing 1 to 3 of 3 instances)"));
  }
  EXPECT_THAT(cores.run("v8 findjsinstances --skip 2 Session").text, HasSubstr("0x1041"));
  EXPECT_EQ(cores.run("v8 findjsinstances --skip 9 Session").text, "(Showing 0 to 0 of 3 instances)\n");
}

TEST_F(FindJsInstancesTest, TakesNamesWithBlanks) {
  EXPECT_THAT(cores.run("v8 findjsinstances My Type").text, HasSubstr("1 to 1 of 1"));
  EXPECT_THAT(cores.run("v8 findjsinstances -v 'My Type'").text,
              HasSubstr("0x1001:<Object: Session properties {\n    .name=<Smi: 1>}>\n"));
}

TEST_F(FindJsInstancesTest, UnknownTypeSaysWhatWasMeant) {
  auto answer = cores.run("v8 findjsinstances Sesion");
  EXPECT_EQ(answer.text, "No objects found with type name Sesion\n");
  EXPECT_EQ(answer.outcome.status, kExitIncomplete);
  ASSERT_EQ(answer.outcome.notes.size(), 1u);
  EXPECT_EQ(answer.outcome.notes[0].text, "no type of this name; did you mean 'Session'?");
}

TEST_F(FindJsInstancesTest, DeadOnesAreHinted) {
  cores.heap().rows[v8::Reachability::kLive] = {};
  auto answer = cores.run("v8 findjsinstances Session");
  EXPECT_EQ(answer.outcome.notes[0].text, "all instances of this type are dead; --all shows them");
  EXPECT_THAT(cores.run("v8 findjsinstances --all Session").text, HasSubstr("of 3 instances"));
}

TEST_F(FindJsInstancesTest, JsonIsTheSameEachTime) {
  auto first = cores.run("v8 findjsinstances --json -n 2 Session");
  EXPECT_EQ(cores.run("v8 findjsinstances --json -n 2 Session").text, first.text);
  Json json = Json::parse(first.text);
  EXPECT_EQ(json["total"], 3);
  EXPECT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][0]["address"], "0x1001");
  EXPECT_EQ(json["rows"][0]["type"], "Session");
  EXPECT_EQ(json["rows"][0]["size"], 100);
  EXPECT_EQ(Json::parse(cores.run("v8 findjsinstances --json --skip 2 -n 2 Session").text)["rows"][0]["address"],
            "0x1041");
}

TEST_F(FindJsInstancesTest, PrintsMembers) {
  EXPECT_EQ(cores.run("v8 findjsinstances -n 1 --print 'id,a.text,a[\"x,y\"],missing' Session").text,
            "0x1001:<Object: Session> id=4097, a.text=\"of a\", a[\"x,y\"]=4097, missing=(none)\n..........\n"
            "(Showing 1 to 1 of 3 instances)\n");
  Json row = Json::parse(cores.run("v8 findjsinstances --json -n 1 --print id,a.text,missing Session").text)["rows"][0];
  EXPECT_EQ(row["values"], Json({{"id", 4097}, {"a.text", "of a"}}));
}

TEST_F(FindJsInstancesTest, PassesConditionsAndOrderOn) {
  auto answer = cores.run("v8 findjsinstances --where 'id > 1' --sort -user.name Session");
  EXPECT_TRUE(cores.heap().has_condition);
  EXPECT_EQ(cores.heap().sort, (v8::MemberPath{"user", "name"}));
  EXPECT_TRUE(cores.heap().descending);
  EXPECT_THAT(answer.text, HasSubstr("(Showing 1 to 3 of 3 instances, chosen of 3)"));
  cores.run("v8 findjsinstances --sort id Session");
  EXPECT_FALSE(cores.heap().has_condition);
  EXPECT_FALSE(cores.heap().descending);
}

TEST_F(FindJsInstancesTest, TellsWhereAConditionIsWrong) {
  auto answer = cores.run("v8 findjsinstances --where 'id > ' Session");
  EXPECT_EQ(answer.outcome.status, kExitUsage);
  ASSERT_TRUE(answer.outcome.error);
  EXPECT_EQ(answer.outcome.error->line(), "--where: 'id > ', column 6: a member or a value is missing here");
  EXPECT_THAT(cores.run("v8 findjsinstances --print a..b Session").outcome.error->line(), HasSubstr("--print: "));
  EXPECT_THAT(cores.run("v8 findjsinstances --sort 1 Session").outcome.error->line(), HasSubstr("--sort: "));
}

}  // namespace
}  // namespace inquest::commands
