#include "v8/frames/translation.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace inquest::v8 {
namespace {

using Kind = TranslationKind;

const TranslationFormat& format_of(V8Version version) {
  const TranslationFormat* found = nullptr;
  for (const TranslationFormat& format : translation_formats()) {
    if (format.since <= version) found = &format;
  }
  return *found;
}

/// Writes translations: opcodes by name, operands as V8 writes them.
class Writer {
 public:
  explicit Writer(V8Version version) : format(format_of(version)) {}

  Writer& op(std::string_view name) {
    for (size_t i = 0; i < format.opcodes.size(); ++i) {
      if (format.opcodes[i]->name != name) continue;
      if (format.signed_opcodes) return number(static_cast<int32_t>(i));
      bytes.push_back(static_cast<std::byte>(i));
      return *this;
    }
    ADD_FAILURE() << name;
    return *this;
  }
  Writer& number(int32_t value) {
    return unsigned_number(value < 0 ? static_cast<uint32_t>(-value) << 1 | 1 : static_cast<uint32_t>(value) << 1);
  }
  Writer& numbers(std::initializer_list<int32_t> values) {
    for (int32_t value : values) number(value);
    return *this;
  }
  Writer& unsigned_number(uint32_t value) {
    bool low_bit = format.numbers == TranslationNumbers::kLowBit;
    do {
      uint32_t rest = value >> 7, bits = value & 0x7f;
      bytes.push_back(static_cast<std::byte>(low_bit ? bits << 1 | (rest != 0) : bits | (rest != 0 ? 0x80 : 0)));
      value = rest;
    } while (value != 0);
    return *this;
  }
  Writer& repeat(uint32_t count) {
    bytes.push_back(static_cast<std::byte>(format.opcodes.size() + count));
    return *this;
  }

