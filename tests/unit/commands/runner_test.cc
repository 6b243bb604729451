#include "commands/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

TEST(Runner, UnknownCommandsAreUsageErrorsWithAGuess) {
  testing::FakeCores cores;
  for (auto [line, guess] : std::initializer_list<std::pair<const char*, const char*>>{
           {"v8 findjsobject x", "unexpected word"},  // a clear beginning of a name is that name
           {"v8 findobjects", "v8 findjsobjects"},
           {"diff", "v8 diff"},
           {"findjsobject", "findjsobjects"},
           {"v8", "info, findjsobjects"},
           {"v8 fnd", "v8 find"},
           {"zzzzzz", "help"}}) {
    auto answer = cores.run(line);
    EXPECT_EQ(answer.outcome.status, kExitUsage) << line;
    EXPECT_THAT(answer.outcome.error->line(), HasSubstr(guess)) << line;
  }
}

TEST(Runner, HelpNeedsNoRuntime) {
  testing::FakeCores cores;
  for (const char* line : {"help", "help v8", "v8 --help", "help v8 diff", "v8 diff --help", "help findjsobjects"}) {
    auto answer = cores.run(line);
    EXPECT_EQ(answer.outcome.status, kExitDone) << line;
    EXPECT_FALSE(answer.text.empty()) << line;
  }
  EXPECT_THAT(cores.run("v8 findjsobjects -h").text, HasSubstr("Usage: v8 findjsobjects [-d] [--all | --dead]"));
  EXPECT_EQ(cores.run("help nothing").outcome.status, kExitUsage);
  EXPECT_EQ(cores.heap().opened, 0);
}

TEST(Runner, AnErrorComesAsJsonToo) {
  testing::FakeCores cores;
  cores.heap().census_error = unusable("no pages found", "is it a core of Node.js?");
  auto answer = cores.run("v8 findjsobjects --json");
  EXPECT_EQ(answer.outcome.status, kExitUnusable);
  Json json = Json::parse(answer.text);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["command"], "v8 findjsobjects");
  EXPECT_EQ(json["notes"][0]["severity"], "error");
  EXPECT_EQ(json["notes"][0]["text"], "no pages found (is it a core of Node.js?)");
  EXPECT_EQ(cores.run("v8 findjsobjects").text, "");
}

TEST(Runner, TheRuntimeIsOpenedOnceAndItsFailureKept) {
  testing::FakeCores cores;
  cores.run("v8 findjsobjects");
  cores.run("v8 info");
  EXPECT_EQ(cores.heap().opened, 1);
  testing::FakeCores foreign;
  foreign.main().heap = nullptr;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(foreign.run("v8 info").outcome.status, kExitUnusable);
}

TEST(Runner, ATruncatedCoreIsAnIncompleteAnswer) {
  testing::FakeCores cores;
  cores.main().notes = {"the core lacks its last 5 bytes"};
  EXPECT_EQ(cores.run("v8 findjsobjects").outcome.status, kExitDone) << "a remark only";
  testing::FakeCores truncated;
  truncated.main().notes = {"the core lacks its last 5 bytes"};
  truncated.main().facts.truncated_bytes = 5;
  auto answer = truncated.run("v8 findjsobjects");
  EXPECT_EQ(answer.outcome.status, kExitIncomplete);
  EXPECT_EQ(answer.outcome.notes[0].severity, Note::Severity::kWarning);
}

TEST(Runner, ProgressCanStopTheWork) {
  testing::FakeCores cores;
  cores.heap().progress_calls = 10;
  int calls = 0;
  cores.session().set_progress([&](std::string_view, uint64_t, uint64_t) { return ++calls < 3; });
  auto answer = cores.run("v8 findjsobjects");
  EXPECT_EQ(answer.outcome.error->what, "interrupted");
  EXPECT_EQ(calls, 3);
  cores.session().set_progress({});
  EXPECT_EQ(cores.run("v8 findjsobjects").outcome.status, kExitDone);
}

}  // namespace
}  // namespace inquest::commands
