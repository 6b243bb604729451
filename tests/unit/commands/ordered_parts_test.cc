#include "commands/ordered_parts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace inquest::commands {
namespace {

TEST(OrderedParts, ComeOutInOrderHoweverLongEachTakes) {
  constexpr size_t kParts = 200;
  std::string all, expected;
  for (size_t part = 0; part < kParts; ++part) expected += std::to_string(part) + "\n";
  std::vector<std::atomic<int>> busy(writer_count());
  std::atomic<bool> shared = false;
  {
    Output output([&](std::string_view block) { return all.append(block), true; });
    write_in_order(output, kParts, [&](size_t writer, size_t part, Output& text) {
      ASSERT_LT(writer, writer_count());
      if (busy[writer].exchange(1) != 0) shared = true;
      if (part % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
      text.append_number(part);
      text.append('\n');
      busy[writer] = 0;
    });
  }
  EXPECT_EQ(all, expected);
  EXPECT_FALSE(shared) << "two parts by one writer at a time";
}

TEST(OrderedParts, StopsWhenNobodyReads) {
  std::atomic<size_t> written = 0;
  Output output([](std::string_view) { return false; });
  write_in_order(output, 1'000'000, [&](size_t, size_t, Output& text) {
    ++written;
    text.append(std::string(100'000, 'x'));
  });
  EXPECT_LT(written, 1000);
}

TEST(OrderedParts, NoParts) {
  Output output([](std::string_view) { return true; });
  write_in_order(output, 0, [](size_t, size_t, Output&) { FAIL(); });
}

}  // namespace
}  // namespace inquest::commands
