#include "v8/frames/deopt_frames.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace inquest::v8 {
namespace {

using Kind = TranslationKind;
using ValueKind = FrameValue::Kind;

constexpr size_t kNone = ~size_t{0};
constexpr size_t kBefore = 2;                     ///< function and receiver come before the arguments
constexpr size_t kMaxArguments = 16;              ///< shown of one frame
constexpr uint64_t kRow = 3;                      ///< words of a row of DeoptimizationData
constexpr uint64_t kMaxMetadata = 16 << 20;       ///< bytes; V8's code is smaller than 128 MiB
constexpr uint64_t kFirstRow = 8, kLastRow = 13;  ///< index of the first row, 7.4 to 14.6

constexpr uint64_t element(uint64_t index) { return 16 + 8 * index; }
constexpr uint64_t smi_word(int32_t value) { return static_cast<uint64_t>(static_cast<uint32_t>(value)) << 32; }

FrameValue number(double value) {
  double whole = std::trunc(value);
  bool is_smi =
      whole == value && std::abs(value) <= std::numeric_limits<int32_t>::max() && !(value == 0 && std::signbit(value));
  if (is_smi) return FrameValue::tagged(smi_word(static_cast<int32_t>(value)));
  return {.kind = ValueKind::kNumber, .word = 0, .number = value};
}

/// A row of DeoptimizationData repeats where the innermost frame stands.
bool is_of_row(const TranslatedFrame& innermost, int32_t bytecode_offset) {
  bool has_offset = innermost.kind != Kind::kConstructFrame && innermost.kind != Kind::kArgumentsFrame;
  return !has_offset || innermost.bytecode_offset == bytecode_offset;
}

}  // namespace

/// Values of one frame of optimised code.
struct DeoptReader::Values {
  const ObjectReader& objects;
  uint64_t literals;
  Address fp;

  uint64_t root(const char* name) const {
    const Page* page = objects.heap().pages().page_of(literals - 1);
    return objects.heap().root(name, page != nullptr ? page->isolate : 0);
  }

  uint64_t literal(int32_t index) const {
    auto length = static_cast<uint64_t>(std::max(smi_value(objects.field(literals, 8)), 0));
    if (index < 0 || static_cast<uint64_t>(index) >= length) return 0;
    uint64_t word = objects.field(literals, element(static_cast<uint64_t>(index)));
    return objects.resolved((word & kTagMask) == kWeakTag ? word - (kWeakTag - kHeapObjectTag) : word);
  }

  FrameValue tagged(uint64_t word) const {
    if (word != 0 && word == root("optimized_out")) return {.kind = ValueKind::kOptimizedOut};
    return FrameValue::tagged(word);
  }

  /// OptimizedFrame::StackSlotOffsetRelativeToFp: number 0 is the return address, arguments are negative.
  FrameValue slot(Kind kind, int32_t index) const {
    uint64_t address = fp.value() + 8 - 8 * static_cast<uint64_t>(int64_t{index});
    auto word = objects.heap().target().memory().read_u64(Address(address));
    if (!word) return {.kind = ValueKind::kOptimizedOut};
    auto low = static_cast<uint32_t>(*word);
    switch (kind) {
      case Kind::kInt32Slot: return FrameValue::tagged(smi_word(static_cast<int32_t>(low)));
      case Kind::kUint32Slot: return number(low);
      case Kind::kInt64Slot: return number(static_cast<double>(static_cast<int64_t>(*word)));
      case Kind::kUint64Slot: return number(static_cast<double>(*word));
      case Kind::kBoolSlot: return FrameValue::tagged(root(low != 0 ? "true_value" : "false_value"));
      case Kind::kFloatSlot: {
        float value;
        std::memcpy(&value, &low, sizeof value);
        return number(value);
      }
      case Kind::kDoubleSlot: {
        double value;
        std::memcpy(&value, &*word, sizeof value);
        return number(value);
      }
      default: return tagged(objects.resolved(*word));
    }
  }

