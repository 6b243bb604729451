#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "commands/registry.h"
#include "commands/runner.h"
#include "commands/words.h"
#include "tests/support/fake_debug_info.h"
#include "tests/support/fake_process.h"

namespace inquest::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kBias = 0x400000;  // where the program is, linked at 0

/// Stacks by thread.
class FakeUnwinder : public Unwinder {
 public:
  explicit FakeUnwinder(const std::map<uint64_t, Stack>& stacks) : stacks_(stacks) {}
  Stack unwind(const Thread& thread, const UnwindOptions&) override { return stacks_.at(thread.tid); }

 private:
  const std::map<uint64_t, Stack>& stacks_;
};

/// A program with the functions leaf (0x1000), middle (0x2000), outer (0x3000) and main (0x4000), and three threads:
/// 7 died in leaf, called by main; 8 and 9 wait in leaf.
class BtTest : public ::testing::Test {
 protected:
  BtTest() {
    auto process = std::make_unique<testing::FakeProcess>();
    process_ = process.get();
    process_->memory_.map(kBias, 0x10000).executable = true;
    Module& module = process_->modules_.emplace_back();
    module.path = "/bin/program";
    module.start = Address(kBias);
    module.end = module.start + 0x10000;
    module.bias = kBias;
    process_->facts_.signal = 11;
    for (uint64_t tid : {7, 8, 9}) {
      Thread& thread = process_->threads_.emplace_back();
      thread.tid = tid;
      if (tid == 7) thread.name = "worker";
      stacks_[tid] = stack({frame(0x1004), frame(0x4010)});
    }
    stacks_[7].frames[0].registers.set(Registers::kRax, 0x2a);
    FakeFile& info = files_.infos["/bin/program"];
    info.known[0x1004] = {location("ns::inlined", "/src/a.h", 7, 0x1002, true),
                          location("ns::leaf", "/src/a.cc", 12, 0x1000)};
    info.known[0x1003] = info.known[0x1004];
    info.known[0x400f] = {location("main", "/src/a.cc", 30, 0x4000)};
    info.known[0x2007] = {location("middle", "/src/a.cc", 20, 0x2000)};
    info.known[0x3007] = {location("outer", "/src/a.cc", 25, 0x3000)};
    session_ = std::make_unique<Session>(
        std::move(process),
        SessionHooks{.open_unwinder = [this](const Target&) { return std::make_unique<FakeUnwinder>(stacks_); },
                     .open_debug_info =
                         [this](const Target*) { return std::make_unique<testing::FakeDebugInfoSource>(files_); }});
  }
  using FakeFile = testing::FakeDebugInfo;

  static CodeLocation location(std::string_view function, std::string_view file, uint32_t line, uint64_t start,
                               bool inlined = false) {
    CodeLocation result;
    result.function = function;
    result.file = file;
    result.line = line;
    result.function_start = start;
    result.inlined = inlined;
    return result;
  }
  static Frame frame(uint64_t address, FoundBy found_by = FoundBy::kCfi) {
    Frame result;
    result.pc = Address(kBias + address);
    result.found_by = found_by;
    return result;
  }
  static Stack stack(std::vector<Frame> frames) {
    Stack result;
    result.frames = std::move(frames);
    result.frames[0].found_by = FoundBy::kRegisters;
    result.frames[0].exact_pc = true;
    result.complete = true;
    return result;
  }
  /// In main, a call that ends at 0x4010 and goes to `target`.
  void call_from_main(uint64_t target) {
    process_->memory_.put<uint8_t>(kBias + 0x400b, 0xe8);
    process_->memory_.put<int32_t>(kBias + 0x400c, static_cast<int32_t>(target - 0x4010));
  }
  FakeFile& info() { return files_.infos["/bin/program"]; }

  Outcome run(const std::string& line) {
    text_.clear();
    auto words = split_words(line);
    auto invocation = prepare(registry_, words.value());
    if (!invocation) {
      Outcome outcome;
      outcome.error = invocation.error();
      outcome.status = exit_status(invocation.error());
      return outcome;
    }
    Output output([&](std::string_view block) {
      text_ += block;
      return true;
    });
    Outcome outcome = execute(*invocation, *session_, output);
    output.flush();
    return outcome;
  }
  std::vector<std::string> functions() {
    EXPECT_EQ(run("bt --json").status, 0);
    std::vector<std::string> names;
    auto answer = nlohmann::json::parse(text_);
    for (auto& each : answer["threads"][0]["frames"]) names.push_back(each["function"]);
    return names;
  }

  Registry registry_;
  testing::FakeProcess* process_;
  std::map<uint64_t, Stack> stacks_;
  testing::FakeFiles files_;
  std::unique_ptr<Session> session_;
  std::string text_;
};

TEST_F(BtTest, ShowsTheThreadThatDied) {
  Outcome outcome = run("bt");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.notes, IsEmpty());
  EXPECT_EQ(text_,
            "Thread 1 (tid 7 \"worker\") signal SIGSEGV, selected:\n"
            "#0  ns::inlined () at /src/a.h:7 [inlined]\n"
            "#1  ns::leaf () at /src/a.cc:12\n"
            "#2  main () at /src/a.cc:30\n");
}

TEST_F(BtTest, LimitsAndDetails) {
  EXPECT_EQ(run("bt -n 1").status, 0);
  EXPECT_THAT(text_, HasSubstr("#0  ns::inlined () at /src/a.h:7 [inlined]\n    (2 more frames)\n"));
  EXPECT_EQ(run("bt -v").status, 0);
  EXPECT_THAT(text_, HasSubstr("    pc 0x401004 (program + 0x1004), found by cfi\n    rax 0x000000000000002a\n"));
}

