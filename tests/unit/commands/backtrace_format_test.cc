#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands/backtrace_file/format.h"

namespace inquest::commands::backtrace_file {
namespace {

/// All frames of `text` as the format reads them, and how its lines cut it into stacks.
struct Parsed {
  std::vector<FrameLine> frames;
  std::vector<LineMeaning> lines;
};

Parsed parse(std::string_view format, std::string_view text) {
  Parsed parsed;
  ParseState state;
  while (!text.empty()) {
    size_t end = text.find('\n');
    parsed.lines.push_back(find_format(format)->parse(text.substr(0, end), state, parsed.frames));
    text.remove_prefix(end + 1);
  }
  return parsed;
}

std::string_view detected(std::string_view text) {
  const Format* format = detect_format(text);
  return format == nullptr ? "none" : format->name;
}

constexpr std::string_view kBt =
    " 0x401132 : outer+0x12/0x40 [/opt/app/bin/app]\n"
    " 0x7f01b2d4 : 0x7f01b2d4 [/lib/libz.so.1+0x1b2d4/0x1a000]\n"
    " 0x401042 : operator+(S, S)+0x9/0x20\n"
    "\t123\n"
    " 0x401132 : outer+0x12/0x40 [/opt/app/bin/app]\n";

TEST(BacktraceFormat, Bt) {
  Parsed parsed = parse("bt", kBt);
  ASSERT_EQ(parsed.frames.size(), 4u);
  const FrameLine& first = parsed.frames[0];
  EXPECT_EQ(first.head, " 0x401132");
  EXPECT_EQ(first.address, 0x401132u);
  EXPECT_EQ(first.symbol, "outer");
  EXPECT_EQ(first.symbol_offset, 0x12u);
  EXPECT_EQ(first.symbol_size, 0x40u);
  EXPECT_EQ(first.module, "/opt/app/bin/app");
  EXPECT_TRUE(first.exact);
  EXPECT_EQ(parsed.frames[1].module, "/lib/libz.so.1");
  EXPECT_EQ(parsed.frames[1].module_offset, 0x1b2d4u);
  EXPECT_EQ(parsed.frames[1].symbol, "");
  EXPECT_FALSE(parsed.frames[1].exact);
  EXPECT_EQ(parsed.frames[2].symbol, "operator+(S, S)");
  EXPECT_TRUE(parsed.lines[3].ends_stack);
  EXPECT_EQ(parsed.lines[3].count, 123u);
  EXPECT_TRUE(parsed.frames[3].exact);
}

TEST(BacktraceFormat, BtTakesOnlyItsOwnLines) {
  for (const char* line : {"0x401132 : no blank\n", "  0x401132 : two blanks\n", " 0x40113g : no number\n",
                           " 0x11112222333344445 : 68 bits\n", " 0x : nothing\n", "\t12x\n", "WARNING: x\n"}) {
    Parsed parsed = parse("bt", line);
    EXPECT_TRUE(parsed.frames.empty()) << line;
    EXPECT_FALSE(parsed.lines[0].ends_stack) << line;
  }
}

TEST(BacktraceFormat, Perf) {
  Parsed parsed = parse("perf",
                        "my app 12/13 [001] 17.5:  250000 cycles:u: \n"
                        "\tffffffff8158c221 next_uptodate_folio+0xc1 ([kernel.kallsyms])\n"
                        "\t          401136 inner+0x6 (inlined)\n"
                        "\t          401136 ns::f(int)+0x16 (/opt/my app (deleted))\n"
                        "\t    7fd000001234 [unknown] (/lib/libz.so.1)\n"
                        "\n"
                        "app 12 17.5: cycles:  401136 outer+0x16 (/opt/app)\n");
  ASSERT_EQ(parsed.frames.size(), 5u);
  EXPECT_EQ(parsed.lines[0].root, "my app");
  EXPECT_TRUE(parsed.lines[0].begins_stack);
  EXPECT_TRUE(parsed.frames[1].inlined);
  EXPECT_TRUE(parsed.frames[1].exact);
  EXPECT_EQ(parsed.frames[2].symbol, "ns::f(int)");
  EXPECT_EQ(parsed.frames[2].module, "/opt/my app");
  EXPECT_TRUE(parsed.frames[2].exact) << "the kernel interrupted it";
  EXPECT_EQ(parsed.frames[3].symbol, "");
  EXPECT_FALSE(parsed.frames[3].exact);
  EXPECT_TRUE(parsed.lines[5].ends_stack);
  EXPECT_EQ(parsed.frames[4].address, 0x401136u);
  EXPECT_EQ(parsed.frames[4].module, "/opt/app");
  EXPECT_TRUE(parsed.frames[4].exact);
}

TEST(BacktraceFormat, BpftraceModes) {
  Parsed parsed = parse("bpftrace",
                        "@stacks[\n    outer+22\n    main+9\n, bash]: 17\n"
                        "@[\n\t401136 outer+22 (/opt/app)\n]: 3\n"
                        "@[\n401136\n7f0000401200\n]: 4\n"
                        "@[\n    2f1a00112233445566778899aabbccddeeff0011 1136\n]: 5\n");
  ASSERT_EQ(parsed.frames.size(), 6u);
  EXPECT_EQ(parsed.frames[0].symbol, "outer");
  EXPECT_EQ(parsed.frames[0].symbol_offset, 22u);
  EXPECT_TRUE(parsed.frames[0].exact);
  EXPECT_FALSE(parsed.frames[1].exact);
  EXPECT_EQ(parsed.lines[3].count, 17u);
  EXPECT_EQ(parsed.frames[2].address, 0x401136u);
  EXPECT_EQ(parsed.frames[2].module, "/opt/app");
  EXPECT_EQ(parsed.frames[4].address, 0x7f0000401200u);
  EXPECT_FALSE(parsed.frames[4].exact);
  EXPECT_EQ(parsed.frames[5].build_id, "2f1a00112233445566778899aabbccddeeff0011");
  EXPECT_EQ(parsed.frames[5].module_offset, 0x1136u);
}

TEST(BacktraceFormat, NumberedFrames) {
  Parsed parsed = parse("stack",
                        "TID 7:\n"
                        "#0  0x00007ffff7aa8eec clock_nanosleep\n"
                        "#1  0x0000000000401136 - 1 outer - /opt/app\n"
                        "#2  0x0000000000401200 __restore_rt\n"
                        "#3  0x0000000000401300 interrupted\n"
                        "#0  0x0000555555555139 in ?? () from /lib/libz.so.1\n"
                        "#1  0x0000555555555140 in main () at t.c:5\n"
                        "#2  <signal handler called>\n"
                        "#3  0x0000555555555150 in handler (n=1)\n"
                        "#0  0x000055550000 n/a (libz.so.1 + 0x1139)\n"
                        "    #1 0x55555139 in main (/opt/app+0x1139) (BuildId: 12ab)\n");
  ASSERT_EQ(parsed.frames.size(), 8u);
  EXPECT_TRUE(parsed.frames[0].exact);
  EXPECT_EQ(parsed.frames[1].symbol, "outer");
  EXPECT_EQ(parsed.frames[1].module, "/opt/app");
  EXPECT_FALSE(parsed.frames[1].exact);
  EXPECT_TRUE(parsed.frames[2].exact);
  EXPECT_TRUE(parsed.frames[3].exact);
  EXPECT_TRUE(parsed.lines[5].begins_stack);
  EXPECT_EQ(parsed.frames[4].module, "/lib/libz.so.1");
  EXPECT_EQ(parsed.frames[4].symbol, "");
  EXPECT_EQ(parsed.frames[5].symbol, "handler");
  EXPECT_TRUE(parsed.frames[5].exact);
  EXPECT_EQ(parsed.frames[6].module, "libz.so.1");
  EXPECT_EQ(parsed.frames[6].module_offset, 0x1139u);
  EXPECT_EQ(parsed.frames[7].module, "/opt/app");
  EXPECT_EQ(parsed.frames[7].symbol, "main");
}

TEST(BacktraceFormat, GlibcAndAddressesAndFolded) {
  Parsed glibc = parse("glibc",
                       "./app(outer+0x16) [0x401136]\n/lib/libz.so.1(+0x1139)[0x7f001139]\n./app() [0x401]\n"
                       "./t[0x401220]\n");
  ASSERT_EQ(glibc.frames.size(), 4u);
  EXPECT_EQ(glibc.frames[0].head, "./app(");
  EXPECT_EQ(glibc.frames[0].tail, ") [0x401136]");
  EXPECT_EQ(glibc.frames[0].symbol_offset, 0x16u);
  EXPECT_FALSE(glibc.frames[0].exact);
  EXPECT_EQ(glibc.frames[1].module_offset, 0x1139u);
  EXPECT_EQ(glibc.frames[3].module, "./t");
  Parsed addresses = parse("addresses", "0x401136\n401200\nzz\n");
  ASSERT_EQ(addresses.frames.size(), 2u);
  EXPECT_TRUE(addresses.frames[1].exact);
  Parsed folded = parse("folded", "app;0x401200;outer+0x16;[/lib/z.so+0x12] 17\n");
  ASSERT_EQ(folded.frames.size(), 4u);
  EXPECT_EQ(folded.lines[0].count, 17u);
  EXPECT_EQ(folded.frames[1].address, 0x401200u);
  EXPECT_FALSE(folded.frames[1].exact);
  EXPECT_EQ(folded.frames[2].symbol_offset, 0x16u);
  EXPECT_EQ(folded.frames[3].module, "/lib/z.so");
  EXPECT_TRUE(folded.frames[3].exact);
}

TEST(BacktraceFormat, Detection) {
  EXPECT_EQ(detected(kBt), "bt");
  EXPECT_EQ(detected("app 1 2.5: cycles: \n\t401136 outer+0x1 (/opt/app)\n\n"), "perf");
  EXPECT_EQ(detected("Attaching 1 probe...\n\n@[\n    outer+22\n    main+1\n]: 3\n"), "bpftrace");
  EXPECT_EQ(detected("@[\n\t401136 outer+22 (/opt/app)\n]: 3\n"), "bpftrace");
  EXPECT_EQ(detected("PID 5 - core\nTID 5:\n#0  0x00000000401136 f\n#1  0x00000000401137 g\n"), "stack");
  EXPECT_EQ(detected("./app(outer+0x16) [0x401136]\n"), "glibc");
  EXPECT_EQ(detected("0x401136\n0x401137\n"), "addresses");
  EXPECT_EQ(detected("a;b;0x401136 5\n"), "folded");
  EXPECT_EQ(detected("a;b;c 5\n"), "folded");
  EXPECT_EQ(detected("Some prose about + signs and (brackets).\n\nMore of it.\n"), "none");
  EXPECT_EQ(detected(""), "none");
}

}  // namespace
}  // namespace inquest::commands::backtrace_file
