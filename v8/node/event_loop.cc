#include "v8/node/event_loop.h"

#include <array>
#include <cstring>

namespace inquest::v8 {
namespace {

// uv_loop_t.
constexpr uint64_t kActiveHandles = 8, kRing = 16, kActiveRequests = 32, kInternalFields = 40, kStopFlag = 48,
                   kBackendFd = 64, kTime = 544;
// uv_handle_t.
constexpr uint64_t kLoopOfHandle = 8, kType = 16, kLink = 32, kFlags = 88;
constexpr uint32_t kClosing = 1, kClosed = 2, kActive = 4, kReferenced = 8, kInternal = 16;  ///< src/uv-common.h
// What follows the handle's own 96 bytes.
constexpr uint64_t kStreamFd = 184, kUdpFd = 176, kTimerTimeout = 128, kTimerRepeat = 136, kEventPath = 96,
                   kProcessPid = 104, kSignalNumber = 104, kQueueSize = 96, kUdpQueueCount = 104,
                   kConnectionCallback = 224, kPipeName = 256, kPollContext = 96;
constexpr uint32_t kReadable = 0x4000, kWritable = 0x8000, kUdpConnected = 0x2000000;  ///< src/uv-common.h, since 1.23
/// struct poll_ctx of src/uv-fs-poll.c: its path, behind a pointer to the previous context (since 1.31).
constexpr uint64_t kPollPath = 800, kOldPollPath = 792;
/// uv__loop_internal_fields_t (src/uv-common.h, since 1.39): flags, then uv__loop_metrics_t, which since 1.45 begins
/// with the 16 words of uv_metrics_t.
constexpr uint64_t kLoopFlags = 0, kLoopMetrics = 8, kPublicMetrics = 128;
constexpr uint32_t kCountIdleTime = 1;
constexpr uint64_t kStackScanned = 64ull << 20;  ///< bytes; V8 is given 4 MiB of a worker's stack
constexpr size_t kMaxHandles = 1'000'000;
constexpr uint64_t kMaxFd = 1u << 24;

/// uv_handle_type, UV_HANDLE_TYPE_MAP of include/uv.h, with the names that uv_handle_type_name gives.
constexpr std::array<std::string_view, 18> kTypes = {"unknown", "async", "check", "fs_event", "fs_poll", "handle",
                                                     "idle",    "pipe",  "poll",  "prepare",  "process", "stream",
                                                     "tcp",     "timer", "tty",   "udp",      "signal",  "file"};

class LoopReader {
 public:
  LoopReader(const MemoryReader& memory, Address loop) : memory_(memory), loop_(loop) {}

  /// The first handle of the ring; null when there is none, nothing when this is no loop.
  std::optional<Address> first() const {
    auto next = memory_.read_pointer(loop_ + kRing);
    if (!next || next->value() % 8 != 0) return std::nullopt;
    if (*next == loop_ + kRing) return Address();
    if (memory_.read_pointer(*next - kLink + kLoopOfHandle) != loop_) return std::nullopt;
    return *next - kLink;
  }

  /// A loop that was never started has neither ring nor descriptor.
  bool is_loop() const {
    auto handle = first();
    if (!handle || handle->is_null()) return false;
    auto type = memory_.read_value<uint32_t>(*handle + kType);
    auto fd = memory_.read_value<int32_t>(loop_ + kBackendFd);
    return type && *type > 0 && *type < kTypes.size() && fd && *fd >= -1 && *fd < static_cast<int64_t>(kMaxFd);
  }

  EventLoop read() const {
    EventLoop result;
    result.address = loop_;
    result.active_handles = memory_.read_value<uint32_t>(loop_ + kActiveHandles).value_or(0);
    result.active_requests = memory_.read_value<uint32_t>(loop_ + kActiveRequests).value_or(0);
    result.stopping = memory_.read_value<uint32_t>(loop_ + kStopFlag).value_or(0) != 0;
    result.time_ms = memory_.read_u64(loop_ + kTime).value_or(0);
    idle_time(result);
    auto link = memory_.read_pointer(loop_ + kRing);
    // A damaged ring may not come back to the loop: Brent's way to notice that it runs in circles.
    size_t steps = 0, mark_at = 1;
    Address mark;
    while (link && *link != loop_ + kRing) {
      Address handle = *link - kLink;
      bool sound = memory_.read_pointer(handle + kLoopOfHandle) == loop_;
      if (!sound) {
        result.complete = false;
        return result;
      }
      // What the loop has for itself is not shown by uv_walk either.
      uint32_t flags = memory_.read_value<uint32_t>(handle + kFlags).value_or(0);
      if ((flags & kInternal) == 0) result.handles.push_back(this->handle(handle, result.time_ms));
      bool circles = *link == mark;
      if (++steps == mark_at) {
        mark = *link;
        mark_at *= 2;
      }
      if (circles || steps > kMaxHandles) {
        result.complete = false;
        return result;
      }
      link = memory_.read_pointer(*link);
    }
    result.complete = link.has_value();
    return result;
  }

 private:
  /// Counted when the program asked for it, as Node.js does since 12.19 and 14.10. Where the two numbers lie is told by
  /// the first of them: the time at which the loop began to wait, or nothing; a count of its turns in 1.45 and later.
  void idle_time(EventLoop& loop) const {
    auto fields = memory_.read_pointer(loop_ + kInternalFields);
    if (!fields || fields->is_null() || fields->value() % 8 != 0) return;
    auto flags = memory_.read_value<uint32_t>(*fields + kLoopFlags);
    if (!flags || (*flags & kCountIdleTime) == 0) return;
    uint64_t now = loop.time_ms * 1'000'000;
    for (uint64_t at : {kLoopMetrics, kLoopMetrics + kPublicMetrics}) {
      auto since = memory_.read_u64(*fields + at);
      auto idle = memory_.read_u64(*fields + at + 8);
      bool sound = since && idle && (*since == 0 || *since > now / 2) && *idle <= now + 1'000'000'000;
      if (!sound) continue;
      loop.idle_ns = *idle;
      if (*since != 0) loop.waiting_since_ns = *since;
      return;
    }
  }

