#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

CodeLocation at(std::string_view function, std::string_view file, uint32_t line, bool inlined = false) {
  CodeLocation location;
  location.function = location.linkage_name = function;
  location.file = file;
  location.line = line;
  location.inlined = inlined;
  return location;
}

class ResolveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto& app = cores.files().add("/opt/app", 0x401000, 0x1000, false);
    app.known[0x401132] = {at("tip", "/src/t.c", 1)};
    app.known[0x401131] = {at("inner", "/src/t.c", 3, true), at("outer", "/src/t.c", 7)};
    app.known[0x401041] = {at("main", "/src/main.c", 20)};
    auto symbols = std::make_shared<testing::FakeSymbolList>();
    symbols->add("entry", 0x1100, 0x40).add("twin", 0x1200, 0x40).add("twin", 0x1310, 0x40);
    auto& library = cores.files().add("/lib/libz.so.1", 0x1000, 0x1000, true, symbols);
    library.known[0x1111] = {at("deep", "/src/z.c", 4, true), at("entry", "/src/z.c", 9)};
    library.known[0x1321] = {at("deep", "/src/z.c", 5, true), at("twin", "/src/z.c", 30)};
    library.known[0x1801] = {at("deep", "/src/z.c", 6, true), at("hidden", "/src/z.c", 40)};
    name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    path = std::filesystem::path(::testing::TempDir()) / ("resolve_" + std::to_string(getpid()) + "_" + name);
  }
  void TearDown() override { std::filesystem::remove(path); }

  testing::FakeCores::Answer resolve(const std::string& text, const std::string& options = "",
                                     const std::string& command = "resolve-inlines",
                                     const std::string& exe = "/opt/app") {
    std::ofstream(path) << text;
    return cores.run(command + " " + options + " " + path.string() + " " + exe);
  }

  testing::FakeCores cores;
  std::string name;
  std::filesystem::path path;
};

constexpr const char* kBt =
    " 0x401132 : outer+0x12/0x40 [/opt/app]\n"
    " 0x401132 : outer+0x12/0x40 [/opt/app]\n"
    " 0x401042 : main+0x9/0x20 [/opt/app]\n"
    "\t5\n";

TEST_F(ResolveTest, TipAndReturnAddressOfOneValueDiffer) {
  EXPECT_EQ(resolve(kBt).text,
            " 0x401132 : outer+0x12/0x40 [/opt/app]\n"
            " 0x401132 : inner+0x0/0x0 [t.c:3]\n"
            " 0x401132 : outer+0x0/0x0 [t.c:7]\n"
            " 0x401042 : main+0x9/0x20 [/opt/app]\n"
            "\t5\n");
  EXPECT_EQ(resolve(kBt, "", "resolve-src-lines").text,
            " 0x401132 : tip(t.c:1)+0x0/0x0 [t.c:1]\n"
            " 0x401132 : inner(t.c:3)+0x0/0x0 [t.c:3]\n"
            " 0x401132 : outer(t.c:7)+0x0/0x0 [t.c:7]\n"
            " 0x401042 : main(main.c:20)+0x0/0x0 [main.c:20]\n"
            "\t5\n");
}

TEST_F(ResolveTest, OtherLinesAndTheMissingLineEndStay) {
  std::string odd = "WARNING: x\n 0xzz : y\n\tabc\n 0xffffffff81000000 : k+0x0/0x1 [kernel]\nend";
  auto answer = resolve(odd, "--input bt");
  EXPECT_EQ(answer.text, odd);
  EXPECT_EQ(answer.outcome.status, 0);
}

TEST_F(ResolveTest, EachAddressIsAskedForOnce) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += kBt;
  auto answer = resolve(text);
  EXPECT_THAT(cores.files().infos["/opt/app"].asked, ElementsAre(0x401132, 0x401131, 0x401041));
}

