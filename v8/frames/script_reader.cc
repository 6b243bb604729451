#include "v8/frames/script_reader.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "v8/frames/code_tables.h"

namespace inquest::v8 {
namespace {

constexpr size_t kMaxSource = 1 << 29;  ///< String::kMaxLength
constexpr size_t kMaxName = 4096;
constexpr int kMaxEvalDepth = 16;  ///< evals inside evals that are spelled out
// Script has had these places in all versions: source, name, line offset, column offset.
constexpr uint64_t kSource = 8;
constexpr uint64_t kName = 16;
constexpr uint64_t kLineOffset = 24;
constexpr uint64_t kColumnOffset = 32;
constexpr uint64_t kId = 64;  // in live processes only, to tell that it is another one

}  // namespace

std::span<const std::byte> table_bytes(const ObjectReader& objects, uint64_t word) {
  const MapInfo* map = objects.map_of(word);
  if (map != nullptr && map->rule != SizeRule::kBytes16) {
    word = objects.field(word, 8);
    map = objects.map_of(word);
  }
  if (map == nullptr || map->rule != SizeRule::kBytes16) return {};
  uint64_t length = objects.field(word, 8);
  if (!is_smi(length) || smi_value(length) <= 0) return {};
  auto size = static_cast<uint64_t>(smi_value(length));
  const std::byte* bytes = objects.heap().pages().object_bytes(objects.resolved(word) - 1, 16, size);
  return bytes ? std::span(bytes, size) : std::span<const std::byte>();
}

bool ScriptReader::is_script(uint64_t word) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && map->category == Category::kInternal && objects_.is_string(objects_.field(word, kSource)) &&
         is_smi(objects_.field(word, kLineOffset)) && is_smi(objects_.field(word, kColumnOffset));
}

uint64_t ScriptReader::script_of(uint64_t shared) const {
  uint64_t script = objects_.field(shared, offsets_.script);
  if (is_script(script)) return script;
  // A DebugInfo, which has the script in one of its first fields.
  for (uint64_t offset = 8; offset <= 64 && is_heap_object(script); offset += 8) {
    if (uint64_t inner = objects_.field(script, offset); is_script(inner)) return inner;
  }
  return 0;
}

bool ScriptReader::comes_from_eval(uint64_t script) const {
  const MapInfo* from = objects_.map_of(objects_.field(script, offsets_.eval_from_shared));
  return from != nullptr && from->type == objects_.heap().types().shared_function_info;
}

/// Script::GetNameOrSourceURL.
std::string ScriptReader::plain_name(uint64_t script) const {
  uint64_t url = objects_.field(script, offsets_.source_url);
  if (objects_.is_string(url)) return objects_.string(url, kMaxName).value_or("");
  return objects_.string(objects_.field(script, kName), kMaxName).value_or("");
}

uint64_t ScriptReader::bytecodes_of(uint64_t shared) const {
  // function_data at 8; from 12.9 on the trusted one lies there. It is the BytecodeArray, or an InterpreterData or the
  // Code of baseline code that leads there.
  auto is_bytecodes = [&](uint64_t word) {
    const MapInfo* map = objects_.map_of(word);
    return map != nullptr && map->rule == SizeRule::kBytecodeArray;
  };
  uint64_t data = objects_.field(shared, 8);
  if (is_bytecodes(data)) return data;
  // Of what has not been compiled less is there, and something else behind it.
  const MapInfo* map = objects_.map_of(data);
  if (map != nullptr && objects_.heap().types()[map->type].name.starts_with("UncompiledData")) return 0;
  for (uint64_t offset = 8; offset <= 32 && is_heap_object(data); offset += 8) {
    if (uint64_t inner = objects_.field(data, offset); is_bytecodes(inner)) return inner;
  }
  return 0;
}

/// Script::GetEvalPosition: a position in the calling script, or (negative) a bytecode offset of the calling function.
std::optional<int64_t> ScriptReader::eval_position(uint64_t script) const {
  uint64_t word = objects_.field(script, offsets_.eval_from_position);
  if (!is_smi(word)) return std::nullopt;
  if (smi_value(word) >= 0) return smi_value(word);
  uint64_t bytecodes = bytecodes_of(objects_.field(script, offsets_.eval_from_shared));
  if (bytecodes == 0) return std::nullopt;
  auto table = table_bytes(objects_, objects_.field(bytecodes, offsets_.source_positions));
  auto found = find_source_position(table, objects_.heap().layout().version, -int64_t{smi_value(word)});
  return found ? std::optional<int64_t>(found->script_offset) : std::nullopt;
}

std::string ScriptReader::eval_origin(uint64_t script, int depth) const {
  std::string name = plain_name(script);
  if (!name.empty()) return name;
  uint64_t shared = objects_.field(script, offsets_.eval_from_shared);
  std::string function = objects_.shared_debug_name(shared);
  std::string text = "eval at " + (function.empty() ? "<anonymous>" : function);
  uint64_t outer = script_of(shared);
  if (outer == 0 || depth == 0) return text;
  if (comes_from_eval(outer)) return text + " (" + eval_origin(outer, depth - 1) + ")";
  if (!objects_.is_string(objects_.field(outer, kName))) return text + " (unknown source)";
  text += " (" + objects_.string(objects_.field(outer, kName), kMaxName).value_or("");
  if (auto offset = eval_position(script)) {
    if (auto at = position(outer, *offset)) text += ":" + std::to_string(at->line) + ":" + std::to_string(at->column);
  }
  return text + ")";
}

