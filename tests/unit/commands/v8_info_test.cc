#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using Json = nlohmann::json;

class InfoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto& info = cores.heap().info;
    info.node_version = "22.23.3";
    info.v8_version = "12.4.254.21";
    info.module = "/usr/bin/node";
    info.layout = "table 12.4, exact";
    info.isolates.push_back({0, Address(0x5581a2c01000), {42}, {{"old_space", 3, 786432, 780000, 780000, 16}}});
    info.shared_spaces.push_back({"read_only_space", 1, 262144, 200000, 200000, 0});
    info.capabilities = {{"object walk", v8::Capability::State::kWorks, "v8dbg", ""},
                         {"liveness", v8::Capability::State::kLimited, "calibrated", "stacks are missing"},
                         {"frames", v8::Capability::State::kMissing, "", "not known for this V8"}};
    ProcessFacts& facts = cores.main().facts;
    facts.arguments = "node app.js";
    facts.signal = 11;
    facts.signal_code = 1;
    facts.fault_address = Address(0x10);
    facts.core_size = 955 * 1024 * 1024;
    facts.core_time = 1700000000;
  }
  testing::FakeCores cores;
};

TEST_F(InfoTest, TextIsReadable) {
  EXPECT_EQ(cores.run("v8 info").text,
            "Node.js 22.23.3, V8 12.4.254.21\n"
            "  module     /usr/bin/node\n"
            "  layout     table 12.4, exact\n"
            "Process\n"
            "  pid        42\n"
            "  command    node app.js\n"
            "  signal     SIGSEGV (11), code 1, address 0x10\n"
            "  core       /cores/core, 955.0 MiB, written 2023-11-14 22:13:20 UTC\n"
            "Isolate 0 (0x5581a2c01000, thread 42)\n"
            "  Space                      Pages     Committed          Area        Walked  Not parsed\n"
            "  old_space                      3        786432        780000        780000          16\n"
            "Shared by all isolates\n"
            "  Space                      Pages     Committed          Area        Walked  Not parsed\n"
            "  read_only_space                1        262144        200000        200000           0\n"
            "Capabilities\n"
            "  works    object walk              v8dbg\n"
            "  limited  liveness                 calibrated: stacks are missing\n"
            "  missing  frames                   not known for this V8\n"
            "Heap walked: 980000 bytes, not parsed: 16 bytes\n");
}

TEST_F(InfoTest, JsonHasAllOfIt) {
  Json json = Json::parse(cores.run("v8 info --json").text);
  EXPECT_EQ(json["node_version"], "22.23.3");
  EXPECT_EQ(json["process"]["signal_name"], "SIGSEGV");
  EXPECT_EQ(json["process"]["fault_address"], "0x10");
  EXPECT_EQ(json["isolates"][0]["threads"], Json({42}));
  EXPECT_EQ(json["isolates"][0]["spaces"][0]["not_parsed"], 16);
  EXPECT_EQ(json["shared_spaces"][0]["name"], "read_only_space");
  EXPECT_EQ(json["capabilities"][2]["state"], "missing");
  EXPECT_EQ(json["not_parsed"], 16);
}

TEST_F(InfoTest, StandsWithoutTheWalk) {
  cores.heap().census_error = unusable("no pages found");
  auto answer = cores.run("v8 info");
  EXPECT_EQ(answer.outcome.status, kExitIncomplete);
  EXPECT_EQ(answer.outcome.notes[0].text, "the heap could not be walked: no pages found");
  cores.heap().asked.clear();
  EXPECT_EQ(cores.run("v8 info --no-walk").outcome.status, kExitDone);
  EXPECT_TRUE(cores.heap().asked.empty());
}

}  // namespace
}  // namespace inquest::commands
