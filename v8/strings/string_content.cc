#include "v8/strings/string_content.h"

#include <cstring>

namespace inquest::v8 {
namespace {

constexpr uint8_t kOneByteBit = 8, kUncachedBit = 16;
constexpr int kMaxIndirections = 4;  ///< in a sound heap: sliced, thin, characters

}  // namespace

StringKind string_kind(const MapInfo& map) { return static_cast<StringKind>(map.type & 7); }

/// Two bytes for each character where one would do: mostly text that was cut from wider text.
bool StringContents::narrow(std::string_view two_bytes) {
  size_t units = two_bytes.size() / 2;
  uint8_t high = 0;
  for (size_t i = 0; i < units; ++i) high |= static_cast<uint8_t>(two_bytes[2 * i + 1]);
  if (high != 0) return false;
  narrow_.resize(units);
  for (size_t i = 0; i < units; ++i) narrow_[i] = two_bytes[2 * i];
  return true;
}

StringContents::Outcome StringContents::read(uint64_t word, const MapInfo& map, StringContent& content) {
  auto length = objects_.string_length(word);
  if (!length) return Outcome::kUnreadable;
  Outcome outcome = characters(word, map, 0, *length, 0, content);
  if (outcome == Outcome::kRead && content.two_byte && narrow(content.bytes)) content = {narrow_, false};
  return outcome;
}

StringContents::Outcome StringContents::characters(uint64_t word, const MapInfo& map, uint32_t from, uint32_t count,
                                                   int depth, StringContent& content) {
  const StringLayout& layout = objects_.heap().layout().string;
  auto of = [&](uint64_t inner, uint32_t inner_from) {
    const MapInfo* inner_map = objects_.map_of(inner);
    bool sound = inner_map != nullptr && inner_map->category == Category::kString && depth < kMaxIndirections;
    return sound ? characters(inner, *inner_map, inner_from, count, depth + 1, content) : Outcome::kUnreadable;
  };
  bool one_byte = (map.type & kOneByteBit) != 0;
  uint64_t unit = one_byte ? 1 : 2;
  switch (string_kind(map)) {
    case StringKind::kFlat: {
      const std::byte* chars = objects_.heap().pages().object_bytes(word - 1, layout.chars + from * unit, count * unit);
      if (chars == nullptr) return Outcome::kUnreadable;
      content = {{reinterpret_cast<const char*>(chars), count * unit}, !one_byte};
      return Outcome::kRead;
    }
    case StringKind::kExternal: {
      if ((map.type & kUncachedBit) != 0) return Outcome::kUnreadable;  // the resource object alone knows where
      Address data(objects_.field(word, layout.resource_data));
      auto chars = objects_.heap().target().memory().view(data + from * unit, count * unit);
      if (chars.size() != count * unit) return Outcome::kUnreadable;
      content = {{reinterpret_cast<const char*>(chars.data()), chars.size()}, !one_byte};
      return Outcome::kRead;
    }
    case StringKind::kThin: return of(objects_.field(word, layout.actual), from);
    case StringKind::kSliced: {
      if (count > kMaxShared) return Outcome::kTooLong;
      uint64_t offset = objects_.field(word, layout.offset);
      if (!is_smi(offset) || smi_value(offset) < 0) return Outcome::kUnreadable;
      return of(objects_.field(word, layout.parent), from + static_cast<uint32_t>(smi_value(offset)));
    }
    case StringKind::kCons: {
      // One that has been put together keeps its text in the first part.
      if (objects_.string_length(objects_.field(word, layout.second)) == 0u)
        return of(objects_.field(word, layout.first), from);
      if (count > kMaxShared) return Outcome::kTooLong;
      flat_ = objects_.utf16(word, uint64_t{from} + count).substr(from);
      if (flat_.size() != count) return Outcome::kUnreadable;
      content = {{reinterpret_cast<const char*>(flat_.data()), 2 * flat_.size()}, true};
      return Outcome::kRead;
    }
  }
  return Outcome::kUnreadable;
}

uint64_t string_size(const ObjectReader& objects, uint64_t word, const MapInfo& map) {
  uint64_t length = objects.string_length(word).value_or(0);
  uint64_t bytes = length * ((map.type & kOneByteBit) != 0 ? 1 : 2);
  switch (string_kind(map)) {
    case StringKind::kFlat: return (objects.heap().layout().string.chars + bytes + 7) / 8 * 8;
    case StringKind::kExternal: return map.instance_size + bytes;
    default: return map.instance_size;
  }
}

}  // namespace inquest::v8
