#include "postmortem/unwind/module_code.h"

#include <algorithm>
#include <array>

#include "postmortem/elf/elf_headers.h"
#include "postmortem/elf/mapped_file.h"
#include "postmortem/unwind/section_bytes.h"

namespace inquest::unwind {
namespace {

using elf::ElfHeaders;
using elf::ElfImage;
using elf::ElfSection;
using elf::MappedFile;

// The section of CFI is cut to what one module can have; nothing real comes near.
constexpr uint64_t kMaxMemorySection = uint64_t{1} << 30;
// Program headers lie in the first page of every module that a loader maps.
constexpr uint64_t kHeaderBytes = 4096;

const Elf64_Phdr* eh_frame_segment(const ElfHeaders& headers) {
  for (const Elf64_Phdr& segment : headers.segments) {
    if (segment.p_type == PT_GNU_EH_FRAME) return &segment;
  }
  return nullptr;
}

LinkedBytes linked(const ElfSection* section) {
  if (section == nullptr || section->header.sh_type == SHT_NOBITS) return {};
  return {section->bytes, section->header.sh_addr};
}

/// Where .eh_frame_hdr says that .eh_frame begins; only the encoding that all linkers write.
std::optional<uint64_t> eh_frame_start(LinkedBytes header) {
  constexpr uint8_t kPcRelativeSigned4 = 0x1b;
  auto encoding = elf::load<uint8_t>(header.bytes, 1);
  auto distance = elf::load<int32_t>(header.bytes, 4);
  if (!distance || encoding != kPcRelativeSigned4) return std::nullopt;
  return header.address + 4 + static_cast<uint64_t>(int64_t{*distance});
}

}  // namespace

ModuleCode::ModuleCode(const Module& module, const MemoryReader& memory, const DebugFileOf& debug_file_of)
    : module_(module), memory_(memory), debug_file_of_(debug_file_of) {}

void ModuleCode::open() const {
  opened_ = true;
  std::shared_ptr<const ElfImage> image;
  if (!module_.file.empty()) {
    int failure = 0;
    if (auto file = MappedFile::open(module_.file, &failure)) image = ElfImage::from_file(std::move(file));
  }
  if (image) {
    add_image(image);
  } else {
    add_memory();
  }
}

void ModuleCode::add_image(const std::shared_ptr<const ElfImage>& image) const {
  images_.push_back(image);
  LinkedBytes header = linked(image->section(".eh_frame_hdr"));
  LinkedBytes frames = linked(image->section(".eh_frame"));
  const ElfHeaders& headers = image->headers();
  auto at = [&](uint64_t address, uint64_t size) -> LinkedBytes {
    auto offset = headers.offset_of(address);
    if (!offset) return {};
    return {elf::slice(image->bytes(), *offset, size), address};
  };
  // The program headers serve where section headers were stripped.
  if (const Elf64_Phdr* segment = eh_frame_segment(headers)) {
    if (header.bytes.empty()) header = at(segment->p_vaddr, segment->p_filesz);
    if (frames.bytes.empty()) {
      if (auto start = eh_frame_start(header)) frames = at(*start, UINT64_MAX);
    }
  }
  if (!frames.bytes.empty()) {
    sections_.push_back(std::make_unique<CfiSection>(CfiSection::Kind::kEhFrame, frames, header));
  }
  add_debug_frame(*image);
}

void ModuleCode::add_debug_frame(const ElfImage& image) const {
  for (const char* name : {".debug_frame", ".zdebug_frame"}) {
    const ElfSection* section = image.section(name);
    if (section == nullptr || section->header.sh_type == SHT_NOBITS) continue;
    auto unpacked = unpack_section(*section);
    Bytes bytes = section->bytes;
    if (unpacked) bytes = unpacked_.emplace_back(std::move(*unpacked));
    sections_.push_back(std::make_unique<CfiSection>(CfiSection::Kind::kDebugFrame, LinkedBytes{bytes, 0}));
  }
}

void ModuleCode::add_memory() const {
  auto headers = elf::parse_headers(memory_.view(module_.start, kHeaderBytes));
  const Elf64_Phdr* segment = headers ? eh_frame_segment(*headers) : nullptr;
  if (segment == nullptr) return;
  auto at = [&](uint64_t address, uint64_t size) -> LinkedBytes {
    return {memory_.view(module_.runtime(address), std::min(size, kMaxMemorySection)), address};
  };
  LinkedBytes header = at(segment->p_vaddr, segment->p_memsz);
  auto start = eh_frame_start(header);
  if (!start) return;
  LinkedBytes frames = at(*start, kMaxMemorySection);
  if (frames.bytes.empty()) return;
  sections_.push_back(std::make_unique<CfiSection>(CfiSection::Kind::kEhFrame, frames, header));
}

std::optional<Fde> ModuleCode::find(uint64_t pc) const {
  if (!opened_) open();
  for (const auto& section : sections_) {
    if (auto fde = section->find(pc)) return fde;
  }
  if (asked_debug_file_ || !debug_file_of_) return std::nullopt;
  asked_debug_file_ = true;
  auto image = debug_file_of_(module_);
  if (!image) return std::nullopt;
  images_.push_back(image);
  size_t before = sections_.size();
  add_debug_frame(*image);
  for (size_t i = before; i < sections_.size(); ++i) {
    if (auto fde = sections_[i]->find(pc)) return fde;
  }
  return std::nullopt;
}

bool ModuleCode::is_stub(uint64_t address) const {
  if (!opened_) open();
  if (images_.empty()) return false;
  return std::ranges::any_of(images_.front()->sections(), [&](const ElfSection& section) {
    return section.name.starts_with(".plt") && address - section.header.sh_addr < section.header.sh_size;
  });
}

CodeMap::CodeMap(const Target& target, DebugFileOf debug_file_of)
    : memory_(target.memory()), debug_file_of_(std::move(debug_file_of)) {
  for (const Module& module : target.modules()) {
    modules_.push_back(std::make_unique<ModuleCode>(module, memory_, debug_file_of_));
  }
  std::ranges::stable_sort(modules_, {}, [](const auto& code) { return code->module().start; });
}

const ModuleCode* CodeMap::module_at(Address address) const {
  auto after = std::ranges::upper_bound(modules_, address, {}, [](const auto& code) { return code->module().start; });
  // Modules can lie in gaps of others, never many deep.
  for (int steps = 0; after != modules_.begin() && steps < 8; ++steps) {
    --after;
    if (address < (*after)->module().end) return after->get();
  }
  return nullptr;
}

bool CodeMap::is_code(Address address) const {
  if (last_region_ == nullptr || !last_region_->contains(address)) last_region_ = memory_.region_of(address);
  return last_region_ != nullptr && last_region_->executable;
}

// Intel SDM volume 2, CALL: E8 rel32, or FF /2 with a ModRM byte, maybe a SIB byte, and 0, 1 or 4 bytes of
// displacement.
CodeMap::Evidence CodeMap::behind_call(Address address) const {
  constexpr size_t kLongest = 7;
  std::array<std::byte, kLongest> bytes{};
  const MemoryRegion* region = memory_.region_of(address - 1);
  if (region == nullptr) return Evidence::kUnknown;
  size_t available = std::min<uint64_t>(kLongest, address - region->start);
  if (memory_.read(address - available, std::span(bytes).last(available))) return Evidence::kUnknown;
  auto at = [&](size_t back) { return std::to_integer<unsigned>(bytes[kLongest - back]); };
  if (at(5) == 0xe8) return Evidence::kYes;
  auto indirect = [&](size_t length) {
    if (at(length) != 0xff) return false;
    unsigned modrm = at(length - 1), mode = modrm >> 6, rm = modrm & 7;
    if ((modrm >> 3 & 7) != 2) return false;
    bool sib = mode != 3 && rm == 4;
    bool no_base = mode == 0 && (rm == 5 || (sib && length > 2 && (at(length - 2) & 7) == 5));
    size_t displacement = mode == 1 ? 1 : mode == 2 || no_base ? 4 : 0;
    return length == 2 + (sib ? 1 : 0) + displacement;
  };
  for (size_t length : {2, 3, 4, 6, 7}) {
    if (indirect(length)) return Evidence::kYes;
  }
  return Evidence::kNo;
}

std::optional<Address> CodeMap::call_target(Address address) const {
  auto opcode = memory_.read_value<uint8_t>(address - 5);
  auto distance = memory_.read_value<int32_t>(address - 4);
  if (!distance || opcode != 0xe8) return std::nullopt;
  return address + static_cast<uint64_t>(int64_t{*distance});
}

std::optional<Address> CodeMap::stub_target(Address address) const {
  constexpr uint32_t kEndbr64 = 0xfa1e0ff3;
  constexpr uint16_t kJump = 0x25ff;
  if (memory_.read_value<uint32_t>(address) == kEndbr64) address += sizeof kEndbr64;
  if (memory_.read_value<uint8_t>(address) == 0xf2) address += 1;  // bnd
  auto opcode = memory_.read_value<uint16_t>(address);
  auto distance = memory_.read_value<int32_t>(address + 2);
  if (!distance || opcode != kJump) return std::nullopt;
  return memory_.read_pointer(address + 6 + static_cast<uint64_t>(int64_t{*distance}));
}

}  // namespace inquest::unwind
