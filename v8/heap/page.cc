#include "v8/heap/page.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "postmortem/model/scattered_reads.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kMaxAreaOffset = 0x8000;     ///< largest distance from chunk to area start seen: 0x3030
constexpr uint64_t kMaxFlags = 1u << 27;        ///< highest flag in any version is bit 26
constexpr uint64_t kMaxPageBytes = 1ull << 36;  ///< a large object of 64 GiB is nonsense
constexpr uint64_t kHeaderBytes = 104;          ///< up to and with the owner in 7.9

uint64_t word_at(std::span<const std::byte> bytes, uint16_t offset) {
  uint64_t word;
  std::memcpy(&word, bytes.data() + offset, sizeof word);
  return word;
}

bool plausible(const Target& target, const Page& page) {
  uint64_t to_area = page.area_start - page.chunk;
  if (to_area == 0 || to_area > kMaxAreaOffset || page.area_start.value() % 8 || page.area_end.value() % 8)
    return false;
  if (page.area_end <= page.area_start) return false;
  if (page.size < 0x1000 || page.size > kMaxPageBytes || page.size % 0x1000) return false;
  if (page.area_end - page.chunk > page.size) return false;
  // Unused room: a code page leaves guard pages, others less than an object's alignment; read-only pages are shrunk.
  if (page.flags >= kMaxFlags) return false;
  if (!page.heap.is_null() && (page.heap.value() % 8 || target.memory().view(page.heap, 8).size() < 8)) return false;
  if (!page.owner.is_null() && (page.owner.value() % 8 || target.memory().view(page.owner, 8).size() < 8)) return false;
  return true;
}

/// Part of the mangled vtable name after "_ZTVN2v88internal" and the length digits.
struct VtableName {
  std::string_view name;
  Space space;
  bool large;
};
constexpr VtableName kVtables[] = {
    {"ReadOnlySpace", Space::kReadOnly, false},
    {"SharedReadOnlySpace", Space::kReadOnly, false},
    {"NewSpace", Space::kNew, false},
    {"SemiSpace", Space::kNew, false},
    {"SemiSpaceNewSpace", Space::kNew, false},
    {"PagedNewSpace", Space::kNew, false},
    {"PagedSpaceForNewSpace", Space::kNew, false},
    {"OldSpace", Space::kOld, false},
    {"MapSpace", Space::kMap, false},
    {"CodeSpace", Space::kCode, false},
    {"TrustedSpace", Space::kTrusted, false},
    {"SharedSpace", Space::kShared, false},
    {"SharedTrustedSpace", Space::kTrusted, false},
    {"LargeObjectSpace", Space::kOldLarge, true},
    {"OldLargeObjectSpace", Space::kOldLarge, true},
    {"SharedLargeObjectSpace", Space::kOldLarge, true},
    {"NewLargeObjectSpace", Space::kNewLarge, true},
    {"CodeLargeObjectSpace", Space::kCodeLarge, true},
    {"TrustedLargeObjectSpace", Space::kTrustedLarge, true},
};

/// AllocationSpace ids where they are known (src/common/globals.h): 9.x/10.x and 11.x on.
Space space_of_id(const V8Version& version, uint32_t id) {
  if (version < V8Version{11, 0}) {
    constexpr std::array kOldIds = {Space::kReadOnly, Space::kOld,       Space::kCode,     Space::kMap,
                                    Space::kOldLarge, Space::kCodeLarge, Space::kNewLarge, Space::kNew};
    return id < kOldIds.size() ? kOldIds[id] : Space::kUnknown;
  }
  if (version < V8Version{12, 0}) {
    constexpr std::array kIds = {Space::kReadOnly, Space::kNew,      Space::kOld,      Space::kCode,
                                 Space::kShared,   Space::kNewLarge, Space::kOldLarge, Space::kCodeLarge};
    return id < kIds.size() ? kIds[id] : Space::kUnknown;
  }
  constexpr std::array kIds = {Space::kReadOnly,    Space::kNew,       Space::kOld,      Space::kCode,
                               Space::kShared,      Space::kTrusted,   Space::kTrusted,  Space::kNewLarge,
                               Space::kOldLarge,    Space::kCodeLarge, Space::kOldLarge, Space::kTrustedLarge,
                               Space::kTrustedLarge};
  return id < kIds.size() ? kIds[id] : Space::kUnknown;
}

