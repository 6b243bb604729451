#include "commands/args.h"

#include <gtest/gtest.h>

namespace inquest::commands {
namespace {

using Kind = OptionSpec::Kind;

const CommandSpec kSpec{
    .name = {"v8", "try"},
    .summary = "for tests",
    .options = {{.short_name = 'd', .long_name = "detailed"},
                {.short_name = 'n', .long_name = "limit", .kind = Kind::kNumber, .value_name = "N"},
                {.long_name = "sort",
                 .kind = Kind::kChoice,
                 .value_name = "KEY",
                 .choices = {"count", "size"},
                 .default_value = "count"},
                {.long_name = "all", .excludes = "which"},
                {.long_name = "dead", .excludes = "which"}},
    .positionals = {{.name = "TYPE", .joins_rest = true}},
};

Result<Args> parse(std::vector<std::string> words) { return Args::parse(kSpec, words); }

TEST(Args, TakesOptionsInAnyForm) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"-dn", "5", "T"}, {"-d", "-n5", "T"}, {"T", "--detailed", "--limit=5"}, {"--limit", "5", "T", "-d"}}) {
    auto args = parse(words);
    ASSERT_TRUE(args.ok()) << args.error().line();
    EXPECT_TRUE(args->has("detailed"));
    EXPECT_EQ(args->number("limit"), 5u);
    EXPECT_EQ(args->word(0), "T");
    EXPECT_EQ(args->value("sort"), "count");
    EXPECT_FALSE(args->json());
  }
}

TEST(Args, JoinsTheRestAndStopsAtDashes) {
  EXPECT_EQ(parse({"My", "Type"})->word(0), "My Type");
  EXPECT_EQ(parse({"--", "-d"})->word(0), "-d");
  EXPECT_EQ(parse({"-"})->word(0), "-");
  EXPECT_EQ(parse({"T"})->word(7), "");
}

TEST(Args, HelpAndJsonAreUnderstoodEverywhere) {
  EXPECT_TRUE(parse({"--help"})->help());
  EXPECT_TRUE(parse({"T", "--json"})->json());
}

TEST(Args, MistakesAreUsageErrorsThatSayWhatIsPossible) {
  struct Case {
    std::vector<std::string> words;
    const char* says;
  };
  for (const auto& [words, says] : std::vector<Case>{{{}, "missing TYPE"},
                                                     {{"T", "--detaild"}, "did you mean --detailed?"},
                                                     {{"T", "-x"}, "unknown option -x"},
                                                     {{"T", "-n"}, "-n needs a value N"},
                                                     {{"T", "-n", "-5"}, "needs a whole number, not '-5'"},
                                                     {{"T", "-n", "99999999999999999999"}, "needs a whole number"},
                                                     {{"T", "--limit="}, "needs a whole number"},
                                                     {{"T", "--detailed=1"}, "takes no value"},
                                                     {{"T", "--sort", "age"}, "one of count, size"},
                                                     {{"T", "--all", "--dead"}, "exclude each other"}}) {
    auto args = parse(words);
    ASSERT_FALSE(args.ok()) << says;
    EXPECT_EQ(args.error().kind, Error::Kind::kUsage);
    EXPECT_NE(args.error().line().find(says), std::string::npos) << args.error().line();
    EXPECT_NE(args.error().hint.find("usage: v8 try [-d]"), std::string::npos);
  }
}

TEST(Args, WordsTooManyAreRefused) {
  CommandSpec none{.name = {"x"}, .summary = ""};
  std::vector<std::string> words = {"extra"};
  EXPECT_NE(Args::parse(none, words).error().what.find("unexpected word 'extra'"), std::string::npos);
}

}  // namespace
}  // namespace inquest::commands
