#include "v8/frames/deopt_points.h"

#include <cstring>

namespace inquest::v8 {
namespace {

constexpr size_t kHeader = 16;

uint32_t u32_at(std::span<const std::byte> bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

uint64_t little_endian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes[i]);
  return value;
}

struct Configuration {
  explicit Configuration(uint32_t word)
      : has_deopt(word & 1), registers(word >> 1 & 7), pc(word >> 4 & 7), deopt(word >> 7 & 7) {}
  size_t entry() const { return pc + (has_deopt ? deopt + pc : 0) + 1 + registers; }
  bool sane() const { return has_deopt && pc >= 1 && pc <= 4 && deopt >= 1 && deopt <= 4 && registers <= 4; }
  bool has_deopt;
  size_t registers, pc, deopt;
};

/// LEB128.
std::optional<uint32_t> number(std::span<const std::byte> bytes, size_t& at) {
  uint32_t value = 0;
  for (int shift = 0; shift < 35 && at < bytes.size(); shift += 7) {
    auto byte = std::to_integer<uint32_t>(bytes[at++]);
    value |= shift < 32 ? (byte & 0x7f) << shift : 0;
    if (!(byte & 0x80)) return value;
  }
  return std::nullopt;
}

/// The sign is the lowest bit.
int32_t to_signed(uint32_t value) {
  return value & 1 ? -static_cast<int32_t>(value >> 1) : static_cast<int32_t>(value >> 1);
}

}  // namespace

std::optional<uint32_t> maglev_deopt_index(std::span<const std::byte> metadata, uint64_t pc_offset) {
  // From 13.x on the number of stack slots comes first.
  for (size_t length_at : {size_t{4}, size_t{0}}) {
    if (metadata.size() < kHeader) return std::nullopt;
    uint32_t length = u32_at(metadata, length_at);
    Configuration configuration(u32_at(metadata, length_at + 4));
    size_t entry = configuration.entry();
    // The table is padded to words of 32 bits; other tables may follow.
    if (!configuration.sane() || length == 0 || length > (metadata.size() - kHeader) / entry) continue;
    for (uint32_t i = 0; i < length; ++i) {
      auto bytes = metadata.subspan(kHeader + i * entry, entry);
      if (little_endian(bytes.first(configuration.pc)) != pc_offset) continue;
      uint64_t index = little_endian(bytes.subspan(configuration.pc, configuration.deopt));
      return index == 0 ? std::nullopt : std::optional(static_cast<uint32_t>(index - 1));
    }
  }
  return std::nullopt;
}

std::optional<TranslatedFrame> outermost_frame(std::span<const std::byte> translations, uint32_t index) {
  constexpr int kMaxRepeats = 4;  // a translation repeats one that does not itself
  constexpr uint8_t kWithReturn = 0, kWithoutReturn = 1;
  constexpr int32_t kMaxFrames = 64;
  std::optional<int32_t> frames;
  for (int i = 0; i < kMaxRepeats; ++i) {
    size_t at = index;
    if (at + 1 >= translations.size()) return std::nullopt;
    ++at;  // BEGIN
    auto distance = number(translations, at);
    auto count = number(translations, at);
    auto js_count = number(translations, at);
    if (!distance || !count || !js_count || at >= translations.size()) return std::nullopt;
    if (!frames) frames = to_signed(*count);
    if (*frames < 1 || *frames > kMaxFrames) return std::nullopt;
    auto kind = std::to_integer<uint8_t>(translations[at++]);
    if (kind == kWithReturn || kind == kWithoutReturn) {
      auto offset = number(translations, at);
      auto function = number(translations, at);
      if (!offset || !function) return std::nullopt;
      return TranslatedFrame{*frames, to_signed(*offset), to_signed(*function)};
    }
    if (*distance == 0 || *distance > index) return std::nullopt;  // it says to repeat the one before
    index -= *distance;
  }
  return std::nullopt;
}

}  // namespace inquest::v8
