#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "commands/value_words.h"
#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;
using v8::EdgeKind;

v8::Reference reference(uint64_t holder, std::string type, v8::EdgeName edge, uint64_t value) {
  v8::Reference row;
  row.holder = Address(holder);
  row.type = std::move(type);
  row.edge = std::move(edge);
  row.value = Address(value);
  row.text = "<Object: at>";
  return row;
}

class FindRefsTest : public ::testing::Test {
 protected:
  v8::References& refers_to(uint64_t word) { return cores.heap().references[word]; }
  std::string text(const std::string& line) { return cores.run(line).text; }
  testing::FakeCores cores;
};

TEST_F(FindRefsTest, LinesAreThoseOfLlnode) {
  auto& rows = refers_to(0x1001).rows;
  rows.push_back(reference(0x2001, "Session", {.kind = EdgeKind::kProperty, .name = "user"}, 0x1001));
  rows.push_back(reference(0x2009, "Array", {.kind = EdgeKind::kElement, .name = {}, .index = 3}, 0x1001));
  rows.push_back(reference(0x2011, "Context", {.kind = EdgeKind::kContext, .name = "handler"}, 0x1001));
  rows.back().of_v8 = true;
  rows.push_back(reference(0x2019, "(String)", {.kind = EdgeKind::kInternal, .name = "parent"}, 0x1001));
  EXPECT_EQ(text("v8 findrefs 0x1001"),
            "0x2001: Session.user=0x1001\n0x2009: (Array)[3]=0x1001\n0x2011: Context.handler=0x1001\n"
            "0x2019: (String).<Parent>=0x1001\n");
  EXPECT_EQ(text("v8 findrefs -v 0x1001"), text("findrefs 0x1001"));
}

TEST_F(FindRefsTest, WhatLlnodeDoesNotKnowIsToldInBrackets) {
  auto& rows = refers_to(0x1001).rows;
  rows.push_back(reference(0x2001, "Map", {.kind = EdgeKind::kEntry, .name = "value", .key = 0x3001}, 0x1001));
  rows.back().key = "<String: \"k\x1b\">";
  rows.push_back(reference(0x2009, "WeakRef", {.kind = EdgeKind::kInternal, .name = "target", .weak = true}, 0x1001));
  rows.push_back(reference(0x2011, "Function", {.kind = EdgeKind::kInternal, .name = "context"}, 0x1001));
  rows.back().function = "handler";
  rows.push_back(reference(0x2019, "FixedArray", {.kind = EdgeKind::kInternal, .name = {}, .index = 4}, 0x1001));
  rows.back().of_v8 = true;
  EXPECT_EQ(text("v8 findrefs 0x1001"),
            "0x2001: Map.<value of <String: \"k\\x1b\">>=0x1001\n0x2009: WeakRef.<target>=0x1001 (weak)\n"
            "0x2011: Function.<context>=0x1001 (function handler)\n0x2019: (FixedArray)[4]=0x1001\n");
}

TEST_F(FindRefsTest, JsonSaysTheSame) {
  auto& found = refers_to(0x1001);
  found.rows.push_back(reference(0x2001, "Session", {.kind = EdgeKind::kProperty, .name = "user"}, 0x1001));
  found.more = 7;
  Json json = Json::parse(text("v8 findrefs --json 0x1001"));
  EXPECT_EQ(json["more"], 7);
  EXPECT_EQ(json["rows"][0]["address"], "0x2001");
  EXPECT_EQ(json["rows"][0]["kind"], "property");
  EXPECT_EQ(json["rows"][0]["name"], "user");
  EXPECT_EQ(json["rows"][0]["weak"], false);
  EXPECT_THAT(text("v8 findrefs 0x1001"), HasSubstr("... 7 more\n"));
}

