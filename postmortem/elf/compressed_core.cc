#include "postmortem/elf/compressed_core.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "postmortem/elf/elf_headers.h"
#include "postmortem/model/cache_folder.h"

namespace inquest::elf {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kHoleBytes = 4096;
// Left free on the disk: filling it to the last byte would hurt more than this tool can help.
constexpr uint64_t kReserve = 64 << 20;
// No core is this large; a stream of zeros, which costs no disk space, is stopped here.
constexpr uint64_t kMaxUnpacked = uint64_t{4} << 40;
constexpr const char* kTemporary = ".unpacking-";

// FNV-1a: stable between runs and builds, unlike std::hash.
uint64_t stable_hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

std::string cache_name(const MappedFile& packed) {
  std::error_code failure;
  fs::path absolute = fs::canonical(packed.path(), failure);
  struct stat status {};
  fstat(packed.descriptor(), &status);
  std::string key = fmt::format("{}\n{}\n{}.{}", failure ? packed.path() : absolute.string(), packed.bytes().size(),
                                status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  return fmt::format("{}-{:016x}", fs::path(packed.path()).stem().string().substr(0, 100), stable_hash(key));
}

bool is_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

// Writes a file front to back, zero blocks as holes.
class SparseWriter {
 public:
  explicit SparseWriter(int descriptor) : descriptor_(descriptor) {
    struct statvfs status;
    if (fstatvfs(descriptor, &status) == 0) {
      uint64_t space = uint64_t{status.f_bavail} * status.f_frsize;
      space_ = space > kReserve ? space - kReserve : 0;
    }
  }

  bool write(Bytes block) {
    for (uint64_t at = 0; at < block.size(); at += kHoleBytes) {
      Bytes part = slice(block, at, kHoleBytes);
      if (!is_zero(part) && !write_at(size_ + at, part)) return false;
    }
    size_ += block.size();
    if (size_ > kMaxUnpacked) return fail(fmt::format("it unpacks to more than {} TiB", kMaxUnpacked >> 40));
    return true;
  }
  bool finish() { return ftruncate(descriptor_, static_cast<off_t>(size_)) == 0 || fail(std::strerror(errno)); }

  uint64_t size() const { return size_; }
  const std::string& failure() const { return failure_; }

 private:
  bool write_at(uint64_t offset, Bytes part) {
    written_ += part.size();
    if (written_ > space_) return fail(fmt::format("it needs more than the {} MiB that are free there", space_ >> 20));
    while (!part.empty()) {
      ssize_t count = pwrite(descriptor_, part.data(), part.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return fail(count < 0 ? std::strerror(errno) : "write failed");
      part = part.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return true;
  }
  bool fail(std::string reason) {
    failure_ = std::move(reason);
    return false;
  }

  int descriptor_;
  uint64_t size_ = 0, written_ = 0, space_ = UINT64_MAX;
  std::string failure_;
};

// The file that is being unpacked into; removed unless kept.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& target) : path(target + kTemporary + "XXXXXX") {
    descriptor = mkostemp(path.data(), O_CLOEXEC);
  }
  ~TemporaryFile() {
    if (descriptor >= 0) close(descriptor);
    if (descriptor >= 0 && !keep) unlink(path.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  std::string path;
  int descriptor = -1;
  bool keep = false;
};

bool begins_with_elf_header(const std::string& path) {
  int failure = 0;
  auto file = MappedFile::open(path, &failure);
  return file && is_x86_64_elf(file->bytes());
}

}  // namespace

Result<UnpackedCore> unpack_core(const MappedFile& packed, Compression kind,
                                 const std::function<void(uint64_t, uint64_t)>& progress) {
  auto folder = cache_folder("cores");
  if (!folder) return std::move(folder).error();
  std::string target = (fs::path(*folder) / cache_name(packed)).string();
  if (utimensat(AT_FDCWD, target.c_str(), nullptr, 0) == 0) return UnpackedCore{target, false, {}};
  remove_unused(*folder);

  TemporaryFile temporary(target);
  if (temporary.descriptor < 0)
    return unusable(fmt::format("cannot unpack {} into {}: {}", packed.path(), *folder, std::strerror(errno)),
                    "set XDG_CACHE_HOME to a folder you can write to");
  SparseWriter writer(temporary.descriptor);
  uint64_t total = packed.bytes().size();
  auto outcome = decompress(kind, packed.bytes(), [&](Bytes block, uint64_t done) {
    if (progress) progress(done, total);
    return writer.write(block);
  });
  if (outcome.stopped || !writer.finish())
    return unusable(fmt::format("cannot unpack {} into {}: {}", packed.path(), *folder, writer.failure()),
                    "make room there or set XDG_CACHE_HOME to a larger disk");
  if (outcome.damage.empty()) {
    if (rename(temporary.path.c_str(), target.c_str()) != 0)
      return unusable(fmt::format("cannot rename {}: {}", temporary.path, std::strerror(errno)));
    temporary.keep = true;
    return UnpackedCore{target, false, {}};
  }
  if (!begins_with_elf_header(temporary.path))
    return unusable(fmt::format("cannot unpack {}: {}", packed.path(), outcome.damage), "copy the file again");
  temporary.keep = true;
  return UnpackedCore{temporary.path, true,
                      fmt::format("The compressed core could not be unpacked whole ({}); the first {} bytes are used.",
                                  outcome.damage, writer.size())};
}

}  // namespace inquest::elf
