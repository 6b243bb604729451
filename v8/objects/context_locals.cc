// Context (src/objects/contexts.h): length, then ScopeInfo, previous Context, one or two more words in some versions
// and scopes, and the locals last, so that their place follows from the length.
#include "v8/objects/context_locals.h"

#include <bit>

#include "v8/objects/scope_info.h"

namespace inquest::v8 {
namespace {

constexpr uint64_t kMinHeader = 2, kMaxHeader = 4;
// ContextCell (src/objects/contexts.h, 14.x): tagged value 8, dependent code 16, state 24, number 32.
constexpr uint32_t kInt32State = 2, kFloat64State = 3;

bool is_named(const ObjectReader& objects, uint64_t word, std::string_view type) {
  const MapInfo* map = objects.map_of(word);
  return map != nullptr && objects.heap().types()[map->type].name == type;
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
  auto scope_info = ScopeInfo::read(objects, objects.field(context, 16));
  if (!scope_info) return contents;
  contents.scope_info = objects.field(context, 16);
  uint64_t previous = objects.field(context, 24);
  const MapInfo* previous_map = objects.map_of(previous);
  bool enclosed = previous_map != nullptr &&
                  (previous_map->rule == SizeRule::kContext || previous_map->rule == SizeRule::kNativeContext);
  if (enclosed) contents.previous = previous;
  uint64_t length_word = objects.field(context, 8);
  uint64_t length = is_smi(length_word) ? static_cast<uint32_t>(smi_value(length_word)) & 0x3fffffff : 0;
  std::vector<std::string> names = scope_info->local_names();
  if (names.empty() || length < names.size() + kMinHeader || length > names.size() + kMaxHeader) return contents;
  uint64_t at = 16 + 8 * (length - names.size());
  for (std::string& name : names) {
    contents.variables.push_back(variable(objects, std::move(name), objects.field(context, at)));
    at += 8;
  }
  return contents;
}

}  // namespace inquest::v8
