// The layouts below were taken from real processes: glibc 2.36 with libraries of these sizes and alignments.
#include "postmortem/elf/tls_layout.h"

#include <gmock/gmock.h>

#include <map>

#include "tests/support/elf_builder.h"

namespace inquest::elf {
namespace {

using testing::Eq;
using testing::Optional;

/// Words of memory by address.
class WordMemory : public MemoryReader {
 public:
  std::span<const std::byte> view(Address address, uint64_t limit) const override {
    auto word = words.find(address.value());
    if (word == words.end()) return {};
    return std::as_bytes(std::span(&word->second, 1)).first(std::min<uint64_t>(limit, 8));
  }
  const std::vector<MemoryRegion>& regions() const override { return regions_; }
  std::map<uint64_t, uint64_t> words;

 private:
  std::vector<MemoryRegion> regions_;
};

constexpr uint64_t kThread = 0x7f0000001000;
constexpr uint64_t kDtv = 0x600000;

class TlsLayoutTest : public testing::Test {
 protected:
  void add_module(uint64_t start, uint64_t size, uint64_t alignment, uint64_t vaddr) {
    ElfHeaders headers;
    if (size > 0) {
      Elf64_Phdr tls{};
      tls.p_type = PT_TLS;
      tls.p_memsz = size;
      tls.p_align = alignment;
      tls.p_vaddr = vaddr;
      headers.segments.push_back(tls);
    }
    Module module;
    module.start = Address(start);
    module.end = Address(start + 0x10000);
    module.bias = start;
    module.is_executable = map_.modules.empty();
    if (module.is_executable) {
      Elf64_Phdr dynamic{};
      dynamic.p_type = PT_DYNAMIC;
      dynamic.p_vaddr = 0x8000;
      headers.segments.push_back(dynamic);
    }
    map_.modules.push_back(module);
    map_.headers.push_back(headers);
  }
  /// The dynamic section, r_debug and the link map over all modules in their order.
  void write_link_map() {
    uint64_t dynamic = map_.modules[0].start.value() + 0x8000;
    memory_.words[dynamic] = DT_DEBUG;
    memory_.words[dynamic + 8] = 0x500000;
    memory_.words[0x500008] = 0x501000;
    for (size_t i = 0; i < map_.modules.size(); ++i) {
      uint64_t entry = 0x501000 + i * 0x100;
      memory_.words[entry] = map_.modules[i].bias;
      memory_.words[entry + 8] = 0;
      memory_.words[entry + 16] = map_.modules[i].start.value() + 0x8000;
      memory_.words[entry + 24] = i + 1 < map_.modules.size() ? entry + 0x100 : 0;
      memory_.words[entry + 32] = 0;
    }
  }
  void write_thread() {
    memory_.words[kThread] = kThread;
    memory_.words[kThread + 8] = kDtv;
    memory_.words[kDtv - 16] = 64;
    thread_.registers.fs_base = kThread;
  }
  std::optional<uint64_t> offset(size_t module) const {
    auto block = TlsLayout(memory_, map_).block(thread_, module);
    if (!block) return std::nullopt;
    return kThread - block->value();
  }

