#include "ncurses_probes/capture/side_band.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace inquest::probes {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kBufferPages = 128;  // a start of python fills 4 of them

/// What `sample_id_all` puts at the end of every record with this sample_type.
constexpr uint64_t kSampleType = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU;
struct SampleId {
  uint32_t pid, tid;
  uint64_t time;
  uint32_t cpu, reserved;
};

struct Record {
  enum class Kind : uint8_t { kMap, kExec, kFork, kExit };
  Kind kind = Kind::kMap;
  uint64_t time = 0;
  uint64_t pid = 0, parent = 0;
  Mapping mapping;
};

class CpuBuffer {
 public:
  CpuBuffer(int descriptor, void* memory) : descriptor_(descriptor), memory_(static_cast<char*>(memory)) {}
  CpuBuffer(CpuBuffer&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), memory_(std::exchange(other.memory_, nullptr)) {}
  CpuBuffer& operator=(CpuBuffer&&) = delete;
  ~CpuBuffer() {
    if (memory_ != nullptr) munmap(memory_, (kBufferPages + 1) * kPage);
    if (descriptor_ >= 0) close(descriptor_);
  }

  /// Calls `take(header, bytes)` for each record.
  template <class Take>
  void drain(Take take) {
    auto* page = reinterpret_cast<perf_event_mmap_page*>(memory_);
    uint64_t head = std::atomic_ref(page->data_head).load(std::memory_order_acquire);
    uint64_t tail = page->data_tail;
    constexpr uint64_t kSize = kBufferPages * kPage;
    const char* data = memory_ + kPage;
    while (head - tail >= sizeof(perf_event_header)) {
      perf_event_header header;
      copy(&header, data, tail, sizeof header);
      if (header.size < sizeof header || header.size > head - tail || header.size > kSize) break;
      bytes_.resize(header.size);
      copy(bytes_.data(), data, tail, header.size);
      take(header, bytes_);
      tail += header.size;
    }
    std::atomic_ref(page->data_tail).store(tail, std::memory_order_release);
  }

 private:
  static void copy(void* to, const char* data, uint64_t from, size_t size) {
    constexpr uint64_t kSize = kBufferPages * kPage;
    size_t first = std::min<size_t>(size, kSize - from % kSize);
    std::memcpy(to, data + from % kSize, first);
    std::memcpy(static_cast<char*>(to) + first, data, size - first);
  }

  int descriptor_;
  char* memory_;
  std::vector<char> bytes_;
};

