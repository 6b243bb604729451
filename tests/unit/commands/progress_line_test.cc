#include "commands/progress_line.h"

#include <gtest/gtest.h>

namespace inquest::commands {
namespace {

using namespace std::chrono_literals;

TEST(ProgressLine, AppearsAfterASecondAndLeavesNothing) {
  std::string terminal;
  ProgressLine::Clock::time_point now{1h};
  ProgressLine line([&](std::string_view text) { terminal += text; }, [&] { return now; });
  line.update("walking", 0, 100);
  now += 900ms;
  line.update("walking", 10, 100);
  EXPECT_EQ(terminal, "");
  line.clear();
  EXPECT_EQ(terminal, "");

  line.update("walking", 0, 100);
  now += 1100ms;
  line.update("walking", 50, 100);
  now += 10ms;
  line.update("walking", 51, 100);
  EXPECT_EQ(terminal, "\rwalking  50 %");
  now += 100ms;
  line.update("a\nb", 1, 0);
  EXPECT_EQ(terminal, "\rwalking  50 %\ra\\nb         ");
  line.clear();
  EXPECT_EQ(terminal, "\rwalking  50 %\ra\\nb         \r    \r");
}

}  // namespace
}  // namespace inquest::commands
