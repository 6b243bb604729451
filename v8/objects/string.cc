// Strings: sequential, cons, sliced, thin and external, of one or two bytes a unit (src/objects/string.h).
#include <algorithm>
#include <cstring>
#include <vector>

#include "v8/objects/object_reader.h"
#include "v8/objects/string_text.h"

namespace inquest::v8 {
namespace {

constexpr uint16_t kUncachedBit = 16;
constexpr uint32_t kMaxStringLength = (1u << 29) - 24;  // String::kMaxLength on 64-bit

void append_utf8(uint32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

bool is_ascii(const Characters& text) {
  std::byte all{0};
  for (size_t i = 0; i < text.units; ++i) all |= text.data[i];
  return (all & std::byte{0x80}) == std::byte{0};
}

void append_units(std::span<const std::byte> bytes, bool one_byte, std::u16string& out) {
  if (one_byte) {
    size_t old = out.size();
    out.resize(old + bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) out[old + i] = std::to_integer<uint8_t>(bytes[i]);
    return;
  }
  size_t units = bytes.size() / 2;
  size_t old = out.size();
  out.resize(old + units);
  std::memcpy(out.data() + old, bytes.data(), units * 2);
}

}  // namespace

std::string to_utf8(std::u16string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t c = text[i];
    if (c >= 0xd800 && c < 0xdc00 && i + 1 < text.size() && text[i + 1] >= 0xdc00 && text[i + 1] < 0xe000) {
      c = 0x10000 + ((c - 0xd800) << 10) + (text[++i] - 0xdc00u);
    }
    append_utf8(c, out);
  }
  return out;
}

bool ObjectReader::is_string(uint64_t word) const {
  const MapInfo* map = map_of(word);
  return map && map->category == Category::kString;
}

std::optional<uint32_t> ObjectReader::string_length(uint64_t word) const {
  if (!is_string(word)) return std::nullopt;
  const std::byte* bytes = heap_.pages().bytes(resolved(word) - 1, 16);
  if (!bytes) return std::nullopt;
  uint32_t length;
  std::memcpy(&length, bytes + heap_.layout().string.length, 4);
  return length <= kMaxStringLength ? std::optional(length) : std::nullopt;
}

std::optional<std::string> ObjectReader::string(uint64_t word, size_t limit) const {
  auto length = string_length(word);
  if (!length) return std::nullopt;
  size_t count = std::min<size_t>(*length, limit);
  auto flat = flat_text(*this, word, 0, count);
  if (flat && flat->one_byte && is_ascii(*flat)) return std::string(reinterpret_cast<const char*>(flat->data), count);
  std::u16string text;
  append_string(word, 0, count, text, 0);
  return to_utf8(text);
}

std::u16string ObjectReader::utf16(uint64_t word, size_t limit) const {
  std::u16string text;
  if (auto length = string_length(word)) append_string(word, 0, std::min<size_t>(*length, limit), text, 0);
  return text;
}

/// Appends units [from, from + count). Cons strings are walked with a stack of our own: they nest as deep as there are
/// objects. `depth` bounds the slices and thin strings on the way to one piece: at most two in a sound heap.
void ObjectReader::append_string(uint64_t word, size_t from, size_t count, std::u16string& out, int depth) const {
  constexpr int kMaxIndirections = 16;
  constexpr size_t kMaxPending = 1 << 20;
  struct Piece {
    uint64_t word;
    size_t from;
    size_t count;
    int depth;
  };
  const StringLayout& layout = heap_.layout().string;
  std::vector<Piece> pending = {{word, from, count, depth}};
  size_t steps = 0;
  while (!pending.empty() && pending.size() < kMaxPending && ++steps < kMaxPending) {
    Piece piece = pending.back();
    pending.pop_back();
    piece.word = resolved(piece.word);
    const MapInfo* map = map_of(piece.word);
    auto length = string_length(piece.word);
    if (!map || !length || piece.count == 0 || piece.from > *length) continue;
    piece.count = std::min<size_t>(piece.count, *length - piece.from);
    if (auto flat = flat_text(*this, piece.word, piece.from, piece.count)) {
      append_units({flat->data, flat->units * (flat->one_byte ? 1 : 2)}, flat->one_byte, out);
      continue;
    }
    switch (string_kind(*map)) {
      case StringKind::kCons: {
        uint64_t first = field(piece.word, layout.first);
        size_t first_length = string_length(first).value_or(0);
        size_t in_first = piece.from < first_length ? std::min(piece.count, first_length - piece.from) : 0;
        if (piece.count > in_first) {
          size_t second_from = piece.from > first_length ? piece.from - first_length : 0;
          pending.push_back({field(piece.word, layout.second), second_from, piece.count - in_first, piece.depth});
        }
        if (in_first) pending.push_back({first, piece.from, in_first, piece.depth});
        break;
      }
      case StringKind::kSliced:
        if (piece.depth >= kMaxIndirections) break;
        pending.push_back({field(piece.word, layout.parent),
                           piece.from + static_cast<uint32_t>(smi_value(field(piece.word, layout.offset))), piece.count,
                           piece.depth + 1});
        break;
      case StringKind::kThin:
        if (piece.depth >= kMaxIndirections) break;
        pending.push_back({field(piece.word, layout.actual), piece.from, piece.count, piece.depth + 1});
        break;
      case StringKind::kExternal: {
        // Characters that do not lie side by side in our own memory.
        bool one_byte = is_one_byte(*map), uncached = (map->type & kUncachedBit) != 0;
        if (uncached) break;  // the data pointer is only in the resource object
        size_t unit = one_byte ? 1 : 2;
        Address data(field(piece.word, layout.resource_data));
        std::vector<std::byte> bytes(std::min<size_t>(piece.count, 1 << 24) * unit);
        if (!heap_.target().memory().read(data + piece.from * unit, bytes)) append_units(bytes, one_byte, out);
        break;
      }
      default: break;
    }
  }
}

}  // namespace inquest::v8
