#include "ncurses_probes/capture/live_memory.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "postmortem/live/mappings.h"

namespace inquest::probes {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kWindow = 1ull << 30;
constexpr size_t kMaxWindows = 256;
constexpr uint64_t kMaxView = 256 << 20;
constexpr uint64_t kKeptPages = (64 << 20) / kPage;   ///< more are given back at the next refresh
constexpr uint64_t kMaxPages = (1ull << 30) / kPage;  ///< more are not read between two refreshes
constexpr int64_t kRegionsAge = 1'000'000'000;

int64_t now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void* reserve(uint64_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

/// The address of AT_RANDOM's bytes; 0 when it is not told.
uint64_t find_at_random(uint64_t pid) {
  int descriptor = ::open(fmt::format("/proc/{}/auxv", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  Elf64_auxv_t entries[64] = {};
  ssize_t size = ::read(descriptor, entries, sizeof entries);
  close(descriptor);
  for (size_t i = 0; size > 0 && i < static_cast<size_t>(size) / sizeof entries[0]; ++i)
    if (entries[i].a_type == AT_RANDOM) return entries[i].a_un.a_val;
  return 0;
}

}  // namespace

std::unique_ptr<LiveMemory> LiveMemory::open(uint64_t pid, const AtRandom& at_random) {
  int descriptor = ::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  std::unique_ptr<LiveMemory> memory(new LiveMemory(pid, descriptor));
  if (!memory->is_of(at_random)) return nullptr;
  memory->read_regions();
  return memory;
}

LiveMemory::~LiveMemory() {
  for (auto& [number, window] : windows_) {
    if (window.bytes != nullptr) munmap(window.bytes, kWindow);
    if (window.stamps != nullptr) munmap(window.stamps, kWindow / kPage * sizeof(uint32_t));
  }
  close(descriptor_);
}

bool LiveMemory::is_of(const AtRandom& at_random) {
  at_random_address_ = find_at_random(pid_);
  AtRandom bytes = {};
  ssize_t size = pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at_random_address_));
  return at_random_address_ != 0 && size == static_cast<ssize_t>(bytes.size()) && bytes == at_random;
}

bool LiveMemory::refresh() {
  if (++generation_ == UINT32_MAX / 2 || pages_ > kKeptPages) drop_all();
  std::byte byte;
  if (pread(descriptor_, &byte, 1, static_cast<off_t>(at_random_address_)) != 1) return false;
  if (now() - regions_read_ > kRegionsAge) read_regions();
  return true;
}

void LiveMemory::drop_all() const {
  for (auto& [number, window] : windows_) {
    if (window.bytes != nullptr) madvise(window.bytes, kWindow, MADV_DONTNEED);
    if (window.stamps != nullptr) madvise(window.stamps, kWindow / kPage * sizeof(uint32_t), MADV_DONTNEED);
  }
  pages_ = 0;
}

void LiveMemory::read_regions() {
  regions_read_ = now();
  std::vector<MemoryRegion> regions = live::to_regions(live::read_mappings(pid_));
  if (!regions.empty()) regions_ = std::move(regions);
}

const LiveMemory::Window* LiveMemory::window_of(uint64_t address) const {
  uint64_t number = address / kWindow;
  if (number >= (1ull << 47) / kWindow) return nullptr;  // the kernel's half
  auto found = windows_.find(number);
  if (found == windows_.end()) {
    if (windows_.size() >= kMaxWindows) return nullptr;
    found = windows_.emplace(number, Window()).first;
    found->second.bytes = static_cast<std::byte*>(reserve(kWindow));
    found->second.stamps = static_cast<uint32_t*>(reserve(kWindow / kPage * sizeof(uint32_t)));
  }
  return found->second.bytes != nullptr && found->second.stamps != nullptr ? &found->second : nullptr;
}

void LiveMemory::load_run(const Window& window, uint64_t address, uint64_t pages) const {
  uint64_t inside = address % kWindow;
  ssize_t size = 0;
  if (pages_ + pages <= kMaxPages)
    size = pread(descriptor_, window.bytes + inside, pages * kPage, static_cast<off_t>(address));
  uint64_t read = size > 0 ? static_cast<uint64_t>(size) / kPage : 0;
  pages_ += read;
  for (uint64_t i = 0; i < read; ++i) window.stamps[inside / kPage + i] = generation_ << 1 | 1;
  if (read < pages) window.stamps[inside / kPage + read] = generation_ << 1;
}

uint64_t LiveMemory::load_in(const Window& window, uint64_t address, uint64_t size) const {
  size = std::min({size, kWindow - address % kWindow, kMaxView});
  if (size == 0) return 0;
  uint64_t first = address / kPage, last = (address + size - 1) / kPage;
  for (uint64_t page = first; page <= last; ++page) {
    const uint32_t* stamp = window.stamps + page % (kWindow / kPage);
    if (*stamp >> 1 != generation_) {
      uint64_t end = page + 1;
      while (end <= last && window.stamps[end % (kWindow / kPage)] >> 1 != generation_) ++end;
      load_run(window, page * kPage, end - page);
    }
    if (*stamp >> 1 == generation_ && (*stamp & 1) != 0) continue;
    return page == first ? 0 : page * kPage - address;
  }
  return size;
}

std::span<const std::byte> LiveMemory::view(Address address, uint64_t limit) const {
  const Window* window = window_of(address.value());
  if (window == nullptr) return {};
  return {window->bytes + address.value() % kWindow, load_in(*window, address.value(), limit)};
}

const std::byte* LiveMemory::place_of(Address start, uint64_t size) const {
  const Window* window = window_of(start.value());
  if (window == nullptr || size > kWindow - start.value() % kWindow) return nullptr;
  return window->bytes + start.value() % kWindow;
}

bool LiveMemory::load(Address start, uint64_t size) const {
  const Window* window = window_of(start.value());
  return window != nullptr && load_in(*window, start.value(), size) == size;
}

}  // namespace inquest::probes
