#include "commands/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "commands/man_page.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;

ProgramSpec program() {
  return {.name = "inquest",
          .summary = "a summary",
          .version = "1.2.3",
          .usage = {"COMMAND"},
          .description = "One.\n\n.Two",
          .options = {{.short_name = 'c',
                       .long_name = "core",
                       .kind = OptionSpec::Kind::kFile,
                       .value_name = "CORE",
                       .help = "the core"}},
          .examples = {},
          .environment = {}};
}

TEST(Help, WrapKeepsWordsAndParagraphs) {
  EXPECT_EQ(wrap("one two three\n\n  as it is\nfour", 2, 10), "  one two\n  three\n\n    as it is\n  four\n");
  EXPECT_EQ(wrap("unbreakablelongword x", 0, 5), "unbreakablelongword\nx\n");
}

TEST(Help, EverySpecificationIsComplete) {
  Registry registry;
  for (const auto& command : registry.commands()) {
    const CommandSpec& spec = command->spec();
    SCOPED_TRACE(spec.full_name());
    EXPECT_FALSE(spec.summary.empty());
    EXPECT_FALSE(spec.description.empty());
    EXPECT_FALSE(spec.examples.empty());
    EXPECT_LE(spec.summary.size(), 70u);
    std::set<std::string> names = {"json", "help"};
    std::set<char> letters = {'h'};
    for (const OptionSpec& option : spec.options) {
      EXPECT_TRUE(names.insert(option.long_name).second) << option.long_name;
      bool letter_is_free = option.short_name == 0 || letters.insert(option.short_name).second;
      EXPECT_TRUE(letter_is_free) << option.short_name;
      EXPECT_FALSE(option.help.empty()) << option.long_name;
      EXPECT_EQ(option.value_name.empty(), option.kind == OptionSpec::Kind::kFlag) << option.long_name;
    }
    for (const std::string& line : {command_help(spec)}) {
      EXPECT_THAT(line, HasSubstr("--json"));
      EXPECT_THAT(line, HasSubstr("Examples:"));
    }
  }
}

TEST(Help, ManPageAndCompletionKnowEveryCommand) {
  Registry registry;
  std::string man = man_page(program(), registry);
  std::string bash = bash_completion(program(), registry);
  for (const auto& command : registry.commands()) {
    std::string in_man;
    for (char c : command->spec().full_name()) in_man += c == '-' ? "\\-" : std::string(1, c);
    EXPECT_THAT(man, HasSubstr(".SS " + in_man));
    EXPECT_THAT(bash, HasSubstr("\"" + command->spec().full_name() + "\""));
  }
  EXPECT_THAT(man, HasSubstr("\n\\&.Two\n")) << "no text becomes a macro";
  EXPECT_THAT(bash, HasSubstr("--core|-c) COMPREPLY"));
}

}  // namespace
}  // namespace inquest::commands
