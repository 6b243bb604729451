// A regular file mapped read-only into our own address space.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "postmortem/elf/byte_view.h"

namespace inquest::elf {

class MappedFile {
 public:
  /// Opens and maps `path`. On failure returns null and sets `failure` to the errno: EISDIR for a directory, EINVAL for
  /// anything else that is not a regular file (a fifo is never opened for reading, which could block for ever).
  static std::shared_ptr<const MappedFile> open(const std::string& path, int* failure);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  Bytes bytes() const { return bytes_; }
  /// The bytes with the zeros that the kernel puts behind the end of the file in its last page.
  Bytes whole_pages() const { return {bytes_.data(), static_cast<size_t>(round_up(bytes_.size(), kPageSize))}; }
  int descriptor() const { return descriptor_; }
  int64_t modified() const { return modified_; }
  /// True when the file system holds fewer blocks than the size needs, so that looking for holes pays.
  bool sparse() const { return sparse_; }

 private:
  MappedFile() = default;

  std::string path_;
  Bytes bytes_;
  int descriptor_ = -1;
  int64_t modified_ = 0;
  bool sparse_ = false;
};

}  // namespace inquest::elf
