#include "v8/objects/string_text.h"

namespace inquest::v8 {
namespace {

constexpr uint16_t kRepresentationMask = 7, kOneByteBit = 8, kUncachedBit = 16;
constexpr int kMostSteps = 16;  ///< slices and thin strings on the way to the characters: two in a sound heap

}  // namespace

StringKind string_kind(const MapInfo& map) { return static_cast<StringKind>(map.type & kRepresentationMask); }

bool is_one_byte(const MapInfo& map) { return (map.type & kOneByteBit) != 0; }

std::optional<Characters> flat_text(const ObjectReader& objects, uint64_t word, uint64_t from, uint64_t count) {
  const StringLayout& layout = objects.heap().layout().string;
  for (int i = 0; i < kMostSteps; ++i) {
    word = objects.resolved(word);
    const MapInfo* map = objects.map_of(word);
    if (map == nullptr || map->category != Category::kString) return std::nullopt;
    auto length = objects.string_length(word);
    if (!length || from > *length || count > *length - from) return std::nullopt;
    bool one_byte = is_one_byte(*map);
    uint64_t unit = one_byte ? 1 : 2;
    switch (string_kind(*map)) {
      case StringKind::kFlat: {
        auto* data = objects.heap().pages().object_bytes(word - 1, layout.chars + from * unit, count * unit);
        if (data == nullptr) return std::nullopt;
        return Characters{data, count, one_byte};
      }
      case StringKind::kExternal: {
        if ((map->type & kUncachedBit) != 0) return std::nullopt;  // the resource object alone knows where
        Address start(objects.field(word, layout.resource_data));
        auto view = objects.heap().target().memory().view(start + from * unit, count * unit);
        if (view.size() < count * unit) return std::nullopt;
        return Characters{view.data(), count, one_byte};
      }
      case StringKind::kSliced: {
        uint64_t offset = objects.field(word, layout.offset);
        if (!is_smi(offset) || smi_value(offset) < 0) return std::nullopt;
        from += static_cast<uint32_t>(smi_value(offset));
        word = objects.field(word, layout.parent);
        break;
      }
      case StringKind::kThin: word = objects.field(word, layout.actual); break;
      case StringKind::kCons:
        // One that has been put together keeps its text in the first part.
        if (objects.string_length(objects.field(word, layout.second)).value_or(1) != 0) return std::nullopt;
        word = objects.field(word, layout.first);
        break;
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

std::u16string to_utf16(std::string_view text) {
  std::u16string out;
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    size_t more = lead < 0x80 ? 0 : lead >= 0xf0 && lead < 0xf8 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 4;
    uint32_t c = more == 0 ? lead : lead & (0x3fu >> more);
    bool good = more < 4 && lead < 0xf8 && i + more < text.size();
    for (size_t k = 1; good && k <= more; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      good = (next & 0xc0) == 0x80;
      c = c << 6 | (next & 0x3f);
    }
    if (!good || c > 0x10ffff) {
      out += u'\xfffd';
      ++i;
      continue;
    }
    i += more + 1;
    if (c < 0x10000) {
      out += static_cast<char16_t>(c);
    } else {
      out += static_cast<char16_t>(0xd800 + ((c - 0x10000) >> 10));
      out += static_cast<char16_t>(0xdc00 + (c & 0x3ff));
    }
  }
  return out;
}

}  // namespace inquest::v8
