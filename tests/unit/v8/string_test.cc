#include <gmock/gmock.h>

#include "tests/support/v8_page_builder.h"
#include "v8/objects/object_reader.h"
#include "v8/objects/string_text.h"

namespace inquest::v8 {
namespace {

using inquest::testing::FakePage;
using inquest::testing::smi;
using inquest::testing::V8Builder;
using ::testing::Optional;

class Strings : public ::testing::Test {
 protected:
  std::optional<std::string> read(uint64_t word, size_t limit = 1024) {
    auto heap = v8.open();
    MapCache maps = heap->new_map_cache();
    return ObjectReader(*heap, maps).string(word, limit);
  }
  uint64_t sliced(uint64_t parent, int32_t offset, uint32_t length) {
    return v8.add({v8.root("sliced_one_byte_string_map"), uint64_t{length} << 32, parent, smi(offset)});
  }
  uint64_t thin(uint64_t actual, uint32_t length) {
    return v8.add({v8.root("thin_one_byte_string_map"), uint64_t{length} << 32, actual});
  }
  uint64_t external(uint64_t data, uint32_t length) {
    return v8.add({v8.root("external_one_byte_string_map"), uint64_t{length} << 32, 0, data});
  }
  V8Builder v8;
};

TEST_F(Strings, Sequential) {
  uint64_t empty = v8.string(""), text = v8.string("hello"), latin = v8.string("caf\xe9");
  EXPECT_EQ(read(empty), "");
  EXPECT_EQ(read(text), "hello");
  EXPECT_EQ(read(latin), "caf\xc3\xa9");
  EXPECT_EQ(read(text, 2), "he");
}

TEST_F(Strings, TwoByteBecomesUtf8) {
  uint64_t text = v8.two_byte(u"a\u00e9\u20ac\U0001f600z");
  EXPECT_EQ(read(text), "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
  EXPECT_EQ(read(text, 4), "a\xc3\xa9\xe2\x82\xac\xed\xa0\xbd") << "cut in the middle of a pair";
}

TEST_F(Strings, LoneSurrogatesStayWhatTheyAre) {
  constexpr char16_t kHigh = 0xd83d, kLow = 0xde00;
  const std::string high = "\xed\xa0\xbd", low = "\xed\xb8\x80";
  EXPECT_EQ(to_utf8(std::u16string{kHigh}), high);
  EXPECT_EQ(to_utf8(std::u16string{kLow, u'x'}), low + "x");
  EXPECT_EQ(to_utf8(std::u16string{kHigh, u'x'}), high + "x");
  EXPECT_EQ(to_utf8(std::u16string{kHigh, kHigh, kLow}), high + "\xf0\x9f\x98\x80");
  for (std::u16string text : {std::u16string{kLow, kHigh}, std::u16string{u'a', kHigh}}) {
    EXPECT_EQ(to_utf16(to_utf8(text)), text);
  }
  EXPECT_EQ(to_utf8(std::u16string{0xdbff, 0xdfff}), "\xf4\x8f\xbf\xbf");
}

TEST_F(Strings, WhatIsNoStringHasNoText) {
  uint64_t array = v8.fixed_array({});
  for (uint64_t word : {array, smi(3), uint64_t{0x123456789001}, uint64_t{0}}) EXPECT_EQ(read(word), std::nullopt);
}

TEST_F(Strings, LengthsBeyondThePageGiveNoText) {
  FakePage& page = v8.add_page(Space::kOld);
  uint64_t text = v8.add(page, {v8.root("one_byte_string_map"), 8ull << 32, 0x6867666564636261});
  EXPECT_EQ(read(text), "abcdefgh");
  v8.put(text - 1 + 8, 0x1000000ull << 32);
  EXPECT_EQ(read(text, 0x1000000), "");
  v8.put(text - 1 + 8, 0xffffffffull << 32);
  EXPECT_EQ(read(text), std::nullopt) << "longer than any string";
}

TEST_F(Strings, ConsAreJoined) {
  uint64_t ab = v8.cons(v8.string("one"), v8.string("two"), 6);
  EXPECT_EQ(read(ab), "onetwo");
  EXPECT_EQ(read(ab, 4), "onet");
  uint64_t mixed = v8.cons(ab, v8.two_byte(u"\u20ac"), 7, "cons_string_map");
  EXPECT_EQ(read(mixed), "onetwo\xe2\x82\xac");
}

TEST_F(Strings, DeepConsNeedNoStack) {
  constexpr uint32_t kDepth = 100000;
  uint64_t x = v8.string("x"), left = v8.string("a"), right = v8.string("a");
  for (uint32_t i = 1; i <= kDepth; ++i) left = v8.cons(left, x, i + 1);
  for (uint32_t i = 1; i <= kDepth; ++i) right = v8.cons(x, right, i + 1);
  EXPECT_EQ(read(left, kDepth + 1), "a" + std::string(kDepth, 'x'));
  EXPECT_EQ(read(right, kDepth + 1), std::string(kDepth, 'x') + "a");
  EXPECT_EQ(read(left, 3), "axx");
}

TEST_F(Strings, CyclicConsEnd) {
  uint64_t self = v8.cons(0, 0, 1000);
  v8.put(self - 1 + 16, self);
  v8.put(self - 1 + 24, self);
  uint64_t a = v8.cons(v8.string("x"), 0, 1000), b = v8.cons(a, a, 1000);
  v8.put(a - 1 + 24, b);
  for (uint64_t word : {self, a, b}) {
    auto text = read(word);
    ASSERT_TRUE(text);
    EXPECT_LE(text->size(), 1000u);
  }
}

TEST_F(Strings, ConsOfNonsenseGiveWhatThereIs) {
  EXPECT_EQ(read(v8.cons(v8.string("one"), 0x123456789001, 6)), "one");
  EXPECT_EQ(read(v8.cons(smi(4), v8.string("two"), 6)), "two");
}

TEST_F(Strings, SlicedAndThin) {
  uint64_t text = v8.string("the quick brown fox");
  EXPECT_EQ(read(sliced(text, 4, 5)), "quick");
  EXPECT_EQ(read(thin(text, 19)), "the quick brown fox");
  EXPECT_EQ(read(sliced(thin(text, 19), 10, 5)), "brown");
  EXPECT_EQ(read(sliced(v8.cons(text, text, 38), 16, 6)), "foxthe");
}

TEST_F(Strings, SlicesOutsideTheirParentGiveWhatThereIs) {
  uint64_t text = v8.string("the quick brown fox");
  EXPECT_EQ(read(sliced(text, 16, 10)), "fox");
  for (int32_t offset : {19, 20, 1 << 30, -1}) EXPECT_EQ(read(sliced(text, offset, 3)), "") << offset;
}

TEST_F(Strings, ManySlicesSideBySide) {
  uint64_t letters = v8.string("abcdefghijklmnopqrstuvwxyz"), all = sliced(letters, 0, 1);
  for (int32_t i = 1; i < 26; ++i) all = v8.cons(all, sliced(letters, i, 1), static_cast<uint32_t>(i) + 1);
  EXPECT_EQ(read(all), "abcdefghijklmnopqrstuvwxyz");
}

TEST_F(Strings, SlicesAndThinStringsInACircleEnd) {
  uint64_t slice = sliced(0, 0, 5);
  v8.put(slice - 1 + 16, slice);
  EXPECT_EQ(read(slice), "");
  uint64_t one = thin(0, 5), other = thin(one, 5);
  v8.put(one - 1 + 16, other);
  EXPECT_EQ(read(one), "");
}

TEST_F(Strings, ExternalTextLiesInNativeMemory) {
  uint64_t data = v8.allocate(16);
  v8.memory().put_bytes(data, "native text", 11);
  EXPECT_EQ(read(external(data, 11)), "native text");
  EXPECT_EQ(read(external(data, 11), 6), "native");
  EXPECT_EQ(read(sliced(external(data, 11), 7, 4)), "text");
  EXPECT_EQ(read(external(0x123456789000, 11)), "");
}

}  // namespace
}  // namespace inquest::v8
