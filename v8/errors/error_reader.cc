#include "v8/errors/error_reader.h"

#include <algorithm>

namespace inquest::v8 {
namespace {

constexpr size_t kMaxFrames = 10000;       ///< Error.stackTraceLimit may be anything; V8 captures no more than it has
constexpr size_t kMaxText = 1 << 20;       ///< of a message or stack that is shown
constexpr int kMaxPrototypes = 64;         ///< a chain of prototypes that is followed for a name
constexpr uint64_t kFrameArrayFields = 6;  ///< words of one call

/// Bits of the flags by the names of call-site-info.tq.
struct FlagBits {
  int constructor = 3;
  int async = 5;
  int computed = 6;  ///< the offset is a source position
};

FlagBits flag_bits(const V8Version& version) {
  // 7.x had a bit for interpreted WebAssembly, 8.x and 7.x one for Promise.all where others have `computed`; from 12.x
  // on is_builtin stands in front of it.
  if (version < V8Version{8, 0}) return {.constructor = 4, .async = 6, .computed = -1};
  if (version < V8Version{9, 0}) return {.computed = -1};
  if (version >= V8Version{12, 0}) return {.computed = 7};
  return {};
}

}  // namespace

ErrorReader::ErrorReader(const SourcePositions& positions, const StackLines& names, uint32_t isolate)
    : positions_(positions),
      names_(names),
      objects_(positions.objects()),
      isolate_(isolate),
      classes_(objects_, isolate) {
  const Constants& constants = objects_.heap().constants();
  if (auto type = constants.type("JSError")) error_type_ = static_cast<uint16_t>(*type);
  stack_symbol_ = root("error_stack_symbol");
  if (stack_symbol_ == 0) stack_symbol_ = root("stack_trace_symbol");
  name_string_ = root("name_string");
  message_string_ = root("message_string");
}

bool ErrorReader::has_type(uint64_t word, std::string_view name) const {
  const MapInfo* map = objects_.map_of(word);
  return map != nullptr && objects_.heap().types()[map->type].name == name;
}

bool ErrorReader::is_code(uint64_t word) const {
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr) return false;
  return map->rule == SizeRule::kBytecodeArray || map->rule == SizeRule::kCode ||
         objects_.heap().types()[map->type].name == "Code";
}

/// A string property of the object or of one of its prototypes.
std::string ErrorReader::text_property(uint64_t object, uint64_t key) const {
  for (int i = 0; i < kMaxPrototypes && key != 0; ++i) {
    const MapInfo* map = objects_.map_of(object);
    if (map == nullptr || map->category != Category::kReceiver) break;
    if (auto value = objects_.own_data_property(object, key)) {
      if (objects_.is_string(*value)) return objects_.string(*value, kMaxText).value_or("");
      return {};
    }
    object = objects_.field(map->map + 1, objects_.heap().layout().map.prototype);
  }
  return {};
}

std::vector<uint64_t> ErrorReader::elements(uint64_t array) const {
  std::vector<uint64_t> words;
  const MapInfo* map = objects_.map_of(array);
  uint64_t length = objects_.field(array, 8);
  if (map == nullptr || map->rule != SizeRule::kArray16 || !is_smi(length) || smi_value(length) <= 0) return words;
  auto count = std::min<uint64_t>(static_cast<uint64_t>(smi_value(length)), kMaxFrames * kFrameArrayFields + 1);
  for (uint64_t i = 0; i < count; ++i) words.push_back(objects_.field(array, 16 + 8 * i));
  return words;
}

std::vector<ErrorReader::Fields> ErrorReader::calls(uint64_t array) const {
  std::vector<Fields> calls;
  std::vector<uint64_t> words = elements(array);
  if (words.empty()) return calls;
  auto add_from = [&](const std::vector<uint64_t>& frames, uint64_t index) {
    uint64_t at = 1 + kFrameArrayFields * index;
    if (at + kFrameArrayFields > frames.size()) return;
    calls.push_back({frames[at], frames[at + 1], frames[at + 2], frames[at + 3], frames[at + 4]});
  };
  if (has_type(words.front(), "StackTraceFrame")) {
    // All of them point to the same FrameArray; each says which of its calls it is.
    std::vector<uint64_t> frames = elements(objects_.field(words.front(), 8));
    for (uint64_t word : words) {
      uint64_t index = objects_.field(word, 16);
      if (is_smi(index) && smi_value(index) >= 0) add_from(frames, static_cast<uint64_t>(smi_value(index)));
    }
    return calls;
  }
  if (is_smi(words.front()) && objects_.heap().layout().version < V8Version{8, 0}) {
    // The FrameArray itself (7.4).
    for (uint64_t i = 0; i < static_cast<uint32_t>(smi_value(words.front())) && i < words.size(); ++i)
      add_from(words, i);
    return calls;
  }
  if (has_type(words.front(), "StackFrameInfo") || has_type(words.front(), "CallSiteInfo")) {
    for (uint64_t word : words) {
      Fields fields{.offset = objects_.field(word, 32), .flags = objects_.field(word, 40)};
      // Code came first in 12.x; before, it was the third.
      bool code_first = is_code(objects_.field(word, 8)) || !is_code(objects_.field(word, 24));
      fields.code = objects_.field(word, code_first ? 8 : 24);
      fields.receiver = objects_.field(word, code_first ? 16 : 8);
      fields.function = objects_.field(word, code_first ? 24 : 16);
      calls.push_back(fields);
    }
    return calls;
  }
  bool in_a_row = words.size() % kFrameArrayFields == 0 && is_smi(words[3]) && is_smi(words[5]);
  for (size_t i = 0; in_a_row && i < words.size(); i += kFrameArrayFields) {
    Fields fields{words[i + 1], words[i + 2], words[i], words[i + 3], words[i + 5]};
    if (uint64_t inner = objects_.field(fields.code, 8); !is_code(fields.code) && is_code(inner)) fields.code = inner;
    calls.push_back(fields);
  }
  return calls;
}

