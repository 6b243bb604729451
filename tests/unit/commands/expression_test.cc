#include "commands/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;

Result<Expression> parse(std::string_view text, uint64_t there = 0x2e41b0f20031) {
  return parse_expression(text, [there](uint64_t value) { return value == there; });
}

TEST(ExpressionTest, TakesAddressesAsTheyArePrinted) {
  EXPECT_EQ(parse("0x2e41b0f20031")->value, 0x2e41b0f20031u);
  EXPECT_EQ(parse("0X2E41B0F20031")->value, 0x2e41b0f20031u);
  EXPECT_EQ(parse("2e41b0f20031")->value, 0x2e41b0f20031u);
  EXPECT_EQ(parse("  0x10  ")->value, 0x10u);
  EXPECT_EQ(parse("4294967296")->value, 0x100000000u);
  EXPECT_EQ(parse("0x2e41b0f20031")->note, "");
}

TEST(ExpressionTest, ReadsDigitsAsWhatIsThere) {
  EXPECT_EQ(parse("24100031", 0x24100031)->value, 0x24100031u);
  EXPECT_THAT(parse("24100031", 0x24100031)->note, HasSubstr("0x24100031"));
  EXPECT_EQ(parse("24100031", 24100031)->value, 24100031u) << "the decimal reading first";
  EXPECT_EQ(parse("24100031", 24100031)->note, "");
  EXPECT_EQ(parse("24100031", 7)->value, 24100031u) << "decimal where neither is there";
}

TEST(ExpressionTest, Adds) {
  EXPECT_EQ(parse("0x100 + 24")->value, 0x118u);
  EXPECT_EQ(parse("0x100+0x10-1")->value, 0x10fu);
  EXPECT_EQ(parse("24100031 + 8", 0x24100039)->value, 0x24100039u);
}

TEST(ExpressionTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "0x", "0xz", "xyz", "0x1 +", "+", "1 2", "0x11112222333344445", "a.b", "0x10 + a"}) {
    auto parsed = parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, Error::Kind::kUsage) << text;
  }
}

}  // namespace
}  // namespace inquest::commands
