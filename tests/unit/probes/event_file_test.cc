#include "ncurses_probes/events/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ncurses_probes/capture/process_maps.h"

namespace inquest::probes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EventFile : public ::testing::Test {
 protected:
  EventFile() {
    char name[] = "/tmp/inquest-events-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ / "run.events";
  }
  ~EventFile() override { std::filesystem::remove_all(folder_); }

  static ProbeEvent event(uint64_t time) {
    ProbeEvent event;
    event.time = time;
    event.wall_time = 5'000'000'000;
    event.probe = "lib:f";
    event.function = "f";
    event.pid = 7;
    event.tid = 8;
    event.comm = "worker";
    event.arguments.push_back({.name = "x", .value = "1", .type = "int", .bits = 1});
    event.at_random = AtRandom{std::byte{1}, std::byte{2}};
    event.thread.registers.gpr[Registers::kRip] = 0x1234;
    event.stack_start = Address(0x7000);
    event.stack.assign(64, std::byte{9});
    event.replaced.push_back({Address(0x7008), 42});
    event.other_start = Address(0x9000);
    event.other_stack.assign(24, std::byte{3});
    return event;
  }

  void write(const std::vector<ProbeEvent>& events, bool with_end = true) const {
    auto writer = EventFileWriter::create(path_);
    ASSERT_TRUE(writer.ok());
    for (const ProbeEvent& event : events) EXPECT_TRUE((*writer)->write(event));
    if (!with_end) return;
    EXPECT_FALSE((*writer)->finish({.recorded = events.size(), .dropped = 3}, {"a note"}).has_value());
  }

  std::vector<ProbeEvent> read(std::vector<std::string>* notes = nullptr) const {
    auto source = open_event_file(path_);
    EXPECT_TRUE(source.ok());
    std::vector<ProbeEvent> events;
    if (!source) return events;
    while (true) {
      auto next = (*source)->next();
      if (!next || !*next) break;
      events.push_back(std::move(**next));
    }
    if (notes != nullptr) *notes = (*source)->notes();
    return events;
  }

  std::string bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  std::filesystem::path folder_, path_;
};

TEST_F(EventFile, RoundTrip) {
  write({event(20), event(10)});
  std::vector<std::string> notes;
  auto events = read(&notes);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].time, 10u);  // in the order of time
  const ProbeEvent& back = events[1];
  ProbeEvent first = event(20);
  EXPECT_EQ(back.probe, first.probe);
  EXPECT_EQ(back.comm, "worker");
  EXPECT_EQ(back.arguments[0].value, "1");
  EXPECT_EQ(back.at_random, first.at_random);
  EXPECT_EQ(back.thread.registers.gpr, first.thread.registers.gpr);
  EXPECT_EQ(back.thread.tid, 8u);
  EXPECT_EQ(back.stack, first.stack);
  EXPECT_EQ(back.replaced[0].address, 42u);
  EXPECT_EQ(back.other_start, Address(0x9000));
  EXPECT_EQ(back.other_stack, std::vector(24, std::byte{3}));
  EXPECT_THAT(notes, ElementsAre("a note"));
}

TEST_F(EventFile, JavaScriptFramesAreKept) {
  ProbeEvent event = this->event(1);
  event.scripts = ScriptState::kNamed;
  ScriptFrame frame{.pc = Address(0x4000), .fp = 0x7010, .caller = {}, .functions = {}};
  frame.caller.set(Registers::kRip, 0x5000);
  frame.functions.push_back({.kind = "js",
                             .function = "Order.toJSON",
                             .file = "/srv/app.js",
                             .line = 3,
                             .column = 7,
                             .inlined = true,
                             .address = 0x1235,
                             .tier = "turbofan",
                             .remark = "marked"});
  event.script_frames.push_back(frame);
  write({event});
  auto events = read();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].scripts, ScriptState::kNamed);
  ASSERT_EQ(events[0].script_frames.size(), 1u);
  const ScriptFrame& back = events[0].script_frames[0];
  EXPECT_EQ(back.pc, Address(0x4000));
  EXPECT_EQ(back.fp, 0x7010u);
  EXPECT_TRUE(back.caller.knows(Registers::kRip));
  EXPECT_EQ(back.caller.values.gpr[Registers::kRip], 0x5000u);
  ASSERT_EQ(back.functions.size(), 1u);
  EXPECT_EQ(back.functions[0].function, "Order.toJSON");
  EXPECT_EQ(back.functions[0].file, "/srv/app.js");
  EXPECT_EQ(back.functions[0].line, 3u);
  EXPECT_EQ(back.functions[0].column, 7u);
  EXPECT_TRUE(back.functions[0].inlined);
  EXPECT_EQ(back.functions[0].address, 0x1235u);
  EXPECT_EQ(back.functions[0].tier, "turbofan");
  EXPECT_EQ(back.functions[0].remark, "marked");
}

