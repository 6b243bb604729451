#include "v8/functions/code_objects.h"

#include <cstring>

namespace inquest::v8 {

CodeObjects::CodeObjects(const ObjectReader& objects) : objects_(objects) {
  const V8Version& version = objects.heap().layout().version;
  size_ = objects.heap().layout().table.code_instruction_size;
  deopt_data_ = version >= V8Version{12, 0} ? 8 : 16;
  // Instruction size and metadata size lie behind the flags from 12.x on, a word further on since 13.x.
  flags_ = version < V8Version{9, 0} ? 44 : version >= V8Version{12, 9} && size_ == 56 ? 52 : 48;
  literals_ = version >= V8Version{12, 9} ? 3 : 2;
  function_code_ = version >= V8Version{12, 0} ? 24 : 48;
}

bool CodeObjects::is_code(const MapInfo& map) const {
  return map.rule == SizeRule::kCode || objects_.heap().types()[map.type].name == "Code";
}

/// CodeKind takes the lowest four bits of the flags from 9.x on.
Tier CodeObjects::tier(uint64_t code) const {
  const std::byte* bytes = objects_.heap().pages().object_bytes(code - 1, flags_, 4);
  if (bytes == nullptr) return Tier::kNone;
  uint32_t flags;
  std::memcpy(&flags, bytes, sizeof flags);
  const V8Version& version = objects_.heap().layout().version;
  // The numbers of kinds change; where they are not known, optimised code knows its function.
  if (version < V8Version{9, 0}) return shared_of(code) != 0 ? Tier::kTurbofan : Tier::kNone;
  uint32_t kind = flags & 15;
  bool lower = version >= V8Version{12, 0} && version < V8Version{14, 2};
  if (version >= V8Version{10, 0} && kind == (lower ? 11u : 12u)) return Tier::kMaglev;
  bool turbofan = version >= V8Version{9, 1} && kind == (lower ? 12u : 13u);
  if (turbofan || shared_of(code) != 0) return Tier::kTurbofan;
  return kind == (lower ? 10u : 11u) ? Tier::kSparkplug : Tier::kNone;
}

uint64_t CodeObjects::deopt_field(uint64_t code, unsigned index) const {
  uint64_t data = objects_.field(code, deopt_data_);
  uint64_t length = objects_.field(data, 8);
  if (!is_smi(length) || smi_value(length) <= static_cast<int32_t>(index)) return 0;
  return objects_.field(data, 16 + 8ull * index);
}

uint64_t CodeObjects::shared_of(uint64_t code) const {
  uint64_t word = deopt_field(code, literals_ + 4);
  if (is_smi(word)) word = deopt_field(code, literals_ + 3);
  // In trusted space it is held by a wrapper.
  for (int i = 0; i < 2; ++i) {
    const MapInfo* map = objects_.map_of(word);
    if (map == nullptr) return 0;
    if (map->type == objects_.heap().types().shared_function_info) return word;
    word = objects_.field(word, 8);
  }
  return 0;
}

bool CodeObjects::is_osr(uint64_t code) const {
  uint64_t offset = deopt_field(code, literals_ + 1);
  return is_smi(offset) && smi_value(offset) >= 0 && deopt_field(code, literals_ + 4) != 0;
}

uint64_t CodeObjects::size(uint64_t code) const {
  const std::byte* bytes = objects_.heap().pages().object_bytes(code - 1, size_, 4);
  uint32_t size = 0;
  if (bytes != nullptr) std::memcpy(&size, bytes, sizeof size);
  return size < 1u << 30 ? size : 0;
}

uint64_t CodeObjects::code_of_function(uint64_t function) const {
  uint64_t code = objects_.field(function, function_code_);
  const MapInfo* map = objects_.map_of(code);
  return map != nullptr && is_code(*map) ? code : 0;
}

}  // namespace inquest::v8
