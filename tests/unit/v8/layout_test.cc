#include "v8/layout/layout.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/support/fake_process.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakeBinary;

Layout resolve(const FakeBinary& binary, const V8Version& version = {9, 4}) {
  return Layout::resolve(Constants::load(binary.process, binary.module()), version);
}

TEST(Layout, TheBinaryOverrulesTheTable) {
  FakeBinary binary;
  binary.dbg("class_Map__instance_descriptors__DescriptorArray", 48)
      .dbg("class_ConsString__second__String", 32)
      .dbg("prop_index_shift", 17)
      .dbg("FirstNonstringType", 128)
      .dbg("class_DescriptorArray__header_size__uintptr_t", 40)
      .dbg("class_BytecodeArray__data__uintptr_t", 61);
  Layout layout = resolve(binary);
  EXPECT_EQ(layout.map.descriptors, 48);
  EXPECT_EQ(layout.string.second, 32);
  EXPECT_EQ(layout.property.index_shift, 17u);
  EXPECT_EQ(layout.first_nonstring_type, 128);
  EXPECT_EQ(layout.table.descriptor_array_header, 40);
  EXPECT_EQ(layout.table.bytecode_array_header, 61);
}

TEST(Layout, SaysWhatTheBinaryDoesNotSay) {
  FakeBinary binary;
  EXPECT_THAT(resolve(binary).missing, ::testing::Contains("Map::prototype"));
  EXPECT_EQ(resolve(binary).map.prototype, MapLayout().prototype);
  binary.dbg("class_Map__prototype__Object", 32);
  EXPECT_THAT(resolve(binary).missing, ::testing::Not(::testing::Contains("Map::prototype")));
  EXPECT_EQ(resolve(binary).map.prototype, 32);
}

TEST(Layout, TheConstructorFieldHasTwoSpellings) {
  for (const char* name : {"constructor_or_back_pointer", "constructor_or_backpointer"}) {
    FakeBinary binary;
    binary.dbg(std::string("class_Map__") + name + "__Object", 56);
    EXPECT_EQ(resolve(binary).map.constructor, 56) << name;
  }
}

TEST(Layout, AnIsDictionaryMapBitOf20MeansTheOldOrder) {
  FakeBinary old;
  old.dbg("bit_field3_is_dictionary_map_shift", 20);
  MapLayout map = resolve(old, {7, 4}).map;
  EXPECT_EQ(map.dictionary_map_bit, 20);
  EXPECT_TRUE(map.prototype_bit_in_bit_field2);
  EXPECT_EQ(map.prototype_map_bit, 1);
  EXPECT_TRUE(map.new_target_bit_in_bit_field3);
  EXPECT_EQ(map.new_target_is_base_bit, 27);

  FakeBinary newer;
  newer.dbg("bit_field3_is_dictionary_map_shift", 21);
  map = resolve(newer).map;
  EXPECT_FALSE(map.prototype_bit_in_bit_field2);
  EXPECT_FALSE(map.new_target_bit_in_bit_field3);
  EXPECT_EQ(map.new_target_is_base_bit, 0);
}

TEST(Layout, OffsetsOutsideEveryObjectHeaderAreNotBelieved) {
  for (int offset : {-8, 4096, std::numeric_limits<int>::max()}) {
    FakeBinary binary;
    binary.dbg("class_Map__instance_type__uint16_t", offset);
    EXPECT_EQ(resolve(binary).map.instance_type, MapLayout().instance_type) << offset;
    EXPECT_THAT(resolve(binary).missing, ::testing::Contains("Map::instance_type")) << offset;
  }
}

TEST(Layout, FunctionTypesBeginAndEndWhereTheBinarySays) {
  FakeBinary binary;
  const LayoutTable& table = layout_table_for({9, 4});
  EXPECT_EQ(resolve(binary).first_js_function_type, table.first_js_function_type);
  EXPECT_EQ(resolve(binary).last_js_function_type, table.first_js_function_type + table.js_function_types - 1);
  binary.dbg("type_JSFunction__JS_FUNCTION_TYPE", 1200);
  EXPECT_EQ(resolve(binary).first_js_function_type, 1200);
  EXPECT_EQ(resolve(binary).last_js_function_type, 1200 + table.js_function_types - 1);
  binary.dbg("FirstJSFunctionType", 1199).dbg("LastJSFunctionType", 1201);
  EXPECT_EQ(resolve(binary).first_js_function_type, 1199);
  EXPECT_EQ(resolve(binary).last_js_function_type, 1201);
}

