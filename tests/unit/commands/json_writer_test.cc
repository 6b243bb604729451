#include "commands/json_writer.h"

#include <gtest/gtest.h>

namespace inquest::commands {
namespace {

TEST(JsonWriter, SeparatesMembersAndRows) {
  std::string text;
  Output output([&](std::string_view block) {
    text += block;
    return true;
  });
  JsonWriter json(output);
  json.begin_object();
  json.field("n", 1u);
  json.field("minus", int64_t{-2});
  json.field("yes", true);
  json.field("at", Address(0x1b3ce1ee6eb9));
  json.field_if_known("unknown", "");
  json.begin_array("list");
  json.element("a");
  json.element(uint64_t{18446744073709551615u});
  json.end_array();
  json.begin_rows("rows");
  for (int i = 0; i < 2; ++i) {
    json.begin_object();
    json.field("i", i);
    json.begin_object("in");
    json.end_object();
    json.end_object();
  }
  json.end_array();
  json.begin_rows("none");
  json.end_array();
  json.field("last", "x");
  json.end_object();
  output.flush();
  EXPECT_EQ(text,
            "{\"n\": 1, \"minus\": -2, \"yes\": true, \"at\": \"0x1b3ce1ee6eb9\", \"list\": [\"a\", "
            "18446744073709551615], \"rows\": [\n {\"i\": 0, \"in\": {}},\n {\"i\": 1, \"in\": {}}\n], \"none\": [], "
            "\"last\": \"x\"}");
}

TEST(JsonWriter, RowsByOtherWriters) {
  std::string text;
  Output output([&](std::string_view block) { return text.append(block), true; });
  JsonWriter json(output);
  json.begin_object();
  json.begin_rows("rows");
  Output& inside = json.add_rows();
  for (int part = 0; part < 2; ++part) {
    JsonWriter rows = JsonWriter::of_rows(inside, part == 0);
    rows.element(part);
    rows.element(part + 10);
  }
  json.end_array();
  json.field("last", 1);
  json.end_object();
  output.flush();
  EXPECT_EQ(text, "{\"rows\": [\n 0,\n 10,\n 1,\n 11\n], \"last\": 1}");
}

TEST(Output, GivesBlocksAndStopsWhenRefused) {
  size_t largest = 0, blocks = 0;
  Output output([&](std::string_view block) {
    largest = std::max(largest, block.size());
    return ++blocks < 3;
  });
  size_t rows = 0;
  for (; rows < 1000000 && output.ok(); ++rows) output.print("{:100}\n", rows);
  EXPECT_LT(rows, 10000u);
  EXPECT_LT(largest, 100000u);
  EXPECT_EQ(blocks, 3u);
}

}  // namespace
}  // namespace inquest::commands
