// The layout in short, measured on Node.js 12 to 26: flags, parameter count, count n of context locals, then
// * from 12.9: start and end, before everything else;
// * before: names and infos of the n locals, optional words by flags, among the last start and end;
// * until 9.0 the whole is laid out as a FixedArray, with its length in front, and start and end lie behind all names
//   and slots; only other objects (outer scope, module) follow them.
#include "v8/objects/scope_info.h"

namespace inquest::v8 {
namespace {

constexpr int32_t kMaxLocals = 100000;
constexpr uint64_t kInlineNames = 75;  ///< kScopeInfoMaxInlinedLocalNamesSize, from 10.x on
constexpr int64_t kMostOtherWords = 24;

std::optional<std::pair<int32_t, int32_t>> range_at(const ObjectReader& objects, uint64_t scope_info, uint64_t at) {
  uint64_t start = objects.field(scope_info, at), end = objects.field(scope_info, at + 8);
  if (!is_smi(start) || !is_smi(end) || smi_value(start) < 0 || smi_value(end) < smi_value(start)) return std::nullopt;
  return std::pair(smi_value(start), smi_value(end));
}

/// The last two Smis.
std::optional<std::pair<int32_t, int32_t>> range_in_fixed_array(const ObjectReader& objects, uint64_t scope_info,
                                                                int32_t length) {
  for (int32_t i = length - 1; i >= 4 && i >= length - kMostOtherWords; --i) {
    if (!is_smi(objects.field(scope_info, 16 + 8ull * static_cast<uint32_t>(i)))) continue;
    return range_at(objects, scope_info, 16 + 8ull * static_cast<uint32_t>(i - 1));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::pair<int32_t, int32_t>> scope_info_range(const ObjectReader& objects, uint64_t scope_info) {
  const MapInfo* map = objects.map_of(scope_info);
  if (map == nullptr || objects.heap().types()[map->type].name != "ScopeInfo") return std::nullopt;
  const V8Version& version = objects.heap().layout().version;
  if (version >= V8Version{12, 9}) return range_at(objects, scope_info, 32);

  uint64_t length_word = objects.field(scope_info, 8);
  uint64_t locals_word = objects.field(scope_info, 32);
  if (version < V8Version{9, 5} && is_smi(length_word) && is_smi(locals_word)) {
    int64_t names = 3 + 2 * int64_t{smi_value(locals_word)};
    int64_t length = smi_value(length_word);
    if (smi_value(locals_word) >= 0 && length >= names && length <= names + kMostOtherWords) {
      return range_in_fixed_array(objects, scope_info, smi_value(length_word));
    }
  }
  uint64_t flags_word = objects.field(scope_info, 8);
  locals_word = objects.field(scope_info, 24);
  if (!is_smi(flags_word) || !is_smi(locals_word)) return std::nullopt;
  auto flags = static_cast<uint32_t>(smi_value(flags_word));
  if (smi_value(locals_word) < 0 || smi_value(locals_word) > kMaxLocals) return std::nullopt;
  auto locals = static_cast<uint64_t>(smi_value(locals_word));
  uint64_t at = 32;
  if ((flags & 0xf) == 3 && version >= V8Version{12, 0}) at += 8;  // module variable count
  at += 8 * (locals < kInlineNames || version < V8Version{10, 0} ? locals : 1);
  at += 8 * locals;
  if (flags >> 10 & 1) at += 8;  // saved class variable
  if (uint32_t receiver = flags >> 7 & 3; version < V8Version{10, 0} && (receiver == 1 || receiver == 2)) at += 8;
  if ((flags >> 12 & 3) != 0) at += 16;  // function name and its slot
  if (flags >> 14 & 1) at += 8;          // inferred name
  return range_at(objects, scope_info, at);
}

}  // namespace inquest::v8