  FrameValue value(const Translation& translation, size_t frame, size_t index) const {
    const auto& values = translation.frames[frame].values;
    if (index >= values.size()) return {.kind = ValueKind::kOptimizedOut};
    const TranslatedValue& value = values[index];
    switch (value.kind) {
      case Kind::kDuplicate: {
        // Numbers of objects lead to the object itself.
        Translation::Place place = translation.objects[static_cast<size_t>(value.operand)];
        if (translation.frames[place.frame].values[place.value].kind == Kind::kDuplicate) break;
        return this->value(translation, place.frame, place.value);
      }
      case Kind::kObject: {
        FrameValue map = this->value(translation, frame, index + 1);
        bool has_map = value.size > 1 && values[index + 1].kind == Kind::kLiteral && map.kind == ValueKind::kTagged;
        if (!has_map || objects.map_info(map.word) == nullptr) break;
        return {.kind = ValueKind::kNotAllocated, .word = map.word};
      }
      case Kind::kLiteral: return tagged(literal(value.operand));
      case Kind::kTaggedSlot:
      case Kind::kInt32Slot:
      case Kind::kUint32Slot:
      case Kind::kInt64Slot:
      case Kind::kUint64Slot:
      case Kind::kBoolSlot:
      case Kind::kFloatSlot:
      case Kind::kDoubleSlot: return slot(value.kind, value.operand);
      default: break;
    }
    return {.kind = ValueKind::kOptimizedOut};
  }
};

std::span<const std::byte> DeoptReader::metadata(const CompiledCode& code, uint64_t size_at) const {
  const LayoutTable& table = objects_.heap().layout().table;
  constexpr uint64_t kTableOffset = 48;  // Code::safepoint_table_offset in 7.x and 8.x, where there are no metadata
  bool inside = !table.code_metadata_size.has_value();
  const std::byte* bytes =
      objects_.heap().pages().object_bytes(objects_.resolved(code.code) - 1, inside ? kTableOffset : size_at, 8);
  if (bytes == nullptr) return {};
  uint32_t start, size;
  std::memcpy(&start, bytes, sizeof start);
  std::memcpy(&size, bytes + 4, sizeof size);
  uint64_t all = code.end - code.start;
  if (start >= all) return {};
  uint64_t length = inside ? all - start : std::min<uint64_t>(size, all - start);
  return objects_.heap().target().memory().view(Address(code.start + start), std::min(length, kMaxMetadata));
}

std::optional<Safepoint> DeoptReader::safepoint(const CompiledCode& code, uint64_t return_offset, Tier tier) const {
  using enum SafepointLayout;
  static constexpr SafepointLayout kTurbofan[] = {kPackedWithSlots, kPacked, kWords};
  static constexpr SafepointLayout kMaglevs[] = {kMaglevWithSlots, kMaglev};
  auto layouts = tier == Tier::kMaglev ? std::span<const SafepointLayout>(kMaglevs) : kTurbofan;
  // Between 11.3 and 12.4 the field moved, without a constant that tells.
  for (uint16_t size_at : {offsets_.instruction_size, uint16_t{44}, uint16_t{52}, uint16_t{56}}) {
    auto table = metadata(code, size_at);
    for (SafepointLayout layout : layouts) {
      if (auto found = find_safepoint(table, layout, return_offset)) return found;
    }
  }
  return std::nullopt;
}

/// What the row may be, as pairs of bytecode offset and index of the translation: where the rows begin depends on the
/// version, and rows are whole.
std::vector<DeoptReader::Row> DeoptReader::rows(uint64_t data, uint32_t deopt_index, uint32_t pc) const {
  std::vector<Row> rows;
  uint64_t word = objects_.field(data, 8);
  if (!is_smi(word) || smi_value(word) < 0) return rows;
  auto length = static_cast<uint64_t>(smi_value(word));
  auto try_first = [&](uint64_t first) {
    uint64_t row = first + kRow * deopt_index;
    if (length < first || (length - first) % kRow != 0 || row + kRow > length) return;
    uint64_t offset = objects_.field(data, element(row)), index = objects_.field(data, element(row + 1));
    if (!is_smi(offset) || !is_smi(index) || smi_value(index) < 0) return;
    bool is_there = objects_.field(data, element(row + 2)) == smi_word(static_cast<int32_t>(pc));
    rows.insert(is_there ? rows.begin() : rows.end(),
                {.bytecode_offset = smi_value(offset), .translation = static_cast<uint32_t>(smi_value(index))});
  };
  try_first(offsets_.deopt_entries);
  for (uint64_t first = kFirstRow; first <= kLastRow; ++first) {
    if (first != offsets_.deopt_entries) try_first(first);
  }
  return rows;
}

