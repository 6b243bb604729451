#include "postmortem/live/stopped_memory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "postmortem/live/stopped_target.h"

namespace inquest::live {
namespace {

constexpr size_t kPage = 4096;

/// A copy of this process that waits, and does `later` when it is told to.
class Child {
 public:
  explicit Child(
      const std::function<void()>& first, std::function<void()> later = [] {}) {
    if (pipe(to_) != 0 || pipe(from_) != 0) abort();
    pid_ = fork();
    if (pid_ != 0) {
      answer();
      return;
    }
    first();
    for (char byte = 'r'; write(from_[1], &byte, 1) == 1 && read(to_[0], &byte, 1) == 1;) later();
    _exit(0);
  }
  ~Child() { end(); }

  uint64_t pid() const { return static_cast<uint64_t>(pid_); }
  void go_on() {
    if (write(to_[1], "x", 1) == 1) answer();
  }
  void end() {
    if (pid_ > 0) kill(pid_, SIGKILL), waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  void answer() {
    char byte = 0;
    ASSERT_EQ(read(from_[0], &byte, 1), 1);
  }
  pid_t pid_ = 0;
  int to_[2] = {}, from_[2] = {};
};

/// Private anonymous memory that both have at the same address.
class Pages {
 public:
  explicit Pages(size_t count) : size_(count * kPage) {
    bytes_ = static_cast<char*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  ~Pages() { munmap(bytes_, size_); }
  char* page(size_t number) const { return bytes_ + number * kPage; }
  Address at(size_t number) const { return Address(reinterpret_cast<uint64_t>(page(number))); }

 private:
  size_t size_;
  char* bytes_;
};

std::unique_ptr<StoppedMemory> memory_of(const Child& child) {
  auto memory = StoppedMemory::open(child.pid(), read_mappings(child.pid()));
  EXPECT_TRUE(memory);
  return memory ? std::move(memory).value() : nullptr;
}

std::string text_at(const MemoryReader& memory, Address address) { return memory.read_c_string(address).value_or("?"); }

/// Pages of [start, start + count * kPage) that the process has, by /proc/PID/pagemap.
size_t present_pages(uint64_t pid, Address start, size_t count) {
  int map = open(("/proc/" + std::to_string(pid) + "/pagemap").c_str(), O_RDONLY);
  std::vector<uint64_t> entries(count);
  ssize_t size = pread(map, entries.data(), count * 8, static_cast<off_t>(start.value() / kPage * 8));
  close(map);
  EXPECT_EQ(size, static_cast<ssize_t>(count * 8));
  size_t present = 0;
  for (uint64_t entry : entries) present += entry >> 63;
  return present;
}

TEST(StoppedMemory, ViewsSpanMappingsThatLieSideBySide) {
  Pages pages(4);
  Child child([&] {
    std::strcpy(pages.page(0), "first");
    std::strcpy(pages.page(2) - 4, "over the border");
    mprotect(pages.page(2), 2 * kPage, PROT_READ);
  });
  auto memory = memory_of(child);
  EXPECT_EQ(text_at(*memory, pages.at(0)), "first");
  EXPECT_EQ(text_at(*memory, pages.at(2) - 4), "over the border");
  EXPECT_GE(memory->view(pages.at(0), 4 * kPage).size(), 4 * kPage);
}

TEST(StoppedMemory, WhatCannotBeReadEndsViews) {
  Pages pages(4);
  Child child([&] {
    std::strcpy(pages.page(1), "last");
    mprotect(pages.page(2), kPage, PROT_NONE);
  });
  auto memory = memory_of(child);
  EXPECT_EQ(memory->view(pages.at(0), 4 * kPage).size(), 2 * kPage);
  EXPECT_TRUE(memory->view(pages.at(2), 1).empty());
  const MemoryRegion* region = memory->region_of(pages.at(2));
  ASSERT_NE(region, nullptr);
  EXPECT_FALSE(region->readable);
  EXPECT_EQ(region->available, 0U);
}

TEST(StoppedMemory, PagesNeverTouchedAreZerosAndStayUntouched) {
  constexpr size_t kCount = 1000;
  Pages pages(kCount);
  Child child([&] { *pages.page(500) = 'x'; });
  auto memory = memory_of(child);
  auto bytes = memory->view(pages.at(0), kCount * kPage);
  ASSERT_EQ(bytes.size(), kCount * kPage);
  EXPECT_EQ(bytes[500 * kPage], std::byte{'x'});
  EXPECT_EQ(std::ranges::count(bytes, std::byte{}), static_cast<ptrdiff_t>(kCount * kPage - 1));
  EXPECT_EQ(present_pages(child.pid(), pages.at(0), kCount), 1U);
  auto extents = memory->data_extents(pages.at(0), kCount * kPage);
  ASSERT_EQ(extents.size(), 1U);
  EXPECT_EQ(extents[0].start, pages.at(500));
  EXPECT_EQ(extents[0].size, kPage);
}

TEST(StoppedMemory, TellsWhetherWhatWasReadHasChanged) {
  Pages pages(3);
  Child child([&] { *pages.page(0) = *pages.page(1) = 1; }, [&] { ++*pages.page(1); });
  auto memory = memory_of(child);
  EXPECT_EQ(memory->view(pages.at(0), 1).size(), 1U);
  child.go_on();
  EXPECT_TRUE(memory->is_unchanged()) << "the page that changed has not been read";
  EXPECT_EQ(memory->view(pages.at(1), 1)[0], std::byte{2});
  EXPECT_TRUE(memory->is_unchanged());
  child.go_on();
  EXPECT_FALSE(memory->is_unchanged());
}

TEST(StoppedMemory, AProcessThatIsGoneIsNoOther) {
  Pages pages(2);
  Child child([&] { std::memset(pages.page(0), 'a', 2 * kPage); });
  auto memory = memory_of(child);
  auto bytes = memory->view(pages.at(0), 1);
  uint64_t pid = child.pid();
  child.end();
  EXPECT_EQ(bytes[0], std::byte{'a'}) << "what has been read stays";
  EXPECT_TRUE(memory->view(pages.at(1), 1).empty());
  EXPECT_FALSE(memory->is_unchanged());
  EXPECT_FALSE(StoppedMemory::open(pid, read_mappings(pid)));
}

__attribute__((noinline, aligned(4096), section(".text.patched"))) int patched_function(int x) { return x * 3 + 1; }

TEST(StoppedMemory, FindsCodeThatIsNotTheFiles) {
  auto address = reinterpret_cast<uint64_t>(&patched_function);
  char* page = reinterpret_cast<char*>(address & -kPage);
  char before = *reinterpret_cast<char*>(address);
  Child child([&] {
    mprotect(page, kPage, PROT_READ | PROT_WRITE | PROT_EXEC);
    *reinterpret_cast<char*>(address) = '\xcc';
    mprotect(page, kPage, PROT_READ | PROT_EXEC);
  });
  auto memory = memory_of(child);
  Address start(address & -kPage);
  EXPECT_THAT(memory->patched_code(), testing::Contains(start));
  EXPECT_EQ(memory->view(Address(address), 1)[0], std::byte{0xcc});
  auto bytes = std::as_bytes(std::span(page, kPage));
  memory->replace(start, bytes);
  EXPECT_EQ(memory->view(Address(address), 1)[0], std::byte(before));
}

TEST(StoppedTarget, HasTheFilesAndFactsOfTheProcess) {
  Child child([] {});
  Thread thread;
  thread.tid = child.pid();
  auto target = StoppedTarget::open({.pid = child.pid(), .threads = {thread}, .signal = SIGABRT, .fault_address = {}},
                                    {.executable = {}, .sysroot = {}, .debug_dirs = {}});
  ASSERT_TRUE(target) << target.error().line();
  const Target& process = **target;
  ASSERT_GE(process.modules().size(), 3U);
  EXPECT_TRUE(process.modules()[0].is_executable);
  EXPECT_EQ(process.modules()[0].file, process.modules()[0].path);
  EXPECT_FALSE(process.modules()[0].build_id.empty());
  EXPECT_THAT(process.modules(), testing::Contains(testing::Field(&Module::path, "[vdso]")));
  EXPECT_EQ(process.facts().pid, child.pid());
  EXPECT_EQ(process.facts().signal, SIGABRT);
  EXPECT_TRUE(process.facts().core_path.empty());
  EXPECT_TRUE(process.facts().cpu_time);
  auto random = random_bytes_of(child.pid());
  ASSERT_TRUE(random);
  EXPECT_EQ(process.facts().at_random, random->bytes);
  // A copy of this process has its random bytes, at the same place.
  EXPECT_EQ(std::memcmp(reinterpret_cast<const void*>(random->address.value()), random->bytes.data(), 16), 0);
  // The address sanitizer reserves terabytes, which are not read.
  EXPECT_EQ(process.notes().size(), (*target)->memory().left_out() > 0 ? 1u : 0u);
}

TEST(StoppedTarget, OfAProcessThatIsGoneIsRefused) {
  Child child([] {});
  uint64_t pid = child.pid();
  child.end();
  auto target = StoppedTarget::open({.pid = pid, .threads = {}, .fault_address = {}},
                                    {.executable = {}, .sysroot = {}, .debug_dirs = {}});
  ASSERT_FALSE(target);
  EXPECT_THAT(target.error().line(), testing::HasSubstr("gone"));
  EXPECT_FALSE(random_bytes_of(pid));
}

}  // namespace
}  // namespace inquest::live
