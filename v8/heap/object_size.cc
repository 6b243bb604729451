#include "v8/heap/object_size.h"

#include <cstring>

namespace inquest::v8 {
namespace {

template <class T>
T load(const std::byte* bytes, uint64_t offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof value);
  return value;
}

constexpr uint64_t round_up(uint64_t value, uint64_t to) { return (value + to - 1) & ~(to - 1); }

/// A length that is a Smi; damaged ones become so large that they fit nowhere.
uint64_t smi_length(const std::byte* bytes, uint64_t offset) {
  uint64_t word = load<uint64_t>(bytes, offset);
  if (!is_smi(word) || smi_value(word) < 0) return 1ull << 40;
  return static_cast<uint64_t>(smi_value(word));
}

/// The length of a context, in the low 30 bits of a Smi.
uint64_t context_length(const std::byte* bytes) {
  uint64_t word = load<uint64_t>(bytes, 8);
  return is_smi(word) ? word >> 32 & 0x3fffffff : 1ull << 40;
}

/// The length of a property array, in the low 10 bits of a Smi, below the hash.
uint64_t property_array_length(const std::byte* bytes) {
  uint64_t length_and_hash = smi_length(bytes, 8);
  return length_and_hash < 1ull << 31 ? length_and_hash & 0x3ff : length_and_hash;
}

}  // namespace

uint64_t ObjectSizer::code_size(const std::byte* bytes, uint64_t available) const {
  const LayoutTable& table = layout_.table;
  if (available < 56) return 0;
  uint64_t body = load<uint32_t>(bytes, table.code_instruction_size);
  if (table.code_metadata_size) {
    body += load<uint32_t>(bytes, *table.code_metadata_size);
  } else {
    body = round_up(body, 8);
    bool has_unwinding_info = load<uint32_t>(bytes, table.code_instruction_size + 4) & 1;
    if (has_unwinding_info && body + table.code_header + 8 <= available) {
      uint64_t unwinding = load<uint64_t>(bytes, table.code_header + body);
      if (unwinding > available) return 0;
      body += 8 + round_up(unwinding, 8);
    }
  }
  return round_up(table.code_header + body, table.code_alignment);
}

uint64_t ObjectSizer::instruction_stream_size(const std::byte* bytes, uint64_t available) const {
  const LayoutTable& table = layout_.table;
  if (available < 32) return 0;
  if (table.code == CodeLayout::kInstructionStream32) {
    return round_up(32 + uint64_t{load<uint32_t>(bytes, 24)}, table.code_alignment);
  }
  const std::byte* code = pages_.bytes(load<uint64_t>(bytes, 8) - 1, 64);
  if (!code) return 0;
  uint64_t body = uint64_t{load<uint32_t>(code, table.code_instruction_size)} +
                  load<uint32_t>(code, table.code_metadata_size.value_or(60));
  return round_up(16 + body, table.code_alignment);
}

uint64_t ObjectSizer::variable_size(const MapInfo& map, const std::byte* bytes, uint64_t available) const {
  switch (map.rule) {
    case SizeRule::kInstanceSize: return map.instance_size;
    case SizeRule::kArray16: return 16 + 8 * smi_length(bytes, 8);
    case SizeRule::kContext: return 16 + 8 * context_length(bytes);
    case SizeRule::kNativeContext: return 24 + 8 * context_length(bytes);
    case SizeRule::kArray24: return 24 + 8 * smi_length(bytes, 8);
    case SizeRule::kArray32: return 32 + 8 * smi_length(bytes, 8);
    case SizeRule::kArray40: return 40 + 8 * smi_length(bytes, 8);
    case SizeRule::kBytes16: return round_up(16 + smi_length(bytes, 8), 8);
    case SizeRule::kBytecodeArray: return round_up(layout_.table.bytecode_array_header + smi_length(bytes, 8), 8);
    case SizeRule::kSeqOneByte:
      return round_up(layout_.string.chars + uint64_t{load<uint32_t>(bytes, layout_.string.length)}, 8);
    case SizeRule::kSeqTwoByte:
      return round_up(layout_.string.chars + 2 * uint64_t{load<uint32_t>(bytes, layout_.string.length)}, 8);
    case SizeRule::kBigInt: return 16 + 8 * uint64_t{(load<uint32_t>(bytes, 8) >> 1) & 0x3fffffff};
    case SizeRule::kPropertyArray: return 16 + 8 * property_array_length(bytes);
    case SizeRule::kFeedbackMetadata: {
      uint64_t slots = load<uint32_t>(bytes, 8);
      uint64_t size = layout_.table.feedback_metadata_header + 4 * ((slots + 5) / 6);
      if (layout_.table.feedback_metadata_has_closure_slots) size += 2 * uint64_t{load<uint32_t>(bytes, 12)};
      return round_up(size, 8);
    }
    case SizeRule::kFeedbackVector:
      if (available < 48) return 0;
      return calibration_.feedback_vector_header +
             8 * uint64_t{load<uint32_t>(bytes, calibration_.feedback_vector_length)};
    case SizeRule::kDescriptorArray:
      return layout_.table.descriptor_array_header + 24 * uint64_t{load<uint16_t>(bytes, 8)};
    case SizeRule::kPreparseData:
      return round_up(16 + uint64_t{load<uint32_t>(bytes, 8)}, 8) + 8 * uint64_t{load<uint32_t>(bytes, 12)};
    case SizeRule::kCoverageInfo: return 16 + 16 * uint64_t{load<uint32_t>(bytes, 8)};
    case SizeRule::kFreeSpace: return smi_length(bytes, 8) * calibration_.free_space_unit;
    case SizeRule::kCode: return code_size(bytes, available);
    case SizeRule::kInstructionStream: return instruction_stream_size(bytes, available);
    case SizeRule::kHole: return 0x10008;
    case SizeRule::kSwissNameDictionary: {
      if (available < 24) return 0;
      uint64_t capacity = load<uint32_t>(bytes, 12);
      return round_up(24 + 16 * capacity + capacity + 16 + capacity, 8);
    }
    case SizeRule::kWasmTypeInfo: return available < 24 ? 0 : 24 + 8 * smi_length(bytes, 16);
    case SizeRule::kDoubleStringCache: return 16 + 16 * uint64_t{load<uint32_t>(bytes, 8)};
    case SizeRule::kUntilNextMap: return 0;
  }
  return 0;
}

}  // namespace inquest::v8
