#include "postmortem/elf/core_memory.h"

#include <algorithm>
#include <bit>

namespace inquest::elf {
namespace {

// The chunk table answers `view` with one probe instead of a binary search over thousands of pieces (V8 maps each
// 256 KiB page of its heap separately): 16 bytes per 256 KiB of readable memory, twice.
constexpr int kChunkBits = 18;
// 4 Mi chunks are 1 TB of readable memory. Only a hostile core, whose segments share file bytes, can reach more.
constexpr uint64_t kMaxChunks = 1 << 22;

uint64_t spread(uint64_t number) { return number * 0x9e3779b97f4a7c15u >> 20; }

std::vector<uint64_t> cut_points(const CoreFile& core, const CoreNotes& notes) {
  std::vector<uint64_t> cuts;
  for (const CoreSegment& segment : core.segments()) cuts.insert(cuts.end(), {segment.start, segment.end()});
  for (const FileMapping& mapping : notes.files) cuts.insert(cuts.end(), {mapping.start, mapping.end});
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  return cuts;
}

// gdb's gcore writes no PT_LOAD for mappings it leaves out; then the file's own program headers tell the protection.
uint32_t flags_from_file(const FileMapping* mapping, uint64_t start, const MappedObject* object) {
  const ElfHeaders* headers = mapping && object ? object->offsets() : nullptr;
  if (!headers) return PF_R;
  uint64_t offset = mapping->file_offset + (start - mapping->start);
  for (const Elf64_Phdr& segment : headers->segments)
    if (segment.p_type == PT_LOAD && offset - (segment.p_offset & -kPageSize) < segment.p_filesz)
      return segment.p_flags;
  return PF_R;
}

}  // namespace

CoreMemory::CoreMemory(const CoreFile& core, const CoreNotes& notes, const ModuleMap& map) : core_(core) {
  auto segment = core.segments().begin();
  auto mapping = notes.files.begin();
  auto cuts = cut_points(core, notes);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    uint64_t start = cuts[i], end = cuts[i + 1];
    while (segment != core.segments().end() && segment->end() <= start) ++segment;
    while (mapping != notes.files.end() && mapping->end <= start) ++mapping;
    bool in_segment = segment != core.segments().end() && segment->start <= start;
    bool in_mapping = mapping != notes.files.end() && mapping->start <= start;
    if (!in_segment && !in_mapping) continue;
    int object = in_mapping ? map.object_of_mapping[mapping - notes.files.begin()] : -1;
    add_region(start, end, in_segment ? &*segment : nullptr, in_mapping ? &*mapping : nullptr,
               object >= 0 ? &map.objects[object] : nullptr);
  }
  build_chunks();
}

void CoreMemory::add_region(uint64_t start, uint64_t end, const CoreSegment* segment, const FileMapping* mapping,
                            const MappedObject* object) {
  MemoryRegion region;
  region.start = Address(start);
  region.size = end - start;
  uint32_t flags = segment ? segment->flags : flags_from_file(mapping, start, object);
  region.readable = flags & PF_R;
  region.writable = flags & PF_W;
  region.executable = flags & PF_X;
  uint64_t dumped = 0;
  if (segment) {
    uint64_t inside = start - segment->start;
    dumped = std::min(segment->dumped - std::min(segment->dumped, inside), region.size);
    Bytes bytes = core_.memory(start, region.size);
    region.available = bytes.size();
    if (region.available < dumped) region.missing = FaultCause::kTruncated;
    add_piece(start, bytes, true);
  }
  if (mapping) {
    region.path = mapping->path;
    region.file_offset = mapping->file_offset + (start - mapping->start);
  }
  if (object && dumped < region.size) {
    // Untouched since it was mapped, so the file is right even for a part that was dumped but cut off (see above).
    if (object->choice.image) {
      Bytes rest = object->file_bytes(*mapping, start + region.available, region.size - region.available);
      if (!rest.empty()) {
        add_piece(start + region.available, rest, false);
        region.available += rest.size();
        region.from_file = true;
      }
    } else if (object->is_elf && object->choice.missing && region.missing != FaultCause::kTruncated) {
      region.missing = *object->choice.missing;
    }
  }
  regions_.push_back(std::move(region));
}

