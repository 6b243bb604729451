#include "postmortem/elf/tls_layout.h"

#include <bit>

namespace inquest::elf {
namespace {

constexpr int kMaxDynamicEntries = 1024;  // a dynamic section has about 30
constexpr int kMaxLinkMaps = 16384;       // bounds a damaged, circular list

struct LinkMap {  // the public head of glibc's and musl's struct link_map (<link.h>)
  uint64_t l_addr, l_name, l_ld, l_next, l_prev;
};

uint64_t alignment_of(const Elf64_Phdr& tls) { return std::has_single_bit(tls.p_align) ? tls.p_align : 1; }

// glibc's allocator of static TLS offsets, with the reuse of gaps left by alignment.
class GlibcOffsets {
 public:
  uint64_t next(const Elf64_Phdr& tls) {
    uint64_t align = alignment_of(tls), size = tls.p_memsz;
    uint64_t first_byte = -tls.p_vaddr & (align - 1);
    if (free_bottom_ - free_top_ >= size) {
      uint64_t offset = round_up(free_top_ + size - first_byte, align) + first_byte;
      if (offset <= free_bottom_) return free_top_ = offset;
    }
    uint64_t offset = round_up(offset_ + size - first_byte, align) + first_byte;
    if (offset > offset_ + size + (free_bottom_ - free_top_)) {
      free_top_ = offset_;
      free_bottom_ = offset - size;
    }
    return offset_ = offset;
  }

 private:
  uint64_t offset_ = 0, free_top_ = 0, free_bottom_ = 0;
};

// musl: ldso/dynlink.c, load_library: grow by the size, then align the block's start like the image.
uint64_t next_musl_offset(uint64_t offset, const Elf64_Phdr& tls, uint64_t bias) {
  uint64_t align = alignment_of(tls);
  offset += tls.p_memsz + align - 1;
  return offset - ((offset + bias + tls.p_vaddr) & (align - 1));
}

}  // namespace

std::optional<uint64_t> TlsLayout::link_map_head() const {
  for (size_t i = 0; i < map_.modules.size(); ++i) {
    const Module& module = map_.modules[i];
    if (!module.is_executable || !map_.headers[i]) continue;
    for (const Elf64_Phdr& segment : map_.headers[i]->segments) {
      if (segment.p_type != PT_DYNAMIC) continue;
      for (int entry = 0; entry < kMaxDynamicEntries; ++entry) {
        auto dynamic = memory_.read_value<Elf64_Dyn>(module.runtime(segment.p_vaddr + entry * sizeof(Elf64_Dyn)));
        if (!dynamic || dynamic->d_tag == DT_NULL) break;
        // struct r_debug: int r_version; struct link_map* r_map.
        if (dynamic->d_tag == DT_DEBUG) return memory_.read_u64(Address(dynamic->d_un.d_ptr + 8));
      }
    }
  }
  return std::nullopt;
}

// Numbers of the modules in the order of the link map; ends where an entry is not a module that we know.
std::vector<size_t> TlsLayout::load_order() const {
  std::vector<size_t> order;
  uint64_t at = link_map_head().value_or(0);
  for (int steps = 0; at != 0 && steps < kMaxLinkMaps; ++steps) {
    auto entry = memory_.read_value<LinkMap>(Address(at));
    if (!entry) break;
    size_t found = map_.modules.size();
    for (size_t i = 0; i < map_.modules.size(); ++i) {
      const Module& module = map_.modules[i];
      if (!module.is_copy && Address(entry->l_ld) >= module.start && Address(entry->l_ld) < module.end) found = i;
    }
    if (found == map_.modules.size() || !map_.headers[found]) break;
    order.push_back(found);
    at = entry->l_next;
  }
  return order;
}

void TlsLayout::resolve() const {
  slots_.resize(map_.modules.size());
  GlibcOffsets glibc;
  uint64_t musl_offset = 0, id = 0;
  for (size_t module : load_order()) {
    const Elf64_Phdr* tls = map_.headers[module]->tls();
    if (!tls || tls->p_memsz == 0) continue;
    musl_offset = next_musl_offset(musl_offset, *tls, map_.modules[module].bias);
    slots_[module] = {++id, glibc.next(*tls), musl_offset};
  }
}

std::optional<Address> TlsLayout::block(const Thread& thread, size_t module) const {
  uint64_t fs_base = thread.registers.fs_base;
  if (module >= map_.modules.size() || !map_.headers[module] || !map_.headers[module]->tls()) return std::nullopt;
  if (fs_base == 0 || memory_.read_u64(Address(fs_base)) != fs_base) return std::nullopt;
  if (map_.modules[module].is_executable) return Address(fs_base) - GlibcOffsets().next(*map_.headers[module]->tls());

  std::call_once(once_, [this] { resolve(); });
  const Slot& slot = slots_[module];
  auto dtv = memory_.read_u64(Address(fs_base + 8));
  if (slot.id == 0 || !dtv) return std::nullopt;
  // glibc: dtv[-1].counter slots of {address, to_free}; dtv[0] is the generation.
  auto slots = memory_.read_u64(Address(*dtv - 16));
  if (slots && slot.id <= *slots && memory_.read_u64(Address(*dtv + slot.id * 16)) == fs_base - slot.glibc_offset)
    return Address(fs_base - slot.glibc_offset);
  // musl: dtv[0] is the number of modules, then one address each.
  auto count = memory_.read_u64(Address(*dtv));
  if (count && slot.id <= *count && memory_.read_u64(Address(*dtv + slot.id * 8)) == fs_base - slot.musl_offset)
    return Address(fs_base - slot.musl_offset);
  return std::nullopt;
}

std::optional<Address> TlsLayout::address(const Thread& thread, const Module& module, const Symbol& symbol) const {
  if (!symbol.is_tls || module.is_copy) return std::nullopt;
  for (size_t i = 0; i < map_.modules.size(); ++i) {
    if (map_.modules[i].start != module.start) continue;
    auto start = block(thread, i);
    if (!start || symbol.value >= module.tls_image_size) return std::nullopt;
    return *start + symbol.value;
  }
  return std::nullopt;
}

}  // namespace inquest::elf