bool DeoptReader::resolve_frame(const Translation& translation, size_t index, const Values& values,
                                DeoptFrame& frame) const {
  const TranslatedFrame& translated = translation.frames[index];
  const TypeTable& types = objects_.heap().types();
  frame.shared = values.literal(translated.shared);
  const MapInfo* shared_map = objects_.map_of(frame.shared);
  if (shared_map == nullptr || shared_map->type != types.shared_function_info) return false;
  if (frame.kind == DeoptFrame::Kind::kJs) {
    frame.bytecode_offset = translated.bytecode_offset;
    uint64_t bytecodes = scripts_.bytecodes_of(frame.shared);
    if (frame.bytecode_offset < -1) return false;
    if (bytecodes != 0 && frame.bytecode_offset >= smi_value(objects_.field(bytecodes, 8))) return false;
  }
  // Function, receiver, parameters.
  FrameValue function = values.value(translation, index, 0);
  if (function.kind == ValueKind::kTagged) {
    if (!objects_.is_function(function.word)) return false;
    frame.function = function.word;
    uint64_t shared = objects_.resolved(objects_.field(function.word, objects_.heap().layout().js_function_shared));
    // Maglev names the function around a builtin instead.
    if (frame.kind == DeoptFrame::Kind::kBuiltin) frame.shared = shared;
    if (shared != frame.shared) return false;
  }
  frame.receiver = values.value(translation, index, translated.skip(1));
  return true;
}

std::vector<DeoptFrame> DeoptReader::resolve(const Translation& translation, uint64_t literals, Address fp) const {
  Values values{objects_, literals, fp};
  std::vector<DeoptFrame> frames;
  bool constructor = false;
  size_t all_arguments = kNone;  // the frame that has them
  for (size_t i = 0; i < translation.frames.size(); ++i) {
    const TranslatedFrame& translated = translation.frames[i];
    DeoptFrame frame;
    switch (translated.kind) {
      case Kind::kJsFrame: break;
      case Kind::kBuiltinJsFrame: frame.kind = DeoptFrame::Kind::kBuiltin; break;
      case Kind::kWasmFrame:
        frame.kind = DeoptFrame::Kind::kWasm;
        frames.push_back(frame);
        continue;
      case Kind::kConstructFrame: constructor = true; continue;
      case Kind::kArgumentsFrame: all_arguments = i; continue;
      default: continue;
    }
    if (!resolve_frame(translation, i, values, frame)) return {};
    frame.constructor = std::exchange(constructor, false);
    size_t from = std::exchange(all_arguments, kNone);
    if (from != kNone) {
      frame.argument_count = std::max<size_t>(translation.frames[from].count(), kBefore) - kBefore;
    } else {
      from = i;
      if (frame.kind == DeoptFrame::Kind::kJs) {
        frame.argument_count = scripts_.formal_parameters(frame.shared).value_or(0);
      }
    }
    for (size_t k = 0; k < std::min<uint64_t>(frame.argument_count, kMaxArguments); ++k) {
      frame.arguments.push_back(values.value(translation, from, translation.frames[from].skip(kBefore + k)));
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::vector<DeoptFrame> DeoptReader::frames(const CompiledCode& code, const Safepoint& safepoint, Address fp,
                                            const Accepts& accepts) const {
  if (!safepoint.deopt_index) return {};
  uint64_t data = objects_.field(code.code, offsets_.deopt_data);
  uint64_t literals = objects_.resolved(objects_.field(data, element(offsets_.literals)));
  auto bytes = table_bytes(objects_, objects_.field(data, element(0)));
  auto formats = translation_formats();
  if (format_ >= formats.size()) {
    const V8Version& version = objects_.heap().layout().version;
    auto newer = std::ranges::upper_bound(formats, version, {}, &TranslationFormat::since);
    format_ = static_cast<size_t>(std::max<ptrdiff_t>(newer - formats.begin() - 1, 0));
  }
  std::vector<size_t> order(formats.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  auto distance = [&](size_t i) { return i > format_ ? i - format_ : format_ - i; };
  std::ranges::stable_sort(order, {}, distance);
  for (const Row& row : rows(data, *safepoint.deopt_index, safepoint.pc)) {
    for (size_t format : order) {
      auto translation = decode_translation(bytes, row.translation, formats[format]);
      if (!translation || !is_of_row(translation->frames.back(), row.bytecode_offset)) continue;
      std::vector<DeoptFrame> frames = resolve(*translation, literals, fp);
      if (frames.empty() || !accepts(frames)) continue;
      format_ = format;
      return frames;
    }
  }
  return {};
}

}  // namespace inquest::v8