void CoreMemory::add_piece(uint64_t start, Bytes bytes, bool from_core) {
  if (bytes.empty()) return;
  // Neighbouring mappings that were dumped whole lie side by side in the core: one view can span them.
  if (!pieces_.empty()) {
    Piece& last = pieces_.back();
    if (last.end() == start && last.from_core == from_core && last.bytes + last.size == bytes.data()) {
      last.size += bytes.size();
      return;
    }
  }
  pieces_.push_back({start, bytes.size(), bytes.data(), from_core});
}

void CoreMemory::build_chunks() {
  uint64_t count = 0;
  for (const Piece& piece : pieces_) {
    count += ((piece.end() - 1) >> kChunkBits) - (piece.start >> kChunkBits) + 1;
    if (count > kMaxChunks) return;
  }
  chunks_.resize(std::bit_ceil(count * 2 + 1));
  uint64_t mask = chunks_.size() - 1;
  for (uint32_t i = 0; i < pieces_.size(); ++i) {
    uint64_t last = (pieces_[i].end() - 1) >> kChunkBits;
    for (uint64_t number = pieces_[i].start >> kChunkBits; number <= last; ++number) {
      uint64_t at = spread(number) & mask;
      while (chunks_[at].number != number && chunks_[at].number != UINT64_MAX) at = (at + 1) & mask;
      if (chunks_[at].number == UINT64_MAX) chunks_[at] = {number, i, 0};
      ++chunks_[at].count;
    }
  }
}

const CoreMemory::Piece* CoreMemory::find(uint64_t address) const {
  auto begin = pieces_.begin(), end = pieces_.end();
  if (!chunks_.empty()) {
    uint64_t mask = chunks_.size() - 1;
    uint64_t number = address >> kChunkBits;
    uint64_t at = spread(number) & mask;
    while (chunks_[at].number != number) {
      if (chunks_[at].number == UINT64_MAX) return nullptr;
      at = (at + 1) & mask;
    }
    begin += chunks_[at].first;
    end = begin + chunks_[at].count;
  }
  auto next = end - begin == 1 ? end : std::upper_bound(begin, end, address, [](uint64_t a, const Piece& piece) {
    return a < piece.start;
  });
  if (next == begin) return nullptr;
  const Piece& piece = *std::prev(next);
  return address - piece.start < piece.size ? &piece : nullptr;
}

std::span<const std::byte> CoreMemory::view(Address address, uint64_t limit) const {
  const Piece* piece = find(address.value());
  if (!piece) return {};
  uint64_t inside = address.value() - piece->start;
  return {piece->bytes + inside, static_cast<size_t>(std::min(limit, piece->size - inside))};
}

std::vector<DataExtent> CoreMemory::data_extents(Address start, uint64_t size) const {
  std::vector<DataExtent> result;
  uint64_t begin = start.value();
  uint64_t end = begin + std::min(size, UINT64_MAX - begin);
  const auto& extents = core_.data_extents();
  auto piece = std::lower_bound(pieces_.begin(), pieces_.end(), begin,
                                [](const Piece& p, uint64_t address) { return p.end() <= address; });
  for (; piece != pieces_.end() && piece->start < end; ++piece) {
    uint64_t from = std::max(piece->start, begin), to = std::min(piece->end(), end);
    if (!piece->from_core) {
      result.push_back({Address(from), to - from});
      continue;
    }
    uint64_t file_from = static_cast<uint64_t>(piece->bytes - core_.bytes().data()) + (from - piece->start);
    uint64_t file_to = file_from + (to - from);
    auto extent = std::lower_bound(extents.begin(), extents.end(), file_from,
                                   [](const FileExtent& e, uint64_t offset) { return e.end <= offset; });
    for (; extent != extents.end() && extent->begin < file_to; ++extent) {
      uint64_t data_from = std::max(extent->begin, file_from), data_to = std::min(extent->end, file_to);
      result.push_back({Address(from + (data_from - file_from)), data_to - data_from});
    }
  }
  return result;
}

}  // namespace inquest::elf