  /// What streams and sockets say about themselves.
  void add_stream(LoopHandle& result, uint32_t flags) const {
    bool udp = result.type == "udp";
    if (!udp && result.type != "tcp" && result.type != "pipe" && result.type != "tty") return;
    result.write_queue_size = memory_.read_u64(result.address + kQueueSize);
    if (udp) {
      result.write_queue_count = memory_.read_u64(result.address + kUdpQueueCount);
      result.connected = (flags & kUdpConnected) != 0;
      return;
    }
    result.readable = (flags & kReadable) != 0;
    result.writable = (flags & kWritable) != 0;
    if (result.type == "tty") return;
    auto callback = memory_.read_u64(result.address + kConnectionCallback);
    result.listening = callback && *callback != 0;
    if (result.type != "pipe") return;
    auto name = memory_.read_pointer(result.address + kPipeName);
    if (name && !name->is_null()) result.name = memory_.read_c_string(*name).value_or("");
  }

  std::string polled_file(Address handle) const {
    auto context = memory_.read_pointer(handle + kPollContext);
    if (!context || context->is_null() || memory_.read_pointer(*context) != handle) return {};
    // A word of text is no pointer and not null.
    auto previous = memory_.read_pointer(*context + kOldPollPath);
    bool newer = previous && (previous->is_null() || memory_.read_pointer(*previous) == handle);
    return memory_.read_c_string(*context + (newer ? kPollPath : kOldPollPath)).value_or("");
  }

  LoopHandle handle(Address address, uint64_t now) const {
    LoopHandle result;
    result.address = address;
    result.data = memory_.read_pointer(address).value_or(Address());
    uint32_t type = memory_.read_value<uint32_t>(address + kType).value_or(0);
    result.type = type < kTypes.size() ? kTypes[type] : kTypes[0];
    uint32_t flags = memory_.read_value<uint32_t>(address + kFlags).value_or(0);
    result.active = (flags & kActive) != 0 && (flags & kClosing) == 0;
    result.referenced = (flags & kReferenced) != 0;
    result.closing = (flags & (kClosing | kClosed)) != 0;
    auto number = [&](uint64_t offset) -> std::optional<int64_t> {
      auto value = memory_.read_value<int32_t>(address + offset);
      return value ? std::optional<int64_t>(*value) : std::nullopt;
    };
    if (result.type == "tcp" || result.type == "pipe" || result.type == "tty") result.fd = number(kStreamFd);
    if (result.type == "udp") result.fd = number(kUdpFd);
    if (result.fd && *result.fd < 0) result.fd.reset();
    if (result.type == "process") result.pid = number(kProcessPid);
    if (result.type == "signal") result.signal = number(kSignalNumber);
    if (result.type == "timer") {
      result.repeat = memory_.read_u64(address + kTimerRepeat);
      if (auto timeout = memory_.read_u64(address + kTimerTimeout))
        result.fires_in = static_cast<int64_t>(*timeout - now);
    }
    add_stream(result, flags);
    if (result.type == "fs_poll") result.file = polled_file(address);
    if (result.type == "fs_event") {
      auto path = memory_.read_pointer(address + kEventPath);
      if (path && !path->is_null()) result.file = memory_.read_c_string(*path).value_or("");
    }
    return result;
  }

  const MemoryReader& memory_;
  Address loop_;
};

std::optional<EventLoop> loop_at(const MemoryReader& memory, Address address) {
  if (address.is_null() || address.value() % 8 != 0) return std::nullopt;
  LoopReader reader(memory, address);
  return reader.is_loop() ? std::optional(reader.read()) : std::nullopt;
}

}  // namespace

std::optional<EventLoop> find_event_loop(const Target& target, const Thread& thread) {
  const MemoryReader& memory = target.memory();
  Address start(thread.registers.sp().value() & ~uint64_t{7});
  auto bytes = memory.view(start, kStackScanned);
  size_t words = bytes.size() / 8;
  for (size_t i = 0; i < words; ++i) {
    if (auto loop = loop_at(memory, start + i * 8)) return loop;
  }
  for (size_t i = 0; i < words; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * 8, sizeof word);
    if (auto loop = loop_at(memory, Address(word))) return loop;
  }
  return std::nullopt;
}

std::optional<EventLoop> find_event_loop(const Target& target, const Module& module) {
  const MemoryReader& memory = target.memory();
  for (const Module& candidate : target.modules()) {  // libuv may be a library of its own
    auto symbol = candidate.symbols ? candidate.symbols->find("default_loop_struct") : std::nullopt;
    if (!symbol) continue;
    LoopReader reader(memory, candidate.runtime(symbol->value));
    if (reader.is_loop()) return reader.read();
  }
  // In a stripped program: a static variable of the program or of libuv, whose first handle points back to it.
  for (const Module& candidate : target.modules()) {
    bool may_hold =
        &candidate == &module || candidate.is_executable || candidate.path.find("libuv") != std::string::npos;
    if (!may_hold || candidate.is_copy) continue;
    for (const MemoryRegion& region : memory.regions()) {
      if (!region.writable || region.start < candidate.start || region.start >= candidate.end) continue;
      for (Address at = region.start; at + kTime + 8 <= region.start + region.available; at += 8) {
        LoopReader reader(memory, at);
        if (reader.is_loop()) return reader.read();
      }
    }
  }
  return std::nullopt;
}

}  // namespace inquest::v8
