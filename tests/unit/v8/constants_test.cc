#include "v8/layout/constants.h"

#include <gmock/gmock.h>

#include "tests/support/fake_process.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakeBinary;

Constants load(const FakeBinary& binary) { return Constants::load(binary.process, binary.module()); }

TEST(Constants, ReadsEveryV8dbgSymbolThroughTheBias) {
  FakeBinary binary;
  binary.dbg("SmiTag", 0).dbg("frametype_ExitFrame", 3).dbg("negative", -7).constant("other_symbol", 5);
  Constants constants = load(binary);
  EXPECT_EQ(constants.size(), 3u);
  EXPECT_EQ(constants.value("frametype_ExitFrame"), 3);
  EXPECT_EQ(constants.value("negative"), -7);
  EXPECT_EQ(constants.value("other_symbol"), std::nullopt);
  EXPECT_EQ(constants.value("frametype_Exit"), std::nullopt) << "plain values are matched whole";
}

TEST(Constants, FieldsAreMatchedWhateverTheirType) {
  for (const char* suffix : {"Object", "Tagged_Object_", "Tagged_UnionOf_JSReceiver_Null_", "uint16_t"}) {
    FakeBinary binary;
    binary.dbg(std::string("class_Map__prototype__") + suffix, 24);
    EXPECT_EQ(load(binary).field("Map", "prototype"), 24) << suffix;
  }
}

TEST(Constants, AFieldIsNotOneWhoseNameItBegins) {
  FakeBinary binary;
  binary.dbg("class_Map__prototype_info__Object", 48).dbg("class_MapExtra__prototype__Object", 56);
  EXPECT_EQ(load(binary).field("Map", "prototype"), std::nullopt);
  EXPECT_EQ(load(binary).field("Map", "proto"), std::nullopt);
  binary.dbg("class_Map__prototype__HeapObject", 24);
  EXPECT_EQ(load(binary).field("Map", "prototype"), 24);
  EXPECT_EQ(load(binary).field("Map", "prototype_info"), 48);
}

TEST(Constants, TypesHaveClassNames) {
  FakeBinary binary;
  binary.dbg("type_JSMap__JS_MAP_TYPE", 1071)
      .dbg("type_JSMapIterator__JS_MAP_KEY_ITERATOR_TYPE", 1072)
      .dbg("type_FixedArray__FIXED_ARRAY_TYPE", 174);
  Constants constants = load(binary);
  EXPECT_EQ(constants.type("JSMap"), 1071);
  EXPECT_EQ(constants.type("JSMapIterator"), 1072);
  EXPECT_EQ(constants.type("JSM"), std::nullopt);
  EXPECT_THAT(constants.type_names(),
              ::testing::ElementsAre(::testing::Pair(174, "FixedArray"), ::testing::Pair(1071, "JSMap"),
                                     ::testing::Pair(1072, "JSMapIterator")));
}

TEST(Constants, UnreadableOnesAndMissingSymbolTablesAreNothing) {
  FakeBinary binary;
  binary.dbg("SmiTag", 0);
  binary.symbols->add("v8dbg_elsewhere", 0x7000000, 4);
  EXPECT_EQ(load(binary).size(), 1u);
  EXPECT_EQ(load(binary).value("elsewhere"), std::nullopt);
  binary.process.modules_.front().symbols = nullptr;
  EXPECT_EQ(load(binary).size(), 0u);
}

}  // namespace
}  // namespace inquest::v8
