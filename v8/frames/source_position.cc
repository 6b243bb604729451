#include "v8/frames/source_position.h"

#include <cstring>

#include "v8/objects/scope_info.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMaxSource = 1 << 29;  ///< String::kMaxLength

BytecodeSizes load_bytecode_sizes(const Heap& heap) {
  BytecodeSizes sizes;
  if (!heap.module().symbols) return sizes;
  auto table = heap.module().symbols->find("_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE");
  if (!table || table->size == 0 || table->size > 4096) return sizes;
  auto bytes = heap.target().memory().view(heap.module().runtime(table->value), table->size);
  for (std::byte byte : bytes) sizes.sizes.push_back(std::to_integer<uint8_t>(byte));
  return sizes;
}

}  // namespace

SourcePositions::SourcePositions(const ObjectReader& objects)
    : objects_(objects),
      offsets_(FrameOffsets::resolve(objects.heap().constants(), objects.heap().layout().version,
                                     objects.heap().layout().table)),
      scripts_(objects_, offsets_),
      bytecode_sizes_(load_bytecode_sizes(objects.heap())) {
  const V8Version& version = objects.heap().layout().version;
  token_offset_ = version >= V8Version{12, 9} ? 52 : version >= V8Version{8, 0} ? 44 : 46;
  const Constants& constants = objects.heap().constants();
  if (auto offset = constants.field("SharedFunctionInfo", "raw_function_token_offset"); offset && *offset > 0) {
    token_offset_ = static_cast<uint16_t>(*offset);
  }
}

uint64_t SourcePositions::bytecode_of(uint64_t shared) const {
  const MapInfo* map = objects_.map_of(objects_.field(shared, 8));
  if (map == nullptr || map->category != Category::kInternal) return 0;
  // UncompiledData, FunctionTemplateInfo and others lead to no bytecode; only these do.
  const std::string& name = objects_.heap().types()[map->type].name;
  bool leads = map->rule == SizeRule::kBytecodeArray || map->rule == SizeRule::kCode || name == "Code" ||
               name == "InterpreterData" || name == "BaselineData";
  return leads ? scripts_.bytecodes_of(shared) : 0;
}

uint64_t SourcePositions::bytecode_size(uint64_t bytecode_array) const {
  uint64_t length = objects_.field(bytecode_array, 8);
  return is_smi(length) && smi_value(length) > 0 ? static_cast<uint64_t>(smi_value(length)) : 0;
}

uint64_t SourcePositions::baseline_code_of(uint64_t shared) const {
  auto is_code = [&](uint64_t word) {
    const MapInfo* map = objects_.map_of(word);
    return map != nullptr && objects_.heap().types()[map->type].name == "Code";
  };
  uint64_t data = objects_.field(shared, 8);
  if (is_code(data)) return data;
  // BaselineData of 9.x.
  const MapInfo* map = objects_.map_of(data);
  if (map != nullptr && objects_.heap().types()[map->type].name == "BaselineData") {
    if (uint64_t code = objects_.field(data, 8); is_code(code)) return code;
  }
  return 0;
}

uint64_t SourcePositions::bytecode_of_baseline(uint64_t code) const {
  // In the place of deoptimization data; InterpreterData may stand between.
  uint64_t word = objects_.field(code, offsets_.deopt_data);
  for (int i = 0; i < 2; ++i) {
    const MapInfo* map = objects_.map_of(word);
    if (map == nullptr) return 0;
    if (map->rule == SizeRule::kBytecodeArray) return word;
    word = objects_.field(word, 8);
  }
  return 0;
}

std::optional<int64_t> SourcePositions::baseline_bytecode(uint64_t code, uint64_t pc_offset) const {
  uint64_t bytecode = bytecode_of_baseline(code);
  if (bytecode == 0) return std::nullopt;
  uint64_t size = bytecode_size(bytecode);
  const std::byte* bytes =
      objects_.heap().pages().object_bytes(bytecode - 1, objects_.heap().layout().table.bytecode_array_header, size);
  if (bytes == nullptr) return std::nullopt;
  auto table = table_bytes(objects_, objects_.field(code, offsets_.positions));
  return baseline_bytecode_offset(table, {bytes, size}, bytecode_sizes_, objects_.heap().layout().version, pc_offset);
}

std::optional<int32_t> SourcePositions::offset_of_bytecode(uint64_t bytecode_array, int64_t bytecode_offset) const {
  const MapInfo* map = objects_.map_of(bytecode_array);
  if (map == nullptr || map->rule != SizeRule::kBytecodeArray) return std::nullopt;
  auto table = table_bytes(objects_, objects_.field(bytecode_array, offsets_.source_positions));
  auto position = find_source_position(table, objects_.heap().layout().version, bytecode_offset);
  if (!position || position->script_offset < 0) return std::nullopt;
  return position->script_offset;
}

const std::u16string& SourcePositions::source(uint64_t script) const {
  auto [entry, fresh] = sources_.try_emplace(script);
  if (fresh) entry->second = std::make_unique<std::u16string>(objects_.utf16(objects_.field(script, 8), kMaxSource));
  return *entry->second;
}

SourcePlace SourcePositions::place(uint64_t script, int32_t source_offset) const {
  SourcePlace place{.script = scripts_.name(script), .script_word = script};
  if (auto at = scripts_.position(script, source_offset)) {
    place.line = at->line;
    place.column = at->column;
  }
  return place;
}

std::optional<SourceRange> SourcePositions::code_range_of(uint64_t shared) const {
  uint64_t scope_info = objects_.field(shared, objects_.heap().layout().shared_name_or_scope_info);
  if (auto scope = ScopeInfo::read(objects_, scope_info)) {
    if (auto range = scope->range()) return SourceRange{range->first, range->second};
  }
  // Not compiled: UncompiledData has start and end behind the inferred name.
  uint64_t data = objects_.field(shared, 8);
  const MapInfo* map = objects_.map_of(data);
  if (map == nullptr || !objects_.heap().types()[map->type].name.starts_with("UncompiledData")) return std::nullopt;
  uint64_t both = objects_.field(data, 16);
  SourceRange range{static_cast<int32_t>(both & 0xffffffff), static_cast<int32_t>(both >> 32)};
  if (range.start < 0 || range.end < range.start) return std::nullopt;
  return range;
}

std::optional<SourceRange> SourcePositions::range_of(uint64_t shared) const {
  auto range = code_range_of(shared);
  if (!range) return range;
  // The distance from the function token to the start; all bits set when it does not fit.
  const std::byte* bytes = objects_.heap().pages().object_bytes(shared - 1, token_offset_, 2);
  uint16_t distance = 0;
  if (bytes != nullptr) std::memcpy(&distance, bytes, sizeof distance);
  if (distance != 0xffff && distance <= range->start) range->start -= distance;
  return range;
}

std::optional<SourceRange> SourcePositions::class_range(uint64_t function) const {
  uint64_t symbol = objects_.heap().root_near("class_positions_symbol", function);
  if (symbol == 0) return std::nullopt;
  auto positions = objects_.own_data_property(function, symbol);
  if (!positions || objects_.map_of(*positions) == nullptr) return std::nullopt;
  uint64_t start = objects_.field(*positions, 8), end = objects_.field(*positions, 16);
  if (!is_smi(start) || !is_smi(end) || smi_value(start) < 0 || smi_value(end) < smi_value(start)) return std::nullopt;
  return SourceRange{smi_value(start), smi_value(end)};
}

}  // namespace inquest::v8
