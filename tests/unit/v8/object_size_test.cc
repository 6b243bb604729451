#include "v8/heap/object_size.h"

#include <gmock/gmock.h>

#include <array>
#include <limits>

#include "tests/support/v8_page_builder.h"

namespace inquest::v8 {
namespace {

using inquest::testing::smi;

constexpr uint64_t kPlenty = 0x40000;
constexpr uint64_t round8(uint64_t value) { return (value + 7) / 8 * 8; }

class ObjectSize : public ::testing::Test {
 protected:
  explicit ObjectSize(V8Version version = {9, 4}) {
    layout.version = version;
    layout.table = layout_table_for(version);
  }
  template <class T>
  void put(uint64_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
  }
  uint64_t size(SizeRule rule, uint64_t available = kPlenty) {
    MapInfo map;
    map.rule = rule;
    return ObjectSizer(pages, layout, calibration).size(map, bytes.data(), available);
  }
  /// The size must be `expected`, and nothing as soon as one word less is there.
  void expect_size(SizeRule rule, uint64_t expected, const std::string& what) {
    EXPECT_EQ(size(rule), expected) << what;
    EXPECT_EQ(size(rule, expected), expected) << what;
    if (expected >= 8) {
      EXPECT_EQ(size(rule, expected - 8), 0u) << what;
    }
  }

