// Call frame information written by hand, byte by byte, after DWARF 5, 6.4 and LSB 5.0, "Exception Frames".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <vector>

#include "postmortem/unwind/cfi_expression.h"
#include "postmortem/unwind/cfi_row.h"
#include "postmortem/unwind/cfi_section.h"
#include "tests/support/fake_process.h"

namespace inquest::unwind {
namespace {

class Writer {
 public:
  Writer& bytes(std::initializer_list<int> values) {
    for (int value : values) bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  template <class T>
  Writer& put(T value) {
    auto raw = std::as_bytes(std::span(&value, 1));
    for (std::byte byte : raw) bytes_.push_back(byte);
    return *this;
  }
  template <class T>
  void patch(size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }
  size_t size() const { return bytes_.size(); }
  Bytes view() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

constexpr uint64_t kSection = 0x5000;  // where .eh_frame is linked
constexpr uint64_t kFunction = 0x1000;

/// CIE "zR" (pc-relative, 4 bytes): CFA = rsp + 8, rip at CFA - 8; one FDE for [kFunction, kFunction + 0x20):
/// behind its first byte CFA = rsp + 16 with rbp at CFA - 16, behind the fourth CFA = rbp + 16.
Writer eh_frame() {
  Writer out;
  out.put<uint32_t>(20).put<uint32_t>(0).bytes({1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0});
  out.put<uint32_t>(28).put<uint32_t>(28);
  out.put(static_cast<int32_t>(kFunction - (kSection + out.size()))).put<uint32_t>(0x20);
  out.bytes({0, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0, 0, 0, 0, 0, 0, 0});
  out.put<uint32_t>(0);
  return out;
}

TEST(CfiTest, FindsTheRowOfAnAddress) {
  Writer bytes = eh_frame();
  CfiSection section(CfiSection::Kind::kEhFrame, {bytes.view(), kSection});
  EXPECT_FALSE(section.find(kFunction - 1));
  EXPECT_FALSE(section.find(kFunction + 0x20));
  auto fde = section.find(kFunction + 0x1f);
  ASSERT_TRUE(fde);
  EXPECT_EQ(fde->start, kFunction);
  EXPECT_FALSE(fde->cie.signal_frame);
  auto entry = row_at(*fde, kFunction), pushed = row_at(*fde, kFunction + 1), body = row_at(*fde, kFunction + 4);
  ASSERT_TRUE(entry && pushed && body);
  EXPECT_EQ(entry->cfa_register, 7u);
  EXPECT_EQ(entry->cfa_offset, 8);
  EXPECT_EQ(entry->registers[16].kind, RegisterRule::Kind::kOffset);
  EXPECT_EQ(entry->registers[16].value, -8);
  EXPECT_EQ(entry->registers[6].kind, RegisterRule::Kind::kUnspecified);
  EXPECT_EQ(pushed->cfa_offset, 16);
  EXPECT_EQ(pushed->registers[6].value, -16);
  EXPECT_EQ(body->cfa_register, 6u);
  EXPECT_EQ(body->cfa_offset, 16);
}

TEST(CfiTest, UsesTheTableOfEhFrameHdr) {
  Writer bytes = eh_frame();
  constexpr uint64_t kHeader = 0x4000;
  Writer header;
  header.bytes({1, 0x1b, 3, 0x3b}).put(static_cast<int32_t>(kSection - kHeader - 4)).put<uint32_t>(1);
  header.put(static_cast<int32_t>(kFunction - kHeader)).put(static_cast<int32_t>(kSection + 24 - kHeader));
  CfiSection section(CfiSection::Kind::kEhFrame, {bytes.view(), kSection}, {header.view(), kHeader});
  EXPECT_TRUE(section.find(kFunction));
  EXPECT_FALSE(section.find(kFunction - 1));
  EXPECT_FALSE(section.find(kFunction + 0x20));
  header.patch<int32_t>(16, 0x7fffffff);  // an entry outside the section
  EXPECT_FALSE(section.find(kFunction));
  header.patch<uint32_t>(8, 0xffffffff);  // more entries than there are bytes
  header.patch(16, static_cast<int32_t>(kSection + 24 - kHeader));
  CfiSection damaged(CfiSection::Kind::kEhFrame, {bytes.view(), kSection}, {header.view(), kHeader});
  EXPECT_TRUE(damaged.find(kFunction));
}

TEST(CfiTest, ReadsDebugFrame) {
  Writer bytes;
  bytes.put<uint32_t>(20).put<uint32_t>(0xffffffff).bytes({4, 0, 8, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1, 0, 0, 0, 0});
  bytes.put<uint32_t>(24).put<uint32_t>(0).put<uint64_t>(kFunction).put<uint64_t>(16).bytes({0x42, 0x0e, 32, 0});
  CfiSection section(CfiSection::Kind::kDebugFrame, {bytes.view(), 0});
  auto fde = section.find(kFunction + 3);
  ASSERT_TRUE(fde);
  EXPECT_EQ(row_at(*fde, kFunction + 3)->cfa_offset, 32);
  EXPECT_EQ(row_at(*fde, kFunction + 1)->cfa_offset, 8);
  Writer wide;  // 64-bit DWARF
  wide.put<uint32_t>(0xffffffff).put<uint64_t>(16).put<uint64_t>(~uint64_t{0}).bytes({3, 0, 1, 0x78, 16, 0x0c, 7, 24});
  wide.put<uint32_t>(0xffffffff).put<uint64_t>(24).put<uint64_t>(0).put<uint64_t>(kFunction).put<uint64_t>(16);
  CfiSection wide_section(CfiSection::Kind::kDebugFrame, {wide.view(), 0});
  fde = wide_section.find(kFunction);
  ASSERT_TRUE(fde);
  EXPECT_EQ(row_at(*fde, kFunction)->cfa_offset, 24);
}

TEST(CfiTest, RemembersAndRestores) {
  Writer bytes = eh_frame();
  CfiSection section(CfiSection::Kind::kEhFrame, {bytes.view(), kSection});
  Fde fde = *section.find(kFunction);
  Writer program;  // remember; CFA = rsp + 64; rbx undefined; advance 4; restore; advance 4; restore rip
  program.bytes({0x0a, 0x0e, 64, 0x07, 3, 0x44, 0x0b, 0x44, 0x07, 16, 0x44, 0xc0 | 16});
  fde.instructions = program.view();
  EXPECT_EQ(row_at(fde, kFunction)->cfa_offset, 64);
  EXPECT_EQ(row_at(fde, kFunction)->registers[3].kind, RegisterRule::Kind::kUndefined);
  EXPECT_EQ(row_at(fde, kFunction + 4)->cfa_offset, 8);
  EXPECT_EQ(row_at(fde, kFunction + 4)->registers[3].kind, RegisterRule::Kind::kUnspecified);
  EXPECT_EQ(row_at(fde, kFunction + 8)->registers[16].kind, RegisterRule::Kind::kUndefined);
  EXPECT_EQ(row_at(fde, kFunction + 12)->registers[16].kind, RegisterRule::Kind::kOffset);
  Writer unbalanced;
  unbalanced.bytes({0x0b});
  fde.instructions = unbalanced.view();
  EXPECT_FALSE(row_at(fde, kFunction));
  Writer greedy;
  for (int i = 0; i < 1000; ++i) greedy.bytes({0x0a});
  fde.instructions = greedy.view();
  EXPECT_FALSE(row_at(fde, kFunction));
}

/// Every byte of the section set to every of a few values, and every length: no crash, no endless loop.
TEST(CfiTest, SurvivesDamage) {
  Writer sound = eh_frame();
  auto look = [](Bytes bytes) {
    CfiSection section(CfiSection::Kind::kEhFrame, {bytes, kSection});
    CfiSection debug(CfiSection::Kind::kDebugFrame, {bytes, kSection});
    for (uint64_t pc = kFunction - 1; pc < kFunction + 0x22; ++pc) {
      for (const CfiSection* each : {&section, &debug}) {
        if (auto fde = each->find(pc)) (void)row_at(*fde, pc);
      }
    }
  };
  for (size_t length = 0; length <= sound.size(); ++length) look(sound.view().first(length));
  for (size_t at = 0; at < sound.size(); ++at) {
    for (int value : {0x00, 0x01, 0x0b, 0x0f, 0x16, 0x7f, 0x80, 0xff}) {
      Writer damaged = sound;
      damaged.patch(at, static_cast<uint8_t>(value));
      look(damaged.view());
    }
  }
  SUCCEED();
}

class ExpressionTest : public ::testing::Test {
 protected:
  ExpressionTest() {
    memory_.map(0x1000, 0x1000);
    memory_.put<uint64_t>(0x1100, 0x1234567890abcdef);
    registers_.set(Registers::kRsp, 0x10f8);
  }
  std::optional<uint64_t> value(std::initializer_list<int> bytes, std::optional<uint64_t> initial = {}) {
    Writer writer;
    writer.bytes(bytes);
    return evaluate(writer.view(), registers_, memory_, initial);
  }

  testing::FakeMemory memory_;
  FrameRegisters registers_;
};

TEST_F(ExpressionTest, Computes) {
  EXPECT_EQ(value({0x77, 8, 0x06}), 0x1234567890abcdefu);                 // breg7 8; deref
  EXPECT_EQ(value({0x77, 8, 0x94, 4}), 0x90abcdefu);                      // deref_size 4
  EXPECT_EQ(value({0x77, 0x78}), 0x10f0u);                                // breg7 -8
  EXPECT_EQ(value({0x23, 0x80, 1}, 0x1000), 0x1080u);                     // plus_uconst 128
  EXPECT_EQ(value({0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24}, 0x1b), 8u);       // .plt's: 0x1b & 15 >= 11, << 3
  EXPECT_EQ(value({0x35, 0x33, 0x16, 0x1c}), static_cast<uint64_t>(-2));  // lit5 lit3 swap minus
  EXPECT_EQ(value({0x31, 0x28, 1, 0, 0x35, 0x36}), 6u);                   // lit1; bra +1 passes over lit5
}

TEST_F(ExpressionTest, RefusesWhatCannotBeComputed) {
  EXPECT_FALSE(value({}));
  EXPECT_FALSE(value({0x76, 0}));                       // rbp is not known
  EXPECT_FALSE(value({0x30, 0x06}));                    // memory at 0
  EXPECT_FALSE(value({0x22}));                          // plus of nothing
  EXPECT_FALSE(value({0x35, 0x30, 0x1b}));              // 5 / 0
  EXPECT_FALSE(value({0x2f, 0xfd, 0xff}));              // skip to itself, for ever
  EXPECT_FALSE(value({0x31, 0x2f, 0x10, 0}));           // skip beyond the end
  EXPECT_FALSE(value({0xf3}));                          // no such operation
  EXPECT_FALSE(value({0x31, 0x12, 0x2f, 0xfc, 0xff}));  // dup without end
}

}  // namespace
}  // namespace inquest::unwind
