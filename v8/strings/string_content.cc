#include "v8/strings/string_content.h"

namespace inquest::v8 {
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
  StringKind kind = string_kind(map);
  bool unfinished = kind == StringKind::kCons &&
                    objects_.string_length(objects_.field(word, objects_.heap().layout().string.second)) != 0u;
  if ((kind == StringKind::kSliced || unfinished) && *length > kMaxShared) return Outcome::kTooLong;
  if (auto flat = flat_text(objects_, word, 0, *length)) {
    content = {{reinterpret_cast<const char*>(flat->data), flat->units * (flat->one_byte ? 1 : 2)}, !flat->one_byte};
  } else {
    // In pieces, the string itself or what it is a part of or stands for.
    if (*length > kMaxShared) return Outcome::kTooLong;
    flat_ = objects_.utf16(word, *length);
    if (flat_.size() != *length) return Outcome::kUnreadable;
    content = {{reinterpret_cast<const char*>(flat_.data()), 2 * flat_.size()}, true};
  }
  if (content.two_byte && narrow(content.bytes)) content = {narrow_, false};
  return Outcome::kRead;
}

uint64_t string_size(const ObjectReader& objects, uint64_t word, const MapInfo& map) {
  uint64_t length = objects.string_length(word).value_or(0);
  uint64_t bytes = length * (is_one_byte(map) ? 1 : 2);
  switch (string_kind(map)) {
    case StringKind::kFlat: return (objects.heap().layout().string.chars + bytes + 7) / 8 * 8;
    case StringKind::kExternal: return map.instance_size + bytes;
    default: return map.instance_size;
  }
}

}  // namespace inquest::v8
