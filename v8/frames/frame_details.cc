// Registers, context variables and source lines: what `v8 bt -v` adds to a frame.
#include <algorithm>
#include <cstring>

#include "v8/frames/frame_reader.h"

namespace inquest::v8 {
namespace {
constexpr size_t kMaxRegisters = 256;  ///< shown of one frame
constexpr size_t kMaxContexts = 16;    ///< scopes around a function
constexpr size_t kMaxVariables = 64;   ///< shown of one scope
constexpr size_t kMaxLine = 160;       ///< characters of a source line
constexpr uint64_t kScopeInfo = 16;    ///< slots of a Context, from its start
constexpr uint64_t kPrevious = 24;
constexpr uint64_t kNativeContext = 40;  ///< fourth slot of every context until 8.x
}  // namespace

V8FrameDetails::Values FrameReader::registers_of(Address fp) const {
  V8FrameDetails::Values values;
  uint64_t bytecodes = objects_.resolved(slot(fp, offsets_.bytecode_array));
  const MapInfo* map = objects_.map_of(bytecodes);
  if (map == nullptr || map->rule != SizeRule::kBytecodeArray) return values;
  const std::byte* bytes = heap_.pages().object_bytes(bytecodes - 1, offsets_.frame_size, 4);
  int32_t size = 0;
  if (bytes != nullptr) std::memcpy(&size, bytes, sizeof size);
  if (size <= 0 || size % 8 != 0) return values;
  size_t count = std::min(static_cast<size_t>(size) / 8, kMaxRegisters);
  for (size_t i = 0; i < count; ++i) {
    values.emplace_back("r" + std::to_string(i), slot(fp, offsets_.registers - 8 * static_cast<int64_t>(i)));
  }
  return values;
}

/// Variables that closures share, of the scopes from the innermost to that of the script or module.
V8FrameDetails::Values FrameReader::context_variables(uint64_t context) const {
  V8FrameDetails::Values values;
  const TypeTable& types = heap_.types();
  auto is_native_context = [&](uint64_t word) {
    const MapInfo* map = objects_.map_of(word);
    return map != nullptr && map->rule == SizeRule::kNativeContext;
  };
  for (size_t depth = 0; depth < kMaxContexts; ++depth) {
    const MapInfo* map = objects_.map_of(context);
    if (map == nullptr || map->type < types.first_context || map->type > types.last_context) break;
    if (map->rule == SizeRule::kNativeContext) break;
    std::vector<std::string> names = objects_.context_local_names(objects_.field(context, kScopeInfo));
    uint64_t length = objects_.field(context, 8) >> 32 & 0x3fffffff;
    // Scope and previous context come first, an extension where the scope can have one, until 8.x the native context.
    uint64_t first = is_native_context(objects_.field(context, kNativeContext)) && length >= names.size() + 4 ? 4 : 2;
    if (first == 2 && length > names.size() + 2) first = 3;
    for (size_t i = 0; i < std::min(names.size(), kMaxVariables) && first + i < length; ++i) {
      values.emplace_back(names[i], objects_.field(context, 16 + 8 * (first + i)));
    }
    context = objects_.field(context, kPrevious);
  }
  return values;
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
