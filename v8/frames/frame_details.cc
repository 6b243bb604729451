// Registers, context variables and source lines: what `v8 bt -v` adds to a frame.
#include <algorithm>
#include <cstring>
#include <span>

#include "v8/frames/frame_reader.h"
#include "v8/objects/context_locals.h"

namespace inquest::v8 {
namespace {
constexpr size_t kMaxRegisters = 256;  ///< shown of one frame
constexpr size_t kMaxContexts = 16;    ///< scopes around a function
constexpr size_t kMaxVariables = 256;  ///< shown of one scope
constexpr size_t kMaxLine = 160;       ///< characters of a source line
}  // namespace

std::vector<V8FrameDetails::Variable> FrameReader::registers_of(Address fp) const {
  std::vector<V8FrameDetails::Variable> values;
  uint64_t bytecodes = objects_.resolved(slot(fp, offsets_.bytecode_array));
  const MapInfo* map = objects_.map_of(bytecodes);
  if (map == nullptr || map->rule != SizeRule::kBytecodeArray) return values;
  const std::byte* bytes = heap_.pages().object_bytes(bytecodes - 1, offsets_.frame_size, 4);
  int32_t size = 0;
  if (bytes != nullptr) std::memcpy(&size, bytes, sizeof size);
  if (size <= 0 || size % 8 != 0) return values;
  size_t count = std::min(static_cast<size_t>(size) / 8, kMaxRegisters);
  for (size_t i = 0; i < count; ++i) {
    values.push_back(
        {"r" + std::to_string(i), FrameValue::tagged(slot(fp, offsets_.registers - 8 * static_cast<int64_t>(i)))});
  }
  return values;
}

/// Variables that closures share, of the scopes from the innermost to that of the script or module.
std::vector<V8FrameDetails::Variable> FrameReader::context_variables(uint64_t context) const {
  std::vector<V8FrameDetails::Variable> variables;
  for (size_t depth = 0; depth < kMaxContexts && context != 0; ++depth) {
    ContextContents contents = read_context(objects_, context);
    size_t shown = std::min(contents.variables.size(), kMaxVariables);
    for (ContextVariable& each : std::span(contents.variables).first(shown)) {
      FrameValue value = FrameValue::tagged(each.value);
      if (each.is_number) value = {.kind = FrameValue::Kind::kNumber, .word = 0, .number = each.number};
      variables.push_back({std::move(each.name), value});
    }
    context = contents.previous;
  }
  return variables;
}

V8FrameDetails FrameReader::details(const Frame& frame, const V8Frame& described) const {
  V8FrameDetails details;
  if (described.kind != V8FrameKind::kJs) return details;
  if (described.line != 0) details.source_line = scripts_.source_line(described.script_word, described.line, kMaxLine);
  if (described.inlined || described.function_word == 0) return details;
  Address fp = frame.registers.values.fp();
  if (described.tier == Tier::kIgnition || described.tier == Tier::kSparkplug) details.registers = registers_of(fp);
  details.context = context_variables(slot(fp, -8));
  return details;
}

}  // namespace inquest::v8