TEST(Layout, WhereInstructionsBeginTellsTheCodeLayout) {
  FakeBinary inline_code;
  inline_code.dbg("class_Code__instruction_start__uintptr_t", 160);
  EXPECT_EQ(resolve(inline_code).table.code_header, 160);
  FakeBinary stream16;
  stream16.dbg("class_InstructionStream__instruction_start__uintptr_t", 16);
  EXPECT_EQ(resolve(stream16, {11, 3}).table.code, CodeLayout::kInstructionStream16);
  FakeBinary stream32;
  stream32.dbg("class_InstructionStream__instruction_start__uintptr_t", 32);
  EXPECT_EQ(resolve(stream32, {11, 3}).table.code, CodeLayout::kInstructionStream32);
}

TEST(LayoutTable, RowsAscend) {
  auto rows = layout_tables();
  for (size_t i = 1; i < rows.size(); ++i) {
    EXPECT_LT((V8Version{rows[i - 1].major, rows[i - 1].minor}), (V8Version{rows[i].major, rows[i].minor}));
  }
}

TEST(LayoutTable, ARowHoldsFromItsVersionToTheNext) {
  auto rows = layout_tables();
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(&layout_table_for({rows[i].major, rows[i].minor}), &rows[i]) << i;
    EXPECT_EQ(&layout_table_for({rows[i].major, rows[i].minor, 999, 999}), &rows[i]) << i;
    V8Version before{rows[i].major, rows[i].minor - 1, 999, 999};
    EXPECT_EQ(&layout_table_for(before), &rows[i == 0 ? 0 : i - 1]) << i;
  }
}

TEST(LayoutTable, OutsideTheRangeTheNearestRowIsUsedAndNotCalledExact) {
  EXPECT_EQ(&layout_table_for({}), &layout_tables().front());
  EXPECT_EQ(&layout_table_for({1, 0}), &layout_tables().front());
  EXPECT_EQ(&layout_table_for({99, 0}), &layout_tables().back());
  FakeBinary binary;
  EXPECT_FALSE(resolve(binary, {}).exact);
  EXPECT_FALSE(resolve(binary, {7, 3, 999}).exact);
  EXPECT_TRUE(resolve(binary, {7, 4}).exact);
  EXPECT_FALSE(resolve(binary, {99, 0}).exact);
  for (const LayoutTable& row : layout_tables()) EXPECT_TRUE(is_measured({row.major, row.minor})) << row.major;
}

TEST(Version, IsReadFromTheBinary) {
  FakeBinary binary;
  EXPECT_FALSE(find_v8_version(binary.process, binary.module()).known());
  EXPECT_EQ(find_v8_version(binary.process, binary.module()).text(), "");
  binary.version({12, 4, 254, 21});
  EXPECT_EQ(find_v8_version(binary.process, binary.module()), (V8Version{12, 4, 254, 21}));
  EXPECT_EQ(find_v8_version(binary.process, binary.module()).text(), "12.4.254.21");
}

TEST(Version, NonsenseIsNoVersion) {
  for (int major : {0, -3, 100000}) {
    FakeBinary binary;
    binary.version({major, 4, 254, 21});
    EXPECT_FALSE(find_v8_version(binary.process, binary.module()).known()) << major;
  }
}

TEST(Version, OfNodeFromItsMetadata) {
  FakeBinary binary;
  uint64_t text = binary.allocate(16), metadata = binary.allocate(32);
  binary.process.memory_.put_bytes(text, "22.23.3", 8);
  binary.process.memory_.put(metadata, text);
  binary.symbols->add("_ZN4node11per_process8metadataE", binary.module().link_time(Address(metadata)));
  EXPECT_EQ(find_node_version(binary.process, binary.module()), "22.23.3");
  binary.process.memory_.put_bytes(text, "twenty.two.0", 13);
  EXPECT_EQ(find_node_version(binary.process, binary.module()), "");
}

TEST(Version, OfNodeFromTextInTheBinary) {
  FakeBinary binary;
  std::string text = "https://nodejs.org/ node.js/v18.20.4 and more";
  binary.process.memory_.put_bytes(binary.allocate(text.size()), text.data(), text.size());
  EXPECT_EQ(find_node_version(binary.process, binary.module()), "18.20.4");
}

TEST(Version, OfNodeIsNotTheFirstTextThatOnlyLooksLikeIt) {
  FakeBinary binary;
  std::string text = "node.js/vX.Y.Z or node.js/v18.20.4 and more";
  binary.process.memory_.put_bytes(binary.allocate(text.size()), text.data(), text.size());
  EXPECT_EQ(find_node_version(binary.process, binary.module()), "18.20.4");
}

}  // namespace
}  // namespace inquest::v8
