#include "postmortem/elf/elf_image.h"

#include <gmock/gmock.h>

#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using test::ImageBuilder;
using testing::Optional;
using testing::UnorderedElementsAre;

struct Built {
  explicit Built(const ImageBuilder& builder) : Built(builder.build()) {}
  explicit Built(std::string text) : bytes(std::move(text)) {
    image = ElfImage::from_bytes(std::as_bytes(std::span(bytes)));
    if (image) symbols = ElfImage::symbols(image);
  }
  std::string bytes;
  std::shared_ptr<const ElfImage> image;
  std::shared_ptr<const SymbolSource> symbols;
  std::string covering(uint64_t value) const {
    auto symbol = symbols->covering(value);
    return symbol ? std::string(symbol->name) : "";
  }
};

TEST(ElfImage, ReadsTheBuildId) {
  EXPECT_EQ(Built(ImageBuilder().build_id("\x01\xab\xff")).image->build_id(), "01abff");
  EXPECT_EQ(Built(ImageBuilder()).image->build_id(), "");
  EXPECT_EQ(Built(ImageBuilder().build_id(std::string(1000, 'x'))).image->build_id(), "") << "no build-id is that long";
}

TEST(ElfImage, RefusesWhatIsNoX8664Image) {
  std::string narrow = ImageBuilder().build();
  narrow[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(Built(narrow).image, nullptr);
  EXPECT_EQ(Built(std::string("\x7f"
                              "ELF"))
                .image,
            nullptr);
  EXPECT_EQ(Built(std::string()).image, nullptr);
}

TEST(ElfImage, TranslatesBetweenFileOffsetsAndAddresses) {
  ImageBuilder builder;
  builder.load(0x401100, std::string(0x200, 'x')).load(0x403300, std::string(0x100, 'd'), PF_R | PF_W, 0x1000);
  Built built(builder);
  const ElfHeaders& headers = built.image->headers();
  EXPECT_THAT(headers.vaddr_of(builder.offset_of(0x401100) + 5), Optional(0x401105u));
  EXPECT_THAT(headers.offset_of(0x403301), Optional(builder.offset_of(0x403300) + 1));
  EXPECT_EQ(headers.offset_of(0x403400), std::nullopt) << ".bss has no bytes in the file";
  EXPECT_THAT(headers.vaddr_of(builder.offset_of(0x401100) & -4096), Optional(0x401000u)) << "whole pages are mapped";
}

TEST(ElfSymbols, FindsBothTablesFullOneFirst) {
  Built built(ImageBuilder()
                  .symbol("both", 1, 1)
                  .symbol("local", 2, 1, STT_FUNC, STB_LOCAL)
                  .dynamic_symbol("both", 9, 1)
                  .dynamic_symbol("only_dynamic", 3, 1));
  EXPECT_EQ(built.symbols->find("both")->value, 1u);
  EXPECT_EQ(built.symbols->find("local")->value, 2u);
  EXPECT_EQ(built.symbols->find("only_dynamic")->value, 3u);
  EXPECT_EQ(built.symbols->find("none"), std::nullopt);
  EXPECT_EQ(built.symbols->find(""), std::nullopt);
}

TEST(ElfSymbols, PrefersGlobalAndDefinedSymbols) {
  Built built(ImageBuilder()
                  .symbol("x", 1, 1, STT_FUNC, STB_LOCAL)
                  .symbol("x", 2, 1, STT_FUNC, STB_WEAK)
                  .symbol("x", 3, 1, STT_FUNC, STB_GLOBAL)
                  .symbol("x", 0, 0, STT_FUNC, STB_GLOBAL, SHN_UNDEF)
                  .symbol("x", 4, 1, STT_FUNC, STB_LOCAL));
  EXPECT_EQ(built.symbols->find("x")->value, 3u);
}

TEST(ElfSymbols, GivesAllNamesWithAPrefix) {
  Built built(ImageBuilder()
                  .symbol("v8dbg_a", 1, 4, STT_OBJECT)
                  .symbol("v8dbg_b", 2, 4)
                  .symbol("v8db", 3, 4)
                  .symbol("z", 4, 4));
  std::vector<std::string> names;
  built.symbols->for_each_with_prefix("v8dbg_", [&](const Symbol& symbol) { names.emplace_back(symbol.name); });
  EXPECT_THAT(names, UnorderedElementsAre("v8dbg_a", "v8dbg_b"));
  EXPECT_FALSE(built.symbols->find("v8dbg_a")->is_function);
}

TEST(ElfSymbols, CoversByTheInnermostSizedSymbol) {
  Built built(ImageBuilder()
                  .symbol("outer", 0x100, 0x100)
                  .symbol("inner", 0x120, 0x10)
                  .symbol("tls", 0x130, 0x100, STT_TLS)
                  .symbol("alias_b", 0x300, 0x10)
                  .symbol("alias_a", 0x300, 0x10)
                  .symbol("alias_local", 0x300, 0x10, STT_FUNC, STB_LOCAL));
  EXPECT_EQ(built.covering(0x100), "outer");
  EXPECT_EQ(built.covering(0x125), "inner");
  EXPECT_EQ(built.covering(0x135), "outer");
  EXPECT_EQ(built.covering(0x1ff), "outer");
  EXPECT_EQ(built.covering(0x200), "") << "a gap is a gap";
  EXPECT_EQ(built.covering(0xff), "");
  EXPECT_EQ(built.covering(0x305), "alias_a");
}

TEST(ElfSymbols, AnswersTheSameWithItsIndexAndWithout) {
  ImageBuilder builder;
  builder.section_end(0x1000);
  for (uint64_t i = 0; i < 60; ++i) {
    uint64_t start = 0x100 + (i * 37 % 50) * 16, size = i % 5 * 24;
    builder.symbol("s" + std::to_string(i), start, size, i % 3 ? STT_FUNC : STT_OBJECT, i % 4 ? STB_GLOBAL : STB_LOCAL);
  }
  Built indexed(builder);
  for (int i = 0; i < 100; ++i) indexed.covering(0);  // enough questions for the index to be built
  for (uint64_t value = 0; value < 0x600; value += 4) {
    EXPECT_EQ(indexed.covering(value), Built(builder).covering(value)) << value;
  }
}

TEST(ElfSymbols, LetsASizelessSymbolReachToTheNextOneOrTheEndOfItsSection) {
  Built built(
      ImageBuilder().symbol("start", 0x100, 0).symbol("sized", 0x200, 0x10).symbol("end", 0x300, 0).section_end(0x320));
  EXPECT_EQ(built.covering(0x180), "start");
  EXPECT_EQ(built.covering(0x208), "sized");
  EXPECT_EQ(built.covering(0x218), "") << "between a sized symbol's end and the next there is nothing";
  EXPECT_EQ(built.covering(0x31f), "end");
  EXPECT_EQ(built.covering(0x320), "");
}

TEST(ElfSymbols, SurvivesBrokenTables) {
  std::string good = ImageBuilder().symbol("name", 1, 1).build();
  auto header = *load<Elf64_Ehdr>(std::as_bytes(std::span(good)), 0);
  for (uint64_t field = 0; field < sizeof(Elf64_Shdr); field += 8) {
    for (uint64_t section = 0; section < header.e_shnum; ++section) {
      std::string bad = good;
      bad.replace(header.e_shoff + section * sizeof(Elf64_Shdr) + field, 8, 8, '\xff');
      Built built(bad);
      ASSERT_NE(built.image, nullptr);
      built.symbols->find("name");
      built.symbols->covering(1);
      built.symbols->for_each_with_prefix("n", [](const Symbol&) {});
    }
  }
  Built cut(good.substr(0, header.e_shoff + 100));
  EXPECT_EQ(cut.symbols->find("name"), std::nullopt);
}

}  // namespace
}  // namespace inquest::elf
