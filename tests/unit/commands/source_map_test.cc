#include "commands/source_map.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace inquest::commands {
namespace {

// Written by hand after the format: line 1 maps column 1 to a.ts 1:1 and column 9 to b.ts 3:5; line 3 column 1 to b.ts
// 4:1; at line 3 column 5 comes something of no source.
constexpr std::string_view kMap =
    R"({"version": 3, "sources": ["a.ts", "../b.ts"], "names": [], "mappings": "AAAA,QCEI;;AACJ,I"})";

TEST(SourceMap, FindsTheLastMappingOfTheLine) {
  auto map = SourceMap::parse(kMap, "/srv/out");
  ASSERT_TRUE(map);
  auto at = [&](uint32_t line, uint32_t column) {
    auto found = map->find(line, column);
    return found ? found->file + ":" + std::to_string(found->line) + ":" + std::to_string(found->column) : "none";
  };
  EXPECT_EQ(at(1, 1), "/srv/out/a.ts:1:1");
  EXPECT_EQ(at(1, 8), "/srv/out/a.ts:1:1");
  EXPECT_EQ(at(1, 9), "/srv/b.ts:3:5");
  EXPECT_EQ(at(2, 1), "none");
  EXPECT_EQ(at(3, 4), "/srv/b.ts:4:1");
  EXPECT_EQ(at(3, 5), "none");
  EXPECT_EQ(at(0, 0), "none");
}

TEST(SourceMap, SectionsAndRoots) {
  std::string text = R"({"version": 3, "sections": [{"offset": {"line": 1, "column": 4}, "map":)"
                     R"({"sourceRoot": "/src", "sources": ["x.ts"], "mappings": "AAAA;AACA"}}]})";
  auto map = SourceMap::parse(text, "");
  ASSERT_TRUE(map);
  EXPECT_FALSE(map->find(2, 4));
  EXPECT_EQ(map->find(2, 5)->file, "/src/x.ts");
  EXPECT_EQ(map->find(3, 1)->line, 2u);
}

TEST(SourceMap, RefusesWhatIsNone) {
  for (const char* text : {"", "[]", "{}", "{\"sources\": 3}", "{\"sources\": [], \"mappings\": \"AAAA\"}",
                           "{\"sources\": [\"a\"], \"mappings\": \"AADA\"}", "{\"sections\": [1]}",
                           "{\"sources\": [\"a\"], \"mappings\": \"DAAA\"}"}) {
    EXPECT_FALSE(SourceMap::parse(text, "/srv")) << text;
  }
}

TEST(SourceMaps, InsideTheScriptNextToItAndInAFolder) {
  namespace fs = std::filesystem;
  fs::path folder = fs::temp_directory_path() / ("inquest_maps_" + std::to_string(::getpid()));
  fs::create_directories(folder / "given");
  auto write = [](const fs::path& path, std::string_view text) { std::ofstream(path) << text; };
  write(folder / "app.js.map", kMap);
  std::string other = R"({"sources": ["given.ts"], "mappings": "AAAA"})";
  write(folder / "given" / "app.js.map", other);
  std::string script = (folder / "app.js").string();

  SourceMaps maps;
  EXPECT_EQ(maps.of(script, "app.js.map")->find(1, 1)->file, (folder / "a.ts").string());
  EXPECT_EQ(maps.of("file://" + script, "app.js.map")->find(1, 1)->file, (folder / "a.ts").string());
  EXPECT_EQ(maps.of(script, ""), nullptr);
  EXPECT_EQ(maps.of(script, "https://example.com/app.js.map"), nullptr);
  EXPECT_EQ(maps.of(script, "data:application/json," + other)->find(1, 1)->file, (folder / "given.ts").string());
  EXPECT_EQ(maps.of("/x/y.js", "data:application/json;base64,eyJzb3VyY2VzIjogWyJ6LnRzIl0sICJtYXBwaW5ncyI6ICJBQUFBIn0=")
                ->find(1, 1)
                ->file,
            "/x/z.ts");
  SourceMaps given((folder / "given").string());
  EXPECT_EQ(given.of(script, "")->find(1, 1)->file, (folder / "given.ts").string());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace inquest::commands
