#include "v8/frames/code_tables.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace inquest::v8 {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> result;
  for (int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

// Positions are raw: (script offset + 1) << 1. 20 is offset 9, 26 is offset 12; zigzag doubles the delta.
TEST(SourcePositions, TakesTheLastEntryAtOrBefore) {
  // Statement at +5 (zigzag 10), expression at +4 more (-(4 + 1) is zigzag 9).
  auto table = bytes({10, 40, 9, 12});
  V8Version v8{10, 2};
  EXPECT_FALSE(find_source_position(table, v8, 3));
  EXPECT_EQ(find_source_position(table, v8, 4)->script_offset, 9);
  EXPECT_EQ(find_source_position(table, v8, 7)->script_offset, 9);
  EXPECT_EQ(find_source_position(table, v8, 8)->script_offset, 12);
  EXPECT_EQ(find_source_position(table, v8, 8)->inlining_id, -1);
}

TEST(SourcePositions, BeginAtZeroInOldVersions) {
  auto table = bytes({10, 40});
  EXPECT_FALSE(find_source_position(table, {7, 8}, 4));
  EXPECT_TRUE(find_source_position(table, {7, 8}, 5));
}

TEST(SourcePositions, PackedDeltasOfNewVersions) {
  auto table = bytes({5 << 2 | 1, 40, 4 << 2, 12});
  EXPECT_EQ(find_source_position(table, {14, 6}, 4)->script_offset, 9);
  EXPECT_EQ(find_source_position(table, {14, 6}, 8)->script_offset, 12);
}

TEST(SourcePositions, DamagedTablesEnd) {
  EXPECT_FALSE(find_source_position(bytes({0xff, 0xff, 0xff}), {10, 2}, 100));
  EXPECT_FALSE(find_source_position({}, {10, 2}, 100));
  EXPECT_EQ(find_source_position(bytes({10, 40, 9, 0x80}), {10, 2}, 100)->script_offset, 9);
}

TEST(SourcePositions, TellWhereTheLastOneBegins) {
  EXPECT_EQ(last_position_offset(bytes({10, 40, 9, 12}), {10, 2}), 8);
  EXPECT_EQ(last_position_offset({}, {10, 2}), -1);
}

TEST(DeferredCode, IsReachedByTheNearestJumpForward) {
  // 0: jcc 40; 6: jmp 48; 11: jcc back to 0; then nothing until 40.
  std::vector<std::byte> code = bytes({0x0f, 0x84, 34, 0, 0, 0, 0xe9, 37, 0, 0, 0, 0x0f, 0x85, 0xef, 0xff, 0xff, 0xff});
  code.resize(64, std::byte{0x90});
  EXPECT_EQ(jump_to_block_around(code, 45), 0u);
  EXPECT_EQ(jump_to_block_around(code, 48), 6u);
  EXPECT_EQ(jump_to_block_around(code, 60), 6u);
  EXPECT_EQ(jump_to_block_around(code, 39), 39u);  // no jump leads there or before it
  EXPECT_EQ(jump_to_block_around({}, 12), 12u);
}

TEST(InliningPositions, EntriesOfSixteenBytes) {
  // Entry 1: called at offset 9 of the function inlined as 0, function literal 7.
  uint64_t raw = uint64_t{10} << 1 | uint64_t{1} << 31;
  std::vector<std::byte> table(32);
  for (size_t i = 0; i < 8; ++i) table[16 + i] = static_cast<std::byte>(raw >> 8 * i);
  table[24] = std::byte{7};
  auto position = inlining_position(table, 1);
  ASSERT_TRUE(position);
  EXPECT_EQ(position->call.script_offset, 9);
  EXPECT_EQ(position->call.inlining_id, 0);
  EXPECT_EQ(position->function, 7);
  EXPECT_FALSE(inlining_position(table, 2));
  EXPECT_FALSE(inlining_position(table, -1));
}

constexpr V8Version kV8_13{13, 6};

TEST(BaselineOffsets, StepsOverPrefixes) {
  BytecodeSizes sizes{{1, 1, 1, 1, 2, 1, 1, 1, 1, 3, 1, 1, 1, 1, 5}};  // [3][5]: bytecode 4 is 2, 3, 5 bytes long
  auto code = bytes({4, 0, 0, 4, 0, 0, 1, 4, 0, 0, 0, 0, 4, 0});
  auto table = bytes({10, 5, 5, 5, 5});
  EXPECT_EQ(baseline_bytecode_offset(table, code, sizes, kV8_13, 10), -1);
  EXPECT_EQ(baseline_bytecode_offset(table, code, sizes, kV8_13, 11), 0);
  EXPECT_EQ(baseline_bytecode_offset(table, code, sizes, kV8_13, 15), 0);
  EXPECT_EQ(baseline_bytecode_offset(table, code, sizes, kV8_13, 16), 2);
  EXPECT_EQ(baseline_bytecode_offset(table, code, sizes, kV8_13, 25), 6);
  EXPECT_EQ(baseline_bytecode_offset(table, code, sizes, kV8_13, 30), 12);
  EXPECT_FALSE(baseline_bytecode_offset(table, code, sizes, kV8_13, 31));
  EXPECT_FALSE(baseline_bytecode_offset(table, bytes({9}), sizes, kV8_13, 31));
  EXPECT_FALSE(baseline_bytecode_offset(bytes({10, 5, 5}), code, sizes, kV8_13, 15));  // sizes do not fit
}

TEST(BaselineOffsets, PairsOfNinePointZero) {
  constexpr V8Version kV8_9_0{9, 0};
  auto code = bytes({27, 10, 172, 0, 197, 37, 3, 73});
  auto table = bytes({17, 0, 65, 2, 34, 5});  // returns at 17, 82 and 116, of the bytecodes at 0, 2 and 7
  EXPECT_EQ(baseline_bytecode_offset(table, code, {}, kV8_9_0, 17), 0);
  EXPECT_EQ(baseline_bytecode_offset(table, code, {}, kV8_9_0, 82), 2);
  EXPECT_EQ(baseline_bytecode_offset(table, code, {}, kV8_9_0, 116), 7);
  EXPECT_FALSE(baseline_bytecode_offset(table, code, {}, kV8_9_0, 117));
  EXPECT_FALSE(baseline_bytecode_offset(bytes({17, 0, 65}), code, {}, kV8_9_0, 17));
  EXPECT_FALSE(baseline_bytecode_offset(bytes({17, 9}), code, {}, kV8_9_0, 17));  // behind the last bytecode
}

TEST(LastOperand, OfAllWidths) {
  BytecodeSizes sizes{{1, 1, 1, 1, 2, 1, 1, 1, 1, 3, 1, 1, 1, 1, 5}};
  auto code = bytes({4, 9, 0, 4, 8, 1, 1, 4, 7, 0, 0, 2, 4});
  EXPECT_EQ(last_operand(code, sizes, 0), 9u);
  EXPECT_EQ(last_operand(code, sizes, 2), 0x108u);
  EXPECT_EQ(last_operand(code, sizes, 6), 0x02000007u);
  EXPECT_FALSE(last_operand(code, sizes, 12));                      // ends behind the code
  EXPECT_FALSE(last_operand(code, sizes, 13));                      // nothing there
  EXPECT_FALSE(last_operand(bytes({9, 9}), sizes, 0));              // no such bytecode
  EXPECT_FALSE(last_operand(bytes({4, 9}), {{1, 1, 1, 1, 1}}, 0));  // sizes of one scale only: none is known
}

TEST(LineEnds, AllTerminators) {
  EXPECT_EQ(line_ends(u"a\nb\r\nc\rd\u2028"), (std::vector<uint32_t>{1, 4, 6, 8, 9}));
  EXPECT_EQ(line_ends(u""), (std::vector<uint32_t>{0}));
}

}  // namespace
}  // namespace inquest::v8