TEST_F(FindRefsTest, TreesEndAtRootsAndInCycles) {
  refers_to(0x1001).rows = {reference(0x2001, "A", {.kind = EdgeKind::kProperty, .name = "x"}, 0x1001)};
  refers_to(0x2001).rows = {reference(0x3001, "B", {.kind = EdgeKind::kProperty, .name = "y"}, 0x2001),
                            reference(0x4001, "C", {.kind = EdgeKind::kProperty, .name = "z"}, 0x2001)};
  refers_to(0x2001).more = 2;
  refers_to(0x3001).rows = {reference(0x2001, "A", {.kind = EdgeKind::kProperty, .name = "back"}, 0x3001)};
  refers_to(0x2001).rows[1].root = true;
  EXPECT_EQ(text("v8 findrefs -r 0x1001"),
            "0x2001: A.x=0x1001\n"
            "  + 0x3001: B.y=0x2001\n"
            "    + 0x2001: A.back=0x3001 [seen above]\n"
            "  + 0x4001: C.z=0x2001 [root]\n"
            "  + ... 2 more\n");
  EXPECT_EQ(text("v8 findrefs -r --depth 1 0x1001"), "0x2001: A.x=0x1001 [...]\n");
  Json json = Json::parse(text("v8 findrefs -r --json 0x1001"));
  EXPECT_EQ(json["rows"][0]["holders"][0]["holders"][0]["seen"], true);
  EXPECT_EQ(json["rows"][0]["holders"][1]["root"], true);
  EXPECT_EQ(json["rows"][0]["more"], 2);
}

TEST_F(FindRefsTest, TreesGoOnAboveWhatOnlyAStackMakesARoot) {
  refers_to(0x1001).rows = {reference(0x2001, "Array", {.kind = EdgeKind::kElement, .name = {}}, 0x1001),
                            reference(0x3001, "NativeContext", {.kind = EdgeKind::kInternal, .name = {}}, 0x1001)};
  refers_to(0x1001).rows[0].root = refers_to(0x1001).rows[1].root = refers_to(0x1001).rows[1].of_v8 = true;
  refers_to(0x2001).rows = {reference(0x4001, "Owner", {.kind = EdgeKind::kProperty, .name = "list"}, 0x2001)};
  refers_to(0x3001).rows = {reference(0x5001, "Map", {.kind = EdgeKind::kInternal, .name = "context"}, 0x3001)};
  EXPECT_EQ(text("v8 findrefs -r 0x1001"),
            "0x2001: (Array)[0]=0x1001 [root]\n"
            "  + 0x4001: Owner.list=0x2001\n"
            "0x3001: (NativeContext)[0]=0x1001 [root]\n");
}

TEST_F(FindRefsTest, TreesAreAsWideAsSet) {
  refers_to(0x1001).rows = {reference(0x2001, "A", {.kind = EdgeKind::kProperty, .name = "x"}, 0x1001)};
  refers_to(0x2001).rows = {reference(0x3001, "B", {.kind = EdgeKind::kProperty, .name = "y"}, 0x2001)};
  EXPECT_EQ(text("v8 settings set tree-padding 4"), "Tree padding set to 4\n");
  EXPECT_EQ(text("v8 findrefs -r 0x1001"), "0x2001: A.x=0x1001\n    + 0x3001: B.y=0x2001\n");
  EXPECT_EQ(text("v8 settings set tree-padding 0"), "Tree padding set to 1\n");
  EXPECT_EQ(text("v8 settings set color never"), "Color set to 'never'\n");
  for (const char* line : {"v8 settings set tree-padding wide", "v8 settings set tree-padding", "v8 settings get color",
                           "v8 settings set color", "v8 settings set size 3"}) {
    EXPECT_EQ(cores.run(line).outcome.status, kExitUsage) << line;
  }
}

