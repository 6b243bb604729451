#include "commands/text_escape.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace inquest::commands {
namespace {

TEST(EscapeText, LeavesWhatIsHarmless) {
  for (const char* text : {"", "Session", "C:\\x", "Größe 日本 \xf0\x9f\x98\x80"}) EXPECT_EQ(escape_text(text), text);
}

TEST(EscapeText, ShowsControlCharactersAndWrongBytes) {
  EXPECT_EQ(escape_text("a\nb\tc\x1b[31m\x7f"), "a\\nb\\tc\\x1b[31m\\x7f");
  EXPECT_EQ(escape_text("\xc2\x9b"), "\\u009b");         // C1 control sequence introducer
  EXPECT_EQ(escape_text("\xe2\x80\xae"), "\\u202e");     // right-to-left override
  EXPECT_EQ(escape_text("x\xffy\xc3"), "x\\xffy\\xc3");  // never UTF-8; cut short
  EXPECT_EQ(escape_text("\xc0\x80"), "\\xc0\\x80");      // overlong
  EXPECT_EQ(escape_text("\xed\xa0\x80"), "\\ud800");     // surrogate
  EXPECT_EQ(escape_text("a\nb", LineBreaks::kKeep), "a\nb");
}

TEST(EscapeSourceLine, TabsReachTheNextColumnOfEight) {
  EXPECT_EQ(escape_source_line("\tx"), "        x");
  EXPECT_EQ(escape_source_line("ab\tc\t"), "ab      c       ");
  EXPECT_EQ(escape_source_line("\u0448\ty"), "\u0448       y");
  EXPECT_EQ(escape_source_line("a\rb\xff"), "a\\rb\\xff");
  EXPECT_EQ(escape_source_line(""), "");
}

TEST(IsPlainAscii, FindsTheOneCharacterThatIsNot) {
  for (size_t size = 0; size < 70; ++size) {
    std::string text(size, '~');
    EXPECT_TRUE(is_plain_ascii(text));
    for (size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        text[at] = static_cast<char>(byte);
        EXPECT_EQ(is_plain_ascii(text), byte >= 0x20 && byte < 0x7f) << byte << " at " << at << " of " << size;
      }
      text[at] = ' ';
    }
  }
}

TEST(AppendJsonString, IsValidWhateverComesIn) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& text : {all, std::string("\xf4\x90\x80\x80"), std::string("q\"\\\xe2\x82")}) {
    std::string out;
    append_json_string(out, text);
    EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  }
  std::string out;
  append_json_string(out,
                     "a\"\\\n\x01\xff"
                     "é");
  EXPECT_EQ(out, "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbdé\"");
  out.clear();
  append_json_string(out, "\xed\xa0\xbdx\xf0\x9f\x98\x80");
  EXPECT_EQ(out, "\"\\ud83dx\xf0\x9f\x98\x80\"") << "a surrogate that is no pair";
}

}  // namespace
}  // namespace inquest::commands
