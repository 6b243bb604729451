#include "postmortem/model/memory_reader.h"

#include <algorithm>

namespace inquest {

const char* to_string(FaultCause cause) {
  switch (cause) {
    case FaultCause::kUnmapped: return "not mapped";
    case FaultCause::kNotInDump: return "mapped, but not in this dump";
    case FaultCause::kTruncated: return "beyond the end of the truncated core file";
    case FaultCause::kFileMissing: return "in a mapped file that is not on this machine";
    case FaultCause::kFileMismatch: return "in a mapped file whose build-id differs on this machine";
  }
  return "unknown";
}

const MemoryRegion* MemoryReader::region_of(Address address) const {
  const auto& all = regions();
  auto next = std::upper_bound(all.begin(), all.end(), address,
                               [](Address a, const MemoryRegion& region) { return a < region.start; });
  if (next == all.begin()) return nullptr;
  const MemoryRegion& region = *std::prev(next);
  return region.contains(address) ? &region : nullptr;
}

ReadFault MemoryReader::fault_at(Address address, uint64_t size) const {
  const MemoryRegion* region = region_of(address);
  return ReadFault{address, size, region ? region->missing : FaultCause::kUnmapped};
}

std::optional<ReadFault> MemoryReader::read(Address address, std::span<std::byte> out) const {
  size_t done = 0;
  while (done < out.size()) {
    auto bytes = view(address + done, out.size() - done);
    if (bytes.empty()) return fault_at(address + done, out.size() - done);
    std::memcpy(out.data() + done, bytes.data(), bytes.size());
    done += bytes.size();
  }
  return std::nullopt;
}

std::vector<DataExtent> MemoryReader::data_extents(Address start, uint64_t size) const {
  std::vector<DataExtent> extents;
  uint64_t end = start.value() + std::min(size, UINT64_MAX - start.value());
  for (const MemoryRegion& region : regions()) {
    if (region.start.value() >= end) break;
    uint64_t from = std::max(start.value(), region.start.value());
    uint64_t to = std::min(end, region.start.value() + region.available);
    if (from < to) extents.push_back({Address(from), to - from});
  }
  return extents;
}

std::optional<std::string> MemoryReader::read_c_string(Address address, size_t limit) const {
  std::string text;
  while (text.size() < limit) {
    auto bytes = view(address + text.size(), limit - text.size());
    if (bytes.empty()) return std::nullopt;
    const char* begin = reinterpret_cast<const char*>(bytes.data());
    const void* nul = std::memchr(begin, 0, bytes.size());
    if (nul) {
      text.append(begin, static_cast<const char*>(nul) - begin);
      return text;
    }
    text.append(begin, bytes.size());
  }
  return std::nullopt;
}

}  // namespace inquest
