#include "postmortem/live/stopped_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "postmortem/elf/core_notes.h"

namespace inquest::live {
namespace {

constexpr uint64_t kPage = StoppedMemory::kPage;
constexpr uint64_t kBlock = 1 << 20;  ///< what is read at once, at most
/// A process does not fill this much; sanitizers and sandboxes reserve such mappings.
constexpr uint64_t kMaxMapping = 256ull << 30;
constexpr uint64_t kKernelHalf = 1ull << 47;

// Bits of an entry of /proc/PID/pagemap. Without privileges the frame's number reads as zero, these do not.
constexpr uint64_t kPresent = 1ull << 63, kSwapped = 1ull << 62, kFileOrShared = 1ull << 61;

template <class T>
T* reserve(uint64_t count) {
  void* memory =
      mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

Error refused(uint64_t pid, int failure) {
  if (failure == ENOENT || failure == ESRCH) return unusable(fmt::format("process {} is gone", pid));
  return unusable(
      fmt::format("the memory of process {} cannot be read (/proc/{}/mem: {})", pid, pid, std::strerror(failure)),
      "run LLDB as the owner of the process or as root");
}

}  // namespace

Result<std::unique_ptr<StoppedMemory>> StoppedMemory::open(uint64_t pid, std::vector<Mapping> mappings) {
  int descriptor = ::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return refused(pid, errno);
  int page_map = ::open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY | O_CLOEXEC);
  std::unique_ptr<StoppedMemory> memory(new StoppedMemory(descriptor, page_map));
  if (mappings.empty()) return unusable(fmt::format("process {} has no memory left: it has ended", pid));
  memory->take(std::move(mappings));
  return memory;
}

StoppedMemory::~StoppedMemory() {
  for (const Run& run : runs_) {
    if (run.bytes != nullptr) munmap(run.bytes, run.size);
    if (run.states != nullptr) munmap(run.states, run.size / kPage);
  }
  close(memory_);
  if (page_map_ >= 0) close(page_map_);
}

void StoppedMemory::take(std::vector<Mapping> mappings) {
  std::erase_if(mappings, [](const Mapping& mapping) { return mapping.end > kKernelHalf; });  // [vsyscall]
  for (const Mapping& mapping : mappings) anonymous_.push_back(is_private_anonymous(mapping));
  regions_ = to_regions(std::move(mappings));
  for (MemoryRegion& region : regions_) {
    // As a core names them: the stack and the like by no name, files that are gone by the one they had.
    if (!region.path.starts_with('/')) region.path.clear();
    region.path = elf::strip_deleted(region.path);
    if (region.available > kMaxMapping) {
      region.available = 0;
      ++left_out_;
    }
    if (region.available > 0) add_run({region.start.value(), region.end().value()});
  }
  reserve_runs();
}

void StoppedMemory::add_run(Range range) {
  if (!runs_.empty() && runs_.back().end() == range.start) {
    runs_.back().size += range.end - range.start;
  } else {
    runs_.push_back({range.start, range.end - range.start});
  }
}

void StoppedMemory::reserve_runs() {
  for (Run& run : runs_) {
    run.bytes = reserve<std::byte>(run.size);
    run.states = reserve<std::atomic<uint8_t>>(run.size / kPage);
    if (run.bytes != nullptr && run.states != nullptr) continue;
    for (MemoryRegion& region : regions_) {
      if (region.start.value() < run.start || region.start.value() >= run.end()) continue;
      region.available = 0;
      ++left_out_;
    }
  }
}

const StoppedMemory::Run* StoppedMemory::run_of(uint64_t address) const {
  auto next = std::ranges::upper_bound(runs_, address, {}, &Run::start);
  if (next == runs_.begin()) return nullptr;
  const Run& run = *std::prev(next);
  return address < run.end() && run.bytes != nullptr && run.states != nullptr ? &run : nullptr;
}

bool StoppedMemory::page_entries(uint64_t from, std::span<uint64_t> entries) const {
  if (page_map_ < 0) return false;
  size_t wanted = entries.size() * sizeof(uint64_t);
  return pread(page_map_, entries.data(), wanted, static_cast<off_t>(from / kPage * sizeof(uint64_t))) ==
         static_cast<ssize_t>(wanted);
}

std::vector<StoppedMemory::Range> StoppedMemory::touched(uint64_t from, uint64_t to) const {
  std::vector<Range> result;
  auto add = [&result](uint64_t start, uint64_t end) {
    if (start >= end) return;
    if (!result.empty() && result.back().end == start) {
      result.back().end = end;
    } else {
      result.push_back({start, end});
    }
  };
  auto region = std::ranges::upper_bound(regions_, Address(from), {}, &MemoryRegion::start);
  if (region != regions_.begin()) --region;
  std::vector<uint64_t> entries;
  for (; region != regions_.end() && region->start.value() < to; ++region) {
    uint64_t start = std::max(from, region->start.value());
    uint64_t end = std::min(to, region->start.value() + region->available);
    bool skips_pages = anonymous_[static_cast<size_t>(region - regions_.begin())];
    while (start < end) {
      uint64_t stop = std::min(end, start + kBlock * 16);
      entries.resize((stop - start / kPage * kPage + kPage - 1) / kPage);
      if (!skips_pages || !page_entries(start, entries)) {
        add(start, stop);
        start = stop;
        continue;
      }
      for (uint64_t entry : entries) {
        uint64_t page_end = std::min(stop, (start / kPage + 1) * kPage);
        if ((entry & (kPresent | kSwapped)) != 0) add(start, page_end);
        start = page_end;
      }
    }
  }
  return result;
}

template <class OnPages>
void StoppedMemory::read_pages(uint64_t from, uint64_t to, std::byte* out, const OnPages& on_pages) const {
  uint64_t done = from;
  for (const Range& range : touched(from, to)) {
    if (done < range.start) on_pages(done, range.start, kLoaded);
    for (done = range.start; done < range.end;) {
      ssize_t size = pread(memory_, out + (done - from), range.end - done, static_cast<off_t>(done));
      if (size < 0 && errno == EINTR) continue;
      uint64_t read = size > 0 ? static_cast<uint64_t>(size) / kPage * kPage : 0;
      if (read > 0) on_pages(done, done + read, kLoaded);
      done += read;
      if (read == 0) {
        on_pages(done, done + kPage, kUnreadable);
        done += kPage;
      }
    }
  }
  if (done < to) on_pages(done, to, kLoaded);
}

void StoppedMemory::load_block(const Run& run, uint64_t from, uint64_t to) const {
  std::lock_guard lock(locks_[from / kBlock % locks_.size()]);
  auto state = [&run](uint64_t page) -> std::atomic<uint8_t>& { return run.states[(page - run.start) / kPage]; };
  for (uint64_t page = from; page < to;) {
    uint64_t end = page;
    while (end < to && state(end).load(std::memory_order_relaxed) == kUnknown) end += kPage;
    if (page < end) {
      read_pages(page, end, run.bytes + (page - run.start), [&](uint64_t first, uint64_t last, State found) {
        for (; first < last; first += kPage) state(first).store(found, std::memory_order_release);
      });
    }
    page = end + kPage;
  }
}

uint64_t StoppedMemory::load(const Run& run, uint64_t address, uint64_t size) const {
  size = std::min(size, run.end() - address);
  if (size == 0) return 0;
  uint64_t first = address / kPage * kPage, end = address + size;
  for (uint64_t page = first; page < end; page += kPage) {
    const std::atomic<uint8_t>& state = run.states[(page - run.start) / kPage];
    if (state.load(std::memory_order_acquire) == kUnknown) {
      uint64_t stop = std::min((page / kBlock + 1) * kBlock, (end + kPage - 1) / kPage * kPage);
      load_block(run, page, stop);
    }
    if (state.load(std::memory_order_acquire) == kLoaded) continue;
    return page <= address ? 0 : page - address;
  }
  return size;
}

std::span<const std::byte> StoppedMemory::view(Address address, uint64_t limit) const {
  const Run* run = run_of(address.value());
  if (run == nullptr) return {};
  return {run->bytes + (address.value() - run->start), load(*run, address.value(), limit)};
}

std::vector<DataExtent> StoppedMemory::data_extents(Address start, uint64_t size) const {
  std::vector<DataExtent> result;
  uint64_t end = start.value() + std::min(size, UINT64_MAX - start.value());
  for (const Range& range : touched(start.value(), end)) {
    if (run_of(range.start) != nullptr) result.push_back({Address(range.start), range.end - range.start});
  }
  return result;
}

std::vector<Address> StoppedMemory::patched_code() const {
  std::vector<Address> result;
  std::vector<uint64_t> entries;
  for (size_t i = 0; i < regions_.size(); ++i) {
    const MemoryRegion& region = regions_[i];
    if (!region.executable || region.available == 0 || !region.path.starts_with('/')) continue;
    entries.resize(region.size / kPage);
    if (!page_entries(region.start.value(), entries)) continue;
    for (size_t page = 0; page < entries.size() && result.size() < kMaxPatchedPages; ++page) {
      bool is_there = (entries[page] & (kPresent | kSwapped)) != 0;
      if (is_there && (entries[page] & kFileOrShared) == 0) result.push_back(region.start + page * kPage);
    }
  }
  return result;
}

void StoppedMemory::replace(Address start, std::span<const std::byte> bytes) {
  const Run* run = run_of(start.value());
  if (run == nullptr || start.value() % kPage != 0 || bytes.size() % kPage != 0) return;
  if (bytes.size() > run->end() - start.value()) return;
  std::memcpy(run->bytes + (start.value() - run->start), bytes.data(), bytes.size());
  for (uint64_t at = 0; at < bytes.size(); at += kPage)
    run->states[(start.value() + at - run->start) / kPage].store(kLoaded, std::memory_order_release);
}

bool StoppedMemory::same_now(const Run& run, Range range, std::vector<std::byte>& buffer) const {
  buffer.assign(range.end - range.start, std::byte{});
  bool same = true;
  read_pages(range.start, range.end, buffer.data(), [&](uint64_t from, uint64_t to, State state) {
    const std::byte* now = buffer.data() + (from - range.start);
    same = same && state == kLoaded && std::memcmp(now, run.bytes + (from - run.start), to - from) == 0;
  });
  return same;
}

bool StoppedMemory::is_unchanged() const {
  std::vector<std::byte> buffer;
  for (const MemoryRegion& region : regions_) {
    const Run* run = region.available > 0 && !region.executable ? run_of(region.start.value()) : nullptr;
    if (run == nullptr) continue;
    uint64_t end = region.end().value();
    for (uint64_t page = region.start.value(); page < end;) {
      uint64_t first = page;
      while (page < end && page - first < kBlock &&
             run->states[(page - run->start) / kPage].load(std::memory_order_acquire) == kLoaded)
        page += kPage;
      if (first < page && !same_now(*run, {first, page}, buffer)) return false;
      if (page < end && page - first < kBlock) page += kPage;
    }
  }
  return true;
}

}  // namespace inquest::live
