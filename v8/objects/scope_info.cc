#include "v8/objects/scope_info.h"

#include <algorithm>

namespace inquest::v8 {
namespace {

constexpr uint64_t kMaxLocals = 100000;
constexpr uint64_t kInlineNames = 75;  ///< kScopeInfoMaxInlinedLocalNamesSize
constexpr int64_t kMostOtherWords = 24;
constexpr uint32_t kModuleScope = 3, kModuleScopeRaw = 5;  ///< ScopeType, before and from 12.9

}  // namespace

std::optional<ScopeInfo> ScopeInfo::read(const ObjectReader& objects, uint64_t word) {
  const MapInfo* map = objects.map_of(word);
  if (map == nullptr || objects.heap().types()[map->type].name != "ScopeInfo") return std::nullopt;
  const V8Version& version = objects.heap().layout().version;
  bool raw_flags = version >= V8Version{12, 9};
  ScopeInfo info(objects, word);
  info.fixed_array_ = version < V8Version{9, 5} && info.has_fixed_array_layout();
  uint64_t flags_at = info.fixed_array_ ? 16 : 8;
  uint64_t flags = info.field(flags_at), locals = info.field(flags_at + 16);
  if ((!raw_flags && !is_smi(flags)) || !is_smi(locals) || smi_value(locals) < 0) return std::nullopt;
  info.flags_ = raw_flags ? static_cast<uint32_t>(flags) : static_cast<uint32_t>(smi_value(flags));
  info.locals_ = static_cast<uint64_t>(smi_value(locals));
  if (info.locals_ > kMaxLocals) return std::nullopt;
  info.locals_at_ = flags_at + 24;
  if (raw_flags) info.locals_at_ += 16;
  bool module = (info.flags_ & 0xf) == (raw_flags ? kModuleScopeRaw : kModuleScope);
  if (module && !info.fixed_array_ && version >= V8Version{12, 0}) info.locals_at_ += 8;
  return info;
}

/// The length says how many words follow; flags, which stand in its place otherwise, are far larger than that.
bool ScopeInfo::has_fixed_array_layout() const {
  uint64_t length = field(8), locals = field(32);
  if (!is_smi(length) || !is_smi(locals)) return false;
  int64_t names = 3 + 2 * int64_t{smi_value(locals)};
  return smi_value(locals) >= 0 && smi_value(length) >= names && smi_value(length) <= names + kMostOtherWords;
}

bool ScopeInfo::has_name_table() const {
  return locals_ >= kInlineNames && objects_.heap().layout().version >= V8Version{10, 0};
}

uint64_t ScopeInfo::locals_end() const { return locals_at_ + 8 * (has_name_table() ? 1 : locals_) + 8 * locals_; }

uint64_t ScopeInfo::function_name_at() const {
  uint64_t at = locals_end();
  if (flags_ >> 10 & 1) at += 8;  // saved class variable
  uint32_t receiver = flags_ >> 7 & 3;
  if (objects_.heap().layout().version < V8Version{10, 0} && (receiver == 1 || receiver == 2)) at += 8;
  return at;
}

/// NameToIndexHashTable: length, three counts, capacity at 32; pairs of name and index.
std::vector<std::string> ScopeInfo::local_names() const {
  std::vector<std::string> names(locals_);
  if (!has_name_table()) {
    for (uint64_t i = 0; i < locals_; ++i) names[i] = objects_.string(field(locals_at_ + 8 * i)).value_or("");
    return names;
  }
  uint64_t table = field(locals_at_), capacity_word = objects_.field(table, 32);
  if (!is_smi(capacity_word) || smi_value(capacity_word) < 0) return names;
  uint64_t capacity = std::min(static_cast<uint64_t>(smi_value(capacity_word)), 4 * kMaxLocals);
  for (uint64_t i = 0; i < capacity; ++i) {
    uint64_t key = objects_.field(table, 40 + 16 * i), index = objects_.field(table, 48 + 16 * i);
    if (!objects_.is_string(key) || !is_smi(index) || smi_value(index) < 0) continue;
    auto at = static_cast<uint64_t>(smi_value(index));
    if (at < locals_) names[at] = objects_.string(key).value_or("");
  }
  return names;
}

/// Behind the names stands a Smi for each. VariableProperties (src/objects/scope-info.tq): mode 4 bits, two flags, the
/// number of a parameter 16 bits, then IsStaticFlagBit.
std::vector<bool> ScopeInfo::local_is_static() const {
  constexpr int kIsStaticBit = 22;
  std::vector<bool> found(locals_);
  uint64_t at = locals_end() - 8 * locals_;
  for (uint64_t i = 0; i < locals_; ++i) {
    uint64_t info = field(at + 8 * i);
    found[i] = is_smi(info) && (static_cast<uint32_t>(smi_value(info)) >> kIsStaticBit & 1) != 0;
  }
  return found;
}

ScopeInfo::FunctionNames ScopeInfo::function_names() const {
  if (fixed_array_) return function_names_in_fixed_array();
  FunctionNames names;
  uint64_t at = function_name_at();
  if ((flags_ >> 12 & 3) != 0) {
    names.name = objects_.string(field(at)).value_or("");
    at += 16;
  }
  if (flags_ >> 14 & 1) names.inferred = objects_.string(field(at)).value_or("");
  return names;
}

/// The flags moved between minors here. The name is followed by its slot, a Smi; then comes the inferred name. 0: none.
uint64_t ScopeInfo::function_name_in_fixed_array() const {
  uint64_t at = locals_end();
  for (int i = 0; i < 3; ++i, at += 8) {
    uint64_t word = field(at);
    if (is_smi(word)) continue;
    return objects_.is_string(word) && is_smi(field(at + 8)) ? at : 0;
  }
  return 0;
}

ScopeInfo::FunctionNames ScopeInfo::function_names_in_fixed_array() const {
  FunctionNames names;
  uint64_t at = function_name_in_fixed_array();
  if (at == 0) return names;
  names.name = objects_.string(field(at)).value_or("");
  names.inferred = objects_.string(field(at + 16)).value_or("");
  return names;
}

/// FunctionVariableBits, a VariableAllocationInfo: 2 is kContext.
std::optional<ScopeInfo::FunctionVariable> ScopeInfo::function_variable() const {
  constexpr uint32_t kInContext = 2;
  if (!fixed_array_ && (flags_ >> 12 & 3) != kInContext) return std::nullopt;
  uint64_t at = fixed_array_ ? function_name_in_fixed_array() : function_name_at();
  if (at == 0) return std::nullopt;
  uint64_t slot = field(at + 8);
  if (!objects_.is_string(field(at)) || !is_smi(slot) || smi_value(slot) <= 0) return std::nullopt;
  return FunctionVariable{objects_.string(field(at)).value_or(""), static_cast<uint64_t>(smi_value(slot)),
                          !fixed_array_};
}

std::optional<std::pair<int32_t, int32_t>> ScopeInfo::range() const {
  if (objects_.heap().layout().version >= V8Version{12, 9}) return range_at(32);
  if (fixed_array_) return range_in_fixed_array();
  uint64_t at = function_name_at();
  if ((flags_ >> 12 & 3) != 0) at += 16;
  if (flags_ >> 14 & 1) at += 8;
  return range_at(at);
}

/// The last two Smis.
std::optional<std::pair<int32_t, int32_t>> ScopeInfo::range_in_fixed_array() const {
  int32_t length = smi_value(field(8));
  for (int32_t i = length - 1; i >= 4 && i >= length - kMostOtherWords; --i) {
    if (is_smi(field(16 + 8ull * static_cast<uint32_t>(i)))) return range_at(16 + 8ull * static_cast<uint32_t>(i - 1));
  }
  return std::nullopt;
}

std::optional<std::pair<int32_t, int32_t>> ScopeInfo::range_at(uint64_t at) const {
  uint64_t start = field(at), end = field(at + 8);
  if (!is_smi(start) || !is_smi(end) || smi_value(start) < 0 || smi_value(end) < smi_value(start)) return std::nullopt;
  return std::pair(smi_value(start), smi_value(end));
}

}  // namespace inquest::v8