// What files of before do not have: at first the moment on the monotonic clock, then the state and the count of
// JavaScript frames.
TEST_F(EventFile, EarlierFilesLackWhatWasAddedLater) {
  constexpr size_t kMoment = sizeof(uint8_t);  // that there is none
  constexpr size_t kScripts = sizeof(ScriptState) + sizeof(uint32_t);
  for (size_t lacking : {kMoment, kMoment + kScripts}) {
    write({event(1)}, false);
    std::string file = bytes();
    size_t block = 16;  // of the event: behind the magic, for it has no snapshot
    uint32_t size = 0;
    std::memcpy(&size, file.data() + block + 4, sizeof size);
    ASSERT_EQ(block + 8 + size, file.size());
    size -= static_cast<uint32_t>(lacking);
    std::memcpy(file.data() + block + 4, &size, sizeof size);
    put(file.substr(0, file.size() - lacking));
    auto events = read();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].scripts, ScriptState::kNone);
    EXPECT_EQ(events[0].monotonic, std::nullopt);
    EXPECT_EQ(events[0].other_start, Address(0x9000));
  }
}

TEST_F(EventFile, KilledTracer) {
  write({event(1)}, false);
  std::vector<std::string> notes;
  EXPECT_EQ(read(&notes).size(), 1u);
  EXPECT_THAT(notes, ElementsAre(HasSubstr("has no end")));
}

TEST_F(EventFile, OnlyOwnerMayRead) {
  write({});
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms(0600));
}

TEST_F(EventFile, NoEventFile) {
  put("ELF");
  EXPECT_FALSE(open_event_file(path_).ok());
  EXPECT_FALSE(is_event_file(path_));
  write({});
  EXPECT_TRUE(is_event_file(path_));
  std::string other = bytes();
  other[15] = 2;
  put(other);
  auto source = open_event_file(path_);
  ASSERT_FALSE(source.ok());
  EXPECT_THAT(source.error().what, HasSubstr("format 2"));
}

// What a hostile file says about sizes is never believed.
TEST_F(EventFile, CutAndFlipped) {
  write({event(1), event(2)});
  std::string whole = bytes();
  for (size_t size = 16; size < whole.size(); size += 31) {
    put(whole.substr(0, size));
    EXPECT_LE(read().size(), 2u);
  }
  for (size_t at = 16; at < whole.size(); at += 5) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x80);
    put(flipped);
    for (const ProbeEvent& event : read()) EXPECT_LE(event.stack.size(), whole.size());
  }
}

// This process itself, as it is mapped: functions of this program and of libraries are found in the snapshot.
TEST_F(EventFile, SnapshotKnowsModules) {
  ProcessMaps maps(false);
  ASSERT_TRUE(maps.read(static_cast<uint64_t>(getpid())));
  ProbeEvent live = event(1);
  live.process = maps.snapshot(static_cast<uint64_t>(getpid()));
  ASSERT_NE(live.process, nullptr);
  write({live});
  auto events = read();
  ASSERT_EQ(events.size(), 1u);
  ASSERT_NE(events[0].process, nullptr);
  auto target = events[0].process->open();
  ASSERT_TRUE(target.ok()) << target.error().line();
  (*target)->show(events[0]);
  auto here = reinterpret_cast<uint64_t>(&open_event_file);
  const Module* own = nullptr;
  for (const Module& module : (*target)->modules())
    if (here >= module.start.value() && here < module.end.value()) own = &module;
  ASSERT_NE(own, nullptr);
  EXPECT_FALSE(own->build_id.empty() && own->file.empty());
  // Code is there, data is not: the file does not hold what it was; the stack is the event's, with its repair.
  EXPECT_TRUE((*target)->memory().read_u64(Address(here)).has_value());
  static uint64_t counter = 5;
  EXPECT_FALSE((*target)->memory().read_u64(Address(reinterpret_cast<uint64_t>(&counter))).has_value());
  EXPECT_EQ((*target)->memory().read_u64(Address(0x7008)), 42u);
  EXPECT_EQ((*target)->memory().read_u64(Address(0x7010)), 0x0909090909090909u);
}

