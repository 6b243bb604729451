#include "v8/objects/constructor_name.h"

#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::kDictionaryMap;
using inquest::testing::kNewTargetIsBase;
using inquest::testing::kPrototypeMap;
using inquest::testing::MapSpec;
using inquest::testing::own_descriptors;
using inquest::testing::smi;
using inquest::testing::V8Builder;
namespace type = inquest::testing::type;

class Names : public ::testing::Test {
 protected:
  explicit Names(V8Version version = V8Builder::kSeparate)
      : v8(version), tag(v8.root("to_string_tag_symbol")), constructor(v8.root("constructor_string")) {}

  struct Property {
    uint64_t key;
    uint64_t value;
  };
  /// An object with own data properties, on `prototype`.
  uint64_t object(const std::vector<Property>& properties, uint64_t prototype, MapSpec spec = {}) {
    std::vector<uint64_t> keys, values;
    for (const Property& property : properties) {
      keys.push_back(property.key);
      values.push_back(property.value);
    }
    auto count = static_cast<uint32_t>(keys.size());
    spec.size = 24 + 8 * count;
    spec.bit_field3 |= own_descriptors(count);
    spec.prototype = prototype;
    spec.descriptors = v8.descriptors(keys);
    return v8.object(v8.new_map(spec), values);
  }
  uint64_t prototype_of(std::string_view name, uint64_t next = 0) {
    return object({{constructor, v8.function(name)}}, next, {.bit_field3 = kPrototypeMap});
  }
  uint64_t tagged(std::string_view text, uint64_t next = 0) {
    return object({{tag, v8.string(text)}}, next, {.bit_field3 = kPrototypeMap});
  }

  std::string name(uint64_t word) {
    auto heap = v8.open();
    MapCache maps = heap->new_map_cache();
    ObjectReader objects(*heap, maps);
    ConstructorNames names(objects, 0);
    const MapInfo* map = objects.map_of(word);
    if (!map) return "no object";
    depends = names.depends_on_object(*map);
    std::string with_object = names.name(*map, word);
    if (!depends) {
      EXPECT_EQ(names.name(*map, 0), with_object) << "by map alone";
    }
    return with_object;
  }

  V8Builder v8;
  uint64_t tag, constructor;
  bool depends = false;
};

TEST_F(Names, WhatNewMadeIsNamedByItsConstructor) {
  uint64_t prototype = prototype_of("ByPrototype");
  MapSpec spec{.bit_field2 = kNewTargetIsBase, .constructor = v8.function("ByMap")};
  EXPECT_EQ(name(object({}, prototype, spec)), "ByMap");
  spec.bit_field2 = 0;
  EXPECT_EQ(name(object({}, prototype, spec)), "ByPrototype");
  spec.bit_field2 = kNewTargetIsBase;
  spec.bit_field3 = kPrototypeMap;
  EXPECT_EQ(name(object({}, prototype, spec)), "ByPrototype");
}

TEST_F(Names, ObjectAndAnonymousConstructorsTellNothing) {
  uint64_t prototype = prototype_of("ByPrototype");
  for (const char* text : {"Object", ""}) {
    MapSpec spec{.bit_field2 = kNewTargetIsBase, .constructor = v8.function(text)};
    EXPECT_EQ(name(object({}, prototype, spec)), "ByPrototype") << text;
    EXPECT_EQ(name(object({}, prototype_of(text, prototype_of("Further")))), "Further") << text;
  }
}

TEST_F(Names, TransitionsLeadBackToTheConstructor) {
  uint64_t first = v8.new_map({.constructor = v8.function("Session")});
  uint64_t second = v8.new_map({.constructor = first});
  EXPECT_EQ(name(object({}, 0, {.bit_field2 = kNewTargetIsBase, .constructor = second})), "Session");
}

TEST_F(Names, TransitionsInACircleEnd) {
  uint64_t a = v8.new_map({}), b = v8.new_map({.constructor = a});
  v8.put(a - 1 + 32, b);
  EXPECT_EQ(name(object({}, 0, {.bit_field2 = kNewTargetIsBase, .constructor = a})), "Object");
}