  const TranslationFormat& format;
  std::vector<std::byte> bytes;
};

TEST(TranslationFormats, AsManyOperandsAsTheBinariesSay) {
  // Read from TranslationOpcodeOperandCount in Node.js 16.20.2, 19.8.1, 20.20.2, 22.23.3, 23.11.1 and 26.10.0; before,
  // from Translation::NumberOfOperandsFor of 12.22.12 and 15.14.0.
  constexpr std::pair<V8Version, std::string_view> kCounts[] = {
      {{7, 8}, "353333211111111111111111112"},
      {{8, 6}, "353333211011111111111111112"},
      {{9, 4}, "2103113131111111115334111112"},
      {{10, 8}, "103113131111121111111153340111112"},
      {{11, 3}, "103311313111112111111115333401111121"},
      {{12, 4}, "5333213432103311111111111111111101111121"},
      {{12, 9}, "53332134332100331111111111111111111101111121"},
      {{14, 6}, "643321343331003311101111111111111111101111121"},
  };
  for (const auto& [version, counts] : kCounts) {
    std::string found;
    for (const TranslationOpcode* opcode : format_of(version).opcodes) {
      found += static_cast<char>('0' + opcode->operands);
    }
    EXPECT_EQ(found, counts);
  }
}

TEST(Translations, OldNumbers) {
  Writer writer({7, 8});
  writer.bytes.resize(3);
  writer.op("BEGIN").numbers({2, 2, 0});
  writer.op("INTERPRETED_FRAME").numbers({300, 4, 1, 0, 0});
  writer.op("LITERAL").number(2).op("TAGGED_STACK_SLOT").number(-1).op("TAGGED_STACK_SLOT").number(5);
  writer.op("INTERPRETED_FRAME").numbers({-1, 5, 0, 0, 0});
  writer.op("LITERAL").number(3).op("REGISTER").number(1);
  writer.op("BEGIN").numbers({1, 1, 0});
  auto translation = decode_translation(writer.bytes, 3, writer.format);
  ASSERT_TRUE(translation);
  ASSERT_EQ(translation->frames.size(), 2u);
  const TranslatedFrame& outer = translation->frames[0];
  EXPECT_EQ(outer.kind, Kind::kJsFrame);
  EXPECT_EQ(outer.bytecode_offset, 300);
  EXPECT_EQ(outer.shared, 4);
  ASSERT_EQ(outer.values.size(), 3u);
  EXPECT_EQ(outer.values[1].kind, Kind::kTaggedSlot);
  EXPECT_EQ(outer.values[1].operand, -1);
  EXPECT_EQ(translation->frames[1].bytecode_offset, -1);
  EXPECT_EQ(translation->frames[1].values[1].kind, Kind::kUnknown);
}

TEST(Translations, ObjectsThatWereNotAllocated) {
  Writer writer({10, 8});
  writer.op("BEGIN").numbers({1, 1, 0});
  writer.op("INTERPRETED_FRAME").numbers({8, 1, 0, 0, 0});
  writer.op("LITERAL").number(2);
  writer.op("CAPTURED_OBJECT").number(3).op("LITERAL").number(7);
  writer.op("CAPTURED_OBJECT").number(1).op("LITERAL").number(8).op("OPTIMIZED_OUT");
  writer.op("DUPLICATED_OBJECT").number(1).op("LITERAL").number(9);
  auto translation = decode_translation(writer.bytes, 0, writer.format);
  ASSERT_TRUE(translation);
  const TranslatedFrame& frame = translation->frames[0];
  EXPECT_EQ(frame.count(), 4u);
  EXPECT_EQ(frame.skip(1), 1u);
  EXPECT_EQ(frame.skip(2), 6u);
  EXPECT_EQ(frame.values[frame.skip(3)].operand, 9);
  EXPECT_EQ(frame.skip(9), frame.values.size());
  ASSERT_EQ(translation->objects.size(), 3u);
  EXPECT_EQ(translation->objects[2].value, 3u) << "the second object";
}

TEST(Translations, RepeatedInstructions) {
  for (V8Version version : {V8Version{11, 3}, V8Version{12, 4}, V8Version{14, 6}}) {
    Writer writer(version);
    bool longer = version >= V8Version{13, 6};
    auto frame = [&](int32_t offset) {
      writer.op("INTERPRETED_FRAME_WITHOUT_RETURN").numbers({offset, 1});
      if (longer) writer.number(0);
      writer.number(3);
    };
    writer.op("BEGIN_WITHOUT_FEEDBACK").unsigned_number(0).numbers({2, 2});
    frame(18);
    writer.op("LITERAL").number(2).op("TAGGED_STACK_SLOT").number(4);
    frame(19);
    writer.op("LITERAL").number(3).op("TAGGED_STACK_SLOT").number(5);
    auto second = static_cast<uint32_t>(writer.bytes.size());
    writer.op("BEGIN_WITH_FEEDBACK").unsigned_number(second).numbers({2, 2});
    writer.repeat(2).op("TAGGED_STACK_SLOT").number(40).op("MATCH_PREVIOUS_TRANSLATION").unsigned_number(2);
    writer.op("TAGGED_STACK_SLOT").number(50);
    auto translation = decode_translation(writer.bytes, second, writer.format);
    ASSERT_TRUE(translation) << version.text();
    ASSERT_EQ(translation->frames.size(), 2u);
    EXPECT_EQ(translation->frames[0].bytecode_offset, 18);
    EXPECT_EQ(translation->frames[0].values[1].operand, 40);
    EXPECT_EQ(translation->frames[1].bytecode_offset, 19);
    EXPECT_EQ(translation->frames[1].values[0].operand, 3);
    EXPECT_EQ(translation->frames[1].values[1].operand, 50);
  }
}

TEST(Translations, FramesBesideFunctions) {
  Writer writer({9, 0});
  writer.op("BEGIN").numbers({4, 2, 1});
  writer.op("UPDATE_FEEDBACK").numbers({1, 2});
  writer.op("INTERPRETED_FRAME").numbers({8, 1, 0, 0, 0}).op("LITERAL").number(2).op("LITERAL").number(2);
  writer.op("CONSTRUCT_STUB_FRAME").numbers({0, 3, 2}).op("LITERAL").number(2);
  writer.op("ARGUMENTS_ADAPTOR_FRAME").numbers({3, 2}).op("LITERAL").number(2);
  writer.op("JAVA_SCRIPT_BUILTIN_CONTINUATION_FRAME").numbers({77, 3, 2}).op("LITERAL").number(2);
  auto translation = decode_translation(writer.bytes, 0, writer.format);
  ASSERT_TRUE(translation);
  ASSERT_EQ(translation->frames.size(), 4u);
  EXPECT_EQ(translation->frames[1].kind, Kind::kConstructFrame);
  EXPECT_EQ(translation->frames[2].kind, Kind::kArgumentsFrame);
  EXPECT_EQ(translation->frames[3].kind, Kind::kBuiltinJsFrame);
  EXPECT_EQ(translation->frames[3].shared, 3);
}

TEST(Translations, Damaged) {
  // Every cut and every changed byte ends in nothing or in a translation; never behind the end, never for ever.
  for (const TranslationFormat& format : translation_formats()) {
    EXPECT_FALSE(decode_translation({}, 0, format));
    Writer writer(format.since);
    bool distance = format.since >= V8Version{10, 9};
    writer.op(format.since >= V8Version{11, 3} ? "BEGIN_WITHOUT_FEEDBACK" : "BEGIN");
    if (distance) writer.unsigned_number(0);
    writer.numbers({1, 1});
    for (size_t at = 0; at < 64; ++at) writer.bytes.push_back(static_cast<std::byte>(at * 37));
    for (size_t cut = 0; cut < writer.bytes.size(); ++cut) {
      decode_translation(std::span(writer.bytes).first(cut), 0, format);
    }
    for (size_t at = 0; at < writer.bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        auto damaged = writer.bytes;
        damaged[at] = static_cast<std::byte>(value);
        decode_translation(damaged, 0, format);
      }
    }
    EXPECT_FALSE(decode_translation(writer.bytes, 1000, format));
  }
}

TEST(Translations, MoreFramesThanAnnounced) {
  Writer writer({12, 4});
  writer.op("BEGIN_WITHOUT_FEEDBACK").unsigned_number(0).numbers({1, 1});
  for (int i = 0; i < 2; ++i) writer.op("INTERPRETED_FRAME_WITHOUT_RETURN").numbers({1, 1, 3}).op("LITERAL").number(2);
  EXPECT_FALSE(decode_translation(writer.bytes, 0, writer.format));
}

TEST(Translations, RepeatsOfNothing) {
  Writer writer({12, 4});
  writer.op("BEGIN_WITHOUT_FEEDBACK").unsigned_number(0).numbers({1, 1}).repeat(2);
  EXPECT_FALSE(decode_translation(writer.bytes, 0, writer.format));
  Writer itself({12, 4});
  itself.bytes.resize(2);
  itself.op("BEGIN_WITHOUT_FEEDBACK").unsigned_number(9).numbers({1, 1}).repeat(2);
  EXPECT_FALSE(decode_translation(itself.bytes, 2, itself.format));
}

}  // namespace
}  // namespace inquest::v8
