#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "commands/async_words.h"
#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class AsyncTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v8::AsyncReport& report = cores.heap().async;
    v8::SuspendedGroup handlers;
    handlers.count = 1204;
    handlers.frame = {"handler", "server.js", 40, 9};
    handlers.awaited.kind = v8::Awaited::Kind::kFunction;
    handlers.awaited.frame = {"query", "db.js", 12, 5};
    handlers.chain = {{"Promise.all", "", 0, 0}, {"main", "server.js", 80, 3}};
    handlers.sample = Address(0x1001);
    report.suspended.push_back(handlers);
    v8::SuspendedGroup numbers;
    numbers.kind = v8::SuspendedGroup::Kind::kGenerator;
    numbers.count = 3;
    numbers.frame = {"", "a.js", 1, 2};
    numbers.not_started = true;
    report.suspended.push_back(numbers);
    v8::TimerGroup& timers = report.timers.emplace_back();
    timers.count = 5;
    timers.callback = {"tick", "a.js", 7, 1};
    timers.delay_ms = 1500;
    v8::PromiseGroup& promises = report.idle_promises.emplace_back();
    promises.type = "Promise";
    promises.function = "main";
    promises.count = 2;
    v8::HandleGroup& handles = report.handles.emplace_back();
    handles.type = "TCP";
    handles.count = 1;
    report.running_tails = {{{"outer", "a.js", 9, 3}}};
    report.async_functions = 1204;
    report.generators = 3;
    report.pending_promises = 2500;
  }
  testing::FakeCores cores;
};

TEST_F(AsyncTest, GroupsWithTheirChainsTheLargestLast) {
  std::string text = cores.run("v8 async").text;
  EXPECT_THAT(text, HasSubstr("        3 x generator (anonymous) at a.js:1:2 not started\n"
                              "    1,204 x handler at server.js:40:9 awaiting query at db.js:12:5\n"
                              "            <- Promise.all\n"
                              "            <- main at server.js:80:3\n"));
  EXPECT_THAT(text, HasSubstr("        5 x timeout of 1500 ms: tick at a.js:7:1\n"));
  EXPECT_THAT(text, HasSubstr("        2 x Promise of main\n"));
  EXPECT_THAT(text, HasSubstr("        1 x TCP\n"));
  EXPECT_THAT(text, HasSubstr("     async outer at a.js:9:3\n"));
  EXPECT_THAT(text, HasSubstr("1,204 suspended async functions, 0 async generators, 3 generators; 2,500 pending"));
}

TEST_F(AsyncTest, JsonHasTheSameLargestFirst) {
  Json json = Json::parse(cores.run("v8 async --json").text);
  EXPECT_EQ(json["rows"][0]["count"], 1204);
  EXPECT_EQ(json["rows"][0]["line"], 40);
  EXPECT_EQ(json["rows"][0]["awaiting"]["kind"], "function");
  EXPECT_EQ(json["rows"][0]["awaiting"]["file"], "db.js");
  EXPECT_EQ(json["rows"][0]["chain"][1]["function"], "main");
  EXPECT_EQ(json["rows"][0]["chain_end"], "nobody");
  EXPECT_EQ(json["rows"][1]["not_started"], true);
  EXPECT_EQ(json["timers"][0]["delay_ms"], 1500);
  EXPECT_EQ(json["running"][0]["tail"][0]["function"], "outer");
  EXPECT_EQ(json["total"]["pending_promises"], 2500);
}

TEST_F(AsyncTest, FunctionsInChainsOfOthersHaveNoRowUnlessAskedFor) {
  v8::SuspendedGroup& main = cores.heap().async.suspended.emplace_back();
  main.count = main.in_chains = 2;
  main.frame = {"main", "server.js", 80, 3};
  main.chain = {{"outermost", "server.js", 99, 1}, {.omitted = 2900}};
  std::string text = cores.run("v8 async").text;
  EXPECT_THAT(text, Not(HasSubstr("x main")));
  EXPECT_THAT(text, HasSubstr("        2 more that only wait for others, in the chains above; --each"));
  text = cores.run("v8 async --each").text;
  EXPECT_THAT(text, HasSubstr("        2 x main at server.js:80:3"));
  EXPECT_THAT(text, HasSubstr("            <- outermost at server.js:99:1\n            <- (2,900 more)\n"));
  EXPECT_THAT(text, Not(HasSubstr("chains above")));
  Json json = Json::parse(cores.run("v8 async --json").text);
  EXPECT_EQ(json["rows"][2]["in_chains"], 2);
  EXPECT_EQ(json["rows"][2]["chain"][1]["omitted"], 2900);
  main.count = 3;  // one of them is in no chain that is shown
  EXPECT_THAT(cores.run("v8 async").text, HasSubstr("        3 x main"));
}

TEST_F(AsyncTest, WhatIsNotLiveOnRequest) {
  cores.run("v8 async --all");
  EXPECT_EQ(cores.heap().asked.back().which, v8::Reachability::kAll);
  EXPECT_EQ(cores.run("v8 async --all --dead").outcome.status, kExitUsage);
}

