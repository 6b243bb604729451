#include "v8/select/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace inquest::v8 {
namespace {

using ::testing::HasSubstr;
using Kind = Condition::Kind;

std::string mistake(std::string_view text) {
  auto parsed = parse_condition(text);
  return parsed ? "no mistake" : parsed.error().what;
}

TEST(ConditionTest, BindsAsJavaScriptDoes) {
  auto all = parse_condition("a == 1 || b == 2 && !(c || d)");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->kind, Kind::kOr);
  ASSERT_EQ(all->parts.size(), 2u);
  EXPECT_EQ(all->parts[0].kind, Kind::kCompare);
  EXPECT_EQ(all->parts[1].kind, Kind::kAnd);
  EXPECT_EQ(all->parts[1].parts[1].kind, Kind::kNot);
  EXPECT_EQ(all->parts[1].parts[1].parts[0].kind, Kind::kOr);
}

TEST(ConditionTest, ReadsMembers) {
  EXPECT_EQ(*parse_path("a.b[3].c"), (MemberPath{"a", "b", "3", "c"}));
  EXPECT_EQ(*parse_path("[\"odd key\"]['x'].#own"), (MemberPath{"odd key", "x", "#own"}));
  EXPECT_EQ(*parse_path("this"), MemberPath());
  EXPECT_EQ(*parse_path("this.this.x"), (MemberPath{"this", "x"}));
  EXPECT_EQ(*parse_path("$na\u00efve_1"), MemberPath{"$na\u00efve_1"});
  for (const char* wrong : {"", "a.", "a[", "a[]", "a[x]", "a b", "1a", "a..b", ".", "a[\"x]"})
    EXPECT_FALSE(parse_path(wrong)) << wrong;
}