TEST_F(ResolveTest, LibrariesByTheSymbolOnTheLine) {
  std::string text =
      " 0x401132 : x+0x1/0x2 [/opt/app]\n"
      " 0x7f0000111112 : entry+0x12/0x40 [/lib/libz.so.1]\n"  // 0x1112: loaded at 0x7f0000110000
      " 0x7f0000111322 : twin+0x12/0x40 [/lib/libz.so.1]\n"   // only the second twin fits whole pages
      " 0x7f0000111802 : 0x7f0000111802 [/lib/libz.so.1]\n"   // by the others of its stack
      "\t1\n";
  auto answer = resolve(text);
  EXPECT_THAT(answer.text, HasSubstr(" 0x7f0000111112 : deep+0x0/0x0 [z.c:4]\n 0x7f0000111112 : entry+0x0/0x0"));
  EXPECT_THAT(answer.text, HasSubstr("[z.c:5]\n 0x7f0000111322 : twin+0x0/0x0 [z.c:30]"));
  EXPECT_THAT(answer.text, HasSubstr(" 0x7f0000111802 : hidden+0x0/0x0 [z.c:40]"));
  EXPECT_EQ(answer.outcome.status, 0);
}

TEST_F(ResolveTest, WithoutALoadAddressTheLineStaysAndIsCounted) {
  std::string text = " 0x7f0000111802 : 0x7f0000111802 [/lib/libz.so.1]\n\t1\n";
  auto answer = resolve(text);
  EXPECT_EQ(answer.text, text);
  EXPECT_EQ(answer.outcome.status, 1);
  ASSERT_EQ(answer.outcome.notes.size(), 1u);
  EXPECT_THAT(answer.outcome.notes[0].text, HasSubstr("1 address in /lib/libz.so.1"));
  EXPECT_THAT(answer.outcome.notes[0].text, HasSubstr("--maps"));
}

TEST_F(ResolveTest, TwoProcessesAreNotMixed) {
  std::string text =
      " 0x7f0000111112 : entry+0x12/0x40 [/lib/libz.so.1]\n\t1\n"
      " 0x7f0000211112 : entry+0x12/0x40 [/lib/libz.so.1]\n\t1\n"
      " 0x7f0000111802 : 0x7f0000111802 [/lib/libz.so.1]\n\t1\n";
  auto answer = resolve(text);
  EXPECT_THAT(answer.text, HasSubstr("\t1\n 0x7f0000111802 : 0x7f0000111802 [/lib/libz.so.1]\n\t1\n"));
  EXPECT_EQ(answer.outcome.status, 1);
}

TEST_F(ResolveTest, AnotherBuildOfALibraryIsNotUsed) {
  // entry+0x12 would put the file at no page boundary.
  std::string text = " 0x7f0000111115 : entry+0x12/0x40 [/lib/libz.so.1]\n\t1\n";
  auto answer = resolve(text);
  EXPECT_EQ(answer.text, text);
  EXPECT_EQ(answer.outcome.status, 1);
}

TEST_F(ResolveTest, JsonHasStacksFirstAndNotesAfter) {
  Json json = Json::parse(resolve(kBt, "--json").text);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["format"], "bt");
  ASSERT_EQ(json["stacks"].size(), 1u);
  EXPECT_EQ(json["stacks"][0]["count"], 5);
  const Json& frames = json["stacks"][0]["frames"];
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(frames[1]["function"], "inner");
  EXPECT_EQ(frames[1]["inlined"], true);
  EXPECT_EQ(frames[1]["file"], "/src/t.c");
  EXPECT_EQ(frames[3]["index"], 3);
  EXPECT_EQ(frames[3]["pc"], "0x401042");
  EXPECT_EQ(json["incomplete"], false);
}

TEST_F(ResolveTest, Folded) {
  EXPECT_EQ(resolve(kBt, "--folded").text, "main;outer;inner;tip 5\n");
  EXPECT_EQ(resolve(kBt, "--folded", "resolve-src-lines").text,
            "main(main.c:20);outer(t.c:7);inner(t.c:3);tip(t.c:1) 5\n");
  EXPECT_EQ(resolve("app;0x401042;0x401132;done 3\n").text, "app;main;outer;inner;done 3\n");
}

TEST_F(ResolveTest, PerfListsInlinedFunctionsOnce) {
  std::string text =
      "app 1 2.5: cycles: \n"
      "\t401132 outer+0x12 (/opt/app)\n"
      "\t401132 inner+0x2 (inlined)\n"
      "\t401132 outer+0x12 (/opt/app)\n\n";
  EXPECT_EQ(resolve(text).text,
            "app 1 2.5: cycles: \n"
            "\t401132 outer+0x12 (/opt/app)\n"
            "\t401132 inner (t.c:3)\n"
            "\t401132 outer (t.c:7)\n\n");
  EXPECT_EQ(resolve(text, "--folded").text, "app;outer;inner;tip 1\n");
}