  WordMemory memory_;
  ModuleMap map_;
  Thread thread_;
};

TEST_F(TlsLayoutTest, PutsTheMainProgramsBlockRightBelowTheThreadPointer) {
  add_module(0x400000, 0x18, 8, 0x1000);
  write_thread();
  EXPECT_THAT(offset(0), Optional(Eq(0x18)));
}

TEST_F(TlsLayoutTest, RoundsTheSizeUpToTheAlignment) {
  add_module(0x400000, 0x48, 0x40, 0x3d80);
  write_thread();
  EXPECT_THAT(offset(0), Optional(Eq(0x80)));
}

TEST_F(TlsLayoutTest, KeepsTheImagesPlaceWithinItsAlignment) {
  add_module(0x400000, 0x08, 0x40, 0x3d88);  // p_vaddr is 8 past a multiple of 64, so the block is too
  write_thread();
  EXPECT_THAT(offset(0), Optional(Eq(0x38)));
}

TEST_F(TlsLayoutTest, AsksForAThreadPointerThatPointsToItself) {
  add_module(0x400000, 0x18, 8, 0x1000);
  write_thread();
  memory_.words[kThread] = 1;
  EXPECT_EQ(offset(0), std::nullopt);
  thread_.registers.fs_base = 0;
  EXPECT_EQ(offset(0), std::nullopt);
}

TEST_F(TlsLayoutTest, FindsLibrariesInLoadOrderWhenTheDtvAgrees) {
  add_module(0x400000, 0x18, 8, 0x1000);
  add_module(0x7f1000000000, 0, 1, 0);  // no TLS, no id
  add_module(0x7f2000000000, 0x90, 8, 0x1000);
  add_module(0x7f3000000000, 0xb0, 16, 0x1000);
  write_link_map();
  write_thread();
  memory_.words[kDtv + 2 * 16] = kThread - 0xa8;
  memory_.words[kDtv + 3 * 16] = kThread - 0x160;
  EXPECT_THAT(offset(2), Optional(Eq(0xa8)));
  EXPECT_THAT(offset(3), Optional(Eq(0x160)));
  EXPECT_EQ(offset(1), std::nullopt);
}

TEST_F(TlsLayoutTest, ReusesGapsAsGlibcDoes) {
  add_module(0x400000, 0x08, 8, 0x1000);
  add_module(0x7f2000000000, 0x100, 0x100, 0x1000);  // leaves 8 to 0x100 free
  add_module(0x7f3000000000, 0x20, 8, 0x1000);
  write_link_map();
  write_thread();
  memory_.words[kDtv + 2 * 16] = kThread - 0x200;
  memory_.words[kDtv + 3 * 16] = kThread - 0x28;
  EXPECT_THAT(offset(1), Optional(Eq(0x200)));
  EXPECT_THAT(offset(2), Optional(Eq(0x28)));
}

TEST_F(TlsLayoutTest, GivesNoAnswerWhenTheDtvDisagrees) {
  add_module(0x400000, 0x18, 8, 0x1000);
  add_module(0x7f2000000000, 0x90, 8, 0x1000);
  write_link_map();
  write_thread();
  EXPECT_EQ(offset(1), std::nullopt) << "no DTV entry";
  memory_.words[kDtv + 2 * 16] = 0x12345678;  // loaded by dlopen: its block is on the heap
  EXPECT_EQ(offset(1), std::nullopt);
  memory_.words[kDtv + 2 * 16] = kThread - 0xa8;
  memory_.words[kDtv - 16] = 1;  // the DTV has fewer slots
  EXPECT_EQ(offset(1), std::nullopt);
}

TEST_F(TlsLayoutTest, UnderstandsMuslsDtv) {
  add_module(0x400000, 0x18, 8, 0x1000);
  add_module(0x7f2000000000, 0x30, 16, 0x1000);
  write_link_map();
  write_thread();
  memory_.words.erase(kDtv - 16);
  memory_.words[kDtv] = 2;
  memory_.words[kDtv + 8] = kThread - 0x18;
  memory_.words[kDtv + 16] = kThread - 0x50;
  EXPECT_THAT(offset(1), Optional(Eq(0x50)));
}

TEST_F(TlsLayoutTest, StopsAtUnknownModulesAndCircles) {
  add_module(0x400000, 0x18, 8, 0x1000);
  add_module(0x7f2000000000, 0x90, 8, 0x1000);
  write_link_map();
  write_thread();
  memory_.words[kDtv + 2 * 16] = kThread - 0xa8;
  memory_.words[0x501000 + 24] = 0x501000;  // a circle of one
  EXPECT_EQ(offset(1), std::nullopt);
  memory_.words[0x501000 + 24] = 0x501100;
  memory_.words[0x501100 + 16] = 0x13;  // a dynamic section in no module
  EXPECT_EQ(offset(1), std::nullopt);
}

}  // namespace
}  // namespace inquest::elf
