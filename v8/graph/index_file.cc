#include "v8/graph/index_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "postmortem/model/cache_folder.h"
#include "v8/heap/parallel.h"

namespace inquest::v8 {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 8> kMagic = {'i', 'n', 'q', 'i', 'n', 'd', 'e', 'x'};
/// To be raised whenever what is in the sections, or how it is found, changes.
constexpr uint32_t kVersion = 1;
constexpr uint64_t kSectionAlignment = 4096;
constexpr uint64_t kReserve = 64 << 20;  ///< bytes left free on the disk
constexpr const char* kSuffix = ".refs";
constexpr const char* kTemporary = ".writing-";
constexpr size_t kSections = 5;
constexpr uint64_t kChunk = 8 << 20;  ///< what one thread sums up at a time

struct Section {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t sum = 0;
};
struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kVersion;
  uint32_t byte_order = 0x01020304;
  uint64_t identity = 0;
  uint64_t file_bytes = 0;
  std::array<Section, kSections> sections{};
  uint64_t sum = 0;  ///< of everything above
};
static_assert(std::has_unique_object_representations_v<Header>);

std::span<const std::byte> bytes_of(const Header& header) {
  return std::as_bytes(std::span(&header, 1)).first(offsetof(Header, sum));
}

/// Large sections are summed up in pieces, by all processors.
uint64_t section_sum(std::span<const std::byte> bytes) {
  std::vector<uint64_t> sums(bytes.size() / kChunk + 1);
  parallel_for(sums.size(), worker_count(), [&](size_t, size_t i) {
    uint64_t from = i * kChunk;
    sums[i] = checksum(bytes.subspan(from, std::min<uint64_t>(kChunk, bytes.size() - from)));
  });
  return checksum(std::as_bytes(std::span(sums)));
}

class Identity {
 public:
  void add(uint64_t number) { add(std::as_bytes(std::span(&number, 1))); }
  void add(const std::string& text) { add(std::as_bytes(std::span(text))); }
  void add(std::span<const std::byte> bytes) {
    std::array<uint64_t, 2> both = {value_, checksum(bytes)};
    value_ = checksum(std::as_bytes(std::span(both)));
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = kVersion;
};

uint64_t identity_of(const Heap& heap) {
  Identity identity;
  const ProcessFacts& facts = heap.target().facts();
  // What is written into a core, or put in its place, may leave its size and its time as they were, but not these.
  struct stat core;
  if (stat(facts.core_path.c_str(), &core) == 0) {
    for (auto number : {static_cast<uint64_t>(core.st_ino), static_cast<uint64_t>(core.st_ctim.tv_sec),
                        static_cast<uint64_t>(core.st_ctim.tv_nsec)})
      identity.add(number);
  }
  for (uint64_t number : {facts.core_size, static_cast<uint64_t>(facts.core_time), facts.pid, facts.truncated_bytes})
    identity.add(number);
  for (const Thread& thread : heap.target().threads()) {
    identity.add(thread.tid);
    identity.add(std::as_bytes(std::span(thread.registers.gpr)));
  }
  for (const Module& module : heap.target().modules()) identity.add(module.build_id);
  for (const Page& page : heap.pages().pages()) {
    for (uint64_t number :
         {page.chunk.value(), page.area_start.value(), page.area_end.value(), page.flags,
          uint64_t{static_cast<uint8_t>(page.space)}, uint64_t{page.isolate}, uint64_t{page.stale}, page.missing})
      identity.add(number);
    constexpr uint64_t kSample = 64;
    if (page.area_size() >= kSample) identity.add(std::span(page.data, kSample));
  }
  return identity.value();
}

Error failure(const std::string& what) { return unusable(fmt::format("{}: {}", what, std::strerror(errno))); }

/// A file descriptor that closes itself.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

bool write_all(int file, std::span<const std::byte> bytes, uint64_t at) {
  while (!bytes.empty()) {
    ssize_t written = pwrite(file, bytes.data(), std::min<size_t>(bytes.size(), 1 << 30), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
    at += static_cast<uint64_t>(written);
  }
  return true;
}

std::array<std::span<const std::byte>, kSections> sections_of(const IndexContents& contents) {
  return {std::as_bytes(contents.bits), std::as_bytes(contents.first), std::as_bytes(contents.edges),
          std::as_bytes(contents.roots), std::as_bytes(contents.totals)};
}

template <class T>
std::span<T> as_numbers(std::byte* file, const Section& section) {
  return {reinterpret_cast<T*>(file + section.offset), section.bytes / sizeof(T)};
}

/// Why the mapped file is no index of this core; nothing when it is.
std::optional<std::string> defect_of(std::span<const std::byte> file, const Header& header, uint64_t identity) {
  if (header.magic != kMagic || header.byte_order != Header().byte_order) return "it is no index";
  if (header.version != kVersion) return "it was made by another version of inquest";
  if (header.sum != checksum(bytes_of(header))) return "its header is damaged";
  if (header.identity != identity) return "it belongs to another core";
  if (header.file_bytes != file.size()) return "it was cut off";
  for (const Section& section : header.sections) {
    if (section.offset % kSectionAlignment != 0 || section.offset > file.size() ||
        section.bytes > file.size() - section.offset)
      return "its header is damaged";
    if (section.sum != section_sum(file.subspan(section.offset, section.bytes))) return "it is damaged";
  }
  return std::nullopt;
}

}  // namespace

uint64_t checksum(std::span<const std::byte> bytes) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  std::array<uint64_t, 4> lanes = {1, 2, 3, 4};
  auto mix = [](uint64_t lane, uint64_t word) { return std::rotl((lane ^ word) * kFactor, 29); };
  size_t at = 0;
  for (; at + 32 <= bytes.size(); at += 32) {
    std::array<uint64_t, 4> words;
    std::memcpy(words.data(), bytes.data() + at, 32);
    for (size_t i = 0; i < 4; ++i) lanes[i] = mix(lanes[i], words[i]);
  }
  uint64_t sum = bytes.size();
  for (uint64_t lane : lanes) sum = mix(sum, lane);
  for (; at < bytes.size(); ++at) sum = mix(sum, std::to_integer<uint64_t>(bytes[at]));
  return sum ^ sum >> 32;
}