template <class T>
T at(const std::vector<char>& bytes, size_t offset) {
  T value{};
  if (offset + sizeof value <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Mapping mapping_of(const std::vector<char>& bytes) {
  // PERF_RECORD_MMAP2: header, pid, tid, addr, len, pgoff, {maj, min, ino, ino_generation}, prot, flags, filename.
  constexpr size_t kAddress = 16, kProtection = 64, kName = 72;
  Mapping mapping;
  mapping.start = at<uint64_t>(bytes, kAddress);
  mapping.end = mapping.start + at<uint64_t>(bytes, kAddress + 8);
  mapping.offset = at<uint64_t>(bytes, kAddress + 16);
  mapping.protection = at<uint32_t>(bytes, kProtection);
  size_t end = bytes.size() - std::min(bytes.size(), sizeof(SampleId));
  if (end > kName) mapping.path.assign(bytes.data() + kName, strnlen(bytes.data() + kName, end - kName));
  if (mapping.path == "//anon") mapping.path.clear();
  return mapping;
}

class PerfSideBand : public SideBand {
 public:
  explicit PerfSideBand(std::vector<CpuBuffer> buffers) : buffers_(std::move(buffers)) {}

  void apply_until(uint64_t time, ProcessMaps& maps) override {
    size_t before = waiting_.size();
    for (CpuBuffer& buffer : buffers_)
      buffer.drain([this](const auto& header, const auto& bytes) { keep(header, bytes); });
    // Events come by the thousand while records of later times wait.
    if (waiting_.size() != before) std::ranges::stable_sort(waiting_, {}, &Record::time);
    auto record = waiting_.begin();
    for (; record != waiting_.end() && record->time <= time; ++record) apply(*record, maps);
    if (record != waiting_.begin()) waiting_.erase(waiting_.begin(), record);
  }
  uint64_t lost() const override { return lost_; }

 private:
  void keep(const perf_event_header& header, const std::vector<char>& bytes) {
    if (bytes.size() < 16 + sizeof(SampleId)) return;
    Record record;
    record.time = at<uint64_t>(bytes, bytes.size() - sizeof(SampleId) + offsetof(SampleId, time));
    record.pid = at<uint32_t>(bytes, 8);
    switch (header.type) {
      case PERF_RECORD_MMAP2: record.mapping = mapping_of(bytes); break;
      case PERF_RECORD_COMM:
        if ((header.misc & PERF_RECORD_MISC_COMM_EXEC) == 0) return;
        record.kind = Record::Kind::kExec;
        break;
      case PERF_RECORD_FORK:
        record.kind = Record::Kind::kFork;
        record.parent = at<uint32_t>(bytes, 12);
        break;
      case PERF_RECORD_EXIT: {
        bool is_leader = record.pid == at<uint32_t>(bytes, 16);
        // Other threads may live on; a later process of this number begins with a fork, which replaces all.
        if (!is_leader) return;
        record.kind = Record::Kind::kExit;
        break;
      }
      case PERF_RECORD_LOST: lost_ += at<uint64_t>(bytes, 16); return;
      default: return;
    }
    waiting_.push_back(std::move(record));
  }

  static void apply(Record& record, ProcessMaps& maps) {
    switch (record.kind) {
      case Record::Kind::kMap: maps.on_map(record.pid, std::move(record.mapping)); break;
      case Record::Kind::kExec: maps.on_exec(record.pid); break;
      case Record::Kind::kFork: maps.on_fork(record.pid, record.parent); break;
      case Record::Kind::kExit: break;
    }
  }

  std::vector<CpuBuffer> buffers_;
  std::vector<Record> waiting_;
  uint64_t lost_ = 0;
};

}  // namespace

Result<std::unique_ptr<SideBand>> SideBand::open() {
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_DUMMY;
  attributes.sample_type = kSampleType;
  attributes.mmap = attributes.mmap2 = attributes.mmap_data = 1;
  attributes.comm = attributes.comm_exec = attributes.task = 1;
  attributes.sample_id_all = 1;
  attributes.use_clockid = 1;
  attributes.clockid = CLOCK_BOOTTIME;
  attributes.watermark = 1;
  attributes.wakeup_watermark = kBufferPages * kPage / 2;
  std::vector<CpuBuffer> buffers;
  long cpus = sysconf(_SC_NPROCESSORS_CONF);
  for (int cpu = 0; cpu < cpus; ++cpu) {
    long descriptor = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (descriptor < 0 && errno == ENODEV) continue;  // a CPU that is off
    int error = errno;
    void* memory = descriptor < 0 ? MAP_FAILED
                                  : mmap(nullptr, (kBufferPages + 1) * kPage, PROT_READ | PROT_WRITE, MAP_SHARED,
                                         static_cast<int>(descriptor), 0);
    if (memory == MAP_FAILED) {
      if (descriptor >= 0) error = errno, close(static_cast<int>(descriptor));
      return unusable(fmt::format("cannot follow what processes map: {}", std::strerror(error)),
                      error == EACCES || error == EPERM ? "run it as root, or with the capability CAP_PERFMON" : "");
    }
    buffers.emplace_back(static_cast<int>(descriptor), memory);
  }
  return std::unique_ptr<SideBand>(std::make_unique<PerfSideBand>(std::move(buffers)));
}

}  // namespace inquest::probes
