#include "postmortem/elf/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace inquest::elf {

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path, int* failure) {
  auto fail = [failure](int error) {
    if (failure) *failure = error;
    return nullptr;
  };
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  // O_NONBLOCK: a fifo without a writer must not hold us up; it has no effect on regular files.
  file->descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->descriptor_ < 0) return fail(errno);
  struct stat status;
  if (fstat(file->descriptor_, &status) != 0) return fail(errno);
  if (S_ISDIR(status.st_mode)) return fail(EISDIR);
  if (!S_ISREG(status.st_mode)) return fail(EINVAL);
  file->modified_ = status.st_mtime;
  uint64_t size = static_cast<uint64_t>(status.st_size);
  file->sparse_ = static_cast<uint64_t>(status.st_blocks) * 512 < size;
  if (size > 0) {
    void* base = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, file->descriptor_, 0);
    if (base == MAP_FAILED) return fail(errno);
    file->bytes_ = {static_cast<const std::byte*>(base), size};
  }
  if (failure) *failure = 0;
  return file;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace inquest::elf
