// .eh_frame_hdr (Linux Standard Base 5.0, Core, 10.6.2): version 1, three encodings, a pointer to .eh_frame, a count,
// then a table sorted by address of pairs (first address of a function, its FDE). Linkers write the table as signed
// 4-byte offsets from the section's start (0x3b, DW_EH_PE_datarel|sdata4); other encodings are not read here. It lies
// in a loaded segment that program header PT_GNU_EH_FRAME names, so no section header is needed.
#include "postmortem/crash/function_bounds.h"

namespace inquest::crash {
namespace {

constexpr uint32_t kPtGnuEhFrame = 0x6474e550;
constexpr uint16_t kMaxProgramHeaders = 64;  // linkers write about a dozen; the first page has no room for more
constexpr uint8_t kVersion = 1, kSignedPcRelative = 0x1b, kUnsigned4 = 0x03, kTableEncoding = 0x3b;
constexpr uint64_t kHeaderSize = 12, kEntrySize = 8;
constexpr uint64_t kMaxFunction = 16 << 20;  // beyond it the entry is damaged

std::optional<Address> find_header(const MemoryReader& memory, const Module& module) {
  auto magic = memory.read_value<uint32_t>(module.start);
  auto offset = memory.read_value<uint64_t>(module.start + 32);
  auto count = memory.read_value<uint16_t>(module.start + 56);
  if (!magic || *magic != 0x464c457f || !offset || !count || *count > kMaxProgramHeaders) return std::nullopt;
  for (uint16_t i = 0; i < *count; ++i) {
    Address entry = module.start + *offset + i * 56u;
    if (memory.read_value<uint32_t>(entry) != kPtGnuEhFrame) continue;
    auto vaddr = memory.read_u64(entry + 16);
    if (vaddr) return module.runtime(*vaddr);
  }
  return std::nullopt;
}

// The FDE: length, CIE distance, first address, size; the usual encoding is checked against the table's address.
std::optional<uint32_t> function_size(const MemoryReader& memory, Address fde, Address start) {
  auto relative = memory.read_value<int32_t>(fde + 8);
  auto size = memory.read_value<uint32_t>(fde + 12);
  if (!relative || !size) return std::nullopt;
  if (fde + 8 + static_cast<uint64_t>(int64_t{*relative}) != start) return std::nullopt;
  return size;
}

}  // namespace

std::optional<CodeRange> frame_entry_range(const MemoryReader& memory, const Module& module, Address address) {
  auto header = find_header(memory, module);
  if (!header) return std::nullopt;
  auto encodings = memory.read_value<uint32_t>(*header);
  auto count = memory.read_value<uint32_t>(*header + 8);
  constexpr uint32_t kExpected = kVersion | kSignedPcRelative << 8 | kUnsigned4 << 16 | uint32_t{kTableEncoding} << 24;
  if (!encodings || *encodings != kExpected || !count || *count == 0) return std::nullopt;
  auto start_of = [&](uint32_t i) -> std::optional<Address> {
    auto offset = memory.read_value<int32_t>(*header + kHeaderSize + i * kEntrySize);
    if (!offset) return std::nullopt;
    return *header + static_cast<uint64_t>(int64_t{*offset});
  };
  uint32_t low = 0, high = *count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    auto start = start_of(middle);
    if (!start) return std::nullopt;
    if (*start <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  auto start = start_of(low - 1);
  auto fde = memory.read_value<int32_t>(*header + kHeaderSize + (low - 1) * kEntrySize + 4);
  if (!start || !fde) return std::nullopt;
  auto size = function_size(memory, *header + static_cast<uint64_t>(int64_t{*fde}), *start);
  if (!size || *size > kMaxFunction || address - *start >= *size) return std::nullopt;
  return CodeRange{*start, *start + *size};
}

}  // namespace inquest::crash
