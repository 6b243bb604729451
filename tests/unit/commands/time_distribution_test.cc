#include "commands/time_distribution.h"

#include <gtest/gtest.h>

#include <string>

namespace inquest::commands {
namespace {

std::string text_of(const TimeDistribution& times) {
  std::string text;
  {
    Output output([&](std::string_view block) {
      text.append(block);
      return true;
    });
    times.write_text(output);
  }
  return text;
}

// As @hist_log of SystemTap: two empty lines on both sides, `~` for more of them, bars of 50 characters at most.
TEST(TimeDistribution, LooksLikeSystemTap) {
  TimeDistribution times;
  for (int i = 0; i < 10; ++i) times.add(2);
  for (int i = 0; i < 60; ++i) times.add(5);
  times.add(1739);
  std::string blank(50, ' ');
  EXPECT_EQ(text_of(times),
            "min/avg/max: 2/29/1739\n"
            "value |-------------------------------------------------- count\n"
            "    0 |" +
                blank + "  0\n" + "    1 |" + blank + "  0\n" + "    2 |@@@@@" + std::string(45, ' ') + " 10\n" +
                "    4 |" + std::string(30, '@') + std::string(20, ' ') + " 60\n" + "    8 |" + blank + "  0\n" +
                "   16 |" + blank + "  0\n" + "      ~\n" + "  256 |" + blank + "  0\n" + "  512 |" + blank + "  0\n" +
                " 1024 |" + blank + "  1\n" + " 2048 |" + blank + "  0\n" + " 4096 |" + blank + "  0\n\n");
}

TEST(TimeDistribution, Ends) {
  TimeDistribution times;
  EXPECT_EQ(text_of(times), "");
  times.add(UINT64_MAX);
  EXPECT_NE(text_of(times).find("9223372036854775808 |@"), std::string::npos);
  EXPECT_EQ(times.count(), 1U);
}

}  // namespace
}  // namespace inquest::commands