TEST_F(Names, ATagComesBeforeTheConstructorOfTheSamePrototype) {
  uint64_t prototype = object({{constructor, v8.function("Class")}, {tag, v8.string("Tag")}}, 0);
  EXPECT_EQ(name(object({}, prototype)), "Tag");
}

TEST_F(Names, ATagThatIsNoStringDoesNotCount) {
  uint64_t prototype = object({{tag, v8.heap_number(1)}, {constructor, v8.function("Class")}}, 0);
  EXPECT_EQ(name(object({}, prototype)), "Class");
}

TEST_F(Names, AnOwnTagNeedsTheObject) {
  EXPECT_EQ(name(object({{tag, v8.string("Own")}}, prototype_of("Class"))), "Own");
  EXPECT_TRUE(depends);
  EXPECT_EQ(name(object({}, prototype_of("Class"))), "Class");
  EXPECT_FALSE(depends);
}

TEST_F(Names, AnOwnConstructorIsNotTheObjectsClass) {
  EXPECT_EQ(name(object({{constructor, v8.function("Own")}}, prototype_of("Class"))), "Class");
}

TEST_F(Names, DictionariesAreSearchedToo) {
  MapSpec spec{.bit_field3 = kDictionaryMap, .prototype = prototype_of("Class")};
  uint64_t map = v8.new_map(spec);
  uint64_t own = v8.object(map, {}, v8.dictionary({v8.string("x"), smi(1), tag, v8.string("Own")}));
  EXPECT_EQ(name(own), "Own");
  EXPECT_TRUE(depends);
  EXPECT_EQ(name(v8.object(map, {}, v8.dictionary({v8.string("x"), smi(1)}))), "Class");
  uint64_t prototype = v8.object(v8.new_map({.bit_field3 = kDictionaryMap | kPrototypeMap}), {},
                                 v8.dictionary({constructor, v8.function("Slow")}));
  EXPECT_EQ(name(object({}, prototype)), "Slow");
}

TEST_F(Names, CyclicPrototypesEnd) {
  uint64_t self = object({}, 0);
  v8.put(v8.word(self - 1) - 1 + 24, self);
  EXPECT_EQ(name(self), "Object");
  uint64_t a = object({}, 0), b = object({}, a);
  v8.put(v8.word(a - 1) - 1 + 24, b);
  EXPECT_EQ(name(object({}, b)), "Object");
}

TEST_F(Names, ProxiesAreProxiesAndHideWhatIsBehindThem) {
  uint64_t proxy = v8.add(
      {v8.new_map({.type = type::kJSProxy, .size = 32, .prototype = prototype_of("Behind")}), smi(0), smi(0), smi(0)});
  EXPECT_EQ(name(proxy), "Proxy");
  EXPECT_EQ(name(object({}, proxy)), "Object");
}

TEST_F(Names, WithoutPrototypeTheTypeTells) {
  EXPECT_EQ(name(object({}, 0)), "Object");
  EXPECT_EQ(name(v8.object(v8.new_map({.type = type::kJSArray, .size = 32}), {smi(0)})), "Array");
  EXPECT_EQ(name(v8.function("f")), "Function");
}

TEST_F(Names, WrappersAreNamedByWhatTheyWrap) {
  uint64_t map = v8.new_map({.type = type::kJSPrimitiveWrapper, .size = 32});
  EXPECT_EQ(name(v8.object(map, {smi(1)})), "Number");
  EXPECT_TRUE(depends);
  EXPECT_EQ(name(v8.object(map, {v8.heap_number(1)})), "Number");
  EXPECT_EQ(name(v8.object(map, {v8.string("s")})), "String");
  EXPECT_EQ(name(v8.object(map, {tag})), "Symbol");
  EXPECT_EQ(name(v8.object(map, {v8.root("undefined_value")})), "Boolean");
}

TEST_F(Names, TemplatesOfTheEmbedderHaveAClassName) {
  uint64_t info = v8.add({v8.root("function_template_info_map"), 0, 0, v8.string("TCPSocket"), 0, 0, 0, 0});
  EXPECT_EQ(name(object({}, 0, {.bit_field2 = kNewTargetIsBase, .constructor = info})), "TCPSocket");
}

