#include "v8/frames/safepoint_table.h"

#include <algorithm>
#include <cstring>

namespace inquest::v8 {
namespace {

uint32_t u32_at(std::span<const std::byte> bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

uint32_t little_endian(std::span<const std::byte> bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | std::to_integer<uint32_t>(bytes[i]);
  return value;
}

/// How the rows of a table are to be read.
struct Shape {
  size_t header = 0, length = 0;
  size_t row = 0, bitmap = 0;  ///< bytes
  size_t pc = 0, deopt = 0;    ///< bytes
  bool packed = true;          ///< deopt index and trampoline are stored with 1 added
};

std::optional<Shape> words_shape(std::span<const std::byte> table) {
  if (table.size() < 8) return std::nullopt;
  return Shape{.header = 8,
               .length = u32_at(table, 0),
               .row = 12,
               .bitmap = u32_at(table, 4),
               .pc = 4,
               .deopt = 4,
               .packed = false};
}

std::optional<Shape> packed_shape(std::span<const std::byte> table, SafepointLayout layout) {
  bool maglev = layout == SafepointLayout::kMaglev || layout == SafepointLayout::kMaglevWithSlots;
  bool slots_first = layout == SafepointLayout::kPackedWithSlots || layout == SafepointLayout::kMaglevWithSlots;
  size_t at = slots_first ? 4 : 0;
  Shape shape;
  shape.header = maglev ? 16 : at + 8;
  if (table.size() < shape.header) return std::nullopt;
  shape.length = u32_at(table, at);
  uint32_t word = u32_at(table, at + 4);
  bool has_deopt = word & 1;
  size_t registers = word >> 1 & 7;
  shape.pc = word >> 4 & 7;
  shape.deopt = word >> 7 & 7;
  shape.bitmap = maglev ? 0 : word >> 10;
  if (!has_deopt || shape.pc < 1 || shape.pc > 4 || shape.deopt < 1 || shape.deopt > 4 || registers > 4) return {};
  shape.row = shape.pc + shape.deopt + shape.pc + (maglev ? 1 : 0) + registers;
  return shape;
}

}  // namespace

std::optional<Safepoint> find_safepoint(std::span<const std::byte> table, SafepointLayout layout,
                                        uint64_t return_offset) {
  constexpr uint32_t kNoIndex = 0x0fffffff;  // the upper bits were flags in 7.x
  auto shape = layout == SafepointLayout::kWords ? words_shape(table) : packed_shape(table, layout);
  if (!shape || shape->length == 0) return std::nullopt;
  size_t room = table.size() - shape->header;
  if (shape->bitmap > room || shape->length > room / (shape->row + shape->bitmap)) return std::nullopt;
  std::optional<Safepoint> found;
  int64_t before = -1;
  for (size_t i = 0; i < shape->length; ++i) {
    auto row = table.subspan(shape->header + i * shape->row, shape->row);
    uint32_t pc = little_endian(row.first(shape->pc));
    if (int64_t{pc} <= before) return std::nullopt;
    before = pc;
    uint32_t index = little_endian(row.subspan(shape->pc, shape->deopt));
    uint32_t trampoline = little_endian(row.subspan(shape->pc + shape->deopt, shape->pc));
    bool none = shape->packed ? index == 0 : (index & kNoIndex) == kNoIndex;
    bool is_trampoline = !none && trampoline == return_offset + (shape->packed ? 1 : 0);
    if (pc != return_offset && !is_trampoline) continue;
    found = Safepoint{.pc = pc, .deopt_index = std::nullopt};
    if (!none) found->deopt_index = shape->packed ? index - 1 : index & kNoIndex;
  }
  return found;
}

}  // namespace inquest::v8
