#include "ncurses_probes/samplers/kernel_symbols.h"

#include <gtest/gtest.h>

#include <sstream>

namespace inquest::probes {
namespace {

TEST(KernelSymbols, FunctionsByAddress) {
  std::istringstream lines(
      "ffffffff81000000 T _text\nffffffff81000000 T startup_64\nffffffff81000100 t do_work\nffffffff81000180 D data\n"
      "ffffffff81000200 T last\nffffffffc0001000 t in_module\t[btrfs]\nno line\n\nffffffff8\n");
  auto symbols = KernelSymbols::parse(lines);
  EXPECT_FALSE(symbols.hidden());
  auto work = symbols.at(Address(0xffffffff81000142));
  EXPECT_EQ(work.name, "do_work");
  EXPECT_EQ(work.module, "kernel");
  EXPECT_EQ(work.offset, 0x42U);
  EXPECT_EQ(work.size, 0x100U);
  EXPECT_EQ(symbols.at(Address(0xffffffff81000001)).name, "_text");
  EXPECT_EQ(symbols.at(Address(0xffffffffc0001001)).module, "btrfs");
  EXPECT_EQ(symbols.at(Address(0x1000)).name, "");
  EXPECT_EQ(symbols.at(Address(0xffffffff91000200)).name, "");
}

TEST(KernelSymbols, HiddenAddresses) {
  std::istringstream lines("0000000000000000 T _text\n0000000000000000 T startup_64\n");
  auto symbols = KernelSymbols::parse(lines);
  EXPECT_TRUE(symbols.hidden());
  EXPECT_EQ(symbols.at(Address(0xffffffff81000001)).name, "");
}

}  // namespace
}  // namespace inquest::probes
