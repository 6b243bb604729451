#include "postmortem/dwarf/debug_sections.h"

#include <libdeflate.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <system_error>

#include "postmortem/dwarf/section_cache.h"

namespace inquest::dwarf {
namespace {

using elf::ElfSection;

constexpr std::array<std::string_view, kSectionCount> kNames = {
    "info", "types",       "abbrev", "str",      "line",     "line_str", "ranges",  "rnglists",
    "addr", "str_offsets", "loc",    "loclists", "cu_index", "tu_index", "aranges",
};
constexpr uint32_t kZstd = 2;  // ELFCOMPRESS_ZSTD: newer than the elf.h of glibc 2.36

// Memory is only promised by the size in the header and taken as bytes arrive. Deflate shrinks at most 1032 to 1
// (zlib's documentation); zstd has no such bound, but no section of a real program reaches 16 GB.
constexpr uint64_t kMaxInflateRatio = 1032;
constexpr uint64_t kMaxUnpacked = uint64_t{16} << 30;

uint64_t half_of_memory() {
  long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_size) / 2 : UINT64_MAX;
}

// libdeflate takes half the time of zlib, and unpacking libc's debug file is most of what a small core takes.
bool inflate_all(Bytes packed, std::byte* out, uint64_t size) {
  std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> state(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  size_t made = 0;
  return state &&
         libdeflate_zlib_decompress(state.get(), packed.data(), packed.size(), out, size, &made) ==
             LIBDEFLATE_SUCCESS &&
         made == size;
}

/// Large buffers in huge pages: of a small core, taking thousands of faults for them was a fifth of the time.
UnpackedBytes allocate(uint64_t size) {
  constexpr uint64_t kHugePage = uint64_t{2} << 20;
  void* bytes = nullptr;
  if (size < kHugePage / 2) return UnpackedBytes(static_cast<std::byte*>(std::malloc(std::max<uint64_t>(size, 1))));
  if (posix_memalign(&bytes, kHugePage, size) != 0) return nullptr;
  // Where it is refused the pages are small ones.
  (void)madvise(bytes, size, MADV_HUGEPAGE);
  return UnpackedBytes(static_cast<std::byte*>(bytes));
}

bool unpack_zstd(Bytes packed, std::byte* out, uint64_t size) {
  return ZSTD_decompress(out, size, packed.data(), packed.size()) == size;
}

}  // namespace

DebugSections::DebugSections(std::shared_ptr<const elf::ElfImage> image, Flavour flavour)
    : image_(std::move(image)), flavour_(flavour) {}

Bytes DebugSections::get(SectionId id) const {
  const auto& all = pieces(id);
  return all.empty() ? Bytes() : all.front();
}

const std::vector<Bytes>& DebugSections::pieces(SectionId id) const {
  Slot& slot = slots_[static_cast<size_t>(id)];
  slot.once.run([&] { load(id, slot); });
  if (!slot.failures.empty()) slot.asked = true;
  return slot.pieces;
}

void DebugSections::load(SectionId id, Slot& slot) const {
  std::string name(kNames[static_cast<size_t>(id)]);
  bool is_index = id == SectionId::kCuIndex || id == SectionId::kTuIndex;
  if (flavour_ == Flavour::kSplit && !is_index) name += ".dwo";
  // Only those two come in several pieces. Sections do not overlap; in a hostile file a thousand headers may describe
  // the same bytes.
  bool several = id == SectionId::kInfo || id == SectionId::kTypes;
  uint64_t left = image_->bytes().size();
  for (const ElfSection& section : image_->sections()) {
    if (section.bytes.empty() || !section.name.ends_with(name)) continue;
    if ((!slot.pieces.empty() && !several) || section.bytes.size() > left) break;
    left -= section.bytes.size();
    if (section.name == ".debug_" + name) {
      if (section.header.sh_flags & SHF_COMPRESSED)
        unpack(section, false, slot);
      else
        slot.pieces.push_back(section.bytes);
    } else if (section.name == ".zdebug_" + name) {
      unpack(section, true, slot);
    }
  }
}

void DebugSections::unpack(const ElfSection& section, bool gnu, Slot& slot) const {
  constexpr uint64_t kGnuHeader = 12;
  uint64_t size = 0, header_size = gnu ? kGnuHeader : sizeof(Elf64_Chdr);
  uint32_t kind = ELFCOMPRESS_ZLIB;
  std::string failure;
  if (section.bytes.size() < header_size) {
    failure = "is cut short";
  } else if (gnu) {
    if (elf::c_string(section.bytes.first(4), 0) != "ZLIB") failure = "is no zlib stream";
    for (size_t i = 4; i < kGnuHeader; ++i) size = size << 8 | std::to_integer<uint64_t>(section.bytes[i]);
  } else {
    auto header = *elf::load<Elf64_Chdr>(section.bytes, 0);
    size = header.ch_size;
    kind = header.ch_type;
    if (kind != ELFCOMPRESS_ZLIB && kind != kZstd) failure = "is compressed in an unknown way";
  }
  Bytes packed = elf::slice(section.bytes, header_size, section.bytes.size());
  uint64_t limit = kind == kZstd ? kMaxUnpacked : std::min(kMaxUnpacked, packed.size() * kMaxInflateRatio);
  if (failure.empty() && size > limit) failure = "claims an impossible size";
  if (failure.empty() && size > half_of_memory()) failure = "does not fit into memory";
  bool keepable = failure.empty() && kind == ELFCOMPRESS_ZLIB && image_->file();
  if (auto kept = keepable ? kept_section(*image_->file(), packed, size) : nullptr) {
    slot.pieces.push_back(kept->bytes());
    slot.kept.push_back(std::move(kept));
    return;
  }
  UnpackedBytes storage;
  if (failure.empty()) {
    storage = allocate(size);
    if (!storage)
      failure = "does not fit into memory";
    else if (!(kind == kZstd ? unpack_zstd : inflate_all)(packed, storage.get(), size))
      failure = "has damaged compressed data";
  }
  if (!failure.empty()) {
    slot.failures.push_back(std::string(section.name) + " " + failure);
    return;
  }
  slot.pieces.emplace_back(storage.get(), size);
  slot.storage.push_back(std::move(storage));
  if (keepable) slot.fresh.push_back({packed, slot.pieces.back()});
}

bool DebugSections::is_packed(SectionId id) const {
  std::string name(kNames[static_cast<size_t>(id)]);
  for (const ElfSection& section : image_->sections()) {
    if (section.name.starts_with(".zdebug_" + name)) return true;
    if (section.name.starts_with(".debug_" + name) && section.header.sh_flags & SHF_COMPRESSED) return true;
  }
  return false;
}

void DebugSections::unpack_ahead(std::initializer_list<SectionId> ids) const {
  std::vector<SectionId> packed;
  std::ranges::copy_if(ids, std::back_inserter(packed), [this](SectionId id) { return is_packed(id); });
  if (packed.empty() || std::thread::hardware_concurrency() < 2) return;
  std::lock_guard lock(workers_mutex_);
  try {
    workers_.emplace_back([this, packed = std::move(packed)] {
      for (SectionId id : packed) {
        Slot& slot = slots_[static_cast<size_t>(id)];
        slot.once.run([&] { load(id, slot); });
      }
      // Nobody waits for this.
      for (SectionId id : packed)
        for (const Fresh& fresh : slots_[static_cast<size_t>(id)].fresh)
          keep_section(*image_->file(), fresh.packed, fresh.unpacked);
    });
  } catch (const std::system_error&) {
    // Whoever asks unpacks then.
  }
}

std::vector<std::string> DebugSections::damage() const {
  std::vector<std::string> all;
  for (const Slot& slot : slots_)
    if (slot.asked) all.insert(all.end(), slot.failures.begin(), slot.failures.end());
  return all;
}

}  // namespace inquest::dwarf
