// Context (src/objects/contexts.h): length, then ScopeInfo, previous Context, one or two more words in some versions
// and scopes, and the locals last, so that their place follows from the length. Names: ScopeInfo
// (src/objects/scope-info.tq) has flags, parameter count, local count n, (from 12.9 start and end of the scope,) (of
// modules the number of module variables,) then n names; from 10.x on, where there are 75 or more, a
// NameToIndexHashTable instead.
#include "v8/objects/context_locals.h"

#include <algorithm>
#include <bit>

namespace inquest::v8 {
namespace {

constexpr uint64_t kMaxLocals = 100000;
constexpr uint64_t kInlineNames = 75;  ///< kScopeInfoMaxInlinedLocalNamesSize
constexpr uint64_t kMinHeader = 2, kMaxHeader = 4;
constexpr uint32_t kModuleScope = 3, kModuleScopeRaw = 5;  ///< ScopeType, before and from 12.9
// ContextCell (src/objects/contexts.h, 14.x): tagged value 8, dependent code 16, state 24, number 32.
constexpr uint32_t kInt32State = 2, kFloat64State = 3;

uint64_t smi_or_zero(uint64_t word) {
  return is_smi(word) && smi_value(word) > 0 ? static_cast<uint64_t>(smi_value(word)) : 0;
}

bool is_named(const ObjectReader& objects, uint64_t word, std::string_view type) {
  const MapInfo* map = objects.map_of(word);
  return map != nullptr && objects.heap().types()[map->type].name == type;
}

std::vector<std::string> names_from_table(const ObjectReader& objects, uint64_t table, uint64_t count) {
  std::vector<std::string> names(count);
  uint64_t capacity = std::min(smi_or_zero(objects.field(table, 32)), 4 * kMaxLocals);
  for (uint64_t i = 0; i < capacity; ++i) {
    uint64_t key = objects.field(table, 40 + 16 * i), index = objects.field(table, 48 + 16 * i);
    if (objects.is_string(key) && is_smi(index) && static_cast<uint64_t>(smi_value(index)) < count) {
      names[static_cast<uint64_t>(smi_value(index))] = objects.string(key).value_or("");
    }
  }
  return names;
}

std::vector<std::string> local_names(const ObjectReader& objects, uint64_t scope_info) {
  const V8Version& version = objects.heap().layout().version;
  bool raw_flags = version >= V8Version{12, 9};
  // Until 9.x it was laid out as a FixedArray, with its length in front of the flags, which are far larger.
  bool fixed_array = false;
  if (version < V8Version{9, 5}) {
    uint64_t length = objects.field(scope_info, 8), locals = objects.field(scope_info, 32);
    uint64_t names = 3 + 2 * smi_or_zero(locals);
    fixed_array = is_smi(length) && is_smi(locals) && smi_or_zero(length) >= names && smi_or_zero(length) <= names + 24;
  }
  uint64_t at = fixed_array ? 16 : 8;
  uint64_t flags_word = objects.field(scope_info, at);
  uint32_t flags = raw_flags ? static_cast<uint32_t>(flags_word) : static_cast<uint32_t>(smi_value(flags_word));
  uint64_t count = smi_or_zero(objects.field(scope_info, at + 16));
  if (count == 0 || count > kMaxLocals) return {};
  at += 24;
  if (raw_flags) at += 16;
  bool module = (flags & 0xf) == (raw_flags ? kModuleScopeRaw : kModuleScope);
  if (module && !fixed_array && version >= V8Version{12, 0}) at += 8;
  if (count >= kInlineNames && version >= V8Version{10, 0}) {
    return names_from_table(objects, objects.field(scope_info, at), count);
  }
  std::vector<std::string> names;
  for (uint64_t i = 0; i < count; ++i)
    names.push_back(objects.string(objects.field(scope_info, at + 8 * i)).value_or(""));
  return names;
}

ContextVariable variable(const ObjectReader& objects, std::string name, uint64_t word) {
  ContextVariable result{.name = std::move(name), .value = word};
  if (!is_named(objects, word, "ContextCell")) return result;
  auto state = static_cast<uint32_t>(objects.field(word, 24));
  uint64_t number = objects.field(word, 32);
  result.value = objects.field(word, 8);
  result.is_number = state == kInt32State || state == kFloat64State;
  if (result.is_number) {
    result.number = state == kInt32State ? static_cast<int32_t>(number) : std::bit_cast<double>(number);
  }
  return result;
}

}  // namespace

ContextContents read_context(const ObjectReader& objects, uint64_t context) {
  ContextContents contents;
  const MapInfo* map = objects.map_of(context);
  if (map == nullptr || map->rule != SizeRule::kContext) return contents;
  uint64_t scope_info = objects.field(context, 16);
  if (!is_named(objects, scope_info, "ScopeInfo")) return contents;
  contents.scope_info = scope_info;
  uint64_t previous = objects.field(context, 24);
  const MapInfo* previous_map = objects.map_of(previous);
  bool enclosed = previous_map != nullptr &&
                  (previous_map->rule == SizeRule::kContext || previous_map->rule == SizeRule::kNativeContext);
  if (enclosed) contents.previous = previous;
  uint64_t length_word = objects.field(context, 8);
  uint64_t length = is_smi(length_word) ? static_cast<uint32_t>(smi_value(length_word)) & 0x3fffffff : 0;
  std::vector<std::string> names = local_names(objects, scope_info);
  if (names.empty() || length < names.size() + kMinHeader || length > names.size() + kMaxHeader) return contents;
  uint64_t at = 16 + 8 * (length - names.size());
  for (std::string& name : names) {
    contents.variables.push_back(variable(objects, std::move(name), objects.field(context, at)));
    at += 8;
  }
  return contents;
}

}  // namespace inquest::v8
