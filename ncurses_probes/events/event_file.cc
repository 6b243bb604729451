#include "ncurses_probes/events/event_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "ncurses_probes/capture/snapshot.h"
#include "postmortem/elf/byte_view.h"
#include "postmortem/elf/mapped_file.h"

namespace inquest::probes {
namespace {

constexpr char kMagic[16] = {'i', 'n', 'q', 'u', 'e', 's', 't', ' ', 'e', 'v', 'e', 'n', 't', 's', '\n', 1};
enum BlockType : uint32_t { kSnapshot = 1, kEvent = 2, kEnd = 3 };

/// Both directions go through the same list of members, so that they cannot differ.
class Packer {
 public:
  static constexpr bool kReads = false;
  static constexpr bool goes_on() { return true; }
  template <class T>
  void number(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof value);
  }
  void text(const std::string& value) {
    number(static_cast<uint32_t>(value.size()));
    const auto* from = reinterpret_cast<const std::byte*>(value.data());
    bytes_.insert(bytes_.end(), from, from + value.size());
  }
  void blob(const std::vector<std::byte>& value) {
    number(static_cast<uint32_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  template <class List, class Each>
  void list(List& value, Each each) {
    number(static_cast<uint32_t>(value.size()));
    for (auto& element : value) each(element);
  }
  template <class T>
  void optional(const std::optional<T>& value) {
    number<uint8_t>(value.has_value());
    if (value) number(*value);
  }
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class Unpacker {
 public:
  static constexpr bool kReads = true;
  explicit Unpacker(elf::Bytes bytes) : bytes_(bytes) {}

  template <class T>
  void number(T& value) {
    // A byte of a file may hold what no bool may.
    using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;
    auto loaded = elf::load<Stored>(bytes_, at_);
    good_ &= loaded.has_value();
    if (loaded) value = static_cast<T>(*loaded);
    at_ += sizeof(T);
  }
  void text(std::string& value) {
    elf::Bytes part = counted();
    value.assign(reinterpret_cast<const char*>(part.data()), part.size());
  }
  void blob(std::vector<std::byte>& value) {
    elf::Bytes part = counted();
    value.assign(part.begin(), part.end());
  }
  template <class List, class Each>
  void list(List& value, Each each) {
    uint32_t count = 0;
    number(count);
    value.clear();
    for (uint32_t i = 0; i < count && good_ && at_ < bytes_.size(); ++i) each(value.emplace_back());
    good_ &= value.size() == count;
  }
  template <class T>
  void optional(std::optional<T>& value) {
    uint8_t present = 0;
    number(present);
    value.reset();
    if (present != 0 && good_) number(value.emplace());
  }
  bool goes_on() const { return at_ < bytes_.size(); }
  elf::Bytes rest() const { return elf::slice(bytes_, at_, UINT64_MAX); }
  bool good() const { return good_; }

 private:
  elf::Bytes counted() {
    uint32_t size = 0;
    number(size);
    elf::Bytes part = elf::slice(bytes_, at_, size);
    good_ &= part.size() == size;
    at_ += size;
    return part;
  }

  elf::Bytes bytes_;
  uint64_t at_ = 0;
  bool good_ = true;
};

/// `event` is constant for a Packer.
template <class Way, class Event>
void exchange(Way& way, Event& event) {
  way.number(event.kind);
  way.number(event.time);
  way.number(event.wall_time);
  way.text(event.probe);
  way.text(event.function);
  way.number(event.pid);
  way.number(event.tid);
  way.text(event.comm);
  way.list(event.arguments, [&](auto& argument) {
    way.text(argument.name);
    way.text(argument.value);
    way.text(argument.type);
    way.number(argument.bits);
  });
  way.optional(event.returned);
  way.optional(event.at_random);
  way.number(event.signal);
  way.number(event.signal_code);
  way.number(event.is_fatal);
  way.optional(event.fault_address);
  way.number(event.thread.registers);
  way.number(event.wants_stack);
  way.number(event.stack_start);
  way.blob(event.stack);
  way.number(event.stack_is_whole);
  way.list(event.replaced, [&](auto& replaced) {
    way.number(replaced.slot);
    way.number(replaced.address);
  });
  if (!way.goes_on()) return;  // a file of an earlier tracer
  way.number(event.other_start);
  way.blob(event.other_stack);
  if (!way.goes_on()) return;  // of one before JavaScript frames were named
  way.number(event.scripts);
  way.list(event.script_frames, [&](auto& frame) {
    way.number(frame.pc);
    way.number(frame.fp);
    way.number(frame.caller);
    way.list(frame.functions, [&](auto& function) {
      way.text(function.kind);
      way.text(function.function);
      way.text(function.file);
      way.number(function.line);
      way.number(function.column);
      way.number(function.inlined);
      way.number(function.address);
      way.text(function.tier);
      way.text(function.remark);
    });
  });
  if (!way.goes_on()) return;  // of one that did not tell the time by that clock
  way.optional(event.monotonic);
}

class Writer : public EventFileWriter {
 public:
  Writer(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {
    put(kMagic, sizeof kMagic);
  }
  ~Writer() override { close(descriptor_); }

  bool write(const ProbeEvent& event) override {
    uint64_t number = 0;
    if (event.process) {
      auto [known, is_new] = snapshots_.try_emplace(event.process.get(), snapshots_.size() + 1);
      number = known->second;
      if (is_new) {
        kept_.push_back(event.process);  // its address must not be given to another one
        Packer block;
        block.number(number);
        const auto& core = static_cast<const CoreSnapshot&>(*event.process).core();
        block.bytes().insert(block.bytes().end(), core.begin(), core.end());
        put_block(kSnapshot, block.bytes());
      }
    }
    Packer block;
    block.number(number);
    exchange(block, event);
    put_block(kEvent, block.bytes());
    return failure_ == 0;
  }

  std::optional<Error> finish(const TraceStatistics& statistics, const std::vector<std::string>& notes) override {
    Packer block;
    block.number(statistics.recorded);
    block.number(statistics.dropped);
    block.list(notes, [&](const std::string& note) { block.text(note); });
    put_block(kEnd, block.bytes());
    if (failure_ == 0) return std::nullopt;
    return incomplete(fmt::format("cannot write {}: {}", path_, std::strerror(failure_)), "events are missing in it");
  }

 private:
  void put_block(uint32_t type, const std::vector<std::byte>& bytes) {
    uint32_t head[2] = {type, static_cast<uint32_t>(bytes.size())};
    block_.resize(sizeof head + bytes.size());
    std::memcpy(block_.data(), head, sizeof head);
    std::memcpy(block_.data() + sizeof head, bytes.data(), bytes.size());
    put(block_.data(), block_.size());  // at once: a tracer that is killed leaves whole blocks
  }
  void put(const void* data, size_t size) {
    const char* from = static_cast<const char*>(data);
    while (size > 0 && failure_ == 0) {
      ssize_t written = ::write(descriptor_, from, size);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        failure_ = written < 0 ? errno : ENOSPC;
        return;
      }
      from += written;
      size -= static_cast<size_t>(written);
    }
  }

  int descriptor_;
  std::string path_;
  int failure_ = 0;
  std::vector<std::byte> block_;
  std::unordered_map<const ProcessSnapshot*, uint64_t> snapshots_;
  std::vector<std::shared_ptr<const ProcessSnapshot>> kept_;
};

class Reader : public ProbeEventSource {
 public:
  explicit Reader(std::shared_ptr<const elf::MappedFile> file) : file_(std::move(file)) { index(); }

  Result<std::optional<ProbeEvent>> next() override {
    while (next_ < events_.size()) {
      Unpacker block(events_[next_++].bytes);
      uint64_t snapshot = 0;
      ProbeEvent event;
      block.number(snapshot);
      exchange(block, event);
      if (!block.good() || event.kind > ProbeEvent::Kind::kSignal || event.scripts > ScriptState::kNothing) {
        ++damaged_;
        continue;
      }
      event.thread.tid = event.tid;
      event.thread.name = event.comm;
      event.thread.signal = event.signal;
      event.process = snapshot_of(snapshot);
      return std::optional(std::move(event));
    }
    return std::optional<ProbeEvent>();
  }

  TraceStatistics statistics() const override { return statistics_; }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = notes_;
    if (!has_end_) notes.push_back(file_->path() + " has no end: its tracer was killed, or it is cut off");
    if (damaged_ > 0) notes.push_back(fmt::format("{} events in {} are damaged and left out", damaged_, file_->path()));
    return notes;
  }

 private:
  struct Event {
    uint64_t time = 0;
    elf::Bytes bytes;
  };

  void index() {
    elf::Bytes bytes = file_->bytes();
    uint64_t at = sizeof kMagic;
    while (auto type = elf::load<uint32_t>(bytes, at)) {
      auto size = elf::load<uint32_t>(bytes, at + 4);
      if (!size || *size > bytes.size() - at - 8) break;
      take(*type, bytes.subspan(at + 8, *size));
      at += 8 + uint64_t{*size};
    }
    std::ranges::stable_sort(events_, {}, &Event::time);
    if (!has_end_) statistics_.recorded = events_.size();
  }

  void take(uint32_t type, elf::Bytes bytes) {
    constexpr uint64_t kTime = 9;  // behind the snapshot's number and the kind
    Unpacker block(bytes);
    if (type == kEvent) {
      events_.push_back({elf::load<uint64_t>(bytes, kTime).value_or(0), bytes});
    } else if (type == kSnapshot) {
      uint64_t number = 0;
      block.number(number);
      if (block.good()) snapshots_[number] = block.rest();
    } else if (type == kEnd) {
      block.number(statistics_.recorded);
      block.number(statistics_.dropped);
      block.list(notes_, [&](std::string& note) { block.text(note); });
      has_end_ = block.good();
    }
  }

  std::shared_ptr<const ProcessSnapshot> snapshot_of(uint64_t number) {
    auto bytes = snapshots_.find(number);
    if (bytes == snapshots_.end()) return nullptr;
    auto& made = made_[number];
    if (!made)
      made = std::make_shared<CoreSnapshot>(std::vector<std::byte>(bytes->second.begin(), bytes->second.end()));
    return made;
  }

  std::shared_ptr<const elf::MappedFile> file_;
  std::vector<Event> events_;
  std::map<uint64_t, elf::Bytes> snapshots_;
  std::map<uint64_t, std::shared_ptr<const ProcessSnapshot>> made_;
  size_t next_ = 0;
  uint64_t damaged_ = 0;
  TraceStatistics statistics_;
  std::vector<std::string> notes_;
  bool has_end_ = false;
};

}  // namespace

Result<std::unique_ptr<EventFileWriter>> EventFileWriter::create(const std::string& path) {
  int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return unusable(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return std::unique_ptr<EventFileWriter>(std::make_unique<Writer>(descriptor, path));
}

Result<std::unique_ptr<ProbeEventSource>> open_event_file(const std::string& path) {
  int failure = 0;
  auto file = elf::MappedFile::open(path, &failure);
  if (!file) return unusable(fmt::format("cannot open {}: {}", path, std::strerror(failure)));
  elf::Bytes bytes = file->bytes();
  constexpr size_t kVersion = sizeof kMagic - 1;
  if (bytes.size() < sizeof kMagic || std::memcmp(bytes.data(), kMagic, kVersion) != 0) {
    return unusable(path + " is no event file", "inquest trace -o FILE makes one");
  }
  if (static_cast<char>(bytes[kVersion]) != kMagic[kVersion]) {
    return unusable(fmt::format("{} is of format {}, this program reads {}", path, static_cast<int>(bytes[kVersion]),
                                int{kMagic[kVersion]}));
  }
  return std::unique_ptr<ProbeEventSource>(std::make_unique<Reader>(std::move(file)));
}

bool is_event_file(const std::string& path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  struct stat status;
  char head[sizeof kMagic] = {};
  bool reads =
      fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && read(descriptor, head, sizeof head) == sizeof head;
  close(descriptor);
  return reads && std::memcmp(head, kMagic, sizeof kMagic - 1) == 0;
}

}  // namespace inquest::probes