bool is_large_space(Space space) {
  return space == Space::kNewLarge || space == Space::kOldLarge || space == Space::kCodeLarge ||
         space == Space::kTrustedLarge;
}

struct OwnerKind {
  Space space = Space::kUnknown;
  bool by_name = false;
};

OwnerKind classify_owner(const Target& target, const Module& module, const Layout& layout, Address owner) {
  auto vtable = target.memory().read_u64(owner);
  if (vtable && module.symbols) {
    // The vptr points behind offset-to-top and the type info pointer.
    auto symbol = module.symbols->covering(module.link_time(Address(*vtable)));
    constexpr std::string_view kPrefix = "_ZTVN2v88internal";
    if (symbol && symbol->name.starts_with(kPrefix) && symbol->name.ends_with("E")) {
      std::string_view name = symbol->name.substr(kPrefix.size());
      name.remove_suffix(1);
      while (!name.empty() && name[0] >= '0' && name[0] <= '9') name.remove_prefix(1);
      for (const VtableName& known : kVtables) {
        if (known.name == name) return {known.space, true};
      }
    }
  }
  auto id = target.memory().read_value<uint32_t>(owner + 16);
  if (id && layout.version >= V8Version{9, 0}) return {space_of_id(layout.version, *id), false};
  return {};
}

/// PRE_FREED of 7.4 to 10.x (src/heap/basic-memory-chunk.h, before 8.1 spaces.h): freed, not yet given back.
constexpr uint64_t kPreFreed = 1 << 13;

/// Whether a page has been taken out of its space and waits for being unmapped, which threads of V8's do after a
/// collection (src/heap/memory-allocator.cc, Unmapper). Since 8.x LargeObjectSpace::RemovePage clears the owner; a
/// read-only page is detached from space and heap.
bool is_released(const Layout& layout, const Page& page) {
  if (page.heap.is_null()) return false;
  return page.owner.is_null() || (layout.version < V8Version{11, 0} && (page.flags & kPreFreed) != 0);
}

/// `space` is what the owner tells; where that is nothing the flags do.
void set_space(const Layout& layout, Space space, Page& page) {
  if (is_released(layout, page)) {
    bool young = (page.flags & (kFromPage | kToPage)) != 0;
    page.large = page.size > layout.table.page_size;
    page.space = page.large ? (young ? Space::kNewLarge : Space::kOldLarge) : (young ? Space::kNew : Space::kOld);
    page.from_space = false;  // nothing was moved away from here
    page.stale = true;
    return;
  }
  if (space == Space::kUnknown) {
    if (page.flags & (1ull << layout.table.read_only_flag_bit))
      space = Space::kReadOnly;
    else if (page.flags & (kFromPage | kToPage))
      space = Space::kNew;
    else
      space = Space::kOld;
  }
  page.space = space;
  page.large = is_large_space(space) || page.size > layout.table.page_size;
  page.from_space = (page.flags & kFromPage) != 0 && (page.flags & kToPage) == 0;
  page.stale = page.from_space;
}

/// Where page headers may lie in a region. Regions of gigabytes are mostly room that was reserved: holes of the core's
/// file, which looking into would bring into the page cache.
std::vector<DataExtent> places_of_headers(const MemoryReader& memory, const MemoryRegion& region) {
  constexpr uint64_t kLarge = 256 << 20;
  if (region.available < kLarge) return {{region.start, region.available}};
  return memory.data_extents(region.start, region.available);
}

}  // namespace

bool read_page(const Target& target, const PageHeaderLayout& layout, Address chunk, Page& page) {
  auto bytes = target.memory().view(chunk, kHeaderBytes);
  if (bytes.size() < kHeaderBytes) return false;
  page.chunk = chunk;
  page.header = chunk;
  page.flags = word_at(bytes, layout.flags);
  if (page.flags >= kMaxFlags) return false;
  if (layout.separate_metadata) {
    page.header = Address(word_at(bytes, 8));
    if (page.header.is_null() || page.header.value() % 8) return false;
    bytes = target.memory().view(page.header, kHeaderBytes);
    if (bytes.size() < kHeaderBytes) return false;
  }
  page.size = word_at(bytes, layout.size);
  page.heap = Address(word_at(bytes, layout.heap));
  page.area_start = Address(word_at(bytes, layout.area_start));
  page.area_end = Address(word_at(bytes, layout.area_end));
  page.owner = Address(word_at(bytes, layout.owner));
  return plausible(target, page);
}