TEST_F(ResolveTest, EuStackListsInlinedFunctionsOnceAndRecursionStays) {
  std::string listed = "TID 1:\n#0  0x401900 x\n#1  0x401132 inner\n#2  0x401132 outer\n";
  EXPECT_EQ(resolve(listed).text, listed);
  EXPECT_THAT(resolve(listed, "", "resolve-src-lines").text,
              HasSubstr("#1  0x401132 inner (t.c:3)\n#2  0x401132 outer (t.c:7)\n"));
  std::string recursion = "TID 1:\n#0  0x401900 x\n#1  0x401132 outer\n#2  0x401132 outer\n";
  EXPECT_THAT(resolve(recursion).text, HasSubstr("#1  0x401132 inner (t.c:3)\n#1  0x401132 outer (t.c:7)\n#2"));
}

TEST_F(ResolveTest, MapsPlaceEverything) {
  std::string maps = path.string() + ".maps";
  std::ofstream(maps) << "7f0000110000-7f0000111000 r--p 00000000 08:01 11 /lib/libz.so.1\n"
                         "7f0000111000-7f0000112000 r-xp 00001000 08:01 11 /lib/libz.so.1\n";
  auto answer = resolve("#0  0x00007f0000111801 ??\n", "--maps " + maps);
  EXPECT_EQ(answer.text, "#0  0x00007f0000111801 deep (z.c:6)\n#0  0x00007f0000111801 hidden (z.c:40)\n");
  std::filesystem::remove(maps);
}

TEST_F(ResolveTest, NamesInEveryForm) {
  CodeLocation location = at("ns::Box<int>::get", "/src/b.cc", 5, true);
  location.linkage_name = "_ZNK2ns3BoxIiE3getEi";
  cores.files().infos["/opt/app"].known[0x401200] = {location, at("main", "/src/b.cc", 9)};
  std::string text = " 0x401200 : x+0x0/0x1 [/opt/app]\n";
  EXPECT_THAT(resolve(text).text, HasSubstr(" : _ZNK2ns3BoxIiE3getEi+0x0/0x0 [b.cc:5]\n"));
  EXPECT_THAT(resolve(text, "-C").text, HasSubstr(" : ns::Box<int>::get(int) const+0x0/0x0 [b.cc:5]\n"));
  EXPECT_THAT(resolve(text, "--names short --full-paths").text,
              HasSubstr(" : ns::Box<int>::get+0x0/0x0 [/src/b.cc:5]"));
  EXPECT_EQ(resolve(text, "--folded").text, "main;ns::Box<int>::get 1\n");
}

TEST_F(ResolveTest, NamesAreMadeHarmless) {
  cores.files().infos["/opt/app"].known[0x401200] = {at("a;b\x1b[2J", "/src/\n.c", 5, true), at("m", "/m.c", 1)};
  std::string text = " 0x401200 : x+0x0/0x1 [/opt/app]\n";
  EXPECT_THAT(resolve(text).text, HasSubstr("a;b\\x1b[2J+0x0/0x0 [\\n.c:5]\n"));
  EXPECT_EQ(resolve(text, "--folded").text, "m;a:b\\x1b[2J 1\n");
}

TEST_F(ResolveTest, BadInputIsOneLine) {
  auto status = [&](const std::string& text) { return resolve(text).outcome; };
  EXPECT_EQ(status("prose\nand more\n").status, 3);
  EXPECT_THAT(status(std::string("\x7f") + "ELF\x02\x01\x01\x01\x01").error->line(), HasSubstr("come first"));
  EXPECT_THAT(status("PERFILE2....").error->line(), HasSubstr("perf script"));
  EXPECT_THAT(status(std::string(64, '\0')).error->line(), HasSubstr("binary"));
  EXPECT_EQ(resolve(kBt, "", "resolve-inlines", "/absent").outcome.status, 3);
  EXPECT_EQ(resolve(kBt, "", "resolve-inlines", "").outcome.status, 0) << "the session has a core";
  EXPECT_EQ(cores.run("resolve-inlines").outcome.status, 2);
  EXPECT_EQ(status("").status, 0);
}

}  // namespace
}  // namespace inquest::commands