TEST_F(FindRefsTest, KnowsWhatIsLookedFor) {
  using By = v8::ReferenceQuery::By;
  auto asked = [&](const std::string& line) {
    cores.run(line);
    return cores.heap().reference_queries.back();
  };
  EXPECT_EQ(asked("v8 findrefs -n user").by, By::kName);
  EXPECT_EQ(asked("v8 findrefs -r -s 'two words'").text, "two words");
  EXPECT_EQ(asked("v8 findrefs 42").by, By::kNumber);
  EXPECT_EQ(asked("v8 findrefs -- -0.5").number, -0.5);
  EXPECT_EQ(asked("v8 findrefs 30064771072001").by, By::kValue) << "too large for a number one looks for";
  EXPECT_EQ(asked("v8 findrefs --all 0x1001").which, v8::Reachability::kAll);
  EXPECT_EQ(asked("v8 find abc def").text, "abc def");
  EXPECT_EQ(asked("v8 find --regex a+").by, By::kRegex);
  EXPECT_TRUE(asked("v8 find -n user").places);
}

TEST_F(FindRefsTest, MistakesAreUsageErrors) {
  for (const char* line : {"v8 findrefs", "v8 findrefs abc", "v8 findrefs -n a -s b", "v8 find", "v8 find -v x"}) {
    EXPECT_EQ(cores.run(line).outcome.status, kExitUsage) << line;
  }
}

TEST_F(FindRefsTest, StringsAreShownWithTheirText) {
  auto& rows = refers_to(0).rows;
  rows.push_back(reference(0x2001, "Session", {.kind = EdgeKind::kProperty, .name = "role"}, 0x1001));
  rows.back().text = "admin";
  EXPECT_EQ(text("v8 findrefs -s admin"), "0x2001: Session.role=0x1001 ='admin'\n");
}

TEST_F(FindRefsTest, FindTurnsPages) {
  auto& found = refers_to(0);
  v8::Reference place;
  place.value = Address(0x1001);
  place.type = "(String)";
  place.text = "needle\n";
  found.rows.push_back(place);
  found.more = 2;
  EXPECT_EQ(text("v8 find -l 1 needle"), "0x1001:<String: \"needle\\n\">\n(Showing 1 to 1 of 3)\n");
  EXPECT_EQ(cores.heap().reference_queries.back().skip, 0u);
  EXPECT_EQ(text("v8 find -l 1 needle"), "0x1001:<String: \"needle\\n\">\n(Showing 2 to 2 of 4)\n");
  EXPECT_EQ(cores.heap().reference_queries.back().skip, 1u);
}

TEST_F(FindRefsTest, DigitsAreAnAddressWhereAnObjectIs) {
  auto word_of = [&](const std::string& line) {
    auto answer = cores.run(line);
    EXPECT_FALSE(answer.outcome.error) << line;
    return cores.heap().reference_queries.back();
  };
  using By = v8::ReferenceQuery::By;
  v8::HeapPlace place;
  place.kind = v8::HeapPlace::Kind::kObject;
  cores.heap().places[0x20530000e001] = place;
  EXPECT_EQ(word_of("v8 findrefs 20530000e001").word, 0x20530000e001u);
  EXPECT_EQ(word_of("v8 findrefs 20530000e001").by, By::kValue);
  EXPECT_EQ(word_of("v8 findrefs 0x2053 + 8").word, 0x205bu);
  EXPECT_EQ(word_of("v8 findrefs 42").by, By::kNumber);
  EXPECT_EQ(word_of("v8 findrefs -v -0.5").number, -0.5);
  cores.heap().places[0x2e41b0f20031] = place;
  EXPECT_EQ(word_of("v8 findrefs 2e41b0f20031").word, 0x2e41b0f20031u);
  cores.session().printed().add(0x3001);
  EXPECT_EQ(word_of("v8 findrefs $").word, 0x3001u);
  for (const char* line : {"v8 findrefs nonsense", "v8 findrefs -v '$9'", "v8 findrefs"}) {
    auto answer = cores.run(line);
    ASSERT_TRUE(answer.outcome.error) << line;
    EXPECT_EQ(answer.outcome.status, kExitUsage) << line;
  }
}

TEST(ValueWords, Numbers) {
  EXPECT_EQ(parse_number("1e3"), 1000.0);
  EXPECT_EQ(parse_number("-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_FALSE(parse_number("nan"));
  EXPECT_FALSE(parse_number("12x"));
  EXPECT_FALSE(parse_number(""));
}

}  // namespace
}  // namespace inquest::commands