TEST_F(Names, ATemplateMayBeCalledObject) {
  uint64_t info = v8.add({v8.root("function_template_info_map"), 0, 0, v8.string("Object"), 0, 0, 0, 0});
  MapSpec spec{.bit_field2 = kNewTargetIsBase, .constructor = info};
  EXPECT_EQ(name(object({}, prototype_of("Class"), spec)), "Object");
}

TEST_F(Names, GlobalProxiesAreGlobalUnlessSomethingTellsMore) {
  constexpr uint16_t kGlobalProxy = 0x440;
  v8.binary.dbg("type_JSGlobalProxy__JS_GLOBAL_PROXY_TYPE", kGlobalProxy);
  EXPECT_EQ(name(object({}, prototype_of("Object"), {.type = kGlobalProxy})), "global");
  EXPECT_EQ(name(object({}, tagged("Window"), {.type = kGlobalProxy})), "Window");
}

TEST_F(Names, CollectionsOfTypesWithoutNamesAreToldByTheirTables) {
  constexpr uint16_t kNameless = 0x441;
  uint64_t table = v8.add({v8.root("ephemeron_hash_table_map"), smi(0)});
  uint64_t map = v8.new_map({.type = kNameless, .size = 32, .prototype = prototype_of("Object")});
  EXPECT_EQ(name(v8.object(map, {table})), "WeakMap");
  EXPECT_TRUE(depends);
  EXPECT_EQ(name(v8.object(map, {smi(0)})), "Object");
}

TEST_F(Names, DamagedDescriptorsAreSafe) {
  MapSpec spec{.size = 32, .bit_field3 = own_descriptors(1023), .prototype = prototype_of("Class")};
  for (uint64_t descriptors :
       {uint64_t{0}, smi(5), uint64_t{0x123456789001}, v8.descriptors({}), v8.old().area_end - 7}) {
    spec.descriptors = descriptors;
    EXPECT_EQ(name(v8.object(v8.new_map(spec), {smi(1)})), "Class") << std::hex << descriptors;
  }
}

/// Until 9.x a tag anywhere up the chain came first; since 10.x the nearest prototype wins.
class OldNames : public Names {
 protected:
  OldNames() : Names(V8Builder::kInChunk) {}
};

TEST_F(Names, TheNearestPrototypeWins) {
  EXPECT_EQ(name(object({}, prototype_of("Near", tagged("Far")))), "Near");
  EXPECT_EQ(name(object({}, tagged("Near", prototype_of("Far")))), "Near");
}

TEST_F(Names, ATagThatIsNoStringDoesNotHideOneFurtherUp) {
  uint64_t near = object({{tag, v8.heap_number(1)}}, tagged("Far"), {.bit_field3 = kPrototypeMap});
  EXPECT_EQ(name(object({}, near)), "Far");
}

TEST_F(OldNames, ATagThatIsNoStringHidesTheOnesFurtherUp) {
  uint64_t near =
      object({{tag, v8.heap_number(1)}}, tagged("Far", prototype_of("Class")), {.bit_field3 = kPrototypeMap});
  EXPECT_EQ(name(object({}, near)), "Class");
}

TEST_F(OldNames, ATagWinsFromAnywhere) {
  EXPECT_EQ(name(object({}, prototype_of("Near", tagged("Far")))), "Far");
  EXPECT_EQ(name(object({}, prototype_of("Near", prototype_of("Far")))), "Near");
}

TEST_F(OldNames, TheFirstConstructorSettlesIt) {
  EXPECT_EQ(name(object({}, prototype_of("Object", prototype_of("Far")))), "Object");
}

TEST_F(OldNames, CyclicPrototypesEnd) {
  uint64_t self = object({}, 0);
  v8.put(v8.word(self - 1) - 1 + 24, self);
  EXPECT_EQ(name(self), "Object");
}

}  // namespace
}  // namespace inquest::v8