Mapping mapping(uint64_t start, uint64_t end, const std::string& path = "", uint64_t offset = 0) {
  return {.start = start, .end = end, .offset = offset, .protection = PROT_READ, .path = path};
}

std::vector<std::string> ranges(const AddressSpace& space) {
  std::vector<std::string> result;
  for (const Mapping& mapping : space.mappings())
    result.push_back(std::to_string(mapping.start) + "-" + std::to_string(mapping.end) + "@" +
                     std::to_string(mapping.offset) + mapping.path);
  return result;
}

TEST(AddressSpace, LaterMappingsReplace) {
  AddressSpace space;
  space.add(mapping(10, 50, "a"));
  space.add(mapping(20, 30, "b", 7));
  EXPECT_THAT(ranges(space), ElementsAre("10-20@0a", "20-30@7b", "30-50@20a"));
  space.add(mapping(15, 45));
  EXPECT_THAT(ranges(space), ElementsAre("10-15@0a", "15-45@0", "45-50@35a"));
  space.add(mapping(0, 100, "c"));
  EXPECT_THAT(ranges(space), ElementsAre("0-100@0c"));
}

TEST(AddressSpace, SnapshotsChangeWithWhatMatters) {
  AddressSpace space;
  space.add(mapping(4096, 8192, "/lib/a"));
  auto first = space.snapshot(1);
  space.add(mapping(16384, 20480));  // anonymous
  EXPECT_EQ(space.snapshot(1), first);
  space.add(mapping(20480, 24576, "/lib/b"));
  EXPECT_NE(space.snapshot(1), first);
}

TEST(ProcessMaps, CodeThatIsMadeWritableStaysCode) {
  AddressSpace space;
  auto code = mapping(0x100000, 0x200000, "");
  code.protection = PROT_READ | PROT_EXEC;
  space.add(code);
  auto snapshot = space.snapshot(4'000'003);
  ASSERT_NE(snapshot, nullptr);
  EXPECT_TRUE(snapshot->may_run_scripts());
  auto part = mapping(0x140000, 0x150000, "");
  part.protection = PROT_READ | PROT_WRITE;
  space.add(part);
  EXPECT_EQ(space.snapshot(4'000'003), snapshot);
  EXPECT_EQ(space.mappings().size(), 1u);
  auto more = mapping(0x1f0000, 0x210000, "");
  more.protection = PROT_READ | PROT_EXEC;
  space.add(more);
  EXPECT_NE(space.snapshot(4'000'003), snapshot) << "there is more of it";
  space.add(mapping(0x140000, 0x150000, "/lib/a"));
  EXPECT_EQ(space.mappings().size(), 4u);
}

TEST(ProcessMaps, ForkCopiesAndExecClears) {
  ProcessMaps maps(false);
  maps.follow(4'000'001);
  maps.on_map(4'000'001, mapping(4096, 8192, "/lib/a"));
  maps.on_map(4'000'009, mapping(4096, 8192, "/lib/a"));  // of nobody that is followed
  maps.on_fork(4'000'002, 4'000'001);
  EXPECT_TRUE(maps.follows(4'000'002));
  EXPECT_FALSE(maps.follows(4'000'009));
  EXPECT_NE(maps.snapshot(4'000'002), nullptr);
  maps.on_exec(4'000'002);
  EXPECT_EQ(maps.snapshot(4'000'002), nullptr);
  EXPECT_NE(maps.snapshot(4'000'001), nullptr);
}

}  // namespace
}  // namespace inquest::probes