StackLine ErrorReader::call_site(const Fields& fields) const {
  FlagBits bits = flag_bits(objects_.heap().layout().version);
  auto flags = is_smi(fields.flags) ? static_cast<uint32_t>(smi_value(fields.flags)) : 0u;
  auto is_set = [&](int bit) { return bit >= 0 && (flags >> bit & 1) != 0; };
  StackLine line;
  line.site.function = fields.function;
  line.site.shared = positions_.shared_of(fields.function);
  line.site.receiver = fields.receiver;
  line.site.constructor = is_set(bits.constructor);
  line.site.async = is_set(bits.async);
  int32_t offset = is_smi(fields.offset) ? smi_value(fields.offset) : 0;
  const MapInfo* code = objects_.map_of(fields.code);
  if (code != nullptr && code->rule == SizeRule::kBytecodeArray && !is_set(bits.computed)) {
    line.source_offset = positions_.offset_of_bytecode(fields.code, offset);
  } else if (is_set(bits.computed)) {
    line.source_offset = offset;
  } else if (uint64_t bytecode = positions_.bytecode_of_baseline(fields.code); bytecode != 0 && offset >= 0) {
    // From 14.2 on calls of baseline code are noted by their return address (is_deferred_baseline_frame).
    auto at = positions_.baseline_bytecode(fields.code, static_cast<uint64_t>(offset));
    if (at) line.source_offset = positions_.offset_of_bytecode(bytecode, *at);
  }
  // Async calls are functions with bytecode, or Promise.all and its kin: builtins.
  if (line.site.async && (code == nullptr || code->rule != SizeRule::kBytecodeArray)) {
    std::string name = objects_.function_name(fields.function);
    for (std::string_view known : {"all", "allSettled", "any"}) {
      if (name == known) line.combinator = known;
    }
    line.index = offset;
  }
  return line;
}

std::vector<StackLine> ErrorReader::call_sites(uint64_t array) const {
  std::vector<StackLine> sites;
  for (const Fields& fields : calls(array)) {
    if (objects_.is_function(fields.function)) sites.push_back(call_site(fields));
    if (sites.size() == kMaxFrames) break;
  }
  return sites;
}

ErrorObject ErrorReader::read(uint64_t word) const {
  ErrorObject error;
  error.address = Address(word);
  error.isolate = isolate_;
  const MapInfo* map = objects_.map_of(word);
  if (map == nullptr) return error;
  error.type = classes_.name(*map, word);
  error.name = text_property(word, name_string_);
  error.message = text_property(word, message_string_);
  uint64_t stack = stack_symbol_ == 0 ? 0 : objects_.own_data_property(word, stack_symbol_).value_or(0);
  if (has_type(stack, "ErrorStackData")) stack = objects_.field(stack, 8);
  constexpr uint64_t kElements = 16;  // of a JSArray, in which 7.4 wraps the FrameArray
  if (has_type(stack, "JSArray")) stack = objects_.field(stack, kElements);
  if (!objects_.is_string(stack) && elements(stack).empty()) {
    // In 7.4 the formatted string takes the place of the accessor `stack`.
    uint64_t key = root("stack_string");
    stack = key == 0 ? 0 : objects_.own_data_property(word, key).value_or(0);
  }
  if (objects_.is_string(stack)) {
    error.source = ErrorObject::Source::kFormatted;
    error.stack = objects_.string(stack, kMaxText).value_or("");
    return error;
  }
  // ErrorUtils::ToString.
  error.stack = error.name;
  if (!error.name.empty() && !error.message.empty()) error.stack += ": ";
  error.stack += error.message;
  for (const StackLine& site : call_sites(stack)) {
    SourcePlace place = site.combinator.empty() ? names_.place(site) : SourcePlace{};
    error.frames.push_back({names_.text(site), names_.call(site), place.script, place.line, place.column,
                            place.script_word, site.site.function});
    error.stack += "\n    at " + error.frames.back().text;
    error.source = ErrorObject::Source::kCaptured;
  }
  return error;
}

}  // namespace inquest::v8