TEST_F(BtTest, ThreadsByNumberAndTid) {
  EXPECT_EQ(run("bt 2").status, 0);
  EXPECT_THAT(text_, HasSubstr("Thread 2 (tid 8):"));
  EXPECT_EQ(run("bt 9").status, 0);
  EXPECT_THAT(text_, HasSubstr("Thread 3 (tid 9):"));
  EXPECT_EQ(run("bt 99").status, 2);
  EXPECT_EQ(run("bt x").status, 2);
  EXPECT_EQ(run("bt 7 --all").status, 2);
}

TEST_F(BtTest, GroupsAndFolds) {
  EXPECT_EQ(run("bt --group").status, 0);
  EXPECT_THAT(text_, HasSubstr("3 threads: 1, 2, 3 (tid 7 \"worker\", tid 8, tid 9)"));
  EXPECT_EQ(run("bt --all --folded").status, 0);
  EXPECT_THAT(text_, HasSubstr("worker;main;ns::leaf;ns::inlined 1\n"));
  EXPECT_THAT(text_, HasSubstr("tid 8;main;ns::leaf;ns::inlined 1\n"));
}

TEST_F(BtTest, Json) {
  EXPECT_EQ(run("bt --json --all").status, 0);
  auto answer = nlohmann::json::parse(text_);
  EXPECT_EQ(answer["command"], "bt");
  ASSERT_THAT(answer["threads"], SizeIs(3));
  auto& thread = answer["threads"][0];
  EXPECT_EQ(thread["tid"], 7);
  EXPECT_EQ(thread["signal"], "SIGSEGV");
  EXPECT_EQ(thread["complete"], true);
  auto& first = thread["frames"][0];
  EXPECT_EQ(first["function"], "ns::inlined");
  EXPECT_EQ(first["inlined"], true);
  EXPECT_EQ(first["line"], 7);
  EXPECT_EQ(first["pc"], "0x401004");
  EXPECT_EQ(first["found_by"], "cfi");
  EXPECT_EQ(first["module"], "/bin/program");
}

TEST_F(BtTest, AGuessIsMarkedAndNoted) {
  stacks_[7].frames[1].found_by = FoundBy::kScan;
  Outcome outcome = run("bt");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(text_, HasSubstr("main () at /src/a.cc:30 [guess]\n"));
  ASSERT_THAT(outcome.notes, SizeIs(1));
  EXPECT_THAT(outcome.notes[0].text, HasSubstr("guess"));
}

TEST_F(BtTest, AStackThatEndsEarlySaysWhy) {
  stacks_[7].complete = false;
  stacks_[7].stop_reason = "no call frame information for 0x1 in no module";
  Outcome outcome = run("bt");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(text_, HasSubstr("    (ends early: no call frame information for 0x1 in no module)\n"));
  ASSERT_THAT(outcome.notes, SizeIs(1));
  EXPECT_THAT(outcome.notes[0].text, HasSubstr("the stack ends early: no call frame information"));
  EXPECT_EQ(run("bt 8").status, 0);
}

TEST_F(BtTest, TailCallsThatAreCertainBecomeFrames) {
  call_from_main(0x3000);
  info().jumps[0x3000] = {{.pc = 0x3008, .is_return_pc = true, .target = 0x2000, .name = {}}};
  info().jumps[0x2000] = {{.pc = 0x2008, .is_return_pc = true, .target = 0x1000, .name = {}}};
  EXPECT_THAT(functions(), ElementsAre("ns::inlined", "ns::leaf", "middle", "outer", "main"));
  EXPECT_THAT(text_, HasSubstr("tail-call"));
}

TEST_F(BtTest, ACallOfTheFunctionItselfIsNoTailCall) {
  call_from_main(0x1000);
  info().jumps[0x1000] = {{.pc = 0x1008, .is_return_pc = true, .target = 0x1000, .name = {}}};
  EXPECT_THAT(functions(), ElementsAre("ns::inlined", "ns::leaf", "main"));
}

TEST_F(BtTest, TailCallsThatAreNotCertainAreLeftOut) {
  auto jump = [](uint64_t pc, uint64_t target) {
    return TailCall{.pc = pc, .is_return_pc = true, .target = target, .name = {}};
  };
  call_from_main(0x3000);
  // Two ways: straight, and by middle.
  info().jumps[0x3000] = {jump(0x3008, 0x2000), jump(0x3010, 0x1000)};
  info().jumps[0x2000] = {jump(0x2008, 0x1000)};
  EXPECT_THAT(functions(), ElementsAre("ns::inlined", "ns::leaf", "main"));
  // A circle.
  info().jumps[0x3000] = {jump(0x3008, 0x2000)};
  info().jumps[0x2000] = {jump(0x2008, 0x3000)};
  stacks_[7].frames[1].pc = Address(kBias + 0x4010);
  EXPECT_THAT(functions(), ElementsAre("ns::inlined", "ns::leaf", "main"));
  // Through a pointer.
  info().jumps[0x2000] = {jump(0x2008, 0), jump(0x2010, 0x1000)};
  EXPECT_THAT(functions(), ElementsAre("ns::inlined", "ns::leaf", "main"));
  // To code that nothing describes.
  info().jumps[0x2000] = {jump(0x2008, 0x5000), jump(0x2010, 0x1000)};
  EXPECT_THAT(functions(), ElementsAre("ns::inlined", "ns::leaf", "main"));
}

}  // namespace
}  // namespace inquest::commands