const char* space_name(Space space) {
  switch (space) {
    case Space::kReadOnly: return "read_only_space";
    case Space::kNew: return "new_space";
    case Space::kOld: return "old_space";
    case Space::kMap: return "map_space";
    case Space::kCode: return "code_space";
    case Space::kTrusted: return "trusted_space";
    case Space::kShared: return "shared_space";
    case Space::kNewLarge: return "new_large_object_space";
    case Space::kOldLarge: return "large_object_space";
    case Space::kCodeLarge: return "code_large_object_space";
    case Space::kTrustedLarge: return "trusted_large_object_space";
    case Space::kUnknown: break;
  }
  return "unknown_space";
}

std::vector<Page> find_pages(const Target& target, const PageHeaderLayout& layout) {
  std::vector<Page> pages;
  for (const MemoryRegion& region : target.memory().regions()) {
    if (region.available == 0 || region.from_file || !region.path.empty()) continue;
    // What is read around a header would be half of the file.
    constexpr uint64_t kWorthIt = 16 << 20;
    bool large = region.available >= kWorthIt;
    ScatteredReads headers_only(large ? target.memory().view(region.start, region.available)
                                      : std::span<const std::byte>());
    for (const DataExtent& extent : places_of_headers(target.memory(), region)) {
      uint64_t first = (extent.start.value() + kPageAlignment - 1) & ~(kPageAlignment - 1);
      uint64_t end = extent.start.value() + extent.size;
      if (first < extent.start.value()) continue;
      for (uint64_t at = first; at < end && at >= first; at += kPageAlignment) {
        // What lies inside a large page is one object's body, not a header.
        if (!pages.empty() && Address(at) - pages.back().chunk < pages.back().size) continue;
        Page page;
        if (read_page(target, layout, Address(at), page)) pages.push_back(std::move(page));
      }
    }
  }
  return pages;
}

void classify_pages(const Target& target, const Module& module, const Layout& layout, std::vector<Page>& pages) {
  std::unordered_map<uint64_t, OwnerKind> owners;
  for (Page& page : pages) {
    OwnerKind kind;
    if (page.owner.is_null()) {
      kind.space = Space::kReadOnly;  // detached from its space: the read-only heap since 10.x
    } else {
      auto [it, fresh] = owners.try_emplace(page.owner.value());
      if (fresh) it->second = classify_owner(target, module, layout, page.owner);
      kind = it->second;
    }
    set_space(layout, kind.space, page);
  }
}

void classify_page(const Target& target, const Module& module, const Layout& layout, Page& page) {
  Space space = page.owner.is_null() ? Space::kReadOnly : classify_owner(target, module, layout, page.owner).space;
  set_space(layout, space, page);
}

void attach_data(const Target& target, Page& page) {
  uint64_t size = page.area_size();
  auto bytes = target.memory().view(page.area_start, size);
  if (bytes.size() == size) {
    page.data = bytes.data();
    return;
  }
  // Pieces with different protection, a guard page, or the end of a truncated file: put together what there is. A
  // page whose tail alone is missing would need no copy, but a single representation keeps the walk simple. A large
  // object that is not in the dump must not make us allocate its size: what is missing at the end is cut off.
  page.copy = std::make_shared<std::vector<std::byte>>();
  uint64_t present = 0, present_end = 0;
  constexpr uint64_t kStep = 0x1000;
  for (uint64_t at = 0; at < size;) {
    auto piece = target.memory().view(page.area_start + at, size - at);
    if (piece.empty()) {
      uint64_t next = ((page.area_start.value() + at) & ~(kStep - 1)) + kStep - page.area_start.value();
      at = std::min(next, size);
      if (at - present_end > 2 * kPageAlignment) break;  // nothing more of this page is here
      continue;
    }
    page.copy->resize(at + piece.size());
    std::memcpy(page.copy->data() + at, piece.data(), piece.size());
    at += piece.size();
    present += piece.size();
    present_end = at;
  }
  page.missing = size - present;
  if (page.copy->size() < size && size <= 4 * kPageAlignment) page.copy->resize(size);
  if (page.copy->size() < size) {
    page.area_end = page.area_start + page.copy->size() / 8 * 8;
  }
  page.data = page.copy->data();
}

}  // namespace inquest::v8