const ScriptReader::Script* ScriptReader::find(uint64_t word) const {
  if (word == 0) return nullptr;
  auto [entry, fresh] = scripts_.try_emplace(word);
  uint64_t source = objects_.field(word, kSource), name_word = objects_.field(word, kName);
  uint64_t id = objects_.field(word, kId);
  if (!fresh && objects_.heap().is_live()) {
    // While the process runs another script may come to lie here; its id is another one.
    const Script& known = *entry->second;
    fresh = known.source != source || known.name_word != name_word || known.id != id;
  }
  if (fresh) {
    auto script = std::make_unique<Script>();
    script->source = source;
    script->name_word = name_word;
    script->id = id;
    script->first_line = smi_value(objects_.field(word, kLineOffset));
    script->first_column = smi_value(objects_.field(word, kColumnOffset));
    script->is_eval = comes_from_eval(word);
    script->name = plain_name(word);
    if (script->name.empty()) {
      if (script->is_eval) script->name = eval_origin(word, kMaxEvalDepth) + ", ";
      script->name += "<anonymous>";
    }
    entry->second = std::move(script);
  }
  return scripts_[word].get();
}

const std::vector<uint32_t>& ScriptReader::ends_of(const Script& script) const {
  if (!script.ends) script.ends = line_ends(objects_.utf16(script.source, kMaxSource));
  return *script.ends;
}

const std::string& ScriptReader::name(uint64_t script) const {
  static const std::string none;
  const Script* found = find(script);
  return found ? found->name : none;
}

bool ScriptReader::is_eval(uint64_t script) const {
  const Script* found = find(script);
  return found != nullptr && found->is_eval;
}

std::optional<ScriptPosition> ScriptReader::position(uint64_t word, int64_t offset) const {
  const Script* script = find(word);
  if (script == nullptr || offset < 0) return std::nullopt;
  const std::vector<uint32_t>& ends = ends_of(*script);
  auto end = std::ranges::lower_bound(ends, static_cast<uint64_t>(offset));
  if (end == ends.end()) return std::nullopt;
  bool first = end == ends.begin();
  uint32_t start = first ? 0 : *std::prev(end) + 1;
  ScriptPosition position;
  position.line = static_cast<uint32_t>(end - ends.begin()) + 1 + static_cast<uint32_t>(script->first_line);
  position.column =
      static_cast<uint32_t>(offset) - start + 1 + (first ? static_cast<uint32_t>(script->first_column) : 0);
  return position;
}

std::string ScriptReader::source_line(uint64_t word, uint32_t line, size_t limit) const {
  const Script* script = find(word);
  if (script == nullptr) return {};
  uint64_t index = uint64_t{line} - 1 - static_cast<uint32_t>(script->first_line);
  const std::vector<uint32_t>& ends = ends_of(*script);
  if (index >= ends.size()) return {};
  uint32_t start = index == 0 ? 0 : ends[index - 1] + 1;
  std::u16string source = objects_.utf16(objects_.field(word, kSource), ends[index]);
  if (start >= source.size()) return {};
  std::u16string_view text = std::u16string_view(source).substr(start, limit);
  while (!text.empty() && text.back() == u'\r') text.remove_suffix(1);
  return to_utf8(text);
}

bool ScriptReader::has_text(uint64_t word, int64_t offset, std::string_view text) const {
  if (word == 0 || offset < 0 || offset > static_cast<int64_t>(kMaxSource)) return false;
  auto start = static_cast<size_t>(offset);
  std::u16string source = objects_.utf16(objects_.field(word, kSource), start + text.size());
  if (source.size() < start + text.size()) return false;
  return std::equal(text.begin(), text.end(), source.begin() + static_cast<ptrdiff_t>(start),
                    [](char a, char16_t b) { return static_cast<char16_t>(a) == b; });
}

std::optional<uint16_t> ScriptReader::formal_parameters(uint64_t shared) const {
  constexpr uint16_t kAnyNumber = 0xffff;
  constexpr V8Version kWithReceiver{9, 7};  // counted from here on; 0 then says any number too
  const Heap& heap = objects_.heap();
  const std::byte* bytes = heap.pages().object_bytes(objects_.resolved(shared) - 1, offsets_.formal_parameters, 2);
  if (bytes == nullptr) return std::nullopt;
  uint16_t count;
  std::memcpy(&count, bytes, sizeof count);
  if (count == kAnyNumber) return std::nullopt;
  if (heap.layout().version < kWithReceiver) return count;
  return count == 0 ? std::nullopt : std::optional(static_cast<uint16_t>(count - 1));
}

std::optional<SourcePosition> ScriptReader::bytecode_position(uint64_t shared, int64_t bytecode_offset) const {
  uint64_t bytecodes = bytecodes_of(shared);
  if (bytecodes == 0) return std::nullopt;
  auto table = table_bytes(objects_, objects_.field(bytecodes, offsets_.source_positions));
  return find_source_position(table, objects_.heap().layout().version, bytecode_offset);
}

std::string ScriptReader::source_mapping_url(uint64_t script) const {
  constexpr size_t kMaxUrl = 1 << 28;  // maps are often part of the URL
  if (script == 0) return {};
  return objects_.string(objects_.field(script, offsets_.source_mapping_url), kMaxUrl).value_or("");
}

}  // namespace inquest::v8
