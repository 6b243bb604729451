#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/fake_session.h"

namespace inquest::commands {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class WhatisTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v8::HeapPlace place;
    place.kind = v8::HeapPlace::Kind::kObject;
    place.space = "old_space";
    place.page = Address(0x40000);
    place.page_size = 0x40000;
    place.isolate = 0;
    place.object = Address(0x41001);
    place.size = 48;
    place.offset = 24;
    place.field = ".id";
    place.live = false;
    cores.heap().places[0x41018] = place;
  }
  testing::FakeCores cores;
};

TEST_F(WhatisTest, NamesTheObjectAroundAnAddress) {
  EXPECT_EQ(cores.run("v8 whatis 0x41018").text,
            "0x41018: object 0x41001 + 24 (.id), 48 bytes, dead\n  0x41001:<Object: Session>\n"
            "  old_space, page 0x40000 + 0x1018 of 0x40000 bytes, isolate 0\n");
  EXPECT_THAT(cores.run("v8 whatis 0x41000 + 24").text, HasSubstr("(.id)"));
  Json json = Json::parse(cores.run("v8 whatis --json 41018").text);
  EXPECT_EQ(json["kind"], "object");
  EXPECT_EQ(json["object"], "0x41001");
  EXPECT_EQ(json["offset"], 24);
  EXPECT_EQ(json["live"], false);
  EXPECT_EQ(json["value"]["type"], "Session");
}

TEST_F(WhatisTest, SaysSharedFreeAndUnused) {
  v8::HeapPlace& place = cores.heap().places[0x41018];
  place.isolate.reset();
  place.live.reset();
  place.kind = v8::HeapPlace::Kind::kFreeSpace;
  EXPECT_THAT(cores.run("v8 whatis 0x41018").text, HasSubstr("free space of 48 bytes, 24 from its start"));
  EXPECT_THAT(cores.run("v8 whatis 0x41018").text, HasSubstr("shared by all isolates"));
  for (auto kind : {v8::HeapPlace::Kind::kPageHeader, v8::HeapPlace::Kind::kUnused, v8::HeapPlace::Kind::kLeftover,
                    v8::HeapPlace::Kind::kNotParsed}) {
    place.kind = kind;
    EXPECT_EQ(Json::parse(cores.run("v8 whatis --json 0x41018").text)["kind"], v8::to_string(kind));
  }
}

TEST_F(WhatisTest, KnowsWhereNothingIs) {
  EXPECT_THAT(cores.run("v8 whatis 0").text, HasSubstr("the null pointer"));
  EXPECT_EQ(Json::parse(cores.run("v8 whatis --json 0x28").text)["kind"], "null");
  EXPECT_EQ(Json::parse(cores.run("v8 whatis --json 0x4141414141414141").text)["kind"], "non-canonical");
  EXPECT_THAT(cores.run("v8 whatis 0x7f0000000000").text, HasSubstr("nothing is mapped there"));
  EXPECT_EQ(cores.run("v8 whatis main").outcome.status, kExitUsage);
}

TEST_F(WhatisTest, WorksWithoutV8) {
  cores.main().heap = nullptr;
  auto answer = cores.run("v8 whatis 0x28");
  EXPECT_EQ(answer.outcome.status, kExitDone);
  EXPECT_THAT(answer.text, HasSubstr("next to the null pointer"));
}

}  // namespace
}  // namespace inquest::commands