  PageTable pages;
  Layout layout;
  SizeCalibration calibration;
  std::vector<std::byte> bytes = std::vector<std::byte>(kPlenty);
};

TEST_F(ObjectSize, OfInstances) {
  MapInfo map;
  map.instance_size = 56;
  ObjectSizer sizer(pages, layout, calibration);
  EXPECT_EQ(sizer.size(map, bytes.data(), 56), 56u);
  EXPECT_EQ(sizer.size(map, bytes.data(), 55), 0u);
  map.instance_size = 8;
  EXPECT_EQ(sizer.size(map, bytes.data(), 8), 8u) << "a filler of one word";
}

struct SmiRule {
  const char* name;
  SizeRule rule;
  uint64_t offset;
  uint64_t header;
  uint64_t unit;
};
constexpr SmiRule kSmiRules[] = {
    {"array16", SizeRule::kArray16, 8, 16, 8},         {"array24", SizeRule::kArray24, 8, 24, 8},
    {"array32", SizeRule::kArray32, 8, 32, 8},         {"array40", SizeRule::kArray40, 8, 40, 8},
    {"context", SizeRule::kContext, 8, 16, 8},         {"native context", SizeRule::kNativeContext, 8, 24, 8},
    {"bytes", SizeRule::kBytes16, 8, 16, 1},           {"property array", SizeRule::kPropertyArray, 8, 16, 8},
    {"wasm type", SizeRule::kWasmTypeInfo, 16, 24, 8},
};

TEST_F(ObjectSize, OfWhatHasALengthThatIsASmi) {
  for (const SmiRule& rule : kSmiRules) {
    for (int32_t length : {0, 1, 7, 100}) {
      put(rule.offset, smi(length));
      uint64_t expected = round8(rule.header + rule.unit * static_cast<uint64_t>(length));
      expect_size(rule.rule, expected, std::string(rule.name) + " of " + std::to_string(length));
    }
  }
}

TEST_F(ObjectSize, ASmiLengthThatIsNoneGivesNothing) {
  for (const SmiRule& rule : kSmiRules) {
    for (uint64_t word : {smi(-1), smi(-100), uint64_t{0x3f00000201}, smi(3) | 1, uint64_t{12}, UINT64_MAX}) {
      put(rule.offset, word);
      EXPECT_EQ(size(rule.rule), 0u) << rule.name << ", length word " << std::hex << word;
    }
  }
}

TEST_F(ObjectSize, AHugeLengthGivesNothing) {
  for (const SmiRule& rule : kSmiRules) {
    if (rule.rule == SizeRule::kPropertyArray) continue;  // its length has ten bits
    for (int32_t length : {1 << 20, (1 << 30) - 1, std::numeric_limits<int32_t>::max()}) {
      put(rule.offset, smi(length));
      EXPECT_EQ(size(rule.rule), 0u) << rule.name << " of " << length;
    }
  }
}

TEST_F(ObjectSize, FlagsAndHashesAboveTheLengthDoNotCount) {
  put(8, smi(3 | 1 << 30));
  EXPECT_EQ(size(SizeRule::kContext), 40u);
  EXPECT_EQ(size(SizeRule::kNativeContext), 48u);
  put(8, smi(3 | 0x12345 << 10));
  EXPECT_EQ(size(SizeRule::kPropertyArray), 40u);
}

TEST_F(ObjectSize, OfBytecode) {
  for (V8Version version : {V8Version{7, 4}, V8Version{9, 4}, V8Version{13, 6}}) {
    layout.table = layout_table_for(version);
    put(8, smi(21));
    expect_size(SizeRule::kBytecodeArray, round8(layout.table.bytecode_array_header + 21u), "bytecode");
    put(8, smi(-21));
    EXPECT_EQ(size(SizeRule::kBytecodeArray), 0u);
  }
}

TEST_F(ObjectSize, OfStrings) {
  for (uint32_t length : {0u, 1u, 8u, 9u, 1000u}) {
    put(12, length);
    expect_size(SizeRule::kSeqOneByte, round8(16 + length), "one byte");
    expect_size(SizeRule::kSeqTwoByte, round8(16 + 2 * length), "two bytes");
  }
  for (uint32_t length : {1u << 20, 1u << 31, UINT32_MAX}) {
    put(12, length);
    EXPECT_EQ(size(SizeRule::kSeqOneByte), 0u) << length;
    EXPECT_EQ(size(SizeRule::kSeqTwoByte), 0u) << length;
  }
}

TEST_F(ObjectSize, OfBigInts) {
  for (uint32_t digits : {0u, 1u, 50u}) {
    for (uint32_t sign : {0u, 1u}) {
      put(8, digits << 1 | sign);
      expect_size(SizeRule::kBigInt, 16 + 8 * digits, "bigint");
    }
  }
  put(8, UINT32_MAX);
  EXPECT_EQ(size(SizeRule::kBigInt), 0u);
}

TEST_F(ObjectSize, OfFreeSpaceInBytesAndInWords) {
  put(8, smi(48));
  expect_size(SizeRule::kFreeSpace, 48, "bytes");
  calibration.free_space_unit = 8;
  expect_size(SizeRule::kFreeSpace, 48 * 8, "words");
  for (uint64_t word : {smi(0), smi(-8), uint64_t{48}, smi(1 << 30)}) {
    put(8, word);
    EXPECT_EQ(size(SizeRule::kFreeSpace), 0u) << word;
  }
}

TEST_F(ObjectSize, IsAlwaysAMultipleOfAWord) {
  put(8, smi(20));
  EXPECT_EQ(size(SizeRule::kFreeSpace), 0u);
  put(8, smi(23));
  EXPECT_EQ(size(SizeRule::kFreeSpace, 24), 0u);
}

TEST_F(ObjectSize, OfDescriptorArrays) {
  for (uint16_t count : {0, 1, 1020}) {
    put(8, count);
    expect_size(SizeRule::kDescriptorArray, 24 + 24 * count, "descriptors");
  }
  put(8, uint16_t{0xffff});
  EXPECT_EQ(size(SizeRule::kDescriptorArray), 0u);
  put(8, uint16_t{2});
  layout.table = layout_table_for({14, 6});
  expect_size(SizeRule::kDescriptorArray, 32 + 24 * 2, "descriptors of 14.6");
}

TEST_F(ObjectSize, OfFeedback) {
  for (auto [length_at, header] : {std::pair<uint16_t, uint16_t>{8, 48}, {8, 56}, {32, 48}, {24, 40}}) {
    calibration.feedback_vector_length = length_at;
    calibration.feedback_vector_header = header;
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    put(length_at, 5u);
    expect_size(SizeRule::kFeedbackVector, header + 40u, "feedback vector");
    put(length_at, UINT32_MAX);
    EXPECT_EQ(size(SizeRule::kFeedbackVector), 0u);
  }
  // Six slots share an int.
  layout.table = layout_table_for({9, 4});
  for (auto [slots, ints] : {std::pair{0u, 0u}, {1u, 1u}, {6u, 1u}, {7u, 2u}, {13u, 3u}}) {
    put(8, slots);
    expect_size(SizeRule::kFeedbackMetadata, round8(16 + 4 * ints), "metadata of " + std::to_string(slots));
  }
  put(8, UINT32_MAX);
  EXPECT_EQ(size(SizeRule::kFeedbackMetadata), 0u);
  layout.table = layout_table_for({13, 6});
  put(8, 6u);
  put(12, 3u);
  expect_size(SizeRule::kFeedbackMetadata, round8(16 + 4 + 3 * 2), "metadata with closure slots");
  put(12, UINT32_MAX);
  EXPECT_EQ(size(SizeRule::kFeedbackMetadata), 0u);
}

TEST_F(ObjectSize, OfTheRest) {
  put(8, 13u);
  put(12, 2u);
  expect_size(SizeRule::kPreparseData, round8(16 + 13) + 16, "preparse data");
  expect_size(SizeRule::kCoverageInfo, 16 + 16 * 13, "coverage info");
  expect_size(SizeRule::kDoubleStringCache, 16 + 16 * 13, "double string cache");
  put(12, 16u);
  expect_size(SizeRule::kSwissNameDictionary, round8(24 + 16 * 16 + 16 + 16 + 16), "swiss dictionary");
  EXPECT_EQ(size(SizeRule::kHole), 0x10008u);
  EXPECT_EQ(size(SizeRule::kHole, 0x10000), 0u);
  put(8, UINT32_MAX);
  put(12, UINT32_MAX);
  for (SizeRule rule : {SizeRule::kPreparseData, SizeRule::kCoverageInfo, SizeRule::kDoubleStringCache,
                        SizeRule::kSwissNameDictionary}) {
    EXPECT_EQ(size(rule), 0u) << static_cast<int>(rule);
  }
}

TEST_F(ObjectSize, NothingIsReadWhereNothingIs) {
  // The bytes end at the end of the vector: a read beyond is caught by the sanitizers.
  MapInfo map;
  for (int rule = 0; rule <= static_cast<int>(SizeRule::kUntilNextMap); ++rule) {
    for (V8Version version : {V8Version{7, 4}, V8Version{9, 4}, V8Version{11, 3}, V8Version{13, 6}}) {
      layout.table = layout_table_for(version);
      map.rule = static_cast<SizeRule>(rule);
      if (map.rule == SizeRule::kCode && layout.table.code != CodeLayout::kInline) continue;
      for (uint64_t available = 8; available <= 64; available += 8) {
        std::vector<std::byte> tail(available, std::byte{0xff});
        EXPECT_LE(ObjectSizer(pages, layout, calibration).size(map, tail.data(), available), available) << rule;
      }
    }
  }
}

TEST_F(ObjectSize, OfCodeWithItsInstructions) {
  layout.table = layout_table_for({9, 4});
  put(40, 100u);
  put(44, 20u);
  expect_size(SizeRule::kCode, (96 + 120 + 31) / 32 * 32, "code and metadata");
  put(40, UINT32_MAX);
  put(44, UINT32_MAX);
  EXPECT_EQ(size(SizeRule::kCode), 0u);
}

TEST_F(ObjectSize, OfCodeWithUnwindingInfo) {
  layout.table = layout_table_for({7, 9});
  put(40, 100u);
  expect_size(SizeRule::kCode, (64 + 104 + 31) / 32 * 32, "code");
  put(44, 1u);
  put(64 + 104, uint64_t{50});
  expect_size(SizeRule::kCode, (64 + 104 + 8 + 56 + 31) / 32 * 32, "code and unwinding info");
  for (uint64_t huge : {uint64_t{UINT64_MAX}, UINT64_MAX - 15, uint64_t{1} << 63, uint64_t{1} << 32}) {
    put(64 + 104, huge);
    EXPECT_EQ(size(SizeRule::kCode), 0u) << huge;
  }
}

TEST_F(ObjectSize, OfInstructionStreams) {
  layout.table = layout_table_for({13, 6});
  put(24, 100u);
  expect_size(SizeRule::kInstructionStream, (32 + 100 + 63) / 64 * 64, "32");
  put(24, UINT32_MAX);
  EXPECT_EQ(size(SizeRule::kInstructionStream), 0u);

  layout.table = layout_table_for({11, 3});
  std::array<std::byte, 128> code{};
  uint32_t instructions = 200, metadata = 10;
  std::memcpy(code.data() + layout.table.code_instruction_size, &instructions, 4);
  std::memcpy(code.data() + *layout.table.code_metadata_size, &metadata, 4);
  Page page;
  page.chunk = page.area_start = Address(0x3f00000000);
  page.size = code.size();
  page.area_end = page.area_start + code.size();
  page.data = code.data();
  pages = PageTable(std::vector<Page>{page});
  put(8, page.area_start.value() + 1);
  expect_size(SizeRule::kInstructionStream, (16 + 210 + 63) / 64 * 64, "16");
  put(8, page.area_end.value() - 55);
  EXPECT_EQ(size(SizeRule::kInstructionStream), 0u) << "the Code object does not fit into its page";
  put(8, uint64_t{0});
  EXPECT_EQ(size(SizeRule::kInstructionStream), 0u);
}

}  // namespace
}  // namespace inquest::v8