TEST(ConditionTest, ReadsValues) {
  auto value = [](std::string_view text) {
    return std::get<Literal>(parse_condition("a == " + std::string(text))->right);
  };
  EXPECT_EQ(std::get<double>(value("-1.5e3")), -1500);
  EXPECT_EQ(std::get<double>(value("0x1F")), 31);
  EXPECT_EQ(std::get<double>(value("12n")), 12);
  EXPECT_EQ(std::get<double>(value(".5")), 0.5);
  EXPECT_EQ(std::get<double>(value("5.")), 5);
  EXPECT_EQ(std::get<double>(value("0b101")), 5);
  EXPECT_EQ(std::get<double>(value("0o17")), 15);
  EXPECT_EQ(std::get<double>(value("1_000")), 1000);
  EXPECT_EQ(std::get<double>(value("-Infinity")), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(std::get<BigNumber>(value("-18446744073709551617n")).digits, (std::vector<uint64_t>{1, 1}));
  EXPECT_TRUE(std::get<BigNumber>(value("-18446744073709551617n")).negative);
  EXPECT_EQ(std::get<BigNumber>(value("0x20000000000001")).digits, (std::vector<uint64_t>{0x20000000000001}));
  for (const char* wrong : {"a == 0b2", "a == 0x", "a == 1_", "a == 1__0", "a == 12x", "a == 1.5n", "a == -Infinityx"})
    EXPECT_NE(mistake(wrong), "no mistake") << wrong;
  EXPECT_EQ(std::get<std::string>(value("'\\u65e5\\xfc\\u{1f600}\\ud83d\\ude00'")),
            "\xe6\x97\xa5\xc3\xbc\xf0\x9f\x98\x80\xf0\x9f\x98\x80");
  for (const char* wrong : {"a == '\\u12'", "a == '\\xg0'", "a == '\\u{110000}'", "a == '\\u{}'", "a == '\\u{12'"})
    EXPECT_NE(mistake(wrong), "no mistake") << wrong;
  EXPECT_EQ(std::get<std::string>(value("'it\\'s\\n'")), "it's\n");
  EXPECT_EQ(std::get<bool>(value("true")), true);
  EXPECT_TRUE(std::holds_alternative<Null>(value("null")));
  EXPECT_TRUE(std::holds_alternative<Undefined>(value("undefined")));
  EXPECT_TRUE(std::holds_alternative<MemberPath>(parse_condition("a == nullable")->right));
  EXPECT_TRUE(std::holds_alternative<MemberPath>(parse_condition("a == true.x")->right));
}

TEST(ConditionTest, ComparesIntegersExactly) {
  auto big = [](const char* text) { return *parse_big_number(text, 10); };
  EXPECT_LT(big("9007199254740992"), big("9007199254740993"));
  EXPECT_EQ(*big_number(9007199254740994.0), big("9007199254740994"));
  EXPECT_EQ(*big_number(1e30), big("1000000000000000019884624838656"));
  EXPECT_EQ(*big_number(std::ldexp(1.0, 128)), big("340282366920938463463374607431768211456"));
  EXPECT_EQ(*big_number(12.0), big("12"));
  EXPECT_EQ(*big_number(-0.0), big("0"));
  EXPECT_FALSE(big_number(0.5));
  BigNumber less = big("18446744073709551617");
  less.negative = true;
  EXPECT_LT(less, big("0"));
  EXPECT_LT(less, *big_number(-18446744073709551616.0));
}

TEST(ConditionTest, ReadsPatternsAndExistence) {
  auto matching = parse_condition("a =~ /x\\/[/]y/i");
  ASSERT_TRUE(matching);
  EXPECT_EQ(matching->kind, Kind::kMatches);
  EXPECT_TRUE(matching->pattern->matches("X//Y"));
  auto existing = parse_condition("\"zip\" in user.address");
  ASSERT_TRUE(existing);
  EXPECT_EQ(existing->kind, Kind::kExists);
  EXPECT_EQ(std::get<MemberPath>(existing->left), (MemberPath{"user", "address", "zip"}));
  EXPECT_EQ(std::get<MemberPath>(parse_condition("0 in list")->left), (MemberPath{"list", "0"}));
  EXPECT_EQ(parse_condition("inner")->kind, Kind::kTruth) << "begins like `in`";
}

TEST(ConditionTest, TellsTheColumnOfAMistake) {
  EXPECT_EQ(mistake("a = 1"), "'a = 1', column 3: write == to compare");
  EXPECT_EQ(mistake("(a == 1"), "'(a == 1', column 8: a ) is missing here");
  EXPECT_EQ(mistake("a == 'x"), "'a == 'x', column 6: this text has no end");
  EXPECT_THAT(mistake("a && "), HasSubstr("column 6: a member or a value is missing here"));
  EXPECT_THAT(mistake("a =~ x"), HasSubstr("column 6: a regular expression between / and / is missing here"));
  EXPECT_THAT(mistake("a =~ /(/"), HasSubstr("column 6: '(' is no regular expression"));
  EXPECT_THAT(mistake("a =~ /x"), HasSubstr("column 6: this regular expression has no end"));
  EXPECT_THAT(mistake("a =~ /x/g"), HasSubstr("there is no flag g"));
  EXPECT_THAT(mistake("a b"), HasSubstr("column 3: an operator"));
  EXPECT_THAT(mistake("a == 12abc"), HasSubstr("this is no number"));
  EXPECT_THAT(mistake(""), HasSubstr("column 1"));
  EXPECT_THAT(mistake(std::string(100000, '(')), HasSubstr("nested too deep"));
  EXPECT_THAT(mistake(std::string(100000, '!')), HasSubstr("nested too deep"));
}

TEST(RegexTest, MatchesAnywhere) {
  auto matches = [](std::string_view pattern, std::string_view text, bool ignore_case = false) {
    return Regex::parse(pattern, ignore_case)->matches(text);
  };
  EXPECT_TRUE(matches("b.d", "abcde"));
  EXPECT_FALSE(matches("^b", "abc"));
  EXPECT_TRUE(matches("literal", "a literal text"));
  EXPECT_TRUE(matches("LITERAL", "a literal text", true));
  EXPECT_FALSE(matches("LITERAL", "a literal text"));
  EXPECT_TRUE(matches("abx?c", "abc")) << "what may be missing is not needed";
  EXPECT_TRUE(matches("ab{0,2}c", "ac"));
  EXPECT_TRUE(matches("foo|bar", "bar"));
  EXPECT_TRUE(matches("(foo)?bar", "bar"));
  EXPECT_TRUE(matches("[foo]bar", "obar"));
  EXPECT_TRUE(matches("\\.js$", "x.js"));
  EXPECT_TRUE(matches("^\u2603?x", "x"));
  EXPECT_TRUE(matches("^\u2603{2}$", "\u2603\u2603"));
}

TEST(RegexTest, BearsWithWhatIsMadeToHurt) {
  auto pattern = Regex::parse("(a+)+$");
  ASSERT_TRUE(pattern);
  EXPECT_FALSE(pattern->matches(std::string(5000, 'a') + "b"));
  EXPECT_TRUE(Regex::parse("(x|y|a)*b")->matches(std::string(65536, 'a') + "b")) << "no recursion per character";
  EXPECT_FALSE(Regex::parse("("));
  EXPECT_FALSE(Regex::parse(std::string(2000, 'a')));
}

}  // namespace
}  // namespace inquest::v8