TEST_F(AsyncTest, NamesFromTheCoreCannotDriveTheTerminal) {
  cores.heap().async.suspended[0].frame.function = "bad\x1b[2J";
  EXPECT_THAT(cores.run("v8 async").text, HasSubstr("bad\\x1b[2J"));
}

TEST(AsyncWords, NumbersWithCommas) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
}

class ErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v8::ErrorObject uncaught, other;
    uncaught.address = Address(0x2001);
    uncaught.type = uncaught.name = "PaymentError";
    uncaught.message = "not enough money";
    uncaught.uncaught = uncaught.young = true;
    uncaught.source = v8::ErrorObject::Source::kCaptured;
    uncaught.stack = "PaymentError: not enough money\n    at withdraw (a.js:1:2)";
    uncaught.frames = {{"withdraw (a.js:1:2)", "withdraw", "a.js", 1, 2}};
    other.address = Address(0x1001);
    other.type = other.name = "Error";
    other.message = "no\nstack";
    other.stack = "Error: no\nstack";
    cores.heap().errors.errors = {uncaught, other};
    cores.heap().errors.uncaught_note = "thread 7 died";
  }
  testing::FakeCores cores;
};

TEST_F(ErrorsTest, StacksAsTheProgramWouldSeeThem) {
  EXPECT_EQ(cores.run("v8 errors").text,
            "0x2001: PaymentError UNCAUGHT (young)\n"
            "    PaymentError: not enough money\n"
            "        at withdraw (a.js:1:2)\n"
            "0x1001: Error\n"
            "    Error: no\n"
            "    stack\n"
            "    (no stack was captured)\n"
            "(2 of 2 errors)\n"
            "Uncaught: thread 7 died\n");
}

TEST_F(ErrorsTest, FilterAndLimit) {
  EXPECT_THAT(cores.run("v8 errors -n 1").text, HasSubstr("(1 of 2 errors)"));
  EXPECT_THAT(cores.run("v8 errors --filter stack").text, HasSubstr("(1 of 1 errors)"));
  Json json = Json::parse(cores.run("v8 errors --json --filter money").text);
  EXPECT_EQ(json["total"], 1);
  EXPECT_EQ(json["rows"][0]["frames"][0]["line"], 1);
  EXPECT_EQ(json["rows"][0]["stack_source"], "captured");
}

class FunctionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v8::FunctionInfo hot;
    hot.shared = Address(0x3001);
    hot.name = "hot";
    hot.file = "a.js";
    hot.line = 3;
    hot.column = 10;
    hot.compiled = true;
    hot.tier = v8::Tier::kTurbofan;
    hot.bytecode_size = 40;
    hot.code_size = 600;
    hot.closures = 2;
    hot.sample = Address(0x4001);
    cores.heap().functions = {hot};
    v8::FunctionInfo lazy;
    lazy.shared = Address(0x3101);
    cores.heap().functions.push_back(lazy);
    cores.heap().source = {.file = "a.js", .first = 3, .lines = {"function hot() {", "}"}, .total = 9};
  }
  testing::FakeCores cores;
};

TEST_F(FunctionsTest, RowsAndFilter) {
  std::string text = cores.run("v8 functions -n ho -s a.js 0x4001").text;
  EXPECT_THAT(text, HasSubstr("           0x4001 turbofan         40       600         2  hot at a.js:3:10\n"));
  EXPECT_THAT(text, HasSubstr("           0x3101 lazy              0         0         0  (anonymous)\n"));
  EXPECT_EQ(cores.heap().function_filter.name, "ho");
  EXPECT_EQ(cores.heap().function_filter.script, "a.js");
  EXPECT_EQ(cores.heap().function_filter.at, Address(0x4001));
  EXPECT_EQ(cores.run("v8 functions what").outcome.status, kExitUsage);
  cores.heap().functions.clear();
  EXPECT_EQ(cores.run("v8 functions").outcome.status, kExitIncomplete);
}

TEST_F(FunctionsTest, SourceOfFileLineOrAddress) {
  EXPECT_EQ(cores.run("v8 source list a.js:4").text, "a.js\n       3 function hot() {\n       4 }\n");
  EXPECT_EQ(cores.heap().source_request.script, "a.js");
  EXPECT_EQ(cores.heap().source_request.line, 4u);
  cores.run("v8 source list -c 30 -l 2 0x4001");
  EXPECT_EQ(cores.heap().source_request.at, Address(0x4001));
  EXPECT_EQ(cores.heap().source_request.count, 30u);
  EXPECT_EQ(cores.heap().source_request.line, 2u);
  EXPECT_EQ(cores.run("jssource a.js:4").text, cores.run("v8 source list a.js:4").text);
  EXPECT_EQ(cores.run("v8 source show hot").outcome.status, kExitUsage);
}

}  // namespace
}  // namespace inquest::commands
