// Pages of the V8 heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "postmortem/model/address.h"
#include "postmortem/model/target.h"
#include "v8/layout/layout.h"

namespace inquest::v8 {

enum class Space : uint8_t {
  kReadOnly,
  kNew,
  kOld,
  kMap,
  kCode,
  kTrusted,
  kShared,
  kNewLarge,
  kOldLarge,
  kCodeLarge,
  kTrustedLarge,
  kUnknown,
};
constexpr size_t kSpaceCount = 12;
const char* space_name(Space space);  ///< V8's name: "old_space"

/// MemoryChunk flags that kept their bits in all measured versions (src/heap/memory-chunk.h).
constexpr uint64_t kFromPage = 0x8;
constexpr uint64_t kToPage = 0x10;

struct Page {
  Address chunk;      ///< aligned to kPageAlignment
  uint64_t size = 0;  ///< bytes, header included
  uint64_t flags = 0;
  Address header;      ///< where the fields lie: the chunk, or its MemoryChunkMetadata
  Address heap;        ///< v8::internal::Heap; null on read-only pages since 10.x
  Address owner;       ///< its Space object
  Address area_start;  ///< objects lie in [area_start, area_end)
  Address area_end;
  Space space = Space::kUnknown;
  uint32_t isolate = 0;     ///< index into Heap::isolates
  bool large = false;       ///< holds exactly one object
  bool from_space = false;  ///< holds what the last (or the running) scavenge moved away
  bool stale = false;       ///< from-space, unused semi-space, or released page: nothing but leftovers
  uint64_t missing = 0;     ///< bytes of the area that the dump does not have
  /// The area's bytes on our side: data()[a - area_start]. Missing bytes read as zero.
  const std::byte* data = nullptr;
  /// Object starts and marks, interleaved: bits[2 * i] and bits[2 * i + 1] cover 64 words of 8 bytes. One pair only
  /// for large pages.
  uint64_t* bits = nullptr;
  std::shared_ptr<std::vector<std::byte>> copy;  ///< owns `data` when the area is not contiguous in the dump

  uint64_t area_size() const { return area_end - area_start; }
  bool contains(Address address) const { return address - area_start < area_size(); }
};

/// Finds pages by their own consistency, with no help from the isolate: every 256 KiB-aligned address of dumped
/// anonymous memory whose header makes sense under `layout`. Sorted by address.
std::vector<Page> find_pages(const Target& target, const PageHeaderLayout& layout);

/// Reads one header, which may have been there before: `page` then holds what it said. False when there is none (now).
bool read_page(const Target& target, const PageHeaderLayout& layout, Address chunk, Page& page);

/// Sets `space` and `large` of each page: by the name of the owner's vtable, else by its id and the flags.
void classify_page(const Target& target, const Module& module, const Layout& layout, Page& page);
void classify_pages(const Target& target, const Module& module, const Layout& layout, std::vector<Page>& pages);

/// Fills `data` and `missing`.
void attach_data(const Target& target, Page& page);

}  // namespace inquest::v8
