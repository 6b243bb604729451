// Memory of a child process that goes on running.
#include "ncurses_probes/capture/live_memory.h"

#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>

#include "ncurses_probes/capture/running_target.h"

namespace inquest::probes {
namespace {

constexpr size_t kPage = 4096;

AtRandom own_at_random() {
  AtRandom bytes;
  std::memcpy(bytes.data(), reinterpret_cast<const void*>(getauxval(AT_RANDOM)), bytes.size());
  return bytes;
}

/// A child whose memory is a copy of ours; three pages are shared, the one in the middle is not readable.
class LiveChild : public ::testing::Test {
 protected:
  void SetUp() override {
    void* memory = mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    shared = static_cast<char*>(memory);
    munmap(shared + kPage, kPage);
    std::memcpy(shared, "first", 6);
    std::memcpy(shared + kPage - 8, "the end", 8);
    pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      for (;;) pause();
    }
  }
  void TearDown() override {
    end();
    munmap(shared, kPage);
    munmap(shared + 2 * kPage, kPage);
  }
  void end() {
    if (pid > 0) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
    pid = -1;
  }
  Address at(size_t offset) const { return Address(reinterpret_cast<uint64_t>(shared) + offset); }
  std::unique_ptr<LiveMemory> open() const { return LiveMemory::open(static_cast<uint64_t>(pid), own_at_random()); }

  char* shared = nullptr;
  pid_t pid = -1;
};

TEST_F(LiveChild, ChangesAreSeenAfterARefresh) {
  auto memory = open();
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(memory->read_c_string(at(0)), "first");
  auto view = memory->view(at(0), 6);
  std::memcpy(shared, "other", 6);
  EXPECT_EQ(memory->read_c_string(at(0)), "first") << "read once";
  uint64_t generation = memory->generation();
  EXPECT_TRUE(memory->refresh());
  EXPECT_GT(memory->generation(), generation);
  EXPECT_EQ(memory->read_c_string(at(0)), "other");
  EXPECT_EQ(memory->view(at(0), 6).data(), view.data()) << "a view stays where it is";
}

TEST_F(LiveChild, WhatIsNotMappedEndsAView) {
  auto memory = open();
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(memory->view(at(kPage - 8), 2 * kPage).size(), 8u);
  EXPECT_TRUE(memory->view(at(kPage), 1).empty());
  EXPECT_FALSE(memory->load(at(kPage - 8), 16));
  EXPECT_TRUE(memory->load(at(2 * kPage), kPage));
  EXPECT_EQ(memory->place_of(at(0), 16), memory->view(at(0), 16).data());
  EXPECT_TRUE(memory->view(Address(UINT64_MAX - 7), 8).empty());
  EXPECT_TRUE(memory->view(Address(0), 8).empty());
  EXPECT_FALSE(memory->load(at(0), UINT64_MAX));
}

TEST_F(LiveChild, AnotherProgramIsNotRead) {
  AtRandom other = own_at_random();
  other[0] ^= std::byte{1};
  EXPECT_EQ(LiveMemory::open(static_cast<uint64_t>(pid), other), nullptr);
  EXPECT_NE(open(), nullptr);
}

TEST_F(LiveChild, NothingIsReadAfterItsEnd) {
  auto memory = open();
  ASSERT_NE(memory, nullptr);
  end();
  EXPECT_FALSE(memory->refresh());
  EXPECT_TRUE(memory->view(at(0), 8).empty());
}

TEST_F(LiveChild, ItsRegionsAreThoseOfItsMaps) {
  auto memory = open();
  ASSERT_NE(memory, nullptr);
  const MemoryRegion* region = memory->region_of(at(8));
  ASSERT_NE(region, nullptr);
  EXPECT_TRUE(region->readable && region->writable && !region->executable);
  EXPECT_EQ(memory->region_of(at(kPage)), nullptr);
}

}  // namespace
}  // namespace inquest::probes
