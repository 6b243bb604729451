#include <gtest/gtest.h>

#include <cmath>

#include "commands/member_path.h"
#include "commands/value_json.h"
#include "commands/value_text.h"

namespace inquest::commands {
namespace {

using v8::Value;
using v8::ValueKind;
using Names = std::vector<std::string>;

TEST(MemberPath, SplitsDotsAndBrackets) {
  EXPECT_EQ(*parse_member_path("a.b[3].c"), (Names{"a", "b", "3", "c"}));
  EXPECT_EQ(*parse_member_path("[0][1]"), (Names{"0", "1"}));
  EXPECT_EQ(*parse_member_path(".a"), (Names{"a"}));
  EXPECT_EQ(*parse_member_path("['with.dot']"), (Names{"with.dot"}));
  EXPECT_EQ(*parse_member_path(R"(x["a\"]"].y)"), (Names{"x", "a\"]", "y"}));
  EXPECT_EQ(*parse_member_path(""), Names{});
}

TEST(MemberPath, SaysWhereAMistakeIs) {
  for (const char* wrong : {"a.", "a..b", "a[", "a[]", "a['x]", "a[3"}) {
    auto parsed = parse_member_path(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().kind, Error::Kind::kUsage);
    EXPECT_NE(parsed.error().what.find("character"), std::string::npos);
  }
}

Value number(double value) {
  Value result;
  result.kind = ValueKind::kNumber;
  result.value = value;
  return result;
}

Value object(std::string type, uint64_t address) {
  Value result;
  result.kind = ValueKind::kObject;
  result.type = std::move(type);
  result.address = Address(address);
  return result;
}

std::string json_of(const Value& value) {
  std::string text;
  Output output([&](std::string_view block) {
    text += block;
    return true;
  });
  JsonWriter json(output);
  json.begin_object();
  write_value(json, value);
  json.end_object();
  output.flush();
  return text;
}

// The shapes are llnode 4.0.0's.
TEST(ValueText, KeepsLlnodesShape) {
  Value session = object("Session", 0x1001);
  session.properties.push_back({.name = "id", .value = number(7)});
  session.properties.push_back({.name = "user", .value = object("User", 0x2001)});
  EXPECT_EQ(value_text(session),
            "0x1001:<Object: Session properties {\n    .id=<Smi: 7>,\n    .user=0x2001:<Object: User>}>");
  session.elements.push_back({.index = 3, .key = {}, .value = number(1)});
  EXPECT_EQ(value_text(session).substr(0, 65), "0x1001:<Object: Session elements {\n    [3]=<Smi: 1>}\n  properties");
}

TEST(ValueText, LosesNoDigits) {
  Value boxed = number(1.25);
  boxed.address = Address(0x11);
  EXPECT_EQ(value_text(boxed), "0x11:<Number: 1.250000>");
  boxed.value = 0.1 + 0.2;
  EXPECT_EQ(value_text(boxed), "0x11:<Number: 0.30000000000000004>");
}

TEST(ValueText, EscapesWhatCouldForgeALine) {
  Value text;
  text.kind = ValueKind::kString;
  text.value = std::string("a\n\x1b[2J");
  EXPECT_EQ(value_text(text), "<String: \"a\\n\\x1b[2J\">");
}

TEST(ValueText, SaysHowMuchIsLeftOut) {
  Value array;
  array.kind = ValueKind::kArray;
  array.length = 3;
  array.elements.push_back({.index = 0, .key = {}, .value = number(1)});
  array.more_elements = 2;
  EXPECT_EQ(value_text(array), "<Array: length=3 {\n    [0]=<Smi: 1>,\n    ... 2 more}>");
}

TEST(ValueJson, HasWordsForWhatJsonLacks) {
  EXPECT_EQ(json_of(number(std::nan(""))), R"({"kind": "number", "value": "NaN"})");
  EXPECT_EQ(json_of(number(-0.0)), R"({"kind": "number", "value": -0.0})");
  EXPECT_EQ(json_of(number(1e21)), R"({"kind": "number", "value": 1e+21})");
}

TEST(ValueJson, MarksCyclesAndIndexes) {
  Value inner = object("Node", 0x1001);
  inner.cycle = true;
  Value outer = object("Node", 0x1001);
  outer.elements.push_back({.index = 5, .key = {}, .value = inner});
  EXPECT_EQ(json_of(outer),
            R"({"address": "0x1001", "kind": "object", "type": "Node", "elements": [{"index": 5, "address": "0x1001", )"
            R"("kind": "object", "type": "Node", "cycle": true}]})");
}

}  // namespace
}  // namespace inquest::commands
