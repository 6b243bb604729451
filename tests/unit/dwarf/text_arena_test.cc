#include "postmortem/dwarf/text_arena.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace inquest::dwarf {
namespace {

TEST(TextArena, KeepsTextsOfAnySize) {
  TextArena arena;
  std::vector<std::string> texts;
  for (size_t size : {0, 1, 100, 16 * 1024 - 101, 1, 16 * 1024, 100'000, 5}) {
    for (int i = 0; i < 50; ++i) texts.emplace_back(size, static_cast<char>('a' + i % 26));
  }
  std::vector<std::string_view> kept;
  for (std::string& text : texts) {
    std::string given = text;
    kept.push_back(arena.keep(given));
    given.assign(given.size(), '?');
  }
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(kept[i], texts[i]) << i;
}

}  // namespace
}  // namespace inquest::dwarf
