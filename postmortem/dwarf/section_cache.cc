#include "postmortem/dwarf/section_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>

#include "postmortem/model/cache_folder.h"

namespace inquest::dwarf {
namespace {

namespace fs = std::filesystem;
using elf::Bytes;
using elf::MappedFile;

constexpr uint64_t kSmallest = 256 << 10;  // unpacks in less time than finding a file takes to pay
constexpr uint64_t kLargest = 256 << 20;
constexpr uint64_t kShareOfFree = 16;  // takes no more than one part in so many of what is free on the disk
constexpr uint64_t kAdlerSize = 4;
constexpr time_t kDay = 24 * 3600;

bool is_worthwhile(uint64_t size) { return size >= kSmallest && size <= kLargest; }

std::optional<std::string> name_of(const MappedFile& file, Bytes packed, uint64_t size) {
  struct stat status;
  if (fstat(file.descriptor(), &status) != 0) return std::nullopt;
  return fmt::format("{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}-{:x}-{:x}", status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
                     packed.data() - file.bytes().data(), size);
}

/// The checksum of what the stream unpacks to.
uint32_t checksum_of(Bytes packed) {
  uint32_t checksum = 0;
  for (std::byte byte : packed.last(kAdlerSize)) checksum = checksum << 8 | std::to_integer<uint32_t>(byte);
  return checksum;
}

bool has_room(int descriptor, uint64_t size) {
  struct statvfs status;
  return fstatvfs(descriptor, &status) == 0 && uint64_t{status.f_bavail} * status.f_frsize / kShareOfFree >= size;
}

bool write_all(int descriptor, Bytes bytes) {
  while (!bytes.empty()) {
    ssize_t count = write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

std::shared_ptr<const MappedFile> kept_section(const MappedFile& file, Bytes packed, uint64_t size) {
  if (!is_worthwhile(size) || packed.size() < kAdlerSize) return nullptr;
  auto folder = cache_folder("sections");
  auto name = folder ? name_of(file, packed, size) : std::nullopt;
  if (!name) return nullptr;
  auto kept = MappedFile::open(*folder + "/" + *name, nullptr);
  if (!kept || kept->bytes().size() != size) return nullptr;
  if (libdeflate_adler32(1, kept->bytes().data(), size) != checksum_of(packed)) return nullptr;
  struct stat status;
  bool is_fresh = fstat(kept->descriptor(), &status) == 0 && std::time(nullptr) - status.st_mtime < kDay;
  if (!is_fresh) (void)futimens(kept->descriptor(), nullptr);
  return kept;
}

// The file has no name until it is whole, so that a run that ends meanwhile leaves nothing behind.
void keep_section(const MappedFile& file, Bytes packed, Bytes unpacked) {
  if (!is_worthwhile(unpacked.size()) || packed.size() < kAdlerSize) return;
  auto folder = cache_folder("sections");
  auto name = folder ? name_of(file, packed, unpacked.size()) : std::nullopt;
  if (!name) return;
  int descriptor = open(folder->c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return;
  remove_unused(*folder);
  if (has_room(descriptor, unpacked.size()) && write_all(descriptor, unpacked)) {
    std::string target = *folder + "/" + *name, self = fmt::format("/proc/self/fd/{}", descriptor);
    unlink(target.c_str());  // one that is damaged
    (void)linkat(AT_FDCWD, self.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW);
  }
  close(descriptor);
}

}  // namespace inquest::dwarf
