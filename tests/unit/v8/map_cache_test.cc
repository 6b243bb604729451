#include "v8/heap/map_cache.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::MapSpec;
using inquest::testing::smi;
using inquest::testing::V8Builder;
using inquest::testing::weak;
namespace type = inquest::testing::type;

TEST(MapCache, DecodesAMap) {
  V8Builder v8;
  uint64_t map =
      v8.new_map({.type = type::kJSObject, .size = 56, .inobject_start = 4, .bit_field2 = 9, .bit_field3 = 0x8a01234});
  auto heap = v8.open();
  MapCache maps = heap->new_map_cache();
  const MapInfo* info = maps.find(map);
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->map, map - 1);
  EXPECT_EQ(info->type, type::kJSObject);
  EXPECT_EQ(info->instance_size, 56u);
  EXPECT_EQ(info->inobject_start, 4);
  EXPECT_EQ(info->bit_field2, 9);
  EXPECT_EQ(info->bit_field3, 0x8a01234u);
  EXPECT_EQ(info->category, Category::kReceiver);
  EXPECT_EQ(info->rule, SizeRule::kInstanceSize);
  EXPECT_TRUE(info->has_properties);
  EXPECT_EQ(maps.find(map), info);
  EXPECT_EQ(maps.size(), 1u);
}

TEST(MapCache, TheRuleComesFromTheTypeWhereTheMapGivesNoSize) {
  V8Builder v8;
  uint64_t unknown = v8.new_map({.type = 0x111, .size = 0});
  auto heap = v8.open();
  MapCache maps = heap->new_map_cache();
  EXPECT_EQ(maps.find(v8.root("fixed_array_map"))->rule, SizeRule::kArray16);
  EXPECT_TRUE(maps.find(v8.root("fixed_array_map"))->backing_store);
  EXPECT_EQ(maps.find(v8.root("one_byte_string_map"))->rule, SizeRule::kSeqOneByte);
  EXPECT_EQ(maps.find(v8.root("string_map"))->rule, SizeRule::kSeqTwoByte);
  EXPECT_EQ(maps.find(v8.root("cons_string_map"))->rule, SizeRule::kInstanceSize);
  EXPECT_EQ(maps.find(v8.root("free_space_map"))->category, Category::kFiller);
  EXPECT_EQ(maps.find(v8.root("one_pointer_filler_map"))->category, Category::kFiller);
  EXPECT_EQ(maps.find(unknown)->rule, SizeRule::kUntilNextMap);
}

TEST(MapCache, ProxiesHaveNoProperties) {
  V8Builder v8;
  uint64_t proxy = v8.new_map({.type = type::kJSProxy, .size = 32});
  auto heap = v8.open();
  MapCache maps = heap->new_map_cache();
  EXPECT_FALSE(maps.find(proxy)->has_properties);
  EXPECT_EQ(maps.find(proxy)->category, Category::kReceiver);
}

TEST(MapCache, TheMetaMapIsItsOwnMap) {
  V8Builder v8;
  auto heap = v8.open();
  MapCache maps = heap->new_map_cache();
  const MapInfo* meta = maps.find(v8.root("meta_map"));
  ASSERT_NE(meta, nullptr);
  EXPECT_EQ(meta->type, type::kMap);
  EXPECT_EQ(meta->body, Body::kMap);
}

TEST(MapCache, WhatIsNoMapIsNotFound) {
  V8Builder v8;
  uint64_t map = v8.root("fixed_array_map");
  uint64_t string = v8.string("text"), array = v8.fixed_array({map});
  // Looks like a map, but what it says its map is, is none.
  uint64_t orphan = v8.new_map({});
  v8.put(orphan - 1, string);
  uint64_t child = v8.new_map({});
  v8.put(child - 1, orphan);
  uint64_t loop = v8.new_map({.type = type::kJSObject});
  v8.put(loop - 1, loop);
  auto heap = v8.open();
  MapCache maps = heap->new_map_cache();
  uint64_t not_maps[] = {0,
                         1,
                         smi(7),
                         map - 1,
                         map + 1,
                         weak(map),
                         map + 8,
                         string,
                         array,
                         orphan,
                         child,
                         loop,
                         0x7fff00000001,
                         UINT64_MAX,
                         0xdead1,
                         v8.read_only().chunk + 1,
                         v8.read_only().area_end + 1,
                         v8.isolate(0) + 1};
  for (int round = 0; round < 2; ++round) {
    for (uint64_t word : not_maps) EXPECT_EQ(maps.find(word), nullptr) << std::hex << word;
  }
  EXPECT_EQ(maps.size(), 0u);
  EXPECT_NE(maps.find(map), nullptr);
}

TEST(MapCache, AMapThatDoesNotFitIntoItsPageIsNone) {
  V8Builder v8;
  auto& page = v8.add_page(Space::kOld);
  uint64_t map = v8.new_map({});
  auto copy_to = [&](uint64_t at) {
    for (uint64_t i = 0; i < 80 && at + i < page.area_end; i += 8) v8.put(at + i, v8.word(map - 1 + i));
    return at + 1;
  };
  uint64_t cut = copy_to(page.area_end - 64), whole = copy_to(page.area_end - 0x1000);
  auto heap = v8.open();
  MapCache maps = heap->new_map_cache();
  EXPECT_NE(maps.find(whole), nullptr);
  EXPECT_EQ(maps.find(cut), nullptr);
}

TEST(MapCache, GrowsAndKeepsItsAnswers) {
  constexpr size_t kMaps = 5000;  // more than the front of the cache has entries
  V8Builder v8;
  std::vector<uint64_t> words;
  for (size_t i = 0; i < kMaps; ++i) words.push_back(v8.new_map({.bit_field3 = static_cast<uint32_t>(i)}));
  auto heap = v8.open();
  MapCache maps = heap->new_map_cache();
  std::vector<const MapInfo*> infos;
  for (uint64_t word : words) infos.push_back(maps.find(word));
  ASSERT_EQ(maps.size(), kMaps);
  std::set<uint32_t> indexes;
  for (size_t i = 0; i < kMaps; ++i) {
    ASSERT_NE(infos[i], nullptr);
    ASSERT_EQ(maps.find(words[i]), infos[i]) << i;
    ASSERT_EQ(infos[i]->bit_field3, i);
    ASSERT_EQ(&maps.at(infos[i]->index), infos[i]);
    indexes.insert(infos[i]->index);
  }
  EXPECT_EQ(indexes.size(), kMaps);
  EXPECT_EQ(*indexes.rbegin(), kMaps - 1) << "dense";
}

}  // namespace
}  // namespace inquest::v8
