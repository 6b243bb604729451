#include "postmortem/elf/core_file.h"

#include <unistd.h>

#include <algorithm>

#include "postmortem/elf/open_errors.h"

namespace inquest::elf {
namespace {

// A file with more runs than this (its holes would be smaller than 4 KiB each in a 4 GB core) is read as if the rest
// had no holes: the answer is only advice on what is worth reading.
constexpr size_t kMaxExtents = 1 << 20;

// One segment from a program header that may say anything; size 0 when there is nothing to use.
CoreSegment sanitized(const Elf64_Phdr& header, uint64_t file_size) {
  CoreSegment segment;
  segment.start = header.p_vaddr;
  segment.size = std::min(header.p_memsz, UINT64_MAX - header.p_vaddr);
  segment.dumped = std::min(header.p_filesz, segment.size);
  segment.file_offset = header.p_offset;
  segment.available = header.p_offset < file_size ? std::min(segment.dumped, file_size - header.p_offset) : 0;
  segment.flags = header.p_flags;
  return segment;
}

// Drops the first `bytes` of a segment.
void cut_front(CoreSegment& segment, uint64_t bytes) {
  segment.start += bytes;
  segment.size -= bytes;
  segment.file_offset += bytes;
  segment.dumped -= std::min(segment.dumped, bytes);
  segment.available -= std::min(segment.available, bytes);
}

}  // namespace

Result<std::unique_ptr<CoreFile>> CoreFile::parse(std::shared_ptr<const MappedFile> file, const std::string& name) {
  std::unique_ptr<CoreFile> core(new CoreFile);
  core->file_ = std::move(file);
  auto headers = parse_core_headers(core->bytes(), name);
  if (!headers) return std::move(headers).error();
  core->take_segments(*headers);
  if (core->segments_.empty())
    return unusable(name + " holds no memory: it has no PT_LOAD segments", "was it cut short or made by objcopy?");
  return core;
}

void CoreFile::take_segments(const ElfHeaders& headers) {
  uint64_t file_size = bytes().size();
  for (const Elf64_Phdr& header : headers.segments) {
    if (header.p_type == PT_NOTE) notes_.push_back(slice(bytes(), header.p_offset, header.p_filesz));
    if (header.p_type != PT_LOAD && header.p_type != PT_NOTE) continue;
    if (header.p_filesz > 0 && header.p_offset < UINT64_MAX - header.p_filesz)
      promised_size_ = std::max(promised_size_, header.p_offset + header.p_filesz);
    if (header.p_type != PT_LOAD) continue;
    CoreSegment segment = sanitized(header, file_size);
    if (segment.size > 0) segments_.push_back(segment);
  }
  std::stable_sort(segments_.begin(), segments_.end(),
                   [](const CoreSegment& a, const CoreSegment& b) { return a.start < b.start; });
  // Where segments overlap the one that begins first wins.
  uint64_t covered = 0;
  std::vector<CoreSegment> kept;
  kept.reserve(segments_.size());
  for (CoreSegment segment : segments_) {
    if (segment.start < covered) {
      if (segment.end() <= covered) continue;
      cut_front(segment, covered - segment.start);
    }
    covered = segment.end();
    kept.push_back(segment);
  }
  segments_ = std::move(kept);
}

const CoreSegment* CoreFile::segment_of(uint64_t address) const {
  auto next = std::upper_bound(segments_.begin(), segments_.end(), address,
                               [](uint64_t a, const CoreSegment& segment) { return a < segment.start; });
  if (next == segments_.begin()) return nullptr;
  const CoreSegment& segment = *std::prev(next);
  return address - segment.start < segment.size ? &segment : nullptr;
}

Bytes CoreFile::memory(uint64_t address, uint64_t limit) const {
  const CoreSegment* segment = segment_of(address);
  if (!segment) return {};
  uint64_t inside = address - segment->start;
  if (inside >= segment->available) return {};
  return slice(bytes(), segment->file_offset + inside, std::min(limit, segment->available - inside));
}

const std::vector<FileExtent>& CoreFile::data_extents() const {
  std::call_once(extents_once_, [this] { find_extents(); });
  return extents_;
}

void CoreFile::find_extents() const {
  uint64_t size = bytes().size();
  if (!file_->sparse()) {
    extents_.push_back({0, size});
    return;
  }
  uint64_t at = 0;
  while (at < size) {
    off_t data = extents_.size() < kMaxExtents ? lseek(file_->descriptor(), static_cast<off_t>(at), SEEK_DATA) : -1;
    if (data < 0 && errno == ENXIO && extents_.size() < kMaxExtents) return;  // only a hole is left
    off_t hole = data < 0 ? -1 : lseek(file_->descriptor(), data, SEEK_HOLE);
    if (hole <= data) {  // the file system cannot tell
      extents_.push_back({at, size});
      return;
    }
    extents_.push_back({static_cast<uint64_t>(data), std::min(static_cast<uint64_t>(hole), size)});
    at = static_cast<uint64_t>(hole);
  }
}

}  // namespace inquest::elf
