#include "commands/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_session.h"

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
  EXPECT_EQ(parse("18446744073709551615")->value, ~uint64_t{0}) << "too long for hexadecimal digits";
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

TEST(ExpressionTest, NamesWhatWasPrinted) {
  PrintedValues printed;
  auto with_results = [&](std::string_view text) {
    return parse_expression(
        text, [](uint64_t) { return false; }, &printed);
  };
  EXPECT_THAT(with_results("$1").error().what, HasSubstr("none yet"));
  EXPECT_THAT(with_results("$").error().what, HasSubstr("none yet"));
  printed.add(0x1001);
  printed.add(0x2001);
  EXPECT_EQ(with_results("$1")->value, 0x1001u);
  EXPECT_EQ(with_results("$2 + 8")->value, 0x2009u);
  EXPECT_EQ(with_results("$")->value, 0x2001u);
  EXPECT_EQ(with_results("$ - 0x10")->value, 0x1ff1u);
  EXPECT_THAT(with_results("$3").error().what, HasSubstr("$1 to $2"));
  for (const char* text : {"$0", "$rax", "$1x", "$18446744073709551616"}) {
    EXPECT_FALSE(with_results(text)) << text;
  }
}

class EvaluateTest : public ::testing::Test {
 protected:
  Result<Expression> value(std::string_view text) {
    return evaluate(cores.session(), text, [](uint64_t value) { return value == 0x1001; });
  }
  void start_debugger() {
    cores.session().set_evaluator([this](const std::string& text) -> Result<uint64_t> {
      asked.push_back(text);
      if (text.starts_with("$r")) return 0x4001;
      return usage_error("refused");
    });
  }
  testing::FakeCores cores;
  std::vector<std::string> asked;
};

TEST_F(EvaluateTest, WithoutADebuggerOneLineSaysSo) {
  EXPECT_EQ(value("0x1001")->value, 0x1001u);
  EXPECT_THAT(value("$rax").error().what, HasSubstr("need LLDB"));
  EXPECT_THAT(value("*(long*)($rsp+8)").error().line(), ::testing::Not(HasSubstr("\n")));
  EXPECT_THAT(value("nonsense").error().what, HasSubstr("is no address"));
  EXPECT_THAT(value("$1").error().what, HasSubstr("none yet"));
}

TEST_F(EvaluateTest, TheDebuggerIsAskedForWhatIsNoAddress) {
  start_debugger();
  EXPECT_EQ(value("0x1001")->value, 0x1001u);
  EXPECT_EQ(value("24")->value, 24u);
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(value("$rax")->value, 0x4001u);
  EXPECT_EQ(value("bad")->value, 0xbadu) << "no variable of this name";
  EXPECT_EQ(value("nonsense").error().what, "refused");
  EXPECT_THAT(value("$7").error().what, HasSubstr("none yet")) << "the debugger has none of this number either";
  EXPECT_THAT(asked, ::testing::ElementsAre("$rax", "bad", "nonsense", "$7"));
}

TEST_F(EvaluateTest, CommandsNumberWhatTheyPrint) {
  testing::FakeCores::add(cores.heap(), "Session", 3, 96);
  EXPECT_TRUE(cores.run("v8 findjsinstances Session").outcome.notes.empty()) << "nothing can follow";
  cores.session().set_further_commands();
  auto page = cores.run("v8 findjsinstances -n 2 Session");
  ASSERT_EQ(page.outcome.notes.size(), 1u);
  EXPECT_EQ(page.outcome.notes[0].text, "These are $4 to $5.");
  EXPECT_EQ(cores.run("v8 inspect $5").outcome.notes[0].text, "This is $6.");
  EXPECT_THAT(cores.run("v8 print $5").text, HasSubstr("0x1021:<Object: Session"));
  EXPECT_EQ(cores.run("v8 print $2").text, cores.run("v8 print 0x1021").text);
  auto json = cores.run("v8 findjsinstances --json Session");
  EXPECT_EQ(cores.session().printed().count(), 9u) << "JSON is not numbered";
}

}  // namespace
}  // namespace inquest::commands
