#include "commands/flame_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = FlameFrame::Kind;

struct Picture {
  std::string text;
  FlameGraph::Left left;
};

Picture draw(const FlameGraph& graph, FlameGraph::Labels labels = {.title = "a title"}) {
  Picture picture;
  {
    Output output([&](std::string_view block) {
      picture.text.append(block);
      return true;
    });
    picture.left = graph.write(output, labels);
  }
  return picture;
}

/// Whether elements are closed in order and what stands between them has no character that XML forbids there. No
/// parser: tests/probes/sampling.py has one.
bool is_balanced(std::string text) {
  if (size_t begin = text.find("<![CDATA["); begin != std::string::npos) {
    size_t end = text.find("]]>", begin);
    if (end == std::string::npos) return false;
    text.erase(begin, end + 3 - begin);
  }
  if (!text.starts_with("<?xml ")) return false;
  text.erase(0, text.find("?>") + 2);
  std::vector<std::string> open;
  for (size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 && byte != '\n') return false;
    if (text[i] == '&' && text.compare(i, 5, "&amp;") != 0 && text.compare(i, 4, "&lt;") != 0 &&
        text.compare(i, 4, "&gt;") != 0 && text.compare(i, 6, "&quot;") != 0)
      return false;
    if (text[i] != '<') continue;
    size_t end = text.find('>', i);
    if (end == std::string::npos) return false;
    std::string tag = text.substr(i + 1, end - i - 1);
    i = end;
    if (tag.ends_with('/')) continue;
    if (!tag.starts_with('/')) {
      open.push_back(tag.substr(0, tag.find(' ')));
      continue;
    }
    if (open.empty() || open.back() != tag.substr(1)) return false;
    open.pop_back();
  }
  return open.empty();
}

void add(FlameGraph& graph, uint64_t weight, const std::vector<std::string>& names) {
  graph.begin_stack(weight);
  for (const std::string& name : names) graph.push({.name = name});
}

TEST(FlameGraph, WidthIsWeight) {
  FlameGraph graph;
  add(graph, 3, {"main", "heavy"});
  add(graph, 1, {"main", "light"});
  add(graph, 4, {"other"});
  Picture picture = draw(graph);
  EXPECT_TRUE(is_balanced(picture.text));
  EXPECT_THAT(picture.text,
              HasSubstr("<title>main (4 samples, 50.00%)</title><rect x=\"10.00\" y=\"60\" width=\"590.00\""));
  EXPECT_THAT(picture.text,
              HasSubstr("<title>heavy (3 samples, 37.50%)</title><rect x=\"10.00\" y=\"44\" width=\"442.50\""));
  EXPECT_THAT(picture.text,
              HasSubstr("<title>light (1 samples, 12.50%)</title><rect x=\"452.50\" y=\"44\" width=\"147.50\""));
  EXPECT_THAT(picture.text, HasSubstr("<title>other (4 samples, 50.00%)</title><rect x=\"600.00\" y=\"60\""));
  EXPECT_EQ(picture.left.narrow, 0U);
}

TEST(FlameGraph, EqualStacksGiveEqualPictures) {
  FlameGraph one, other;
  add(one, 1, {"a", "b"}), add(one, 2, {"a", "c"});
  add(other, 2, {"a", "c"}), add(other, 1, {"a", "b"});
  EXPECT_EQ(draw(one).text, draw(other).text);
}

TEST(FlameGraph, KindsAreApart) {
  FlameGraph graph;
  graph.begin_stack(1);
  graph.push({.name = "f", .kind = Kind::kNative});
  graph.begin_stack(1);
  graph.push({.name = "f", .kind = Kind::kKernel});
  std::string text = draw(graph).text;
  EXPECT_NE(text.find("<title>f (1 samples, 50.00%)"), text.rfind("<title>f (1 samples, 50.00%)"));
  EXPECT_THAT(text, Not(HasSubstr("<title>f (2 samples")));
}

TEST(FlameGraph, AnyNameIsWellFormed) {
  FlameGraph graph;
  for (std::string name :
       {"operator<< <a&&, \"b\">(c>)", "]]>", "<!--", "\xff\xfe", "\xef\xbf\xbe\xef\xbf\xbf", "", "a\x01\n\t\x7f",
        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "<script>alert(1)</script>", "\xe2\x80\xae"})
    add(graph, 5, {name, name + name});
  add(graph, 5, {std::string(100'000, '<')});
  Picture picture = draw(graph, {.title = "</text>&", .unit = "<us>"});
  EXPECT_TRUE(is_balanced(picture.text));
  EXPECT_THAT(picture.text, Not(HasSubstr("\xef\xbf\xbf")));
  EXPECT_THAT(picture.text, HasSubstr("operator&lt;&lt; &lt;a&amp;&amp;, &quot;b&quot;&gt;(c&gt;)"));
}

TEST(FlameGraph, Nothing) {
  Picture picture = draw(FlameGraph());
  EXPECT_TRUE(is_balanced(picture.text));
  EXPECT_THAT(picture.text, Not(HasSubstr("<title>")));
  FlameGraph weightless;
  add(weightless, 0, {"main"});
  EXPECT_TRUE(is_balanced(draw(weightless).text));
}

TEST(FlameGraph, TellsWhatIsLeftOut) {
  FlameGraph graph;
  add(graph, 1'000'000, {"wide"});
  add(graph, 1, {"narrow", "narrower"});
  std::vector<std::string> names(5000, "deeper");
  add(graph, 1'000'000, names);
  Picture picture = draw(graph);
  EXPECT_TRUE(is_balanced(picture.text));
  EXPECT_EQ(picture.left.narrow, 2U);
  EXPECT_EQ(picture.left.deep, 3000U);
  EXPECT_EQ(left_out_note(picture.left), "2 boxes are too narrow to be drawn, 3000 lie above level 2000");
}

}  // namespace
}  // namespace inquest::commands
