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

v8::NamedValue named(std::string name, Value value) {
  v8::NamedValue member;
  member.name = std::move(name);
  member.value = std::move(value);
  return member;
}

Value text(ValueKind kind, std::string content) {
  Value result;
  result.kind = kind;
  result.value = std::move(content);
  return result;
}

TEST(ValueText, KeepsLlnodesFormsOfBuiltins) {
  Value date = object("Date", 0x1001);
  date.kind = ValueKind::kDate;
  date.value = std::string("2016-04-30T07:06:40.123Z");
  date.internal.push_back(named("time", number(1462000000123)));
  EXPECT_EQ(value_text(date), "0x1001:<JSDate: 1462000000123.000000 2016-04-30T07:06:40.123Z>");

  Value context = object("FunctionContext", 0x2001);
  context.kind = ValueKind::kInternal;
  Value outer = object("ScriptContext", 0x3001);
  outer.kind = ValueKind::kInternal;
  outer.brief = true;
  Value scope = object("ScopeInfo", 0x3009);
  scope.kind = ValueKind::kInternal;
  scope.value = std::string("f");
  scope.brief = true;
  context.internal = {named("previous", outer), named("scope_info", scope)};
  context.properties = {named("count", number(2))};
  Value function = object("Function", 0x4001);
  function.kind = ValueKind::kFunction;
  function.value = std::string("counter");
  function.place = "a.js:1:2";
  function.internal = {named("context", context), named("source", text(ValueKind::kString, "function counter() {}"))};
  EXPECT_EQ(value_text(function),
            "0x4001:<function: counter at a.js:1:2\n  context=0x2001:<Context: {\n    (previous)=0x3001:<Context>,\n"
            "    (scope_info)=0x3009:<ScopeInfo: for function f>,\n    count=<Smi: 2>}>\n  source:\n"
            "function counter() {}\n>");

  Value mapped = object("Session", 0x1001);
  mapped.internal.push_back(named("map", object("Map", 0x5001)));
  EXPECT_EQ(value_text(mapped), "0x0000000000001001(map=0x0000000000005001):<Object: Session>");
}

TEST(ValueText, KeepsLlnodesFormsOfBuffers) {
  Value buffer = object("Buffer", 0x1001);
  buffer.kind = ValueKind::kTypedArray;
  buffer.length = 20;
  buffer.internal = {named("backing_store", text(ValueKind::kExternal, "0x7000")), named("byte_length", number(20)),
                     named("byte_offset", number(8))};
  Value brief = buffer;
  brief.brief = true;
  EXPECT_EQ(value_text(brief),
            "0x1001:<ArrayBufferView: backingStore=0x0000000000007000, byteOffset=8, byteLength=20> Buffer(20)");
  buffer.internal.push_back(named("bytes", text(ValueKind::kExternal, "61, 20")));
  buffer.internal.back().value.text_cut = true;
  buffer.elements.push_back({.index = 0, .key = {}, .value = number(0x61)});
  EXPECT_EQ(
      value_text(buffer),
      "0x1001:<ArrayBufferView: backingStore=0x0000000000007000, byteOffset=8, byteLength=20: [\n  61, 20 ...\n]> "
      "Buffer(20)");
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
