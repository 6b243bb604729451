#include "postmortem/unwind/cfi_section.h"

#include <algorithm>

namespace inquest::unwind {
namespace {

// LSB 5.0, "DWARF Exception Header Encoding".
enum Encoding : uint8_t {
  kAbsolute = 0x00,
  kUleb = 0x01,
  kU2 = 0x02,
  kU4 = 0x03,
  kU8 = 0x04,
  kSleb = 0x09,
  kS2 = 0x0a,
  kS4 = 0x0b,
  kS8 = 0x0c,
  kFormatMask = 0x0f,
  kPcRelative = 0x10,
  kDataRelative = 0x30,
  kBaseMask = 0x70,
  kIndirect = 0x80,
  kOmitted = 0xff,
};

constexpr uint64_t kHeaderEntryBytes = 8;

/// The value as stored; nothing for a format that does not exist.
std::optional<uint64_t> read_format(CfiReader& reader, uint8_t encoding) {
  auto wide = [](int64_t value) { return static_cast<uint64_t>(value); };
  switch (encoding & kFormatMask) {
    case kAbsolute:
    case kU8:
    case kS8: return reader.fixed<uint64_t>();
    case kUleb: return reader.uleb();
    case kU2: return reader.fixed<uint16_t>();
    case kU4: return reader.fixed<uint32_t>();
    case kSleb: return wide(reader.sleb());
    case kS2: return wide(reader.fixed<int16_t>());
    case kS4: return wide(reader.fixed<int32_t>());
  }
  return std::nullopt;
}

/// An address; `base` is the link-time address of byte 0 of the reader.
std::optional<uint64_t> read_encoded(CfiReader& reader, uint8_t encoding, uint64_t base) {
  if (encoding == kOmitted || encoding & kIndirect) return std::nullopt;
  uint64_t place = base + reader.offset();
  auto value = read_format(reader, encoding);
  if (!value || !reader.ok()) return std::nullopt;
  switch (encoding & kBaseMask) {
    case 0: return value;
    case kPcRelative: return *value + place;
  }
  return std::nullopt;
}

/// Length and id of an entry.
struct EntryStart {
  uint64_t offset = 0;  ///< of the entry
  uint64_t id_offset = 0;
  uint64_t id = 0;
  bool wide = false;  ///< 64-bit DWARF
  uint64_t end = 0;   ///< offset behind the entry
  uint64_t body = 0;  ///< offset behind the id
};

std::optional<EntryStart> read_start(Bytes section, uint64_t offset, CfiSection::Kind kind) {
  CfiReader reader(section, offset);
  EntryStart entry;
  entry.offset = offset;
  uint64_t length = reader.fixed<uint32_t>();
  if (length == 0xffffffff) {
    entry.wide = true;
    length = reader.fixed<uint64_t>();
  }
  entry.id_offset = reader.offset();
  if (!reader.ok() || length > section.size() - reader.offset()) return std::nullopt;
  entry.end = reader.offset() + length;
  if (length == 0) {
    entry.body = entry.end;
    return entry;
  }
  bool wide_id = entry.wide && kind == CfiSection::Kind::kDebugFrame;
  entry.id = wide_id ? reader.fixed<uint64_t>() : reader.fixed<uint32_t>();
  entry.body = reader.offset();
  if (!reader.ok() || entry.body > entry.end) return std::nullopt;
  return entry;
}

bool is_cie(const EntryStart& entry, CfiSection::Kind kind) {
  if (kind == CfiSection::Kind::kEhFrame) return entry.id == 0;
  return entry.id == (entry.wide ? ~uint64_t{0} : 0xffffffff);
}

}  // namespace

CfiSection::CfiSection(Kind kind, LinkedBytes section, LinkedBytes header)
    : kind_(kind), section_(section), header_(header) {
  CfiReader reader(header_.bytes);
  auto version = reader.fixed<uint8_t>();
  auto pointer_encoding = reader.fixed<uint8_t>();
  auto count_encoding = reader.fixed<uint8_t>();
  auto table_encoding = reader.fixed<uint8_t>();
  if (!reader.ok() || version != 1 || table_encoding != (kDataRelative | kS4)) return;
  if (!read_format(reader, pointer_encoding)) return;
  auto count = count_encoding == kU4 ? read_format(reader, count_encoding) : std::nullopt;
  // The table begins at byte 12 with these encodings.
  if (!count || !reader.ok() || reader.offset() != 12) return;
  table_count_ = std::min(*count, (header_.bytes.size() - 12) / kHeaderEntryBytes);
}

std::optional<uint64_t> CfiSection::offset_by_header(uint64_t pc) const {
  auto field = [&](uint64_t index, uint64_t at) {
    auto value = elf::load<int32_t>(header_.bytes, 12 + index * kHeaderEntryBytes + at);
    return header_.address + static_cast<uint64_t>(int64_t{value.value_or(0)});
  };
  uint64_t low = 0, high = table_count_;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (field(middle, 0) <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  uint64_t offset = field(low - 1, 4) - section_.address;
  if (offset >= section_.bytes.size()) return std::nullopt;
  return offset;
}

std::optional<uint64_t> CfiSection::offset_by_index(uint64_t pc) const {
  if (!indexed_) build_index();
  auto after = std::ranges::upper_bound(index_, pc, {}, &IndexEntry::start);
  // Ranges do not overlap in sound files; a few steps back are enough for empty or duplicate ones.
  for (int steps = 0; after != index_.begin() && steps < 8; ++steps) {
    --after;
    if (pc < after->end) return after->offset;
  }
  return std::nullopt;
}

void CfiSection::build_index() const {
  indexed_ = true;
  uint64_t offset = 0;
  while (offset < section_.bytes.size()) {
    auto entry = read_start(section_.bytes, offset, kind_);
    if (!entry) break;
    if (entry->end > entry->body && !is_cie(*entry, kind_)) {
      if (auto fde = parse_fde(offset); fde && fde->start < fde->end) index_.push_back({fde->start, fde->end, offset});
    }
    offset = entry->end;
  }
  std::ranges::stable_sort(index_, {}, &IndexEntry::start);
}

std::optional<Fde> CfiSection::find(uint64_t pc) const {
  if (section_.bytes.empty()) return std::nullopt;
  auto offset = table_count_ > 0 ? offset_by_header(pc) : offset_by_index(pc);
  auto fde = offset ? parse_fde(*offset) : std::nullopt;
  if (fde && fde->covers(pc)) return fde;
  return std::nullopt;
}

std::optional<Cie> CfiSection::parse_cie(uint64_t offset) const {
  auto entry = read_start(section_.bytes, offset, kind_);
  if (!entry || !is_cie(*entry, kind_)) return std::nullopt;
  Bytes bytes = section_.bytes.first(entry->end);
  CfiReader reader(bytes, entry->body);
  Cie cie;
  auto version = reader.fixed<uint8_t>();
  if (version != 1 && version != 3 && version != 4) return std::nullopt;
  std::string_view augmentation = reader.string();
  if (augmentation == "eh") reader.fixed<uint64_t>();  // gcc 2
  if (version == 4) {
    auto address_size = reader.fixed<uint8_t>();
    auto segment_size = reader.fixed<uint8_t>();
    if (address_size != 8 || segment_size != 0) return std::nullopt;
  }
  cie.code_alignment = reader.uleb();
  cie.data_alignment = reader.sleb();
  cie.return_register = version == 1 ? reader.fixed<uint8_t>() : reader.uleb();
  if (augmentation.starts_with('z')) {
    cie.has_augmentation = true;
    uint64_t size = reader.uleb();
    uint64_t end = reader.offset() + size;
    for (char letter : augmentation.substr(1)) {
      if (letter == 'R') {
        cie.address_encoding = reader.fixed<uint8_t>();
      } else if (letter == 'P') {
        uint8_t encoding = reader.fixed<uint8_t>();
        if (!read_format(reader, encoding)) return std::nullopt;
      } else if (letter == 'L') {
        reader.fixed<uint8_t>();
      } else if (letter == 'S') {
        cie.signal_frame = true;
      } else {
        break;  // unknown letters: their data are passed over as a whole
      }
    }
    if (!reader.ok() || end > bytes.size()) return std::nullopt;
    reader = CfiReader(bytes, end);
  } else if (!augmentation.empty() && augmentation != "eh") {
    return std::nullopt;  // what follows cannot be told
  }
  cie.instructions = reader.rest();
  if (!reader.ok()) return std::nullopt;
  return cie;
}

std::optional<Fde> CfiSection::parse_fde(uint64_t offset) const {
  auto entry = read_start(section_.bytes, offset, kind_);
  if (!entry || entry->end == entry->body || is_cie(*entry, kind_)) return std::nullopt;
  uint64_t cie_offset = kind_ == Kind::kEhFrame ? entry->id_offset - entry->id : entry->id;
  auto [known, is_new] = cies_.try_emplace(cie_offset);
  if (is_new) known->second = parse_cie(cie_offset);
  if (!known->second) return std::nullopt;
  Fde fde;
  fde.cie = *known->second;
  CfiReader reader(section_.bytes.first(entry->end), entry->body);
  auto start = read_encoded(reader, fde.cie.address_encoding, section_.address);
  auto size = start ? read_format(reader, fde.cie.address_encoding) : std::nullopt;
  if (!size) return std::nullopt;
  fde.start = *start;
  fde.end = *start + *size;
  if (fde.cie.has_augmentation) {
    uint64_t bytes = reader.uleb();
    reader.take(bytes);
  }
  fde.instructions = reader.rest();
  if (!reader.ok() || fde.end < fde.start) return std::nullopt;
  return fde;
}

}  // namespace inquest::unwind