std::optional<IndexFile> IndexFile::of(const Heap& heap) {
  if (heap.target().facts().core_path.empty()) return std::nullopt;
  uint64_t identity = identity_of(heap);
  auto folder = cache_folder("index");
  return IndexFile(folder ? *folder + fmt::format("/{:016x}{}", identity, kSuffix) : "", identity);
}

Result<std::optional<IndexContents>> IndexFile::load() const {
  std::optional<IndexContents> none;
  if (path_.empty()) return none;
  File file(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // does not wait for who writes into a pipe
  if (file.get() < 0)
    return errno == ENOENT ? Result<std::optional<IndexContents>>(none) : failure("cannot open " + path_);
  struct stat status;
  if (fstat(file.get(), &status) != 0) return failure("cannot read " + path_);
  if (!S_ISREG(status.st_mode)) return unusable("the index " + path_ + " is no file");
  auto size = static_cast<uint64_t>(status.st_size);
  if (size < sizeof(Header)) return unusable("the index " + path_ + " was cut off");
  // Written to in memory only: marks may be set anew.
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) return failure("cannot map " + path_);
  std::shared_ptr<void> owner(memory, [size](void* mapped) { munmap(mapped, size); });
  auto* bytes = static_cast<std::byte*>(memory);
  Header header;
  std::memcpy(&header, bytes, sizeof header);
  if (auto defect = defect_of({bytes, size}, header, identity_))
    return unusable(fmt::format("the index {} was not used: {}", path_, *defect));
  futimens(file.get(), nullptr);  // used now; does not matter where that is not allowed
  IndexContents contents;
  contents.bits = as_numbers<uint64_t>(bytes, header.sections[0]);
  contents.first = as_numbers<const uint32_t>(bytes, header.sections[1]);
  contents.edges = as_numbers<const uint32_t>(bytes, header.sections[2]);
  contents.roots = as_numbers<const uint64_t>(bytes, header.sections[3]);
  contents.totals = as_numbers<const uint64_t>(bytes, header.sections[4]);
  contents.owner = std::move(owner);
  return std::optional(std::move(contents));
}

std::optional<Error> IndexFile::save(const IndexContents& contents) const {
  if (path_.empty()) {
    auto folder = cache_folder("index");
    return folder ? unusable("no folder for the index") : folder.error();
  }
  Header header;
  header.identity = identity_;
  uint64_t end = sizeof header;
  auto sections = sections_of(contents);
  for (size_t i = 0; i < kSections; ++i) {
    uint64_t offset = (end + kSectionAlignment - 1) / kSectionAlignment * kSectionAlignment;
    header.sections[i] = {offset, sections[i].size(), section_sum(sections[i])};
    end = offset + sections[i].size();
  }
  header.file_bytes = end;
  header.sum = checksum(bytes_of(header));

  fs::path folder = fs::path(path_).parent_path();
  remove_unused(folder.string());
  struct statvfs disk;
  if (statvfs(folder.c_str(), &disk) == 0 && uint64_t{disk.f_bavail} * disk.f_frsize < end + kReserve)
    return unusable(fmt::format("the disk of {} has no room for the {} bytes of the index", folder.string(), end));
  std::string temporary = (folder / kTemporary).string() + "XXXXXX";
  File file(mkstemp(temporary.data()));
  if (file.get() < 0) return failure("cannot write to " + folder.string());
  bool written = ftruncate(file.get(), static_cast<off_t>(end)) == 0 &&
                 write_all(file.get(), std::as_bytes(std::span(&header, 1)), 0);
  for (size_t i = 0; i < kSections && written; ++i)
    written = write_all(file.get(), sections[i], header.sections[i].offset);
  if (written && rename(temporary.c_str(), path_.c_str()) == 0) return std::nullopt;
  Error error = failure("cannot write " + path_);
  unlink(temporary.c_str());
  return error;
}

}  // namespace inquest::v8
